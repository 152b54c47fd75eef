"""Text → letters and digits as a reader sees them: look-alikes, accents, invisible characters.

``wаtermark`` with a Cyrillic letter, ``w\u200batermark`` and full-width letters all look like one
word.  Only comparisons use this; what is encoded is never changed.
"""

import unicodedata
from dataclasses import dataclass
from functools import lru_cache
from typing import Final

_GROUPS: Final = {
    "a": "аɑα", "b": "ЬВƅʙ", "c": "сϲᴄ", "d": "ԁɗ", "e": "еєεҽ℮", "f": "ƒ", "g": "ɡɢ",
    "h": "һнʜ", "i": "іιıɩǀ", "j": "ј", "k": "кκᴋ", "l": "ӏⅼɭ", "m": "мᴍ", "n": "пηɴո",
    "o": "оοσօᴏ", "p": "рρ", "q": "ԛ", "r": "гᴦʀ", "s": "ѕꜱ", "t": "тτᴛ", "u": "υսᴜ",
    "v": "νѵᴠ", "w": "ԝшωᴡ", "x": "хχ", "y": "уүγʏ", "z": "ᴢʐ", "3": "з", "0": "Օ",
}  # fmt: skip
_LIKE: Final = {
    alike: letter for letter, group in _GROUPS.items() for alike in group + group.casefold()
}
_UNSEEN: Final = {"Mn", "Me", "Cf", "Cc"}
_FILLERS: Final = frozenset("\u115f\u1160\u3164\uffa0\u2800")


@dataclass(frozen=True, slots=True)
class Seen:
    """Letters and digits of a text run together, and where in the text they and words stand."""

    letters: str
    places: tuple[int, ...]
    """For each letter its index in the text."""
    starts: frozenset[int]
    """Indices in ``letters`` where a word starts, the end of the last word among them."""


def seen(text: str) -> Seen:
    """Return a text as it looks, in time linear in it.

    A word is a run of letters and digits; what is not seen parts no words.
    """
    letters: list[str] = []
    places: list[int] = []
    starts = {0}
    for index, character in enumerate(text):
        for folded in _folded(character):
            if folded.isalnum():
                letters.append(folded)
                places.append(index)
            else:
                starts.add(len(letters))
    starts.add(len(letters))
    return Seen("".join(letters), tuple(places), frozenset(starts))


def key(text: str) -> str:
    """Return what two spellings of the same term have in common: words, a space between."""
    found = seen(text)
    return "".join(
        (" " if index and index in found.starts else "") + letter
        for index, letter in enumerate(found.letters)
    )


@lru_cache(maxsize=4096)
def _folded(character: str) -> str:
    """Return one character as the letters it looks like; "" for what is not seen."""
    if character.isspace():
        return " "
    if character in _FILLERS:
        return ""
    wide = unicodedata.normalize("NFKD", _LIKE.get(character, character)).casefold()
    shown = (c for c in wide if unicodedata.category(c) not in _UNSEEN)
    return "".join(_LIKE.get(c, c) for c in shown)
