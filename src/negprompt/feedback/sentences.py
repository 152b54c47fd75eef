"""Words that somebody typed → sentences of marks: phrases of the lexicon, and words of no list."""

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Final

from negprompt.feedback.lexicon import Lexicon, Sense

_CONTRACTED: Final = (
    (r"\b(?:can't|cannot|cant)\b", "can not"),
    (r"\b(?:won't|wont)\b", "will not"),
    (r"\b(?:ain't|aint)\b", "is not"),
    (r"\b(do|does|did|is|are|was|were|would|could|should|has|have|had|must)n'?t\b", r"\1 not"),
    (
        r"\b(it|that|there|what|where|who|she|he|here|how|why|everything|nothing|something)'s\b",
        r"\1 is",
    ),
    (r"\b(that|there|what|where)s\b", r"\1 is"),
    (r"\blet'?s\b", "let us"),
    (r"\b(?:i'm|im)\b", "i am"),
    (r"\b(you|we|they|who|what|those|these|there|why)'re\b", r"\1 are"),
    (r"\b(i|you|we|they|should|would|could|must)'ve\b", r"\1 have"),
    (r"\b(i|you|we|they|he|she|it|that)'d\b", r"\1 would"),
    (r"\b(i|you|we|they|he|she|it|that|this)'ll\b", r"\1 will"),
    (r"\bive\b", "i have"),
    (r"\bid (?=rather|like|love|prefer)", "i would "),
    (
        r"\bits (?=a\b|the\b|not\b|so\b|too\b|very\b|really\b|still\b|all\b|\w+y\b)",
        "it is ",
    ),
)
_PARTED: Final = (
    (r"\b(?:way|far|much|just) (too (?:much|many))\b", r"really \1"),
    (r"\b(?:will|can|could|would) not you\b|\bwhy do not you\b", "please"),
    (r"\bwhy (?:is there |are there )?no\b", "where is"),
    (
        r"(?<=\w)'s (?=(?:back|fine|okay|ok|still|too|so|gone|not|very|off|bad|good|missing)\b)",
        " is ",
    ),
    (
        r"\b(?:swap|replace|exchange|substitute) (.+?) (?:with|for|by) ([\w' ]+)",
        r"remove \1, add \2",
    ),
    (r"\bwant (.+?) to be (\w+)", r"make \1 \2"),
    (r"\b(\w+) aside\b", r"except \1"),
    (r"\b(remove|delete|no|without) (?:every|any)(?:body|one)\b", r"\1 people"),
    (r"\bbg\b", "background"),
    (r"\bwm\b", "watermark"),
    ("[\U0001f44d\U0001f44c\U0001f60d\U0001f525\u2764\U0001f970\U0001f4af]+", " good "),
    (
        "[\U0001f44e\U0001f92e\U0001f922\U0001f4a9\U0001f621\U0001f620\U0001f62c\U0001f644\U0001f631]+",
        " bad ",
    ),
    (r"\s*:\s+", " is "),
    (r"\b[0-5]\s?/\s?10\b", "bad"),
    (r"\b(?:[6-9]|10)\s?/\s?10\b", "good"),
    (r"\bwish (.+?) (?:was|were|looked|had been) (?:better|nicer|different)\b", r"improve \1"),
    (
        r"\b(?:remove|delete|drop|take) (.+?) (?:from|out of) (?:the |your )?negatives?\b",
        r"allow \1",
    ),
    (
        r"\b(?:take|get|cut|crop|edit|leave|keep) ((?:\w+ ){1,4}?)(?:out|off|away)\b(?! of)",
        r"remove \1",
    ),
    (r"\b(?:turn|tone|bring|dial|cut) ((?:\w+ ){1,3}?)(?:down|back)\b", r"reduce \1"),
    (r"\bwhere (?:did|has|have) ((?:\w+ ){1,4}?)(?:go|gone|disappear(?:ed)?)\b", r"where is \1"),
)
"""Turns of phrase, and what they come to."""
_EXPLETIVE: Final = re.compile(
    r"\b(?:the (?:hell|heck|fuck|f|devil)|on earth|in the world|for (?:god|christ|pete)'?s? sake"
    r"|god ?damn(?:ed|it)?|damn(?:ed|it)?|fuck(?:ing|in)?|f+r?(?:ea|i|e)c?king?|effing|frigging?) "
)
_TOKEN: Final = re.compile(r"[^\W_]+(?:['&][^\W_]+)*(?:/[a-z]\b)?|[.!?;:\n…]+|,|—|–| - |[&/+()]|\"")


@dataclass(frozen=True, slots=True)
class Mark:
    """One phrase, or one word of no list, with all that it can be."""

    text: str
    senses: tuple[Sense, ...] = ()

    def value(self, *kinds: str) -> str | None:
        """Return the value of the first sense of one of the kinds; None where there is none."""
        return next((sense.value for sense in self.senses if sense.kind in kinds), None)

    def can(self, *kinds: str) -> bool:
        """Return whether it can be of one of the kinds."""
        return any(sense.kind in kinds for sense in self.senses)


COMMA: Final = Mark(",", (Sense("comma"),))


def sentences(text: str, lexicon: Lexicon) -> Iterator[tuple[Mark, ...]]:
    """Yield the marks of each sentence; commas, dashes and brackets are marks, too."""
    words: list[str] = []
    for token in _TOKEN.findall(_plain(text)):
        if token[0] in ".!?;:\n…":
            yield from _marked(words, lexicon)
            words = []
        else:
            words.append("," if token.strip() in {",", "—", "–", "-", "(", ")"} else token)
    yield from _marked(words, lexicon)


def _plain(text: str) -> str:
    """Return lower case, straight quotes, contractions written out, no hyphens inside words."""
    text = text.casefold().translate(
        {0x2019: "'", 0x2018: "'", 0x201C: '"', 0x201D: '"', 0x60: "'"}
    )
    for pattern, full in _CONTRACTED:
        text = re.sub(pattern, full, text)
    for pattern, full in _PARTED:
        text = re.sub(pattern, full, text)
    return _EXPLETIVE.sub("", re.sub(r"(?<=\w)-(?=\w)", " ", text))


def _marked(words: Sequence[str], lexicon: Lexicon) -> Iterator[tuple[Mark, ...]]:
    """Yield the sentence if it says anything: the longest phrase at each place, spelling mended."""
    told = [word if word in {",", '"'} else lexicon.spelled(word) for word in words]
    marks: list[Mark] = []
    place = 0
    while place < len(told):
        for length in range(min(lexicon.longest, len(told) - place), 0, -1):
            phrase = tuple(told[place : place + length])
            if (senses := lexicon.phrases.get(phrase)) is not None:
                break
        else:
            length, phrase, senses = 1, (told[place],), ()
        word = " ".join(phrase)
        marks.append(COMMA if word == "," else Mark(word, senses))
        place += length
    if marks:
        yield tuple(marks)
