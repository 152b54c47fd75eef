"""A flaw and a probe → what the model draws: when asked, when steered harder, without other words.

Every arm has the same seeds, from the picture's own on; pictures are kept, so that a diagnosis of
the same picture goes on where it was.
"""

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Final

from negprompt.engine import Request
from negprompt.errors import shown
from negprompt.language import WRITERS
from negprompt.measure.ablate.gallery import Gallery, Reader
from negprompt.measure.arms import SEEN_FROM, batches
from negprompt.measure.diagnose.said import Case
from negprompt.measure.diagnose.verdict import Diagnosis, Inquiry
from negprompt.measure.explain.leave_out import keeping
from negprompt.measure.statistics import wilson
from negprompt.policy.families import habits_of
from negprompt.policy.heads import spelled
from negprompt.policy.plan import Term, plan

CHANGE: Final = 0.25
"""A rate that moves less than this has not moved."""
RARE: Final = 0.25
"""Up to this rate a negative does its work, and a picture with the flaw is one of the rest."""
ASKED: Final = 0.75
"""A model that draws a thing this often when asked can draw it."""
HEAVY: Final = 1.5
PIECES: Final = 6
"""Most words of a prompt that are left out in turn."""
_SMALL: Final = frozenset({"the", "with", "and", "for", "from", "are", "under", "over", "near"})


@dataclass(frozen=True, slots=True)
class Easel:
    """Where the pictures of a case are made and looked at."""

    case: Case
    term: Term
    """The one that should have kept the flaw away."""
    gallery: Gallery
    reader: Reader
    word: str
    """What the probe calls the flaw."""
    learned: bool
    """Whether the model may have learned the user's word; a word that it never learned moves a
    picture as well, any way."""
    seeds: int

    @property
    def request(self) -> Request:
        """What made the picture."""
        return self.case.request

    def seen(self, request: Request) -> int:
        """In how many of the seeds' pictures the flaw is."""
        count = 0
        for seed, size in batches(request.seed, self.seeds):
            batch = self.gallery.batch(replace(request, seed=seed, count=size))
            said = self.reader.answers(batch, [self.word])[self.word]
            count += sum(p is not None and p > SEEN_FROM for p in said)
        return count

    def rate(self, count: int) -> str:
        """``12 of 16 [.51, .90]``."""
        found = wilson(count, self.seeds)
        return f"{count} of {self.seeds} [{found.lo:.2f}, {found.hi:.2f}]"

    def falls(self, before: int, after: int) -> bool:
        """Whether a rate fell by CHANGE and to half of what it was."""
        return before - after >= CHANGE * self.seeds and 2 * after <= before


def diagnosed(easel: Easel, inquiry: Inquiry) -> Diagnosis:
    """Return the verdict of the questions that pictures answer, in their order."""
    request = easel.request
    bare = replace(request, negative=None, negative_weights=None, policies=())
    without = easel.seen(bare)
    asked = easel.seen(replace(bare, prompt=f"{request.prompt}, {easel.case.flaw}"))
    drawn = f"{easel.rate(asked)} pictures when asked for, {easel.rate(without)} unasked"
    rises = asked - without >= CHANGE * easel.seeds
    if not (asked >= ASKED * easel.seeds or (rises and easel.learned)):
        what = f"the model does not draw it when asked: in {drawn}"
        if rises:
            what += "; more is no proof for a word that it never learned"
        cure = "teach it, by a LoRA or by captions that name it; this word reaches nothing"
        return inquiry.end(4, "cannot-draw", what, cure)
    inquiry.note(4, f"yes: in {drawn}")
    now = easel.seen(request)
    if now <= RARE * easel.seeds:
        what = f"the negative acts: in {easel.rate(now)} pictures with it; this is one of the rest"
        return inquiry.end(5, "residual", what, "another seed: check pictures and draw again")
    return (
        _stronger(easel, inquiry, now)
        or _caused(easel, inquiry, now)
        or _open(easel, inquiry, now, without)
    )


def _stronger(easel: Easel, inquiry: Inquiry, now: int) -> Diagnosis | None:
    for what, stronger in _trials(easel.case, easel.term):
        then = easel.seen(stronger)
        if easel.falls(now, then):
            said = f"yes: with {what} in {easel.rate(then)} pictures, {easel.rate(now)} as it is"
            return inquiry.end(5, "too-weak", said, what)
        inquiry.note(5, f"no: with {what} in {easel.rate(then)}, {easel.rate(now)} as it is")
    return None


def _trials(case: Case, term: Term) -> Iterator[tuple[str, Request]]:
    """Yield a heavier term, where it was typed and weighs little, and the highest usual scale."""
    request, texts = case.request, case.request.negative or ()
    if term.layer == "user" and term.weight < HEAVY and request.dialect in WRITERS and texts:
        text = texts[term.branch]
        heavy = spelled(term.text, HEAVY / term.weight, request.dialect)
        text = text[: term.span.start] + heavy + text[term.span.stop :]
        negative = (*texts[: term.branch], text, *texts[term.branch + 1 :])
        yield f"weight {HEAVY:g} on {shown(term.text)}", replace(request, negative=negative)
    habits = habits_of(request.model, case.family)
    scale = request.cfg or 1.0
    most = max(2 * scale, 0 if habits is None else habits.scale[1])
    yield f"--cfg {min(most, 100):g}", replace(request, cfg=min(most, 100))


def _caused(easel: Easel, inquiry: Inquiry, now: int) -> Diagnosis | None:
    """Leave words of the prompt out in turn; what the probe says should stay is left alone."""
    request = easel.request
    kept = easel.reader.probe.keeps(request.prompt)
    for piece, prompt in pieces(request, () if kept == (request.prompt,) else kept):
        then = easel.seen(replace(request, prompt=prompt))
        if easel.falls(now, then):
            rates = f"in {easel.rate(then)} pictures, {easel.rate(now)} with it"
            what = f"yes: without {shown(piece)} {rates}"
            return inquiry.end(6, "asked-for", what, f"take {shown(piece)} out of the prompt")
        inquiry.note(6, f"without {shown(piece)}: {easel.rate(then)}")
    return None


def pieces(request: Request, kept: Sequence[str]) -> Iterator[tuple[str, str]]:
    """Yield up to PIECES terms and words of a prompt, and the prompt without each."""
    found: dict[str, str] = {}
    whole = plan("", (request.prompt,), dialect=request.dialect)
    every = [term for negative in whole.negatives for term in negative.terms]
    for number, term in enumerate(every):
        if len(every) > 1 and not any(name in term.text for name in kept):
            left = keeping(whole, {*range(len(every))} - {number})
            found.setdefault(term.text, " AND ".join(text for text, _ in left))
    for match in re.finditer(r"[^\W\d_]{3,}", request.prompt):
        word = match[0]
        held = any(word in name.split() for name in kept) or word.lower() in _SMALL
        if not held and not any(word in piece for piece in found):
            rest = request.prompt[: match.start()] + request.prompt[match.end() :]
            found.setdefault(word, " ".join(rest.split()))
    yield from list(found.items())[:PIECES]


def _open(easel: Easel, inquiry: Inquiry, now: int, without: int) -> Diagnosis:
    what = (
        f"no cause found: in {easel.rate(now)} pictures with the negative, {easel.rate(without)} "
        "without; neither strength nor a word of the prompt changes that"
    )
    return inquiry.end(6, "undecided", what, "more --seeds, or another prompt")
