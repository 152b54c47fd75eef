"""Schedules that never do what they look like: places in a text of A1111's or SD.Next's."""

from collections.abc import Iterator

from negprompt.errors import Span
from negprompt.language.detect import Finding, Side
from negprompt.language.excerpt import Excerpt
from negprompt.language.habits import SCHEDULE
from negprompt.language.schedules import is_off
from negprompt.language.stages import choices_in
from negprompt.language.unfolding import weighted_pieces, without_networks


def schedule_traps(source: str, dialect: str, side: Side) -> Iterator[Finding]:
    """Yield what a schedule will not do.

    ``schedules-off``: none of a text act, since a ``|`` stands outside an alternation or a lone
    backslash at the end.  ``schedule-never``: ``[x:1.5]`` is no weight; its number is a share of
    the steps, and from 1.0 on that is behind the last one.
    """
    pieces = _pieces(source, dialect, side)
    if off := [span for piece in pieces if is_off(piece.text) for span in _look_alikes(piece)]:
        yield Finding(
            code="schedules-off",
            spans=tuple(off),
            what="changes nothing: a | outside an alternation, or a backslash at the end of a "
            "prompt, switches all its schedules off",
            cure="write \\| for a | that is meant as text",
        )
    choices = [choice for piece in pieces for choice in choices_in(piece)]
    if late := [choice.span for choice in choices if any(map(_is_late, choice.options))]:
        yield Finding(
            code="schedule-never",
            spans=tuple(late),
            what="is a schedule that changes behind the last step: a number with a point is a "
            "share of the steps",
            cure="write a share below 1, or (text:1.5) for a weight",
        )


def _pieces(source: str, dialect: str, side: Side) -> list[Excerpt]:
    if dialect == "sdnext":
        return [without_networks(source, side)[0]]
    return [piece for piece, _ in weighted_pieces(source, side)]


def _look_alikes(piece: Excerpt) -> Iterator[Span]:
    for match in SCHEDULE.finditer(piece.text):
        yield piece.span(Span(*match.span("hit")))


def _is_late(when: str) -> bool:
    return "." in when and float(when) >= 1
