"""A caption → what it says, read back by its words alone: the reverse of `captions.caption`."""

import re
from collections.abc import Iterable
from dataclasses import dataclass, field

from negprompt.world.factors import (
    COLOURS,
    CONCEPTS,
    PLACE_WORDS,
    STYLE_WORDS,
    SUBJECT_WORDS,
)

LEXICON = {
    word: (concept.name, present)
    for concept in CONCEPTS.values()
    for present, words in ((True, concept.words), (False, concept.antonyms))
    for word in words
}
SUBJECTS = {word: name for name, words in SUBJECT_WORDS.items() for word in words}
PLACES = {word: name for name, words in PLACE_WORDS.items() for word in words}
STYLES = {word: name for name, words in STYLE_WORDS.items() for word in words}


def _any(words: Iterable[str]) -> str:
    """A pattern for any of the words, the longest first."""
    return "|".join(sorted(map(re.escape, words), key=len, reverse=True))


SOLID = rf"(?:(?:{_any(COLOURS)}) )?(?:circle|square)"
NOUN = (
    rf"(?P<first>{SOLID}) and an? (?P<second>{SOLID})"
    rf"|(?:(?P<tint>{_any(COLOURS)}) )?(?P<word>{_any(SUBJECTS)})"
)
PHRASE = re.compile(NOUN)
SENTENCE = re.compile(
    rf"(?:an? (?P<style>{_any(STYLES)}) of )?an? (?:{NOUN})"
    rf"(?: with (?P<extras>(?:{_any(LEXICON)})(?: and (?:{_any(LEXICON)}))*))?"
    rf"(?: (?P<place>{_any(PLACES)}))?"
)


@dataclass(slots=True)
class Said:
    """What a caption says; every list holds one entry each time that it is said."""

    concepts: list[tuple[str, bool]] = field(default_factory=list)
    subject: list[str] = field(default_factory=list)
    colour: list[str] = field(default_factory=list)
    place: list[str] = field(default_factory=list)
    style: list[str] = field(default_factory=list)
    solids: list[tuple[tuple[str, str], tuple[str, str]]] = field(default_factory=list)
    """Form and colour ("" where none is said) of both solids."""


def read(caption: str) -> Said:
    """Raises ValueError for a term that no caption may contain."""
    said = Said()
    for term in caption.split(", ") if caption else ():
        _read_term(term, said)
    return said


def _read_term(term: str, said: Said) -> None:
    if term in LEXICON:
        said.concepts.append(LEXICON[term])
    elif term in PLACES:
        said.place.append(PLACES[term])
    elif term in STYLES:
        said.style.append(STYLES[term])
    elif term in COLOURS:
        said.colour.append(term)
    elif match := PHRASE.fullmatch(term):
        _read_noun(match, said)
    elif match := SENTENCE.fullmatch(term):
        _read_noun(match, said)
        if match["style"]:
            said.style.append(STYLES[match["style"]])
        if match["place"]:
            said.place.append(PLACES[match["place"]])
        if match["extras"]:
            said.concepts += [LEXICON[word] for word in match["extras"].split(" and ")]
    else:
        raise ValueError(term)


def _read_noun(match: re.Match[str], said: Said) -> None:
    if match["word"]:
        said.subject.append(SUBJECTS[match["word"]])
        if match["tint"]:
            said.colour.append(match["tint"])
        return
    first, second = (_solid(match[name]) for name in ("first", "second"))
    said.subject.append("shapes")
    said.solids.append((first, second))
    if first[1]:
        said.colour.append(first[1])


def _solid(text: str) -> tuple[str, str]:
    colour, _, form = text.rpartition(" ")
    return form, colour
