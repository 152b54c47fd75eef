"""Infotext as other tools write it → Parameters: on one line, with JSON among the fields.

Civitai and others join prompt, negative and fields with dots, and write lists and objects in the
fields without quotes.  ``infotext.read`` reads as A1111 itself does; this reads what was meant.
"""

import json
import re
from collections.abc import Iterator
from types import MappingProxyType
from typing import Final

from negprompt.metadata.infotext import Parameters, unquote
from negprompt.metadata.infotext import read as read_as_a1111

_LABEL: Final = re.compile(r"\A\s*+Parameters\s*+:\s*+")
_LINE: Final = re.compile(r"^[ \t]*+Steps:\s*+\d++\s*+(?:,|$)", re.MULTILINE)
_DOTTED: Final = re.compile(r"(?:\A|(?<=\.))[ \t]*+Steps:\s*+\d++\s*+(?:,|\Z)")
_NEGATIVE: Final = re.compile(r"^[ \t]*+Negative prompt:", re.MULTILINE)
_DOTTED_NEGATIVE: Final = re.compile(r"(?:^|(?<=\.))[ \t]*+Negative prompt:", re.MULTILINE)
_KEY: Final = re.compile(r"\s*+(\w[\w \-/]*):[ \t]*+")
_VALUE: Final = re.compile(r'("(?:\\.|[^\\"])*+")[ \t]*+(?=[,\n]|\Z)|[^,\n]*+')
_APART: Final = re.compile(r"[,\n]")
_DECODER: Final = json.JSONDecoder()


def read(text: str) -> Parameters:
    """Return what an infotext says, in whichever of the known forms it is.

    Fields begin at the last line that starts with ``Steps: N``, where there is none at the last
    ``Steps: N`` behind a dot; a text without either is read as A1111 reads it.  Linear in the
    length of the text.
    """
    whole = _LABEL.sub("", text.replace("\r\n", "\n").strip())
    lines = [match.start() for match in _LINE.finditer(whole)]
    starts = lines or [match.start() for match in _DOTTED.finditer(whole)]
    if not starts:
        return read_as_a1111(whole)
    head, tail = whole[: starts[-1]], whole[starts[-1] :]
    fields = MappingProxyType(dict(_fields(tail)))
    if lines:
        positive, *negatives = (_lines(part) for part in _NEGATIVE.split(head))
    else:
        positive, *negatives = (_ended(part) for part in _DOTTED_NEGATIVE.split(head))
    return Parameters(positive, "\n".join(negatives), fields)


def _ended(text: str) -> str:
    """Return a text without the dots that joined it to the next."""
    return text.strip().rstrip(".,").rstrip()


def _lines(text: str) -> str:
    return "\n".join(line.strip() for line in text.strip().split("\n"))


def _fields(text: str) -> Iterator[tuple[str, str]]:
    """Yield names and values; a list or an object is a value as a whole."""
    place = 0
    while place < len(text):
        key = _KEY.match(text, place)
        if key is not None:
            value, place = _value(text, key.end())
            yield key[1].strip(), value
        apart = _APART.search(text, place)
        place = len(text) if apart is None else apart.end()


def _value(line: str, start: int) -> tuple[str, int]:
    """Return the value that starts at a place, and where it ends."""
    if line[start : start + 1] in ("{", "["):
        try:
            _, stop = _DECODER.raw_decode(line, start)
        except (ValueError, RecursionError):
            pass
        else:
            return line[start:stop], stop
    found = _VALUE.match(line, start)
    return (unquote(found[0].strip()), found.end()) if found else ("", start)
