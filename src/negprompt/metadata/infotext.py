"""A1111's infotext, the text in a PNG's ``parameters`` chunk, and back.

Prompt, ``Negative prompt:`` and one line of ``Key: value`` fields; rules as in A1111 1.10's
``infotext_utils``.  There the lines of a prompt lose the spaces around them, and a line that
begins with ``Negative prompt:`` switches; so the raw negative travels as a quoted field, which
loses nothing.
"""

import json
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Final

RAW_NEGATIVE: Final = "Raw negative prompt"

_NEGATIVE: Final = "Negative prompt:"
_ORDER: Final = (
    "Steps",
    "Sampler",
    "Schedule type",
    "CFG scale",
    "Seed",
    "Size",
    "Model hash",
    "Model",
)
_FEWEST: Final = 3  # a last line with fewer fields is still prompt
_QUOTED: Final = re.compile(r'"(?:\\.|[^\\"])++"(?=,|\Z)')
_NEEDS_QUOTES: Final = re.compile(r"[,:\n]")

Value = str | int | float


@dataclass(frozen=True, slots=True)
class Parameters:
    """How an image was made: the texts that acted, and everything else by name.

    ``negative`` is the effective one; the one that the user typed is the field RAW_NEGATIVE.
    ``fields`` keeps its order, but for the names that A1111 puts first.  After ``read`` all values
    are texts; Size is "WIDTHxHEIGHT", in pixels.
    """

    positive: str
    negative: str = ""
    fields: Mapping[str, Value] = field(default_factory=lambda: MappingProxyType({}))


def write(parameters: Parameters) -> str:
    """Return the infotext.  Values that A1111 quotes are quoted, the raw negative always is.

    With fewer than three fields no reader can tell them from prompt.  Raises ValueError for a
    field name that does not read back: two or more letters, digits, ``_``, spaces, ``-``, ``/``.
    """
    lines = [parameters.positive]
    if parameters.negative:
        lines.append(f"{_NEGATIVE} {parameters.negative}")
    fields = sorted(parameters.fields.items(), key=lambda item: _rank(item[0]))
    if fields:
        lines.append(", ".join(f"{name}: {_written(name, value)}" for name, value in fields))
    return "\n".join(lines)


def read(text: str) -> Parameters:
    """Return what an infotext says; any text is one, if need be a prompt without fields.

    The last line holds fields only if there are three or more; one with nothing behind its colon
    counts and is left out.  Linear in the length of the text.
    """
    *lines, last = text.strip().split("\n")
    found = list(_fields(last.strip()))
    if len(found) < _FEWEST:
        lines, found = [*lines, last], []
    fields = {name: unquote(value) for name, value in found if value}
    texts: dict[bool, list[str]] = {False: [], True: []}
    negative = False
    for line in lines:
        bare = line.strip()
        if bare.startswith(_NEGATIVE):
            negative, bare = True, bare.removeprefix(_NEGATIVE).strip()
        texts[negative].append(bare)
    positive, effective = ("\n".join(texts[side]).lstrip("\n") for side in (False, True))
    return Parameters(positive, effective, MappingProxyType(fields))


def quote(value: Value | None) -> Value | None:
    """Return a value as A1111 writes it: a JSON string where it holds a comma, colon or newline."""
    if _NEEDS_QUOTES.search(str(value)):
        return json.dumps(str(value), ensure_ascii=False)
    return value


def unquote(text: str) -> str:
    """Return the text inside a JSON string, or any other text as it is."""
    if len(text) < 2 or text[0] != '"' or text[-1] != '"':
        return text
    try:
        value = json.loads(text)
    except ValueError:
        return text
    return value if isinstance(value, str) else text


def _rank(name: str) -> int:
    """Return the place of a field: A1111's order first, others after it as they come."""
    return _ORDER.index(name) if name in _ORDER else len(_ORDER)


def _written(name: str, value: Value) -> str:
    """Return a field's value so that ``_fields`` gives back exactly ``str(value)``."""
    if _key(name) != name:
        raise ValueError(f"{name!r} cannot be the name of an infotext field")
    text = str(quote(value))
    exact = text == text.strip() and text and unquote(text) == str(value)
    return text if exact and name != RAW_NEGATIVE else json.dumps(str(value), ensure_ascii=False)


def _fields(line: str) -> Iterator[tuple[str, str]]:
    r"""Yield the fields of a line, quoted: ``key: value,`` with a key of ``\w[\w \-/]+``."""
    done = 0
    while (colon := line.find(":", done)) >= 0:
        key = _key(line[done:colon])
        done = colon + 1
        if not key:
            continue
        while done < len(line) and line[done].isspace():
            done += 1
        quoted = _QUOTED.match(line, done)
        comma = line.find(",", done) if quoted is None else quoted.end()
        stop = len(line) if comma < 0 else comma
        yield key, line[done:stop]
        done = stop + 1


def _key(text: str) -> str:
    """Return the longest end of ``text`` that is a key, or ""."""
    start = len(text)
    while start and (
        text[start - 1] in " -/" or text[start - 1].isalnum() or text[start - 1] == "_"
    ):
        start -= 1
    key = text[start:].lstrip(" -/")
    return key if len(key) > 1 else ""
