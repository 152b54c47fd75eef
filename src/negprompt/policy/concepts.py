"""Words → what they name: synonyms and antonyms from ``concepts.toml``.  Knows no prompts."""

import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from types import MappingProxyType

from negprompt.policy.lookalikes import key


@dataclass(frozen=True, slots=True)
class Concept:
    """A thing that negatives name: the words for it, and words that say that it is not there."""

    name: str
    words: tuple[str, ...]
    antonyms: tuple[str, ...]


@cache
def concepts() -> Mapping[str, Concept]:
    """Return all concepts by name."""
    read = tomllib.loads((files(__package__) / "concepts.toml").read_text("utf-8"))
    return MappingProxyType(
        {
            name: Concept(name, tuple(row["words"]), tuple(row.get("antonyms", ())))
            for name, row in read.items()
        }
    )


@cache
def words_for(term: str) -> tuple[str, ...]:
    """Return a term and everything else that names the same, the term first."""
    own = key(term)
    others = (w for c in concepts().values() if own in map(key, c.words) for w in c.words)
    return tuple(dict.fromkeys((term, *others)))


@cache
def opposites_of(term: str) -> tuple[str, ...]:
    """Return the words that deny a term: its antonyms, and what it is an antonym of."""
    own = key(term)
    denied = (a for c in concepts().values() if own in map(key, c.words) for a in c.antonyms)
    denies = (w for c in concepts().values() if own in map(key, c.antonyms) for w in c.words)
    return tuple(dict.fromkeys((*denied, *denies)))
