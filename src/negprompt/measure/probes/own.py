"""A function of the user's own as a probe: ``package:function``.

The function is called with a list of PIL pictures and a term and returns one number from 0 to 1,
or None, for each picture.  It runs as the user's own code: name only what you trust.
"""

import sys
from importlib import import_module
from typing import Any

from negprompt.errors import RequestError, shown
from negprompt.measure.probes.asking import Probe


def own(name: str) -> Probe:
    """The probe that ``package:function`` names; modules beside the user are found too.

    Raises RequestError ``probe-not-found``.
    """
    return Probe(name=name, ask=function(name))


def function(name: str) -> Any:
    """What ``package:function`` names. Raises RequestError ``probe-not-found``."""
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
            code="probe-not-found",
            cure="name a module that Python can import, a colon, and a function in it",
        ) from error
    if not callable(found):
        raise RequestError(
            f"{shown(name)} is {shown(found)}, which is no function",
            code="probe-not-found",
            cure="name a module, a colon, and a function that takes pictures and a term",
        )
    return found
