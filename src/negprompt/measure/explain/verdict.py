"""Findings → three lines in words: leverage, cost, risk. Every number in them is a measured one."""

from collections.abc import Sequence

from negprompt.engine import Cost, Request
from negprompt.measure.explain.findings import Baseline, StepEffect, TermEffect, Verdict

ALIKE = 0.03
"""Distances that differ by less than this share are about the same."""
INERT = 0.02
"""A term whose share of the push is below this did next to nothing."""


def verdict(
    request: Request,
    steps: Sequence[StepEffect],
    terms: Sequence[TermEffect],
    baseline: Baseline,
    costs: tuple[Cost, Cost],
) -> Verdict:
    """The three lines. ``costs`` are those of the run with the negative and of the one without."""
    return Verdict(
        leverage=_leverage(steps, terms, baseline),
        cost=_cost(*costs),
        risk=_risk(request, terms, baseline),
    )


def _leverage(steps: Sequence[StepEffect], terms: Sequence[TermEffect], baseline: Baseline) -> str:
    push = sum(step.push for step in steps)
    if push == 0 or baseline.turn is None:
        return "none: there is no arrow to turn, every prediction is the prompt's own."
    share = sum(step.turned for step in steps) / push
    said = [f"the negative turned the arrow of guidance by {baseline.turn:.0f}°"]
    said.append(f"what it changed is {share:.0%} as long as the whole push of guidance")
    ranked = sorted(terms, key=lambda term: term.share, reverse=True)
    if len(ranked) > 1:
        said.append(f"most by {_of(ranked[0])}, least by {_of(ranked[-1])}")
    return "; ".join(said) + "."


def _of(term: TermEffect) -> str:
    return f"“{term.text}” ({term.share:.0%})"


def _cost(cost: Cost, without: Cost) -> str:
    extra = cost.passes - without.passes
    per_step = f"{cost.passes_per_step:.3g} a step, {cost.passes} for an image"
    if extra == 0:
        return f"no extra pass: {per_step}, with the negative and without."
    more = "more" if extra > 0 else "fewer"
    return f"{abs(extra)} passes {more} than without: {per_step}; {without.passes} without."


def _risk(request: Request, terms: Sequence[TermEffect], baseline: Baseline) -> str:
    said = [*_of_target(request, baseline), *_of_terms(terms)]
    return "; ".join(said) + "." if said else "none was seen: nothing changed."


def _of_target(request: Request, baseline: Baseline) -> list[str]:
    g, g0 = baseline.point("guided"), baseline.point("guided without")
    if g is None or g0 is None or g.to_target is None or g0.to_target is None:
        return ["how far from the target is not known on this model"]
    how = "nearer" if g.to_target < g0.to_target else "farther"
    if abs(g.to_target - g0.to_target) < ALIKE * g0.to_target:
        how = "about as far"
    said = [f"{g.to_target:.2f} arrows from the target, {g0.to_target:.2f} without it: {how}"]
    scale, best = request.cfg or 1.0, baseline.nearest
    if best is not None and best < scale:
        said.append(f"over-shoot: the nearest scale is {max(best, 1):.1f}, this is {scale:g}")
    return said


def _of_terms(terms: Sequence[TermEffect]) -> list[str]:
    said = []
    spread = [term for term in terms if term.outside is not None]
    if spread:
        worst = max(spread, key=lambda term: (term.outside or 0) * term.image_change)
        said.append(
            f"{worst.outside:.0%} of what “{worst.text}” changed lies outside of the "
            f"{worst.area:.0%} of the picture where it acted most"
        )
    idle = [f"“{term.text}”" for term in terms if term.share < INERT]
    if idle:
        said.append(f"next to nothing by {', '.join(idle)}: leave out what does not act")
    return said
