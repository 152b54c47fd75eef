"""What ``packs.json`` holds → the sentences that the packs' own files carry.

The files hold what these functions say of the figures beside the page, word for word; a test holds
them to it.
"""

import json
import re
from collections.abc import Iterator, Mapping
from typing import Any, Final

from negprompt.measure.packs.run import ANY
from negprompt.measure.page import shown
from negprompt.measure.statistics import Interval

COMMAND: Final = "negprompt bench --suite packs"
_ENTRY: Final = re.compile(r'^text = "(.*)"$')
_FILLED: Final = re.compile(r'^(evidence|residual) = ".*"$')


def evidence(data: Mapping[str, Any], pack: Mapping[str, Any], term: str) -> str:
    """What one term of a pack did alone, by the judge whose word counts."""
    return f"alone {_rates(_row(data, pack['alone'], term))}, {_source(data)}"


def residual(data: Mapping[str, Any], pack: Mapping[str, Any]) -> str:
    """How often something of an enforced pack is still seen under all of it; "" for others."""
    if pack["mode"] != "enforced":
        return ""
    return f"any of these {_rates(_row(data, pack['whole'], ANY))}, {_source(data)}"


def filled(text: str, data: Mapping[str, Any], pack: Mapping[str, Any]) -> str:
    """The text of a pack's file with what was measured in ``evidence`` and ``residual``.

    Raises ValueError for a term that was not measured.
    """
    return "".join(_lines(text, data, pack))


def _lines(text: str, data: Mapping[str, Any], pack: Mapping[str, Any]) -> Iterator[str]:
    term = ""
    for line in text.splitlines(keepends=True):
        if entry := _ENTRY.match(line):
            term = entry[1]
        key = (_FILLED.match(line) or [None, None])[1]
        if key is None:
            yield line
            continue
        said = evidence(data, pack, term) if key == "evidence" else residual(data, pack)
        yield f"{key} = {json.dumps(said, ensure_ascii=False)}\n"


def _rates(row: Mapping[str, Any]) -> str:
    before, after = (shown(Interval(**row[side])) for side in ("without", "with"))
    unsure = "" if row["measurable"] else " (unsure of it)"
    return f"{before} → {after}, n {row['n']}, {row['judge']} judge{unsure}"


def _source(data: Mapping[str, Any]) -> str:
    return f"scale {data['scale']:g}; {COMMAND}, {data['id']}"


def _row(data: Mapping[str, Any], rows: list[dict[str, Any]], seen: str) -> dict[str, Any]:
    (found,) = (r for r in rows if r["seen"] == seen and r["judge"] == data["judge"])
    return found
