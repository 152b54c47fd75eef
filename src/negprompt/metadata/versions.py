"""A1111's ``Version`` field → what older versions did otherwise.

The names are those of A1111's own settings for going back.
"""

import re
from collections.abc import Mapping
from typing import Any, Final

_VERSION: Final = re.compile(r"v?(\d+)\.(\d+)\.(\d+)(?:-(\d+))?(?:-g[0-9a-f]+)?")

Version = tuple[int, int, int, int]


def version(text: str | None) -> Version | None:
    """Return a version as numbers, the last one the commits since it; None for no version."""
    found = _VERSION.match(text or "")
    if found is None:
        return None
    major, minor, patch, after = found.groups()
    return int(major), int(minor), int(patch), int(after or 0)


def written(found: Version) -> str:
    """Return a version in the form of Python's packages, 1.7.0.post225."""
    major, minor, patch, after = found
    return f"{major}.{minor}.{patch}" + (f".post{after}" if after else "")


def differences(fields: Mapping[str, Any]) -> tuple[str, ...]:
    """Return what the version that made an image did otherwise, where that matters to it.

    ``fields`` holds the infotext's, and the text under ``Prompt``.
    """
    made = version(fields.get("Version"))
    if made is None:
        return ()
    old = made < (1, 6, 0, 0)
    asked = {
        "Old prompt editing timelines": old and "[" in fields.get("Prompt", ""),
        "Pad conds v0": old and fields.get("Sampler", "") in ("DDIM", "PLMS"),
        "Downcast alphas_cumprod": made < (1, 7, 0, 225),
        "Refiner switch by sampling steps": made < (1, 8, 0, 0) and bool(fields.get("Refiner")),
    }
    return tuple(name for name, needed in asked.items() if needed)
