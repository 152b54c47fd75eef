"""A prompt of one dialect → the closest one of another, and what could not be carried over."""

import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Final

from negprompt.errors import RequestError, Span, shown
from negprompt.language import comfy_printer
from negprompt.language.compel_elements import BARE_WORD
from negprompt.language.compel_printer import escaped
from negprompt.language.digits import number
from negprompt.language.draft import Draft, Item, Loss, Said, Strand, draft
from negprompt.language.nodes import Break, Network
from negprompt.language.printer import WRITERS
from negprompt.language.tree import Prompt


@dataclass(frozen=True, slots=True)
class Translation:
    """``text`` in the other dialect; ``lost`` says what it does not say, in order of place."""

    text: str
    lost: tuple[Loss, ...]


def translate(prompt: Prompt, to: str, *, negative: bool = False) -> Translation:
    """Return the closest equivalent of ``prompt`` in the dialect ``to``.

    Every text keeps its effective weight where the dialect can write it; weights come out flat,
    ``((a:1.5) b)`` as ``(a:1.65)(b:1.1)``.  A prompt in its own dialect stays as it is.  In A1111's
    ``negative`` prompt AND is a word and networks are text.  Raises RequestError
    ``dialect-read-only`` for a dialect that is not written, PromptError as ``staged`` does.
    """
    if to not in WRITERS:
        raise RequestError(
            f"nothing is translated into the prompt dialect {shown(to)}",
            code="dialect-read-only",
            cure=f"choose one of: {', '.join(WRITERS)}",
        )
    if to == prompt.dialect:
        return Translation(prompt.source or WRITERS[to](prompt), ())
    drafted = draft(prompt, negative=negative)
    text = _WRITE[to](drafted)
    return Translation(text, tuple(sorted(set(drafted.lost), key=lambda loss: loss.span.start)))


# ----------------------------------------------------------------------------------------- A1111

_SPECIAL: Final = re.compile(r"[\\()\[\]]")
_WORD: Final = re.compile(r"\b([AB])(ND|REAK)\b|<(?=\w)")
_WEIGHT: Final = re.compile(r":(?=\s*+[-+]?+(?:\d++\.?+|\d*+\.\d++)\s*+\Z)")


def _a1111(drafted: Draft) -> str:
    calls = "".join(f"<{n.kind}:{':'.join(n.items)}>" for n in drafted.networks)
    parts = [_a1111_part(strand, drafted) for strand in drafted.strands]
    if len(parts) == 1:
        return parts[0] + calls
    if drafted.composed:
        weights = [strand.weight for strand in drafted.strands]
        ends = ["" if weight == 1 else f" :{number(weight)}" for weight in weights]
        return " AND ".join(part + end for part, end in zip(parts, ends, strict=True)) + calls
    drafted.lost += _weights_lost(drafted, "A1111 has no weight for a part that BREAK parts")
    return " BREAK ".join(parts) + calls


def _a1111_part(strand: Strand, drafted: Draft) -> str:
    pieces = _merged(strand.items)
    texts = []
    for index, item in enumerate(pieces):
        if isinstance(item, Break):
            texts.append(" BREAK ")
            continue
        text = _a1111_literal(item, drafted)
        if item.weight != 1:
            text = f"({text}:{number(item.weight)})"
        elif index == len(pieces) - 1:
            text = _WEIGHT.sub(r":\\", text)
        texts.append(text)
    return "".join(texts)


def _a1111_literal(said: Said, drafted: Draft) -> str:
    r"""Return text that stays what it is through all of A1111's stages: ``B\REAK``, ``<\lora``."""
    text = said.text
    if "#" in text:
        reason = "'#' begins a comment in A1111 and cannot be written; it was left out"
        drafted.lost.append(Loss(said.span, reason))
        text = text.replace("#", "")
    text = _SPECIAL.sub(r"\\\g<0>", text)
    return _WORD.sub(lambda m: "<\\" if m[1] is None else f"{m[1]}\\{m[2]}", text)


# --------------------------------------------------------------------------------------- ComfyUI

_CALL: Final = re.compile(r"(?:\A|(?<=[ \n]))embedding:\S")


def _comfy(drafted: Draft) -> str:
    drafted.lost += _networks_lost(drafted.networks, "ComfyUI loads networks in nodes")
    texts: list[str] = []
    for item in _one_strand(drafted, "ComfyUI composes prompts in nodes"):
        if isinstance(item, Break):
            reason = "ComfyUI's core has no BREAK; chunks fill up as they come"
            drafted.lost.append(Loss(item.span, reason))
            texts.append(" ")
            continue
        if _CALL.search(item.text):
            reason = "ComfyUI takes 'embedding:' for a call"
            drafted.lost.append(Loss(item.span, reason))
        text = comfy_printer.literal(item.text)
        if item.weight == 1:
            texts.append(text)
            continue
        if texts and texts[-1].endswith("\\"):
            reason = "ComfyUI cannot write a backslash before a bracket; a space parts them"
            drafted.lost.append(Loss(item.span, reason))
            texts.append(" ")
        texts.append(f"({text}:{number(item.weight)})")
    return "".join(texts)


# ---------------------------------------------------------------------------------------- compel

_SIGNS: Final = re.compile(r"[+-]++")
_LORA_NAME: Final = re.compile(r"[A-Za-z0-9_-]++")
_LORA_WEIGHT: Final = re.compile(r"[+-]?+(?:\d++\.?+\d*+|\.\d++)")


def _compel(drafted: Draft) -> str:
    parts = [part for strand in drafted.strands for part in _at_breaks(strand)]
    loras = list(_loras(drafted))
    if len(parts) == 1:
        drafted.lost += _weights_lost(drafted, "one prompt alone has no weight in compel")
        return " ".join([*_compel_words(parts[0], drafted, top=True), *loras])
    if len(drafted.strands) > 1 and drafted.composed:
        reason = "compel puts parts one behind the other, where AND composes predictions"
        drafted.lost += [Loss(strand.span, reason) for strand in drafted.strands]
    words = [[*_compel_words(part, drafted, top=False)] for part in parts]
    words[-1] += loras
    weights = ", ".join(number(part.weight) for part in parts)
    return f"({', '.join(_quoted(part) for part in words)}).and({weights})"


def _quoted(words: Iterable[str]) -> str:
    return f'"{" ".join(words)}"'


def _at_breaks(strand: Strand) -> Iterator[Strand]:
    """Yield the stretches between breaks, which compel's parts are."""
    gathered: list[Item] = []
    for item in strand.items:
        if isinstance(item, Break):
            yield Strand(tuple(gathered), strand.weight, strand.span)
            gathered = []
        else:
            gathered.append(item)
    yield Strand(tuple(gathered), strand.weight, strand.span)


def _loras(drafted: Draft) -> Iterator[str]:
    for network in drafted.networks:
        name, *rest = network.items
        weight = rest[0] if rest else "1"
        if (
            network.kind == "lora"
            and len(rest) < 2
            and _LORA_NAME.fullmatch(name)
            and _LORA_WEIGHT.fullmatch(weight)
        ):
            yield f"withLora({name}, {weight})"
        else:
            reason = "compel calls loras by a plain name and one weight, and no other network"
            drafted.lost.append(Loss(network.span, reason))


def _compel_words(strand: Strand, drafted: Draft, *, top: bool) -> Iterator[str]:
    for item in _merged(strand.items):
        if isinstance(item, Break):
            continue
        words = item.text.split()
        if item.weight == 1 and top:
            yield from (_bare(word, item, drafted) for word in words)
            continue
        tokens = [token for word in words for token in _tokens(word, item, drafted)]
        if item.weight == 1:
            yield from tokens
        elif tokens:
            weight = item.weight
            if weight < 0:
                reason = f"compel has no weight below zero; {number(weight)} became 0"
                drafted.lost.append(Loss(item.span, reason))
            space = " " if tokens[-1].endswith("\\") else ""
            yield f"({' '.join(tokens)}{space}){number(max(weight, 0.0))}"


def _bare(word: str, said: Said, drafted: Draft) -> str:
    """Return a word at the top, where only signs at its end could weigh it."""
    text = escaped(word)
    found = BARE_WORD.match(text)
    if found is None or text[found.end() : found.end() + 1] not in ("+", "-"):
        return text
    drafted.lost.append(
        Loss(said.span, f"compel weighs {shown(word, 30)} by its signs; a space parts them")
    )
    rest = text[found.end() :]
    return f"{found[0]} {rest}"


def _tokens(word: str, said: Said, drafted: Draft) -> Iterator[str]:
    """Yield a word in the pieces that brackets and quotes can hold."""
    text = escaped(word)
    at = 0
    while at < len(text):
        found = BARE_WORD.match(text, at)
        if found is not None:
            yield found[0]
            at = found.end()
            continue
        if text[at] in ",.":
            yield text[at]
        else:
            reason = f"compel cannot hold {shown(text[at])} in brackets or quotes; it was left out"
            drafted.lost.append(Loss(said.span, reason))
        at += 1


# ------------------------------------------------------------------------------------ plain text


def _plain(drafted: Draft) -> str:
    drafted.lost += _networks_lost(drafted.networks, "plain text calls no networks")
    texts = []
    for item in _one_strand(drafted, "plain text has no parts"):
        if isinstance(item, Break):
            drafted.lost.append(Loss(item.span, "plain text has no BREAK"))
            texts.append(" ")
            continue
        if item.weight != 1:
            reason = f"plain text has no weight; {shown(item.text, 30)} had {number(item.weight)}"
            drafted.lost.append(Loss(item.span, reason))
        texts.append(item.text)
    return "".join(texts)


# ---------------------------------------------------------------------------------------- common

_WRITE: Final[Mapping[str, Callable[[Draft], str]]] = MappingProxyType(
    {"a1111": _a1111, "comfy": _comfy, "compel": _compel, "plain": _plain}
)


def _merged(items: Iterable[Item]) -> list[Item]:
    """Return items with neighbouring words of one weight joined, empty ones left out."""
    merged: list[Item] = []
    for item in items:
        last = merged[-1] if merged else None
        if isinstance(item, Break):
            merged.append(item)
        elif isinstance(last, Said) and last.weight == item.weight:
            span = Span(last.span.start, item.span.stop)
            merged[-1] = Said(last.text + item.text, last.weight, span)
        elif item.text:
            merged.append(item)
    return merged


def _one_strand(drafted: Draft, reason: str) -> list[Item]:
    """Return all parts in one, commas between them."""
    drafted.lost += _weights_lost(drafted, reason)
    items: list[Item] = []
    for strand in drafted.strands:
        if items:
            drafted.lost.append(Loss(strand.span, f"{reason}; the parts stand side by side"))
            first = next((item.text for item in strand.items if isinstance(item, Said)), "")
            comma = "," if first[:1].isspace() else ", "
            items.append(Said(comma, 1.0, Span(strand.span.start, strand.span.start)))
        items += strand.items
    return _merged(items)


def _weights_lost(drafted: Draft, reason: str) -> list[Loss]:
    return [
        Loss(strand.span, f"{reason}; this part had {number(strand.weight)}")
        for strand in drafted.strands
        if strand.weight != 1
    ]


def _networks_lost(networks: Iterable[Network], reason: str) -> list[Loss]:
    return [Loss(n.span, f"{reason}; {shown(n.items[0], 30)} was left out") for n in networks]
