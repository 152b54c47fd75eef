"""A compel tree → what compel hands to the encoder: parts, each a line of fragments or a blend."""

from dataclasses import dataclass
from typing import Final, TypeAlias

from negprompt.language.nodes import Begin, End, Network, Part, Text
from negprompt.language.tree import Prompt, Weighed

_SWAP_DEFAULTS: Final = {"s_start": 0.0, "s_end": 0.0, "t_start": 0.2, "t_end": 1.0}


@dataclass(frozen=True, slots=True)
class Fragment:
    """Words of one weight."""

    text: str
    weight: float


@dataclass(frozen=True, slots=True)
class Swap:
    """Words, and others that take their place in cross-attention.

    ``options`` say from which to which share of the steps: s for self-attention, t for that of the
    text.  A ``shape_freedom`` f sets ``s_end = 1 - f ** (1/3)``, as in compel.
    """

    original: tuple[Fragment, ...]
    edited: tuple[Fragment, ...]
    options: dict[str, float | str]


Line: TypeAlias = tuple[Fragment | Swap, ...]


@dataclass(frozen=True, slots=True)
class Blend:
    """The weighted mean of the embeddings of lines; weights are divided by their sum or not."""

    lines: tuple[Line, ...]
    weights: tuple[float, ...]
    normalize: bool


@dataclass(frozen=True, slots=True)
class Conjunction:
    """Parts that are encoded each for itself and put one behind the other, with their weights."""

    parts: tuple[Line | Blend, ...]
    weights: tuple[float, ...]
    networks: tuple[Network, ...]


def conjunction(prompt: Prompt) -> Conjunction:
    """Return the parts of a compel prompt.

    Neighbouring words of one weight are one fragment, with a space between them.  A part without
    words is left out; nothing is left out of an empty prompt, whose one fragment is "".
    """
    parts: list[Line | Blend] = []
    weights: list[float] = []
    gathered: list[Weighed] = []
    depth = 0
    for item in prompt.weighed():
        depth += isinstance(item.node, Begin) - isinstance(item.node, End)
        if isinstance(item.node, Part) and depth == 0:
            _add(parts, weights, gathered, item.node.weight)
            gathered = []
        else:
            gathered.append(item)
    _add(parts, weights, gathered, 1.0)
    networks = tuple(node for node in prompt.nodes if isinstance(node, Network))
    return Conjunction(tuple(parts), tuple(weights), networks)


def _add(
    parts: list[Line | Blend], weights: list[float], items: list[Weighed], weight: float
) -> None:
    if not items:
        return
    first = items[0].node
    is_blend = isinstance(first, Begin) and first.kind == "blend"
    parts.append(_blend(items[1:]) if is_blend else _line(items))
    weights.append(weight)


def _blend(items: list[Weighed]) -> Blend:
    lines: list[Line] = []
    weights: list[float] = []
    gathered: list[Weighed] = []
    normalize = True
    for item in items:
        if isinstance(item.node, Part):
            lines.append(_line(gathered))
            weights.append(item.node.weight)
            gathered = []
        elif isinstance(item.node, End):
            normalize = not item.node.options
        else:
            gathered.append(item)
    return Blend(tuple(lines), tuple(weights), normalize)


def _line(items: list[Weighed]) -> Line:
    line: list[Fragment | Swap] = []
    original: list[Fragment | Swap] = []
    opened: list[list[Fragment | Swap]] = []  # the lines around, while a swap is read
    for node, weight in items:
        if isinstance(node, Begin):
            opened.append(line)
            line = []
        elif isinstance(node, Part):
            original, line = line, []
        elif isinstance(node, End):
            swap = Swap(_fragments(original), _fragments(line), _options(node.options))
            line = opened.pop()
            line.append(swap)
        elif isinstance(node, Text):
            last = line[-1] if line else None
            if isinstance(last, Fragment) and last.weight == weight:
                line[-1] = Fragment(f"{last.text} {node.text}", weight)
            else:
                line.append(Fragment(node.text, weight))
    return tuple(line)


def _fragments(line: list[Fragment | Swap]) -> tuple[Fragment, ...]:
    return tuple(item for item in line if isinstance(item, Fragment))


def _options(written: tuple[str, ...]) -> dict[str, float | str]:
    options: dict[str, float | str] = dict(_SWAP_DEFAULTS)
    given: dict[str, float | str] = {}
    for option in written:
        name, _, value = option.partition("=")
        try:
            given[name] = float(value)
        except ValueError:
            given[name] = value
    freedom = given.pop("shape_freedom", None)
    if isinstance(freedom, float) and freedom >= 0:
        options["s_end"] = 1.0 - freedom ** (1.0 / 3.0)
    return options | given
