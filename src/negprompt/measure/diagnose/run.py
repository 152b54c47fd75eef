"""A case → its diagnosis: the six questions in order, the first answer that explains the flaw.

What costs no picture is asked first: a prompt that asks for the flaw by name is told at once.
"""

import re
from collections.abc import Callable
from pathlib import Path

from PIL.Image import Image

from negprompt.errors import shown
from negprompt.measure.ablate.gallery import Reader, gallery
from negprompt.measure.diagnose import drawn, read, said
from negprompt.measure.diagnose.said import Case
from negprompt.measure.diagnose.verdict import Diagnosis, Inquiry
from negprompt.measure.probes import Probe, answers
from negprompt.models.load import Model
from negprompt.policy.concepts import words_for


def diagnose(
    case: Case,
    image: Image,
    model: Callable[[], Model] | None,
    probe: Probe | None,
    folder: Path,
    *,
    seeds: int = 16,
    on_pictures: Callable[[int], None] = lambda _count: None,
) -> Diagnosis:
    """Return which change comes next.

    ``model`` loads the model where a question needs it, None where it is not here.  ``probe`` says
    whether the flaw is in a picture; ``folder`` keeps the pictures.  Raises what ``run`` and the
    probe raise.
    """
    inquiry = Inquiry(case.flaw, [])
    planned = case.request.planned(case.family)
    if (found := said.diagnosed(case, planned, inquiry)) is not None:
        return found
    term = said.naming(planned, case.flaw)[0]
    word, sure = (None, 0.0) if probe is None else _called(probe, image, case.flaw)
    wanted = said.asked_for(planned, case.flaw) or _known(probe, case)
    own = None if model is None else model()
    if own is not None:
        by_read = read.diagnosed(case.flaw, planned, term, own, inquiry, watched=word is not None)
        if by_read is not None:
            return by_read
    if wanted is not None:
        what = f"the prompt asks for it: {shown(wanted)}"
        return inquiry.end(6, "asked-for", what, f"take {shown(wanted)} out of the prompt")
    if own is None:
        what = "the texts are as they should be, and the model is not here to be asked"
        return inquiry.end(3, "undecided", what, "name it with --model")
    if probe is None or word is None:
        what = "nothing here can say whether it is in a picture, so nothing is drawn"
        return inquiry.end(4, "undecided", what, "name one that knows it with --probe")
    inquiry.note(1, f"{probe.name} says that it is in the picture with p = {sure:.2f}")
    place = gallery(own, folder, on_pictures)
    learned = read.is_learned(case.flaw, own)
    easel = drawn.Easel(case, term, place, Reader(probe, place.folder), word, learned, seeds)
    return drawn.diagnosed(easel, inquiry)


def _known(probe: Probe | None, case: Case) -> str | None:
    """Return the words of the prompt that are another name for the flaw to the probe."""
    wanted = frozenset[str]() if probe is None else probe.known(case.flaw)
    if probe is None or not wanted:
        return None
    words = re.findall(r"[^\W\d_]+", case.request.prompt.lower())
    runs = (" ".join(words[at : at + n]) for n in (3, 2, 1) for at in range(len(words)))
    return next((run for run in runs if probe.known(run) & wanted), None)


def _called(probe: Probe, image: Image, flaw: str) -> tuple[str | None, float]:
    """Return the first word for a flaw that a probe knows, and p(present) in the picture."""
    for word in words_for(flaw):
        (said,) = answers(probe, [image], word)
        if said is not None:
            return word, said
    return None, 0.0
