"""``python -m negprompt.measure.packs docs/packs.json``: figures into the packs' own files."""

import argparse
import json
import sys
from pathlib import Path

from negprompt.engine.written import write
from negprompt.measure.packs.evidence import COMMAND, filled
from negprompt.policy.files import folders, listed


def main() -> None:
    """Write ``evidence`` and ``residual`` of every measured pack, and print the files' paths."""
    asked = argparse.ArgumentParser(
        prog="python -m negprompt.measure.packs",
        description="Write what `negprompt bench --suite packs` found into the packs that ship.",
        epilog="example: python -m negprompt.measure.packs docs/packs.json",
    )
    asked.add_argument("json", type=Path, help="the packs.json that the suite wrote")
    source = asked.parse_args().json
    if not source.is_file():
        asked.error(f"there is no file {source}: `{COMMAND} --out docs` writes docs/packs.json")
    data = json.loads(source.read_text("utf-8"))
    known = listed(folders()[-1:])
    for name, pack in data["packs"].items():
        text = filled(known[name].read_text("utf-8"), data, pack)
        sys.stdout.write(f"{write(known[name], text.encode())}\n")


if __name__ == "__main__":
    main()
