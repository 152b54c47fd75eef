"""A probe and labels → the same probe with its probabilities put right."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

from PIL.Image import Image

from negprompt.measure.probes.asking import Probe, answers

EDGE = 1e-6


@dataclass(frozen=True, slots=True)
class Line:
    """``p' = σ(slope · logit(p) + offset)``."""

    slope: float
    offset: float

    def __call__(self, p: float) -> float:
        """The probability put right."""
        x = max(-60.0, min(60.0, self.slope * _logit(p) + self.offset))
        return 1 / (1 + math.exp(-x))


def fit(said: Sequence[float], true: Sequence[bool]) -> Line:
    """Platt scaling by Newton's method, with his targets (n₊+1)/(n₊+2) and 1/(n₋+2).

    Platt 1999, Advances in Large Margin Classifiers; Lin, Lin & Weng 2007, Mach. Learn. 68:267.
    """
    positive = sum(true)
    high, low = (positive + 1) / (positive + 2), 1 / (len(true) - positive + 2)
    targets = [high if one else low for one in true]
    xs = [_logit(p) for p in said]
    slope, offset = 1.0, 0.0
    for _ in range(100):
        ps = [Line(slope, offset)(p) for p in said]
        g = [sum((p - t) * x for p, t, x in zip(ps, targets, xs, strict=True)) + 1e-3 * (slope - 1),
             sum(p - t for p, t in zip(ps, targets, strict=True))]  # fmt: skip
        w = [p * (1 - p) for p in ps]
        a = sum(v * x * x for v, x in zip(w, xs, strict=True)) + 1e-3
        b, c = sum(v * x for v, x in zip(w, xs, strict=True)), sum(w) + 1e-9
        det = a * c - b * b
        steps = ((c * g[0] - b * g[1]) / det, (a * g[1] - b * g[0]) / det)
        largest = max(map(abs, steps))
        shrink = min(1.0, 2.0 / largest) if largest else 1.0
        slope, offset = slope - shrink * steps[0], offset - shrink * steps[1]
        if largest < 1e-8:
            break
    return Line(slope, offset)


def calibrated(probe: Probe, lines: Mapping[str, Line]) -> Probe:
    """The probe with the terms that have a line put right; the others as they were."""

    def ask(images: Sequence[Image], term: str) -> list[float | None]:
        said = answers(probe, images, term)
        line = lines.get(term)
        return [p if p is None or line is None else line(p) for p in said]

    spelled = ",".join(f"{t}:{v.slope:.6g}:{v.offset:.6g}" for t, v in sorted(lines.items()))
    return replace(probe, ask=ask, mark=f"{probe.mark} {spelled}")


def _logit(p: float) -> float:
    p = min(1 - EDGE, max(EDGE, p))
    return math.log(p / (1 - p))
