"""A function of the user's own as a probe: ``package:function``.

The function is called with a list of PIL pictures and a term and returns one number from 0 to 1,
or None, for each picture.
"""

from negprompt.measure.named import function
from negprompt.measure.probes.asking import Probe


def own(name: str) -> Probe:
    """The probe that ``package:function`` names. Raises RequestError ``probe-not-found``."""
    found = function(name, code="probe-not-found", takes="pictures and a term")
    return Probe(name=name, ask=found)
