"""``package:function`` → a function of the user's own.

It runs as the user's own code: name only what you trust.
"""

import sys
from importlib import import_module
from typing import Any

from negprompt.errors import RequestError, shown


def function(name: str, *, code: str, takes: str) -> Any:
    """What ``package:function`` names; modules beside the user are found too.

    ``takes`` says what the function should take. Raises RequestError with that ``code``.
    """
    place, _, attribute = name.partition(":")
    if "" not in sys.path:
        sys.path.insert(0, "")
    try:
        found: Any = import_module(place)
        for part in attribute.split("."):
            found = getattr(found, part)
    except (ImportError, AttributeError, ValueError) as error:
        raise RequestError(
            f"{shown(name)} cannot be found: {error}",
            code=code,
            cure="name a module that Python can import, a colon, and a function in it",
        ) from error
    if not callable(found):
        raise RequestError(
            f"{shown(name)} is {shown(found)}, which is no function",
            code=code,
            cure=f"name a module, a colon, and a function that takes {takes}",
        )
    return found
