"""Pictures and a term → p(present) for each picture, or None where the probe abstains.

``probe`` turns what a user writes into a probe: ``judge``, ``clip:MODEL``, ``vision:MODEL@URL``, a
function of the user's own as ``package:function``, or ``none``.
"""

from negprompt.errors import RequestError, shown
from negprompt.measure.probes.asking import Answers, Probe, answers

__all__ = ["Answers", "Probe", "answers", "probe"]

KINDS = "judge, judge:second, clip:MODEL, vision:MODEL@URL, package:function or none"


def probe(name: str) -> Probe | None:
    """The probe of a name; None for ``none``.

    Raises RequestError ``probe-unknown`` for a name that is none, ModelError where what it needs
    does not load.
    """
    kind, _, rest = name.partition(":")
    if name == "none":
        return None
    if kind == "judge" and rest in ("", "first", "second"):
        from negprompt.measure.probes.judged import judged

        return judged("second" if rest == "second" else "first")
    if kind == "clip" and rest:
        from negprompt.measure.probes.zero_shot import zero_shot

        return zero_shot(rest)
    if kind == "vision" and "@" in rest:
        from negprompt.measure.probes.vision import vision

        return vision(*rest.split("@", 1))
    if rest and kind not in ("judge", "clip", "vision"):
        from negprompt.measure.probes.own import own

        return own(name)
    raise RequestError(
        f"there is no probe {shown(name)}", code="probe-unknown", cure=f"choose {KINDS}"
    )
