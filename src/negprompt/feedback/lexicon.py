"""What each phrase can be: flaws from ``policy/concepts.toml``, English from ``english.toml``.

Knows no sentences.
"""

import tomllib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from itertools import groupby
from operator import itemgetter
from types import MappingProxyType
from typing import Any, Final

from rapidfuzz import process
from rapidfuzz.distance import OSA

from negprompt.policy.concepts import concepts

Phrase = tuple[str, ...]
_VOWELS: Final = frozenset("aeiou")


@dataclass(frozen=True, slots=True)
class Sense:
    """One thing that a phrase can do in a sentence; ``value`` names the concept, part or number."""

    kind: str
    value: str = ""


@dataclass(frozen=True, slots=True)
class Part:
    """A part of a body, and how many of it there should be."""

    name: str
    count: int

    @property
    def plural(self) -> str:
        """What more than one of them is called."""
        return (
            self.name
            if self.name.endswith("s") or self.name in ("feet", "teeth")
            else f"{self.name}s"
        )


@dataclass(frozen=True, slots=True)
class Lexicon:
    """All phrases, and the words in them."""

    phrases: Mapping[Phrase, tuple[Sense, ...]]
    parts: Mapping[str, Part]
    evaluative: frozenset[str]
    """Adjectives that say what somebody thinks of a thing, and not which thing it is."""
    scenery: frozenset[str]
    """What every picture has: it can look bad, and hardly go."""
    longest: int
    words: frozenset[str]
    by_letter: Mapping[str, tuple[str, ...]]
    """Those of four letters or more by the first letter, longest first."""
    plain: frozenset[str]
    """Words that are themselves, however near they come to one of the others."""

    def spelled(self, word: str) -> str:
        """Return the word that a misspelled one stands for; itself where it is near none.

        One slip (a letter wrong, missing, too many, or two swapped) in words of four letters or
        more, two from eight on; the first letter is right, unless the first two are swapped.
        """
        word = _unstretched(word, self.words | self.plain)
        if len(word) < 4 or not word.isalpha() or word in self.words or word in self.plain:
            return word
        slips = 2 if len(word) >= 8 else 1
        swapped = [known for known in self.by_letter.get(word[1], ()) if known[1] == word[0]]
        near = (*self.by_letter.get(word[0], ()), *swapped)
        best = process.extractOne(word, near, scorer=OSA.distance, score_cutoff=slips)
        return word if best is None else str(best[0])


def _unstretched(word: str, known: frozenset[str]) -> str:
    """Return "sooo" as "so"."""
    if word in known or all(
        len(word[i:].removesuffix(word[i:].lstrip(word[i]))) < 3 for i in range(len(word))
    ):
        return word
    for most in (2, 1):
        kept = "".join(c for i, c in enumerate(word) if word[max(0, i - most) : i] != c * most)
        if kept in known:
            return kept
    return word


@cache
def lexicon() -> Lexicon:
    """Return the lexicon that ships."""
    english = tomllib.loads((files(__package__) / "english.toml").read_text("utf-8"))
    parts = {name: Part(name, row[0]) for name, row in english["parts"].items()}
    found: dict[Phrase, dict[Sense, None]] = {}
    for text, sense in (*_senses(english), *_flaws()):
        found.setdefault(words_of(text), {})[sense] = None
    for text, sense in tuple(_derived(found)):
        found.setdefault((text,), {sense: None})
    words = frozenset(word for phrase in found for word in phrase)
    long = sorted((w for w in words if len(w) >= 4), key=lambda word: (word[0], -len(word), word))
    return Lexicon(
        phrases=MappingProxyType({phrase: tuple(senses) for phrase, senses in found.items()}),
        parts=MappingProxyType(parts),
        evaluative=frozenset(english["evaluative"]),
        scenery=frozenset(english["scenery"]),
        longest=max(map(len, found)),
        words=words,
        by_letter=MappingProxyType({k: tuple(some) for k, some in groupby(long, itemgetter(0))}),
        plain=frozenset((files(__package__) / "plain.txt").read_text("utf-8").split()),
    )


def words_of(text: str) -> Phrase:
    """Return the words of a phrase: hyphens part them, apostrophes do not."""
    return tuple(text.casefold().replace("-", " ").split())


def _senses(english: Mapping[str, Any]) -> Iterator[tuple[str, Sense]]:
    for kind, rows in english.items():
        if kind == "parts":
            yield from (
                (text, Sense("part", name)) for name, row in rows.items() for text in row[1:]
            )
        elif kind == "numbers":
            yield from ((text, Sense("number", str(count))) for text, count in rows.items())
        elif kind not in ("evaluative", "scenery"):
            yield from ((text, Sense(kind)) for text in rows)


def _flaws() -> Iterator[tuple[str, Sense]]:
    for name, one in concepts().items():
        for kind, texts in (
            ("flaw", (*one.words, *one.said)), ("virtue", one.antonyms), ("wanted", one.wanted),
        ):  # fmt: skip
            yield from ((text, Sense(kind, name)) for text in texts)


def _derived(found: Mapping[Phrase, Mapping[Sense, None]]) -> Iterator[tuple[str, Sense]]:
    """Yield plurals of flaws, and "sharper" and "sharpest" of virtues."""
    for phrase, senses in found.items():
        if len(phrase) != 1:
            continue
        (word,) = phrase
        for sense in senses:
            if sense.kind == "flaw" and not word.endswith(("s", "y", "ed")):
                yield word + "s", sense
            if sense.kind in ("flaw", "virtue"):
                kind = "wanted" if sense.kind == "virtue" else "flaw"
                yield _compared(word), Sense(kind, sense.value)


def _compared(word: str) -> str:
    """Return the comparative of an adjective: crisp → crisper, noisy → noisier, dim → dimmer."""
    if word.endswith("e"):
        return word + "r"
    if word.endswith("y"):
        return word[:-1] + "ier"
    doubles = len(word) == 3 and word[1] in _VOWELS and word[2] not in _VOWELS
    return word + word[-1] * doubles + "er"
