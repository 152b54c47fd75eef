"""Answer every case of a folder of conformance suites: python tests/conformance/run.py FOLDER.

Prints ``<file stem> passed/total (deviations d)`` for each suite in scope, then the suites out of
scope with the reason.  Exits 0 only where passed and deviations make up the total of each suite in
scope, and no suite has more than one deviation in twenty cases; 2 where there is nothing to run.
``--show N`` prints the first N cases of each suite that failed or deviate.
"""

# ruff: noqa: T201 - printing is what a runner does

import argparse
import json
import sys
from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))

from tests.conformance.scope import OUT_OF_SCOPE, SUITES
from tests.conformance.suites import MOST_DEVIATIONS, Judged, Suite


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the suites of the folder that the arguments name; return the exit status."""
    parser = argparse.ArgumentParser(description="Answer the cases of a folder of suites.")
    parser.add_argument("folder", type=Path)
    parser.add_argument("--show", type=int, default=0, metavar="N")
    asked = parser.parse_args(arguments)
    files = sorted(asked.folder.glob("*.json"))
    scoped = [file for file in files if file.stem in SUITES]
    if not scoped:
        print(f"no suite in scope in {asked.folder}", file=sys.stderr)
        return 2
    held = [_report(file.stem, SUITES[file.stem], _cases(file), asked.show) for file in scoped]
    print("\nout of scope:")
    for file in files:
        if file.stem not in SUITES:
            print(f"  {file.stem}: {OUT_OF_SCOPE.get(file.stem, 'unknown to this runner')}")
    return 0 if all(held) else 1


def _cases(file: Path) -> list[dict[str, Any]]:
    """Return the cases of a file."""
    suite = json.loads(file.read_text(encoding="utf-8"))
    return list(suite["cases"])


def _report(stem: str, suite: Suite, cases: list[dict[str, Any]], show: int) -> bool:
    """Print a suite's line and up to ``show`` cases that did not pass; return whether it holds."""
    judged = [(case, suite.judge(case)) for case in cases]
    verdicts = Counter(verdict.verdict for _, verdict in judged)
    passed, failed = verdicts["passed"], verdicts["failed"]
    deviations = len(cases) - passed - failed
    print(f"{stem} {passed}/{len(cases)} (deviations {deviations})")
    for case, verdict in [pair for pair in judged if pair[1].verdict != "passed"][:show]:
        _show(case, verdict)
    few = deviations <= MOST_DEVIATIONS * len(cases)
    if not few:
        print(f"  more than {MOST_DEVIATIONS:.0%} deviate")
    return failed == 0 and few


def _show(case: dict[str, Any], judged: Judged) -> None:
    asked = {key: case[key] for key in ("name", "input", "args", "op") if key in case}
    print(f"  {judged.verdict}: {_short(asked)}")
    print(f"    expected {_short(case['expected'])}")
    print(f"    answered {_short(judged.answer)}")


def _short(value: Any, limit: int = 600) -> str:
    text = repr(value)
    return text if len(text) <= limit else f"{text[:limit]}…"


if __name__ == "__main__":
    raise SystemExit(main())
