"""The marks that a prompt of any dialect is made of: one flat run, never a nest.

Emphasis brackets may cross (``(a[b)c]``), so a bracket is a mark in the run and not a group with
children; the same marks hold schedules, blends and weighted parts at any depth without recursion.
The spans of a run tile the source.  Spans do not count in comparisons.  This file does not know
how anything is spelled; a dialect file does.

====================  ============================================================================
``Text``              words
``Break``             a new chunk of tokens
``Open``, ``Close``   emphasis around what stands between them
``Begin``, ``End``    a choice or mixture of parts: schedule, alternation, blend, swap
``Part``              one part ends here: of a choice, or of the whole prompt (``AND``, ``::``)
``Network``           ``<lora:name:1>``, ``withLora(name, 1)``: a call that is no words
``Embedding``         ``embedding:name``: learned vectors, called by name
``Comment``           not read by the model
====================  ============================================================================
"""

from dataclasses import dataclass, field
from typing import Final, Literal, TypeAlias

from negprompt.errors import Span

Bracket: TypeAlias = str
Anchors: TypeAlias = tuple[tuple[int, int], ...]
Kind: TypeAlias = Literal["schedule", "alternate", "blend", "swap"]

DEEPEST: Final = 100
"""Choices and groups nested deeper are refused where a dialect nests them."""

FACTOR: Final[dict[Bracket, float]] = {"(": 1.1, "[": 1 / 1.1}


@dataclass(frozen=True, slots=True)
class Text:
    """Literal text, escapes resolved; may be empty.

    ``anchors`` are (index in the text, index in the source) pairs: from each pair up to the next
    the two run in step.
    """

    text: str
    span: Span = field(compare=False)
    anchors: Anchors = field(compare=False, repr=False, default=())


@dataclass(frozen=True, slots=True)
class Open:
    """Emphasis begins.  One that never closes acts to the end of the prompt, or of its part.

    ``bracket`` is any kind of mark, by its opening character; kinds nest and close independently.
    ``factor`` is what it multiplies by while no weight is written: None for ``FACTOR[bracket]``,
    which is A1111's, a number where a dialect has another, such as 1.05 for ``{``.
    """

    bracket: Bracket
    span: Span = field(compare=False)
    factor: float | None = None


@dataclass(frozen=True, slots=True)
class Close:
    """The latest open bracket of the same kind closes; ``weight`` is None where none is written.

    An ``absolute`` weight replaces what the brackets around it say, as in ComfyUI; any other
    multiplies it.
    """

    bracket: Bracket
    weight: float | None
    span: Span = field(compare=False)
    absolute: bool = False


@dataclass(frozen=True, slots=True)
class Break:
    """A new chunk of tokens starts here; stands between two texts, empty ones if need be."""

    span: Span = field(compare=False)


@dataclass(frozen=True, slots=True)
class Begin:
    """A choice or mixture of parts begins; ``Part`` marks divide it and ``End`` closes it.

    ``schedule`` has the part before the step of its End and the one after it, or only the latter;
    ``alternate`` takes its parts in turn, one a step; ``blend`` is a weighted mean of embeddings;
    ``swap`` has the words and those that take their place in cross-attention.
    """

    kind: Kind
    span: Span = field(compare=False)


@dataclass(frozen=True, slots=True)
class Part:
    """A part ends here, with its weight; brackets that are still open end with it.

    Inside Begin and End it divides a choice (there brackets stay open, and the last part, too,
    ends with a mark where it has a weight).  Elsewhere it divides the prompt, as A1111's ``AND``
    and Midjourney's ``::2`` do.  What stands behind the last mark is a part of weight 1; where
    nothing does there is none.
    """

    weight: float
    span: Span = field(compare=False)


@dataclass(frozen=True, slots=True)
class End:
    """The latest Begin ends.  ``options`` are its numbers, as written.

    ``schedule``: ("0.5",), the step or fraction at which the second part takes over; ``blend``:
    () or ("no_normalize",); ``swap``: names and numbers such as ("s_start=0.1",).
    """

    options: tuple[str, ...]
    span: Span = field(compare=False)


@dataclass(frozen=True, slots=True)
class Network:
    """A call of an extra network: ``kind`` ("lora", "hypernet") and its arguments as written."""

    kind: str
    items: tuple[str, ...]
    span: Span = field(compare=False)

    @property
    def named(self) -> dict[str, str]:
        """The arguments of the form ``name=value``; of several of one name the last."""
        return dict(item.split("=", 1) for item in self.items if item.count("=") == 1)

    @property
    def positional(self) -> tuple[str, ...]:
        """The other arguments, in order."""
        return tuple(item for item in self.items if item.count("=") != 1)


@dataclass(frozen=True, slots=True)
class Embedding:
    """Learned vectors called by name: ComfyUI's ``embedding:name``."""

    name: str
    span: Span = field(compare=False)

    @property
    def text(self) -> str:
        """The call as words, which is what a parser that knows no embeddings passes on."""
        return f"embedding:{self.name}"


@dataclass(frozen=True, slots=True)
class Comment:
    """Text for people; ``text`` is what stands in its place for the model (a line break, "")."""

    text: str
    span: Span = field(compare=False)


Node: TypeAlias = Text | Open | Close | Break | Begin | Part | End | Network | Embedding | Comment
