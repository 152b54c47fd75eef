"""Standing terms → prompts of their own, which stand before what was typed, and their display.

They are encoded apart from what was typed, in chunks of their own that come first: no bracket,
weight, schedule or comment of a request reaches into them, no limit cuts them off, and a text
encoder that reads from left to right has read them before anything else.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from types import MappingProxyType
from typing import Final

from negprompt.errors import Span
from negprompt.language import WRITERS, Close, Node, Open, Prompt, Text, parse, to_text
from negprompt.policy.merge import StandingTerm

SCHEMES: Final[Mapping[str, str]] = MappingProxyType({"a1111": "a1111-no-norm", "comfy": "comfy"})
"""By dialect of a head how its weights act: schemes in which no term changes another's share."""

_NOWHERE: Final = Span(0, 0)


@dataclass(frozen=True, slots=True)
class Head:
    """A prompt of standing terms, and for each where it stands in the prompt's source."""

    prompt: Prompt
    terms: tuple[StandingTerm, ...]
    spans: tuple[Span, ...]


def heads(terms: Sequence[StandingTerm]) -> tuple[Head, ...]:
    """Return the terms as prompts: one in A1111's dialect, one in ComfyUI's, where there are any.

    compel weighs as ComfyUI does, upwards; text without weights is the same in both.
    """
    spoken: dict[str, list[StandingTerm]] = {}
    for term in terms:
        spoken.setdefault("comfy" if term.dialect in {"comfy", "compel"} else "a1111", []).append(
            term
        )
    return tuple(_head(tuple(some), dialect) for dialect, some in spoken.items())


def shown_in(dialect: str, found: Sequence[Head], typed: str | None) -> str:
    """Return the negative that acts, as it would be typed; hidden terms as their layers' labels.

    In A1111's dialect that text says the same; others have no mark for a new chunk, and where they
    are not written the terms stand in A1111's.
    """
    spelling = dialect if dialect in WRITERS else "a1111"
    texts = [_shown(head.terms, spelling) for head in found]
    apart = " BREAK " if spelling == "a1111" else ", "
    return apart.join([*texts, *(() if typed is None else (typed,))])


def _head(terms: tuple[StandingTerm, ...], dialect: str) -> Head:
    source, spans = "", []
    for term in terms:
        source += ", " if source else ""
        said = spelled(term.text, term.weight, dialect)
        spans.append(Span(len(source), len(source) + len(said)))
        source += said
    return Head(parse(source, dialect), terms, tuple(spans))


def _shown(terms: Sequence[StandingTerm], dialect: str) -> str:
    named = (
        f"<{term.name}>" if term.is_hidden else spelled(term.text, term.weight, dialect)
        for term in terms
    )
    return ", ".join(dict.fromkeys(named))


def spelled(text: str, weight: float, dialect: str) -> str:
    """Return a term as it is written in a dialect of WRITERS."""
    return to_text(Prompt(tuple(_nodes(text, weight)), "", dialect))


def _nodes(text: str, weight: float) -> Iterator[Node]:
    words = Text(text, _NOWHERE)
    if weight == 1:
        yield words
    else:
        yield Open("(", _NOWHERE)
        yield words
        yield Close("(", weight, _NOWHERE)
