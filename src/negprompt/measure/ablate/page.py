"""A report → one HTML file that needs nothing else: no request leaves the page.

Pictures are inside as WebP, the numbers as JSON, the script under a hash that the page's own policy
names: whatever a term or a prompt holds, nothing of it runs.
"""

import base64
import hashlib
import html
import io
import json
from collections.abc import Sequence
from importlib.resources import files
from pathlib import Path
from typing import Any, Final

import numpy as np
from PIL import Image

from negprompt.measure.ablate.data import to_json
from negprompt.measure.ablate.findings import Report
from negprompt.measure.ablate.question import Arm
from negprompt.measure.sheet import heat

SIDE: Final = 384
"""Larger pictures are shown at this size."""
EXACT: Final = 256
"""Smaller pictures are shown as they are, so that no compression passes for a defect."""
SHOWN: Final = 8
"""Most seeds of a prompt that are shown: the first ones, not the best ones."""
MOST: Final = 600
"""Most pictures in the page."""


def page(report: Report) -> str:
    """The page of a report."""
    shown = _columns(report)
    data: dict[str, Any] = {
        "report": to_json(report),
        "columns": [_column(report, place) for place in shown],
        "arms": _arms(report, shown),
        "maps": [_data_url(heat(term.alone.map.astype(np.float32))) for term in report.terms],
    }
    text = json.dumps(data, ensure_ascii=False)
    for sign in "<>&\u2028\u2029":
        text = text.replace(sign, f"\\u{ord(sign):04x}")
    script, style = (_own(f"page.{kind}") for kind in ("js", "css"))
    mark = base64.b64encode(hashlib.sha256(script.encode()).digest()).decode()
    return _FRAME.format(
        mark=mark, style=style, script=script, data=text, head=_head(report),
        command=html.escape(data["report"]["command"]), about=_about(report),
    )  # fmt: skip


def _columns(report: Report) -> list[int]:
    """The rows that are shown: the first seeds of each prompt, in prompt order."""
    arms = len(list(report.question.arms()))
    prompts = len(report.question.prompts)
    each = max(1, min(SHOWN, MOST // (arms * prompts)))
    which = report.tally.prompts
    rows = [[k for k, of in enumerate(which) if of == number][:each] for number in range(prompts)]
    return [row for of in rows for row in of]


def _column(report: Report, row: int) -> str:
    """``seed 3``, or with the prompt where there are several."""
    path = report.tally.column(report.question.none).paths[row]
    prompts = report.question.prompts
    prompt = f"{prompts[report.tally.prompts[row]]}, " if len(prompts) > 1 else ""
    return f"{prompt}seed {path.stem}"


def _arms(report: Report, rows: Sequence[int]) -> list[dict[str, Any]]:
    question = report.question
    names: dict[Any, list[str]] = {}
    for arm in question.named_arms:
        names.setdefault(arm.negatives, []).append(arm.name)
    return [_arm(report, arm, names[arm.negatives], rows) for arm in question.arms()]


def _arm(report: Report, arm: Arm, names: Sequence[str], rows: Sequence[int]) -> dict[str, Any]:
    paths: Sequence[Path] = report.tally.column(arm).paths
    return {
        "name": names[0],
        "also": list(names[1:]),
        "negative": " AND ".join(text for text, _ in arm.negatives),
        "pictures": [_picture(paths[row]) if row < len(paths) else _BLANK for row in rows],
    }


def _picture(path: Path) -> str:
    with Image.open(path) as image:
        small = image.convert("RGB")
    small.thumbnail((SIDE, SIDE))
    return _data_url(small)


def _data_url(image: Image.Image) -> str:
    data = io.BytesIO()
    image.save(data, "WEBP", quality=92, lossless=max(image.size) <= EXACT)
    return "data:image/webp;base64," + base64.b64encode(data.getvalue()).decode()


def _own(name: str) -> str:
    return (files("negprompt.measure.ablate") / name).read_text("utf-8")


def _head(report: Report) -> str:
    question = report.question
    prompts = "; ".join(question.prompts)
    negative = question.plan.effective_negative
    return (
        f"<h1>What each term does</h1><p>{html.escape(prompts)}</p>"
        f"<p>negative: <strong>{html.escape(negative)}</strong></p>"
        f'<p class="pale">{html.escape(question.base.model)}, probe {html.escape(report.probe)}, '
        f"{report.seeds} seeds a prompt</p>"
    )


def _about(report: Report) -> str:
    said = "".join(
        f"<li>{html.escape(notice.text)} <code>{html.escape(notice.code)}</code></li>"
        for notice in report.notices
    )
    return f"<ul>{said}</ul>" if said else ""


_BLANK: Final = "data:image/gif;base64,R0lGODlhAQABAIAAAAAAAP///yH5BAEAAAAALAAAAAABAAEAAAIBRAA7"

_FRAME: Final = """<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta http-equiv="Content-Security-Policy" content="default-src 'none'; img-src data:; \
style-src 'unsafe-inline'; script-src 'sha256-{mark}'; base-uri 'none'; form-action 'none'">
<link rel="icon" href="data:,">
<title>negprompt ablate</title>
<style>{style}</style>
</head>
<body>
<header>{head}</header>
<main>
<h2 id="terms-title">Terms</h2>
<div class="scroll"><table aria-labelledby="terms-title">
<thead><tr><th scope="col">term</th><th scope="col">verdict</th>
<th scope="col">its thing, by itself</th><th scope="col">its thing, in the list</th>
<th scope="col">the subject</th><th scope="col">the rest of the prompt</th>
<th scope="col">collateral</th><th scope="col">variety</th></tr></thead>
<tbody id="terms"></tbody></table></div>
<p class="pale">Bars are changes of a rate in points, left of the middle fewer; whiskers are 95 %
intervals, each by itself. Verdicts account for the number of terms and for looking several times:
of those that claim something, one in twenty is expected to be false. Collateral is how far
pictures that were free of the thing already changed, in percent of the range.</p>
{about}
<h2 id="compare-title">Compare</h2>
<section id="compare" tabindex="-1" aria-labelledby="compare-title">
<div class="tools">
<label>left<select id="a"></select></label>
<label>right<select id="b"></select></label>
<label>picture<select id="seed"></select></label>
<button id="flicker" type="button" aria-pressed="false">flicker (f)</button>
<button id="swap" type="button">swap (x)</button>
</div>
<div class="views">
<figure><div class="stage"><img id="lower" alt=""><img id="upper" alt=""></div>
<input id="slide" type="range" min="0" max="100" value="50" aria-label="how much of the left arm">
<figcaption id="said" aria-live="polite"></figcaption></figure>
<figure id="where" hidden><img id="map" alt=""><figcaption>where the term changed the
pictures, all seeds; white: by half of the range</figcaption></figure>
</div>
<p class="pale">Keys: f flicker, x swap, n and p next and previous picture; arrows move the
slider and, in the grid, from picture to picture; Enter shows one on the right, Shift and Enter on
the left.</p>
</section>
<h2 id="grid-title">All arms</h2>
<div class="scroll"><table class="grid" aria-labelledby="grid-title"><tbody id="cells"></tbody>
</table></div>
<h2>Again</h2>
<p><code id="command">{command}</code></p>
</main>
<script id="data" type="application/json">{data}</script>
<script>{script}</script>
</body>
</html>
"""
