"""A CSV file of the user's own → cases: columns ``prompt``, ``negative``, if need be ``antonym``.

What the negative names, and subject, colour, place and style of the prompt are found by their
words; what the world does not know is left out of what is counted.
"""

import csv
from pathlib import Path

from negprompt.engine import Request
from negprompt.errors import RequestError, shown
from negprompt.measure.compare import concept_of
from negprompt.measure.probes.judged import named
from negprompt.measure.protocol.cases import Case
from negprompt.world.judge import CLASSES


def cases(path: Path) -> tuple[Case, ...]:
    """The cases of a file.

    Raises RequestError ``prompts-unreadable``, and what Request raises for a text.
    """
    try:
        with path.open(newline="", encoding="utf-8") as file:
            rows = list(csv.DictReader(file))
        found = tuple(_case(row["prompt"], row["negative"], row.get("antonym")) for row in rows)
    except (OSError, KeyError, TypeError, AttributeError, UnicodeError, csv.Error) as error:
        raise RequestError(
            f"the prompts {shown(str(path))} cannot be read: {error!r}",
            code="prompts-unreadable",
            cure="give a CSV file with the columns prompt, negative and, if you like, antonym",
        ) from error
    if not found:
        raise RequestError(
            f"the prompts {shown(str(path))} are none",
            code="prompts-unreadable",
            cure="write a row for each prompt below the line prompt,negative",
        )
    return found


def _case(prompt: str, negative: str, antonym: str | None) -> Case:
    planned = Request(prompt=prompt, negative=(negative,)).planned()
    terms = (term.text for one in planned.negatives for term in one.terms)
    targets = tuple(dict.fromkeys(filter(None, map(concept_of, terms))))
    things = named(prompt)
    pins = {f: thing for f, names in CLASSES.items() for thing in things if thing in names}
    return Case(prompt, negative, targets, pins, (antonym or "").strip() or None)
