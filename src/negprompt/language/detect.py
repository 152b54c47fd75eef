r"""Text that looks like another dialect than the one it is read in, and negation written as words.

Nothing is parsed in a guessed dialect; this file only points at places.  What the spellings are
stands in habits.py.  Time is linear in the text.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final, Literal, TypeAlias

from negprompt.errors import Span, shown
from negprompt.language.habits import HABITS, Habit

Side: TypeAlias = Literal["positive", "negative"]

_LONGEST: Final = 40  # characters of the user's text that a cure repeats
_TERM_START: Final = r"(?:(?<![\s\S])|(?<=[,;\n(\[{|]))[^\S\n]*+"
_ARTICLES: Final = r"(?:(?:any|an?|the|wearing|showing|having|visible)\s++)*+"
_THING: Final = (
    r"[(\[{]*+(?P<thing>[^\W\d_][\w'’-]*+"
    r"(?:(?:[ ]++[^\W\d_][\w'’-]*+){1,2}(?=\s*+(?:[,.;:()\[\]{}]|\Z)))?)"
)
_IDIOMS: Final = (
    r"(?!(?:ones?|longer|matter|doubts?|way|ideas?|more|less|fewer|such|other|problem|mans?|man['’]s"
    r"|names?|time|end|borders?|equals?|only|just|humans?|to|of|for|in|and|or|with|without)\b)"
)
_DENIAL: Final = (
    r"(?<![\w'’-])(?:no|without|(?:do\s++not|don['’]?t)(?:\s++\w++)?|avoid|exclude)\s++"
)
_IN_POSITIVE: Final = re.compile(
    rf"(?:{_DENIAL}|{_TERM_START}not\s++|(?<![\w'’-])not\s++(?=(?:wearing|showing|having)\s))"
    rf"{_IDIOMS}{_ARTICLES}{_THING}",
    re.IGNORECASE,
)
_IN_NEGATIVE: Final = re.compile(
    rf"{_TERM_START}(?:{_DENIAL}|not\s++|remove\s++){_IDIOMS}{_ARTICLES}{_THING}",
    re.IGNORECASE,
)
_COMFY_MARK: Final = re.compile(r"\\[()]|(?P<bracket>[()])")
_COMFY_INSIDE: Final = re.compile(r"(?<=[^\s(])(?<!\\\()(?P<hit>embedding:[^\s,()]++)")

_COMMENT: Final = re.compile(r"(?P<hit>#[^\n]*+)")
_LAST_NUMBER: Final = re.compile(r"(?P<hit>:\s*+[-+]?+(?:\d++(?:\.\d*+)?|\.\d++))\s*+\Z")
_NETWORK: Final = re.compile(r"(?P<hit><\w++:[^<>]++>)")
_AND: Final = re.compile(r"(?P<hit>\bAND\b)")


@dataclass(frozen=True, slots=True)
class Finding:
    """Places in a text that are likely not read as they were meant.

    ``code`` is the notice's; ``what`` says what the spelling is and what becomes of it; ``cure``
    what to do about the first place.
    """

    code: str
    spans: tuple[Span, ...]
    what: str
    cure: str

    def about(self, source: str) -> str:
        """Return what is said of the first place, and how many more there are."""
        first, count = self.spans[0], len(self.spans)
        where = f"at {first.start}" + (f", and {count - 1} more" if count > 1 else "")
        return f"{shown(source[first.start : first.stop], 30)} {where} {self.what}"


def look_alikes(source: str, dialect: str) -> Iterator[Finding]:
    """Yield a finding ``dialect-look-alike`` for each habit of another dialect in a text.

    ``dialect`` is the one that the text is read in.
    """
    for habit in HABITS:
        if dialect in habit.known:
            continue
        hits = [
            match
            for match in habit.pattern.finditer(source)
            if match["hit"] is not None and not habit.unless(source, match)
        ]
        if hits:
            yield Finding(
                code="dialect-look-alike",
                spans=tuple(Span(*match.span("hit")) for match in hits),
                what=f"looks like {habit.looks_like}: {habit.what}, which {dialect} does not read",
                cure=_cure(habit, hits[0], dialect),
            )


def negations(source: str, side: Side) -> Iterator[Finding]:
    """Yield a finding where a text says in words that something is not wanted.

    ``negation-in-words`` in a positive, where models see the thing named and not the "no";
    ``double-negation`` in a negative, which already means "not".
    """
    found = list(denials(source, side))
    if not found:
        return
    spans = tuple(span for span, _ in found)
    thing = repr(_quoted(found[0][1]))
    if side == "positive":
        yield Finding(
            code="negation-in-words",
            spans=spans,
            what="denies in words, and models read the name rather than the denial",
            cure=f"take it out, and put {thing} in the negative",
        )
    else:
        yield Finding(
            code="double-negation",
            spans=spans,
            what="denies in words inside a negative, which means 'not' by itself",
            cure=f"write {thing} alone",
        )


def denials(source: str, side: Side) -> Iterator[tuple[Span, str]]:
    """Yield each place where a text denies something, and the thing."""
    pattern = _IN_POSITIVE if side == "positive" else _IN_NEGATIVE
    for match in pattern.finditer(source):
        yield _trimmed(source, match), match["thing"]


def comfy_traps(source: str) -> Iterator[Finding]:
    """Yield what ComfyUI's reader gets wrong without a word.

    ``weights-off``: a ``)`` that closes nothing, as in ``:)``, after which no bracket weighs.
    ``embedding-unread``: ``embedding:name`` right behind other text, which is then text too.
    """
    depth = 0
    stray: Span | None = None
    for mark in _COMFY_MARK.finditer(source):
        if mark["bracket"] == "(":
            depth += 1
            if stray is not None:
                yield Finding(
                    code="weights-off",
                    spans=(stray,),
                    what="closes nothing, and in ComfyUI no bracket behind it has a weight",
                    cure=r"write \) for it",
                )
                break
        elif mark["bracket"] == ")":
            depth -= 1
            if depth < 0 and stray is None:
                stray = Span(mark.start(), mark.end())
    if spans := _spans(_COMFY_INSIDE, source):
        yield Finding(
            code="embedding-unread",
            spans=spans,
            what="stands right behind other text, where ComfyUI reads it as text",
            cure="put a space before it",
        )


def a1111_traps(source: str, side: Side | None) -> Iterator[Finding]:
    """Yield what A1111 does to a text before it reads brackets, where few expect it.

    ``comment-unread``: ``#`` to the end of a line.  In a positive ``guidance-weighed``: a number
    behind a colon at the very end, where there is no AND.  In a negative ``network-in-negative``
    and ``and-in-negative``, which act in the positive alone.
    """
    if spans := _spans(_COMMENT, source):
        yield Finding(
            code="comment-unread",
            spans=spans,
            what="is a comment in A1111, up to the end of its line",
            cure="take the # away where it is meant as text",
        )
    if side == "positive" and (spans := _spans(_LAST_NUMBER, source)) and not _AND.search(source):
        yield Finding(
            code="guidance-weighed",
            spans=spans,
            what="ends the prompt, where A1111 takes a number for the weight of its guidance",
            cure="put a comma behind it where it is meant as text",
        )
    if side == "negative" and (spans := _spans(_NETWORK, source)):
        yield Finding(
            code="network-in-negative",
            spans=spans,
            what="calls a network, which A1111 does from the prompt alone; here it is text",
            cure="put it in the prompt",
        )
    if side == "negative" and (spans := _spans(_AND, source)):
        yield Finding(
            code="and-in-negative",
            spans=spans,
            what="divides the negative here; A1111 divides prompts alone and reads a word",
            cure="write a comma where one negative is meant",
        )


def _spans(pattern: re.Pattern[str], source: str) -> tuple[Span, ...]:
    return tuple(Span(*match.span("hit")) for match in pattern.finditer(source))


def _cure(habit: Habit, match: re.Match[str], dialect: str) -> str:
    """Return the habit's cure for a dialect, with the text of the match where that is short."""
    template = habit.cures.get(dialect, habit.cures[""])
    if dialect == "compel" and (match.groupdict().get("weight") or "").startswith("-"):
        template = "put {inside} in the negative; compel has no weights below 0"
    groups = {name: _quoted(text or "") for name, text in match.groupdict().items()}
    return template.format(**groups)


def _quoted(text: str) -> str:
    """Return a text as part of one line: spaces joined, what does not print replaced, cut."""
    line = " ".join(text.split())
    line = "".join(c if c.isprintable() else "\N{REPLACEMENT CHARACTER}" for c in line)
    return line if len(line) <= _LONGEST else f"{line[: _LONGEST - 1]}…"


def _trimmed(source: str, match: re.Match[str]) -> Span:
    """Return the place of a match without the spaces that lead up to it."""
    text = match[0]
    return Span(match.start() + len(text) - len(text.lstrip()), match.end())
