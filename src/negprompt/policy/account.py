"""A text → an account of all that was read in it, for people to check.  Knows no tokens."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from negprompt.errors import Span
from negprompt.language import (
    Begin,
    Break,
    Choice,
    Comment,
    Embedding,
    End,
    Finding,
    Network,
    Part,
    Prompt,
    Side,
    findings,
    parse,
    unfold,
)
from negprompt.language.draft import is_lost
from negprompt.language.stages import StagedPart, comments
from negprompt.language.tree import Weighed, merged
from negprompt.language.unfolding import SCHEDULING
from negprompt.policy.plan import STEPS
from negprompt.policy.terms import terms_by_weight


@dataclass(frozen=True, slots=True)
class Entry:
    """One term, or the stretch of one that has this effective weight, and its place."""

    text: str
    weight: float
    span: Span
    steps: tuple[tuple[int, int], ...] = ()
    """First and last steps of the runs in which it acts, from 1; empty where it always does."""
    within: str = ""
    """What it is part of, such as "blend 2", the second part of a blend."""


@dataclass(frozen=True, slots=True)
class Section:
    """One part of a prompt, and its weight beside the others."""

    weight: float
    entries: tuple[Entry, ...]
    breaks: tuple[Span, ...]
    """Where new chunks of tokens start."""


@dataclass(frozen=True, slots=True)
class Account:
    """All that was read in a text, and what there is to say about it."""

    prompt: Prompt
    sections: tuple[Section, ...]
    networks: tuple[Network, ...]
    embeddings: tuple[Embedding, ...]
    choices: tuple[Choice, ...]
    unread: tuple[Span, ...]
    """Comments, settings, and other text that reaches no model."""
    findings: tuple[Finding, ...]


def account(
    text: str, dialect: str = "a1111", *, side: Side = "positive", steps: int = STEPS
) -> Account:
    """Return what ``dialect`` reads in a text that stands on this side, in time linear in it.

    ``steps`` are those over which schedules are laid out.  Raises as ``parse`` and, for dialects
    with schedules, ``unfold`` do.
    """
    prompt = parse(text, dialect)
    found = tuple(findings(prompt, side=side))
    if dialect in SCHEDULING:
        read = unfold(text, dialect, steps=steps, side=side)
        return Account(
            prompt=prompt,
            sections=tuple(_scheduled(part, steps) for part in read.parts),
            networks=read.networks,
            embeddings=(),
            choices=tuple(choice for part in read.parts for choice in part.choices),
            unread=comments(text) if dialect == "a1111" else (),
            findings=found,
        )
    return Account(
        prompt=prompt,
        sections=tuple(_sections(prompt)),
        networks=tuple(node for node in prompt.nodes if isinstance(node, Network)),
        embeddings=tuple(node for node in prompt.nodes if isinstance(node, Embedding)),
        choices=tuple(_choices(prompt)),
        unread=tuple(
            node.span for node in prompt.nodes if isinstance(node, Comment) and is_lost(node, text)
        ),
        findings=found,
    )


def _scheduled(part: StagedPart, steps: int) -> Section:
    """Return a part of A1111's, each term once with all steps in which it acts."""
    acting: dict[tuple[int, int, str, float], list[tuple[int, int]]] = {}
    breaks: set[tuple[int, int]] = set()
    before = 0
    for last, prompt in part.stretches:
        for term in terms_by_weight(prompt.segments()):
            runs = acting.setdefault((term.span.start, term.span.stop, term.text, term.weight), [])
            first = runs.pop()[0] if runs and runs[-1][1] == before else before + 1
            runs.append((first, last))
        breaks |= {(s.span.start, s.span.stop) for s in prompt.segments() if s.is_break}
        before = last
    entries = (
        Entry(text, weight, Span(start, stop), () if runs == [(1, steps)] else tuple(runs))
        for (start, stop, text, weight), runs in acting.items()
    )
    return Section(
        part.weight,
        tuple(sorted(entries, key=lambda entry: (entry.span.start, entry.steps))),
        tuple(Span(*span) for span in sorted(breaks)),
    )


def _sections(prompt: Prompt) -> Iterator[Section]:
    """Yield the parts of a prompt of any other dialect."""
    entries: list[Entry] = []
    gathered: list[Weighed] = []
    opened: list[tuple[str, int]] = []  # choices around, each with the number of its part
    breaks: list[Span] = []
    weights: list[float] = []
    for item in prompt.weighed():
        node = item.node
        if not isinstance(node, Begin | Part | End):
            gathered.append(item)
            breaks += [node.span] if isinstance(node, Break) else []
            continue
        entries += _entries(gathered, prompt.glue, opened)
        gathered = []
        if isinstance(node, Begin):
            opened.append((node.kind, 1))
        elif isinstance(node, End):
            opened.pop()
        elif opened:
            opened[-1] = (opened[-1][0], opened[-1][1] + 1)
        else:
            weights.append(node.weight)
            yield Section(node.weight, tuple(entries), tuple(breaks))
            entries, breaks = [], []
    entries += _entries(gathered, prompt.glue, opened)
    if entries or breaks or not weights:
        yield Section(1.0, tuple(entries), tuple(breaks))


def _entries(
    gathered: Sequence[Weighed], glue: str, opened: Sequence[tuple[str, int]]
) -> Iterator[Entry]:
    """Yield the terms between two marks."""
    within = f"{opened[-1][0]} {opened[-1][1]}" if opened else ""
    for term in terms_by_weight(tuple(merged(gathered, glue))):
        yield Entry(term.text, term.weight, term.span, within=within)


def _choices(prompt: Prompt) -> Iterator[Choice]:
    """Yield blends and swaps, inner ones before those around them."""
    opened: list[tuple[Begin, list[float]]] = []
    for node in prompt.nodes:
        if isinstance(node, Begin):
            opened.append((node, []))
        elif isinstance(node, Part) and opened:
            opened[-1][1].append(node.weight)
        elif isinstance(node, End):
            begin, weights = opened.pop()
            span = Span(begin.span.start, node.span.stop)
            yield Choice(begin.kind, node.options, tuple(weights), span)
