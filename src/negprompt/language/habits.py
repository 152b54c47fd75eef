"""Spellings by which one dialect is known in the text of another, and what to write instead.

Each habit is one regular expression that costs time linear in the text, the dialects in which that
spelling means something, and a cure for the others.  A habit should be quiet where people mean
plain words: "c++", "(1990s)", "-- said he" say nothing.
"""

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Final


@dataclass(frozen=True, slots=True)
class Habit:
    """A spelling of another dialect.

    ``pattern`` marks the place by the group ``hit``; matches without it only step over text.
    ``known`` are the dialects that read it.  ``cures`` are templates with the pattern's groups,
    by dialect; "" is for every other one.
    """

    looks_like: str
    what: str
    pattern: re.Pattern[str]
    known: frozenset[str]
    cures: Mapping[str, str]
    unless: Callable[[str, re.Match[str]], bool] = field(default=lambda _text, _match: False)


_A1111: Final = frozenset({"a1111", "sdnext"})
_NUMBER: Final = r"[+-]?(?:\d++(?:\.\d*+)?|\.\d++)"


SCHEDULE: Final = re.compile(
    rf"(?P<hit>\[[^\[\]|:]*+(?:\|[^\[\]]*+|:(?:[^\[\]:|]*+:)?\s*+{_NUMBER}\s*+)\])"
)
"""What looks like ``[a:b:0.5]`` or ``[a|b]``."""


def _shouted(text: str, match: re.Match[str]) -> bool:
    """Whether the letters near a match are capitals anyway, so that AND is a word."""
    near = text[max(0, match.start() - 20) : match.start()] + text[match.end() : match.end() + 20]
    return not any(letter.islower() for letter in near)


def _placeholder(text: str, match: re.Match[str]) -> bool:
    """Whether braces hold a style's placeholder, which a tool fills in before it reads."""
    return match["inside"].strip() in {"", "prompt", "p", "np", "negative_prompt"}


HABITS: Final = (
    Habit(
        "a1111",
        "a weight in round brackets",
        re.compile(
            r"(?P<hit>\((?P<inside>[^():]*+(?::(?!\s*+[+-]?[.\d]++\s*+\))[^():]*+)*+)"
            rf":\s*+(?P<weight>{_NUMBER})\s*+\))"
        ),
        _A1111 | {"comfy"},
        {
            "compel": "write ({inside}){weight}",
            "novelai": "write {weight}::{inside}::",
            "midjourney": "make it a part of its own, {inside}::{weight}",
            "": "write {inside}",
        },
    ),
    Habit(
        "a1111",
        "round brackets as emphasis",
        re.compile(r"(?<!\()(?P<hit>\(\(++(?P<inside>[^()]++)\)\)++)(?![\d.+-])"),
        _A1111 | {"comfy"},
        {
            "compel": "write ({inside})++",
            "novelai": "write {{{{{inside}}}}}",
            "": "write {inside}",
        },
        lambda _text, match: bool(re.search(rf":\s*+{_NUMBER}\s*+\Z", match["inside"])),
    ),
    Habit(
        "a1111",
        "a schedule or alternation",
        SCHEDULE,
        _A1111,
        {"": "read the text as a1111, or write one of its parts alone"},
    ),
    Habit(
        "a1111",
        "square brackets as a weaker weight",
        re.compile(r"(?<!\\)(?P<hit>\[(?P<inside>[^\[\]:|]{2,200}+)\])"),
        _A1111 | {"novelai"},
        {
            "comfy": "write ({inside}:0.9)",
            "compel": "write ({inside})0.9",
            "midjourney": "make it a part of its own, {inside}::0.9",
            "": "write {inside}",
        },
    ),
    Habit(
        "a1111",
        "a call of an extra network",
        re.compile(r"(?P<hit><(?:lora|lyco|hypernet):(?P<inside>[^<>]++)>)"),
        _A1111,
        {
            "compel": "write withLora(name, weight)",
            "": "take it out and load the network in the tool itself",
        },
    ),
    *(
        Habit(
            "a1111",
            f"a mark between {what}",
            re.compile(rf"(?P<hit>\b{word}\b)"),
            known,
            {
                "compel": 'write ("one prompt", "another").and()',
                "midjourney": "divide the prompt with ::",
                "": "take it out, or read the text as a1111",
            },
            _shouted,
        )
        for word, what, known in (
            ("BREAK", "chunks", _A1111),
            ("AND", "prompts", frozenset({"a1111"})),
        )
    ),
    Habit(
        "novelai",
        "emphasis in braces",
        re.compile(r"(?<![\\$])(?P<hit>\{(?P<inside>[^{}|]*+)\}++)"),
        frozenset({"novelai", "midjourney"}),
        {
            "a1111": "write ({inside}:1.05)",
            "sdnext": "write ({inside}:1.05)",
            "comfy": "write ({inside}:1.05)",
            "compel": "write ({inside})1.05",
            "": "write {inside}",
        },
        _placeholder,
    ),
    Habit(
        "dynamic prompts",
        "a choice that a tool makes before it reads the prompt",
        re.compile(
            r"(?P<hit>(?<!\\)\{[^{}|]*+\|[^{}]*+\}|(?<!\w)__(?:[^\W_]|[*/-]|_(?!_))++__(?!\w))"
        ),
        frozenset(),
        {"": "write the choice itself"},
    ),
    Habit(
        "novelai",
        "a weight before its text",
        re.compile(rf"(?<![\w.:])(?P<hit>(?P<weight>{_NUMBER})::(?P<inside>[^:\s][^:]*+)::)"),
        frozenset({"novelai"}),
        {
            "a1111": "write ({inside}:{weight})",
            "sdnext": "write ({inside}:{weight})",
            "comfy": "write ({inside}:{weight})",
            "compel": "write ({inside}){weight}",
            "": "read the text as novelai",
        },
    ),
    Habit(
        "compel",
        "weights by + and -",
        re.compile(
            r"(?P<hit>(?<![\w+#'’/-])(?!(?:disney|google|lgbtq?i?a?|hbo|canal|notepad)\+)"
            r"[a-z](?:[a-z'’_]|-(?=[a-z]))++(?:\+++(?=[\s,.;)\]]|\Z)|-{2,}+(?=[,;)\]]|\Z))"
            r"|\)(?:\+++|-++|\d*+\.\d++)(?=[\s,;)\]]|\Z)"
            r"|\"(?:\+++|-{2,}+)(?=[\s,;)\]]|\Z))",
            re.IGNORECASE,
        ),
        frozenset({"compel"}),
        {
            "a1111": "write (word:1.1) for word+, (word:0.9) for word-",
            "sdnext": "write (word:1.1) for word+, (word:0.9) for word-",
            "comfy": "write (word:1.1) for word+, (word:0.9) for word-",
            "": "take the marks away",
        },
    ),
    Habit(
        "compel",
        "a function call",
        re.compile(r"(?P<hit>[)\w\"]\.(?:and|blend|swap|attend)\s*+\(|\b(?:with|use)Lora\s*+\()"),
        frozenset({"compel"}),
        {"": "read the text as compel, or write its words alone"},
    ),
    Habit(
        "midjourney",
        "a parameter",
        re.compile(
            r"(?:(?<=\s)|(?<![\s\S]))(?P<hit>(?:--|—)(?:no\s++(?P<inside>[^\s—-][^—\n]{0,40}+)"
            r"|(?:ar|aspect|v|version|niji|style|stylize|s|quality|q|chaos|c|seed|tile|iw|weird"
            r"|sref|cref|stop|raw|repeat)(?![\w-])))"
        ),
        frozenset({"midjourney"}),
        {"": "put what stands behind --no in the negative, and the others in the tool's settings"},
    ),
    Habit(
        "midjourney",
        "a weight of a part",
        re.compile(
            rf"\[[^\[\]]*+\]|(?<![\w.:]){_NUMBER}::[^:\s][^:]*+::"
            rf"|(?P<hit>(?<=[^\s:\[(])::(?:{_NUMBER})?)(?=[\s,]|\Z)"
        ),
        frozenset({"midjourney"}),
        {
            "a1111": "write (text:1.5), or join parts with AND",
            "sdnext": "write (text:1.5), or join parts with AND",
            "comfy": "write (text:1.5)",
            "compel": "write (text)1.5",
            "novelai": "write 1.5::text::",
            "": "write the text alone",
        },
    ),
    Habit(
        "comfy",
        "an embedding by name",
        re.compile(r"(?P<hit>\bembedding:(?P<inside>[^\s,()\[\]:]++))"),
        frozenset({"comfy"}),
        {"a1111": "write {inside}", "sdnext": "write {inside}", "": "write its name alone"},
    ),
    Habit(
        "AI Horde",
        "a negative behind ###",
        re.compile(r"(?<=[^\s#])\s*+(?P<hit>\#\#\#)(?!\#)(?=\s*+\S)"),
        frozenset(),
        {"": "put what stands behind it in the negative"},
    ),
    Habit(
        "kohya",
        "a negative behind --n",
        re.compile(r"(?<=\s)(?P<hit>--n)(?=\s++[^\s-])"),
        frozenset(),
        {"": "put what stands behind it in the negative"},
    ),
    Habit(
        "another script",
        "full-width brackets",
        re.compile(rf"(?P<hit>（(?P<inside>[^（）:：]*+)[:：]\s*+(?P<weight>{_NUMBER})\s*+[）)])"),
        frozenset(),
        {
            "a1111": "write ({inside}:{weight})",
            "sdnext": "write ({inside}:{weight})",
            "comfy": "write ({inside}:{weight})",
            "compel": "write ({inside}){weight}",
            "": "write {inside}",
        },
    ),
)
"""Every spelling that is pointed at, in the order of the notices."""
