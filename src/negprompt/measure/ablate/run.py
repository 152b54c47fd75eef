"""Question → Report: batch by batch over all arms, with a look after each batch of seeds.

A term whose verdict is clear takes no more pictures; the run ends when all are clear or the seeds
are used up. Pictures and answers are kept as they come, so the same question goes on after any
interruption, and memory holds three batches besides a few hundred bytes a picture.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

from negprompt.engine import run
from negprompt.errors import Notice
from negprompt.measure.ablate.findings import (
    Counted,
    Known,
    Report,
    TermFinding,
    compared,
    counted,
)
from negprompt.measure.ablate.gallery import Batch, Gallery, Reader
from negprompt.measure.ablate.question import Arm, Question
from negprompt.measure.ablate.tally import Tally
from negprompt.measure.ablate.verdicts import Ruling, rulings
from negprompt.measure.arms import batches
from negprompt.measure.compare import foreign
from negprompt.measure.probes import Probe
from negprompt.measure.probes.asking import words

if TYPE_CHECKING:
    from negprompt.measure.explain.leave_out import Negatives

OPEN = "cannot tell yet"
NOBODY = Known({}, {})
"""No labels."""


@dataclass(frozen=True, slots=True)
class Look:
    """What is known after a batch of seeds."""

    seeds: int
    rulings: tuple[Ruling, ...]
    pictures: int
    """That the rest takes at most."""
    seconds: float | None
    """That they take, as far as can be said."""


def ablate(
    question: Question,
    gallery: Gallery,
    probe: Probe | None,
    *,
    labels: Known = NOBODY,
    early: bool = True,
    anew: bool = False,
    on_look: Callable[[Look], None] = lambda _look: None,
) -> Report:
    """Ask a question of a model.

    ``early=False`` takes all seeds for all terms. ``on_look`` is told after each batch of seeds.
    Raises what ``run`` and the probe raise.
    """
    question = replace(question, keeps=question.keeps or kept_things(question, probe))
    reader = None if probe is None else Reader(probe, gallery.folder, anew)
    tally, count, seeds = Tally(), len(question.terms), 0
    desk = _Desk(question, tally, probe, labels)
    rows, active = [0] * count, set(range(count))
    ruled: tuple[Ruling, ...] = ()
    for first, size in batches(question.base.seed, question.seeds):
        for number, prompt in enumerate(question.prompts):
            _take(question, gallery, reader, tally, active=active, rows=(prompt, first, size))
            tally.prompts.extend([number] * size)
        seeds += size
        rows = [len(tally.prompts) if term in active else rows[term] for term in range(count)]
        ruled = desk.rulings(rows)
        if early:
            active -= {k for k in active if ruled[k].verdict != OPEN and ruled[k].settled}
        on_look(_look(question, gallery, seeds, ruled, active))
        if not active:
            break
    findings = tuple(desk.finding(k, rows[k], ruled[k]) for k in range(count))
    name = "none" if probe is None else probe.name
    said = _notices(question, gallery, probe)
    return Report(
        question, name, findings, seeds, gallery.spent, said, tally, labels.file,
        all_seeds=not early,
    )  # fmt: skip


def kept_things(question: Question, probe: Probe | None) -> tuple[str, ...]:
    """What of the prompts should stay where nobody says: what the first prompt names.

    Of several prompts, what all of them name.
    """
    if probe is None:
        return ()
    each = [probe.keeps(words(prompt, question.base.dialect)) for prompt in question.prompts]
    return tuple(thing for thing in each[0] if all(thing in other for other in each))


def _take(
    question: Question,
    gallery: Gallery,
    reader: Reader | None,
    tally: Tally,
    *,
    active: set[int],
    rows: tuple[str, int, int],
) -> None:
    """Make or find one batch of every arm that is still asked for."""
    held: dict[Negatives, Batch] = {}
    ends = (question.none.negatives, question.full.negatives)
    for arm in question.arms(active):
        batch = held[arm.negatives] = gallery.batch(arm.request(question.base, *rows))
        _read(question, reader, tally, arm=arm, batch=batch, active=active)
        for without, steered in _pairs(question, active):
            both = (without.negatives, steered.negatives)
            if arm.negatives in both and all(side in held for side in both):
                images = (held[side].images for side in both)
                tally.between(without, steered).add(*images)
        if arm.negatives not in ends:
            del held[arm.negatives]


def _read(
    question: Question,
    reader: Reader | None,
    tally: Tally,
    *,
    arm: Arm,
    batch: Batch,
    active: set[int],
) -> None:
    """Ask the probe what is in a batch."""
    if reader is None:
        tally.add(arm, batch, {}, [])
        return
    readings = reader.answers(batch, [*_asked(question, arm, active), *question.keeps])
    describe = reader.probe.describe
    tally.add(arm, batch, readings, [] if describe is None else describe(batch.images))


def _pairs(question: Question, active: set[int]) -> list[tuple[Arm, Arm]]:
    """The comparisons of all active terms, each once."""
    found = [(question.none, question.full)]
    for term in sorted(active):
        found += [(question.none, question.only(term)), (question.without(term), question.full)]
    return list({(a.negatives, b.negatives): (a, b) for a, b in found}.values())


def _asked(question: Question, arm: Arm, active: set[int]) -> list[str]:
    """The terms that an arm's pictures are asked for."""
    if arm.negatives in (question.none.negatives, question.full.negatives):
        return [term.text for term in question.terms]
    return [
        question.text(term)
        for term in sorted(active)
        if arm.negatives in (question.without(term).negatives, question.only(term).negatives)
    ]


def _sides(question: Question, term: int) -> tuple[tuple[Arm, Arm], ...]:
    """Without and with a term: alone, within the list, and the whole list."""
    return (
        (question.none, question.only(term)),
        (question.without(term), question.full),
        (question.none, question.full),
    )


@dataclass(frozen=True, slots=True)
class _Desk:
    """What all comparisons of a run need."""

    question: Question
    tally: Tally
    probe: Probe | None
    labels: Known
    known: dict[tuple[int, int, int], Counted] = field(default_factory=dict)

    def counted(self, term: int, which: int, rows: int) -> Counted:
        """Comparison number ``which`` of ``_sides``, counted once."""
        key = (term, which, rows)
        if key not in self.known:
            arms = _sides(self.question, term)[which]
            text = self.question.text(term)
            self.known[key] = counted(
                self.tally, arms, text, self.question, labels=self.labels, rows=rows
            )
        return self.known[key]

    def rulings(self, rows: Sequence[int]) -> tuple[Ruling, ...]:
        """The verdicts on all terms, each by its own rows."""
        both = [(self.counted(k, 0, n), self.counted(k, 1, n)) for k, n in enumerate(rows)]
        return rulings(both, self.question.margin)

    def finding(self, term: int, rows: int, ruling: Ruling) -> TermFinding:
        """What one term does."""
        named = self.question.terms[term]
        own = frozenset[str]() if self.probe is None else self.probe.known(named.text)
        every = len(self.tally.prompts)
        alone, within, together = (
            compared(self.tally, self.counted(term, which, n), named.text, own)
            for which, n in enumerate((rows, rows, every))
        )
        more = None if ruling.more is None else -(-ruling.more // len(self.question.prompts))
        return TermFinding(
            named.text, named.weight, alone, within, together, ruling.verdict, ruling.reason, more
        )


def _look(
    question: Question, gallery: Gallery, seeds: int, ruled: Sequence[Ruling], active: set[int]
) -> Look:
    arms = len(list(question.arms(active))) if active else 0
    rest = arms * len(question.prompts) * (question.seeds - seeds)
    spent = gallery.spent
    seconds = spent.seconds / spent.made * rest if spent.made else None
    return Look(seeds, tuple(ruled), rest, seconds)


def _notices(question: Question, gallery: Gallery, probe: Probe | None) -> tuple[Notice, ...]:
    """What is remarked on by the language, the model and the probe."""
    request = replace(question.base, prompt=question.prompts[0], count=1, steps=1)
    said = [*run(request, model=gallery.model).notices]
    if probe is not None:
        said += probe.notices
        if probe.name.startswith("judge"):
            said += foreign(gallery.model)
        if not question.keeps:
            text = "nothing of the prompts is watched: give --keep"
            said.append(Notice("nothing-kept", text))
    return tuple(dict.fromkeys(said))
