"""A request and a flaw → what the texts alone say: did the term arrive, was the layer right.

Nothing is loaded.  Terms that only their owner may see are left out of account: an answer about
them would tell what they are.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import date
from typing import Final

from negprompt.engine import Request
from negprompt.errors import shown
from negprompt.language import Finding, findings, parse
from negprompt.measure.diagnose.verdict import Diagnosis, Inquiry
from negprompt.policy import Layer
from negprompt.policy.advice import Advice, Asked, advise
from negprompt.policy.concepts import words_for
from negprompt.policy.families import habits_of
from negprompt.policy.lookalikes import key
from negprompt.policy.overview import WORDS, Row, overview
from negprompt.policy.plan import Plan, Term, terms

_INERT: Final = ("negative-inert-family", "scale-one", "negative-equals-positive")
_CURES: Final = {
    "opted out": "leave --negative out, or use a policy that is `always` or `enforced`",
    "other model": "use a policy for this model's family",
    "expired": "ask its owner to renew it",
}


@dataclass(frozen=True, slots=True)
class Case:
    """The request that made a picture, what is wrong with it, and policies that there are."""

    request: Request
    flaw: str
    family: str | None
    own: tuple[Layer, ...] = ()
    """Policies in the user's own folders, active or not."""
    shipped: tuple[Layer, ...] = ()


def names(text: str, flaw: str) -> bool:
    """Whether a text names a flaw, by its words or a synonym, however these are spelled."""
    said = f" {key(text)} "
    words = [key(word) for word in words_for(flaw)]
    return any(f" {word}{end} " in said for word in words for end in ("", "s") if word)


def naming(planned: Plan, flaw: str) -> list[Term]:
    """Return the terms that act at some step and name the flaw."""
    every = (term for negative in planned.negatives for term in negative.terms)
    return [term for term in every if not term.is_hidden and names(term.text, flaw)]


def diagnosed(case: Case, planned: Plan, inquiry: Inquiry) -> Diagnosis | None:
    """Return the verdict that needs no model, or None where the texts are as they should be."""
    found = naming(planned, case.flaw)
    if not found:
        return _unread(case, inquiry) or _unnamed(case, planned, inquiry)
    term = found[0]
    for advice in _inert(case, planned):
        return inquiry.end(1, "inert", advice.text, advice.cure)
    for finding in _strange(case, term):
        text = (case.request.negative or ())[term.branch]
        what = f"the term arrives as {shown(term.text)}: {finding.about(text)}"
        return inquiry.end(1, "wrong-dialect", what, finding.cure)
    if (late := _late(planned, term)) is not None:
        return inquiry.end(1, "truncated", late, "take it out of the schedule")
    if term.weight <= 0:
        what = f"{shown(term.text)} weighs {term.weight:g}, so nothing is pushed away"
        return inquiry.end(5, "too-weak", what, "a weight of 1 or more")
    inquiry.note(1, f"yes: {shown(term.text)}, weight {term.weight:.4g}, from {term.layer}")
    inquiry.note(2, f"yes: {term.layer}")
    return None


def asked_for(planned: Plan, flaw: str) -> str | None:
    """Return what in the prompt names the flaw."""
    every = (t for part in planned.parts for a in part.stretches for t in terms(a.prompt))
    return next((term.text for term in every if names(term.text, flaw)), None)


def _inert(case: Case, planned: Plan) -> Iterator[Advice]:
    asked = Asked(
        planned, case.request.prompt, cfg=case.request.cfg, dialect=case.request.dialect,
        habits=habits_of(case.request.model, case.family),
    )  # fmt: skip
    return (advice for advice in advise(asked) if advice.code in _INERT)


def _strange(case: Case, term: Term) -> Iterator[Finding]:
    """Yield what of another dialect touches a typed term."""
    if term.layer != "user":
        return
    text = (case.request.negative or ())[term.branch : term.branch + 1]
    for finding in (f for one in text for f in _look_alikes(one, case.request.dialect)):
        for span in finding.spans:
            if span.start < term.span.stop and term.span.start < span.stop:
                yield finding


def _look_alikes(text: str, dialect: str) -> Iterator[Finding]:
    found = findings(parse(text, dialect), side="negative")
    return (finding for finding in found if finding.code == "dialect-look-alike")


def _late(planned: Plan, term: Term) -> str | None:
    """Return what to say of a term that acts in less than half of the steps."""
    begun, acting, total = 0, 0, 0
    for last, prompt in planned.negatives[term.branch].stretches:
        if term.layer != "user" or term in terms(prompt, term.branch):
            acting += last - begun
        begun = total = last
    if 2 * acting >= total:
        return None
    return f"{shown(term.text)} acts in {acting} of {total} steps: the schedule cuts it off"


def _unread(case: Case, inquiry: Inquiry) -> Diagnosis | None:
    """Return the verdict on a flaw that was typed and of which no term is read."""
    for text in case.request.negative or ():
        if names(text, case.flaw):
            for finding in _look_alikes(text, case.request.dialect):
                what = f"it was typed, and is not read as a term: {finding.about(text)}"
                return inquiry.end(1, "wrong-dialect", what, finding.cure)
            what = f"it stands in {shown(text)}, of which {case.request.dialect} reads no such term"
            cure = "write it as a term of its own, between commas"
            return inquiry.end(1, "wrong-dialect", what, cure)
    return None


def _unnamed(case: Case, planned: Plan, inquiry: Inquiry) -> Diagnosis:
    """Return the verdict on a flaw that no term names: a policy's doing, or nobody said it."""
    inquiry.note(1, "no term that acted names it")
    for row in _left_out(case, planned):
        if row.status == "gives way":
            what = f"{row.layer} gave way: the prompt asks for {shown(row.term)}"
            return inquiry.end(6, "asked-for", what, "take the words out of the prompt")
        what = f"{row.layer} names it and was {WORDS[row.status]}"
        return inquiry.end(2, "wrong-layer", what, _CURES[row.status])
    active = {layer.name for layer in case.request.policies}
    for layer in _holding(case.own, case):
        if layer.name not in active:
            what = f"the policy {layer.label} names it and was not active"
            return inquiry.end(2, "wrong-layer", what, f"--policy {layer.name}")
    others = [f"--policy {layer.name}" for layer in _holding(case.shipped, case)]
    cure = " or ".join([f'--negative "{case.flaw}"', *others[:2]])
    return inquiry.end(2, "not-named", "neither the negative nor a policy of yours names it", cure)


def _left_out(case: Case, planned: Plan) -> Iterator[Row]:
    """Yield the rows of active policies that name the flaw and did not act."""
    asked = case.request
    public = [layer for layer in asked.policies if not layer.is_hidden]
    rows = overview(
        planned, public, asked.negative, family=case.family, model=asked.model,
        today=date.today(),  # noqa: DTZ011 - the user's own day
    )  # fmt: skip
    return (row for row in rows if not row.acts and names(row.term, case.flaw))


def _holding(layers: Sequence[Layer], case: Case) -> Iterator[Layer]:
    """Yield the policies for this model that name the flaw, and may be told to."""
    for layer in layers:
        fits = not layer.is_hidden and layer.applies(case.family, case.request.model)
        if fits and any(names(term.text, case.flaw) for term in layer.terms):
            yield layer
