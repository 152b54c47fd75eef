"""What can go wrong, and what is said without stopping.  Knows nothing of the rest of the package.

Every error that a user can mend is one of these; anything else is a bug of ours and keeps its
traceback::

    NegpromptError
    ├── PromptError     a text is to blame; source and span say where
    ├── RequestError    a value is out of range or unknown (steps, scale, rule, scheduler ...)
    ├── PolicyError     a policy file is to blame; source and span say where
    ├── ModelError      a model is unknown, does not load, or is of an unsupported kind
    └── OutputError     a file or folder cannot be written or read

Each carries a stable kebab-case ``code``, a ``message`` that holds the offending value, and a
``cure``.  ``str(error)`` is one line; ``error.caret()`` adds the text with ``^^^`` under the place.
"""

import unicodedata
from dataclasses import dataclass
from typing import Final

_BEFORE: Final = 30  # characters shown left of a span
_AFTER: Final = 30  # and right of it
_MARKED: Final = 40  # characters of a long span that are shown


@dataclass(frozen=True, slots=True)
class Span:
    """Characters ``start`` up to, not including, ``stop`` of a text."""

    start: int
    stop: int

    def __len__(self) -> int:
        """Return the number of characters."""
        return self.stop - self.start


@dataclass(frozen=True, slots=True)
class Notice:
    """Something said without stopping: a stable kebab-case ``code`` and one sentence."""

    code: str
    text: str


class NegpromptError(Exception):
    """A mistake that its maker can mend; raised as one of the subclasses.

    ``message`` holds the offending value, ``cure`` what to do.  ``source`` and ``span`` are the
    text and the place in it, where a text is to blame.
    """

    def __init__(
        self,
        message: str,
        *,
        code: str,
        cure: str,
        source: str | None = None,
        span: Span | None = None,
    ) -> None:
        super().__init__(message)
        self.message = message
        self.code = code
        self.cure = cure
        self.source = source
        self.span = span

    def __str__(self) -> str:
        """Return message and cure as one line, control characters spelled out."""
        line = f"{self.message} — {self.cure}"
        return "".join(c if c.isprintable() else ascii(c)[1:-1] for c in line)

    def caret(self) -> str:
        """Return ``str(self)``, the line of the source, and carets under the span.

        A long line is cut to a window around the span; characters that do not print are shown as
        the replacement character, wide ones count two columns.
        """
        if self.source is None or self.span is None:
            return str(self)
        return f"{self}\n{pointed(self.source, self.span)}"


class PromptError(NegpromptError):
    """A prompt cannot be read as its dialect demands."""


class RequestError(NegpromptError):
    """A value asked for is out of range or unknown."""


class PolicyError(NegpromptError):
    """A policy cannot be found, read, or used as it stands."""


class ModelError(NegpromptError):
    """A model is unknown, cannot be loaded, or is of a kind that is not supported."""


class OutputError(NegpromptError):
    """A file or folder cannot be written or read."""


def shown(value: object, limit: int = 60) -> str:
    """Return ``repr(value)`` for a message, cut in the middle to ``limit`` characters."""
    if isinstance(value, str) and len(value) > limit:
        head, tail = value[: limit - limit // 3], value[-(limit // 3) :]
        return f"{head!r}…{tail!r} ({len(value)} characters)"
    text = repr(value)
    return text if len(text) <= limit + 2 else f"{text[:limit]}…"


def pointed(source: str, span: Span) -> str:
    """Return two indented lines: a window of the line that holds the span, and the carets."""
    start = min(max(span.start, 0), len(source))
    first = source.rfind("\n", 0, start) + 1
    last = source.find("\n", start)
    last = len(source) if last < 0 else last
    stop = min(max(span.stop, start), last, start + _MARKED)
    low, high = max(first, start - _BEFORE), min(last, stop + _AFTER)
    left = ("…" if low > first else "") + _printable(source[low:start])
    marked = _printable(source[start:stop])
    right = _printable(source[stop:high]) + ("…" if high < last else "")
    carets = "^" * max(1, _columns(marked))
    return f"  {left}{marked}{right}\n  {' ' * _columns(left)}{carets}"


def _printable(text: str) -> str:
    return "".join(
        " " if c == "\t" else c if c.isprintable() else "\N{REPLACEMENT CHARACTER}" for c in text
    )


def _columns(text: str) -> int:
    """Return the terminal columns a text takes: two for wide characters, none for combining."""
    return sum(
        0 if unicodedata.combining(c) else 2 if unicodedata.east_asian_width(c) in "WF" else 1
        for c in text
    )
