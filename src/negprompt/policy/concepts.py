"""Words → what they name: synonyms and antonyms from ``concepts.toml``.  Knows no prompts."""

import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from types import MappingProxyType
from typing import Any

from negprompt.policy.lookalikes import key


@dataclass(frozen=True, slots=True)
class Concept:
    """A thing that negatives name: the words for it, and words that say that it is not there."""

    name: str
    words: tuple[str, ...]
    antonyms: tuple[str, ...]
    said: tuple[str, ...] = ()
    """What people say of a picture that has it, besides."""
    wanted: tuple[str, ...] = ()
    """What they ask for instead."""
    of: tuple[str, ...] = ()
    """The things that are this when they look wrong."""
    unloved: bool = False
    """Whether nobody praises it in earnest."""

    @property
    def term(self) -> str:
        """The word that feedback writes for it."""
        return self.words[0]


@cache
def concepts() -> Mapping[str, Concept]:
    """Return all concepts by name."""
    read = tomllib.loads((files(__package__) / "concepts.toml").read_text("utf-8"))
    return MappingProxyType({name: _concept(name, row) for name, row in read.items()})


def _concept(name: str, row: Mapping[str, Any]) -> Concept:
    lists = {key: tuple(value) for key, value in row.items() if isinstance(value, list)}
    return Concept(name, **{"antonyms": (), **lists}, unloved=row.get("unloved", False))


@cache
def _by_key() -> dict[str, dict[str, tuple[Concept, ...]]]:
    """Return the concepts that have a word among their words, or their antonyms, by its key."""
    found: dict[str, dict[str, tuple[Concept, ...]]] = {"words": {}, "antonyms": {}}
    for one in concepts().values():
        for kind, rows in found.items():
            for text in dict.fromkeys(map(key, getattr(one, kind))):
                rows[text] = (*rows.get(text, ()), one)
    return found


@cache
def words_for(term: str) -> tuple[str, ...]:
    """Return a term and everything else that names the same, the term first."""
    others = (word for one in _by_key()["words"].get(key(term), ()) for word in one.words)
    return tuple(dict.fromkeys((term, *others)))


@cache
def opposites_of(term: str) -> tuple[str, ...]:
    """Return the words that deny a term: its antonyms, and what it is an antonym of."""
    own = key(term)
    denied = (word for one in _by_key()["words"].get(own, ()) for word in one.antonyms)
    denies = (word for one in _by_key()["antonyms"].get(own, ()) for word in one.words)
    return tuple(dict.fromkeys((*denied, *denies)))
