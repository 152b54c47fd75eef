"""``python -m negprompt.world preview``: a contact sheet of the world, to be looked at."""

import argparse
import os
import sys
from contextlib import suppress
from pathlib import Path


def main() -> int:
    """Write the sheet and print its path; exit status 2 where it cannot be written."""
    parser = argparse.ArgumentParser(
        prog="python -m negprompt.world",
        description="The procedural picture world. Training it: python -m negprompt.world.train",
        epilog="example: python -m negprompt.world preview --out out/world.png",
    )
    commands = parser.add_subparsers(dest="command", required=True)
    preview = commands.add_parser("preview", help="write a contact sheet of scenes")
    preview.add_argument("--out", type=Path, default=Path("out/world.png"), help="a PNG file")
    preview.add_argument("--rows", type=int, default=8, help="scenes of each subject")
    preview.add_argument("--size", type=int, default=128, help="pixels of one scene")
    preview.add_argument("--seed", type=int, default=0)
    chosen = parser.parse_args()
    if chosen.rows < 1 or chosen.size < 8 or chosen.seed < 0:
        parser.error("--rows must be 1 or more, --size 8 or more, --seed 0 or more")
    try:
        return _written(chosen)
    except KeyboardInterrupt:
        print("interrupted", file=sys.stderr)
        return 130


def _written(chosen: argparse.Namespace) -> int:
    from negprompt.world.preview import sheet

    part = chosen.out.with_name(f".{chosen.out.stem}.{os.getpid()}.part.png")
    try:
        chosen.out.parent.mkdir(parents=True, exist_ok=True)
        sheet(part, rows=chosen.rows, size=chosen.size, seed=chosen.seed)
        part.replace(chosen.out)
    except OSError as error:
        reason = error.strerror or error
        print(f"{chosen.out} cannot be written: {reason} — give another file", file=sys.stderr)
        return 2
    finally:
        with suppress(OSError):
            part.unlink(missing_ok=True)
    print(chosen.out)
    return 0


if __name__ == "__main__":
    sys.exit(main())
