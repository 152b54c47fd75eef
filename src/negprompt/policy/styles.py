"""Styles, which other tools keep in files: a template for each side, and what a tool makes of it.

``{prompt}`` in a template is where the user's own text goes.
"""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Any, Final, NamedTuple

from negprompt.language import uncommented

PLACE: Final = "{prompt}"
_SPACES: Final = re.compile(r"  ++")


@dataclass(frozen=True, slots=True)
class Style:
    """One style: its name, a template for each side, and other settings as the file has them."""

    name: str
    positive: str = ""
    negative: str = ""
    settings: Mapping[str, Any] = field(default_factory=lambda: MappingProxyType({}))

    @property
    def templates(self) -> tuple[str, str, str]:
        """What an export keeps."""
        return self.name, self.positive, self.negative


class Extracted(NamedTuple):
    """Whether a style was found in two texts, and what is left without it."""

    found: bool
    positive: str
    negative: str


class Around(NamedTuple):
    """A text with what an InvokeAI preset puts before and behind it."""

    before: str
    text: str
    behind: str


def applied(text: str, templates: Sequence[str]) -> str:
    """Return what A1111 makes of one side of a prompt and styles, in order; comments are left out.

    Every ``{prompt}`` becomes the text; a template without one follows it behind a comma.
    """
    made = uncommented(text).strip()
    for template in (uncommented(given).strip() for given in templates):
        if PLACE in template:
            made = template.replace(PLACE, made)
        else:
            made = ", ".join(filter(None, (made.strip(), template)))
    return made


def without(text: str, template: str) -> tuple[bool, str]:
    """Return whether A1111 finds a template in a text, and the text without it.

    Tested are what stands before the first ``{prompt}`` and behind it, or the end of the text.
    """
    whole = _SPACES.sub(" ", text.strip())
    template = _SPACES.sub(" ", uncommented(template).strip())
    before, place, behind = template.partition(PLACE)
    if not place:
        if not whole.endswith(template):
            return False, text
        return True, whole[: len(whole) - len(template)].removesuffix(", ")
    if not (whole.startswith(before) and whole.endswith(behind)):
        return False, text
    return True, whole[len(before) : len(whole) - len(behind)]  # "" also where the two overlap


def extracted(style: Style, positive: str, negative: str) -> Extracted:
    """Return what A1111 leaves of two texts without a style, where both sides of it are there."""
    unchanged = Extracted(False, positive, negative)
    if not style.positive and not style.negative:
        return unchanged
    found, wanted = without(positive, style.positive)
    there, unwanted = without(negative, style.negative)
    return Extracted(True, wanted, unwanted) if found and there else unchanged


def around(text: str, preset: str | None) -> Around:
    """Return what InvokeAI makes of a text and a preset: only the first ``{prompt}`` is filled."""
    if not preset:
        return Around("", text, "")
    before, place, behind = preset.partition(PLACE)
    return Around(before, text, behind) if place else Around("", f"{text} ", preset)
