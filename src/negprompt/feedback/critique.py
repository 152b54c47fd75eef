"""Words about a picture, and the draft that it was made from → edits, each with its reason."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final, Literal

from negprompt.errors import Notice, shown
from negprompt.feedback.draft import Draft, Edit
from negprompt.feedback.rules import Reading, complaint, read
from negprompt.policy.concepts import words_for
from negprompt.policy.lookalikes import key
from negprompt.world.factors import BINARY

if TYPE_CHECKING:
    from PIL.Image import Image

    from negprompt.feedback.endpoint import Endpoint
    from negprompt.measure.probes import Probe

IN_CORNERS: Final = ("watermark", "text", "logo")
"""What an unnamed thing in a corner is, the likeliest first."""
LONGEST: Final = 2_000
"""Characters of what was said that are read."""


@dataclass(frozen=True, slots=True)
class Critique:
    """What was made of words: edits, what there is to say, who read them."""

    edits: tuple[Edit, ...]
    notices: tuple[Notice, ...] = ()
    source: Literal["rules", "endpoint"] = "rules"
    """Who proposed the edits."""
    is_content: bool = False
    """Whether they say that the picture is as it should be."""


def critique(
    text: str,
    draft: Draft,
    *,
    image: "Image | None" = None,
    probe: "Probe | None" = None,
    endpoint: "Endpoint | None" = None,
) -> Critique:
    """Return the edits that words about a picture ask for.  English; offline unless ``endpoint``.

    With ``image`` and a ``probe`` that can describe it (the judge of the pocket model), words that
    name nothing ("what is that in the corner?") are answered by what the probe sees.  An
    ``endpoint`` proposes edits, which are checked like any others; where it fails, the rules read
    the words.  Notices: ``critique-unread``, ``critique-sarcasm``, ``critique-too-long``,
    ``edit-enforced``, ``edit-protected``, ``endpoint-failed``.
    """
    notices: list[Notice] = []
    if len(text) > LONGEST:
        said = f"{len(text)} characters were said, and the first {LONGEST} are read"
        notices.append(Notice("critique-too-long", said))
        text = text[:LONGEST]
    proposed = None
    if endpoint is not None:
        from negprompt.feedback.endpoint import EndpointError

        try:
            proposed = endpoint.propose(text, draft, image)
        except EndpointError as error:
            said = f"the endpoint gave nothing to use ({error}), so the rules read your words"
            notices.append(Notice("endpoint-failed", said))
    reading = proposed or read(text, draft)
    edits = (*reading.edits, *_looked(reading, draft, image, probe))
    kept, refused = checked(edits, draft, from_user=proposed is None)
    notices += [*reading.notices, *refused]
    if not (edits or notices or reading.is_content):
        said = (
            f'no edit follows from {shown(text)}: say what is wrong, as in "the hands look wrong"'
        )
        notices.append(Notice("critique-unread", said))
    source: Literal["rules", "endpoint"] = "rules" if proposed is None else "endpoint"
    return Critique(kept, tuple(notices), source, reading.is_content and not kept)


def checked(
    edits: Sequence[Edit], draft: Draft, *, from_user: bool
) -> tuple[tuple[Edit, ...], tuple[Notice, ...]]:
    """Return the edits that may be, and why the others may not.

    No edit takes away or asks for what a policy enforces; what was praised is steered away from
    only where the user says so.
    """
    kept, refused = [], []
    for edit in dict.fromkeys(edits):
        held = draft.find(edit.term) if edit.term else None
        if (
            held is not None
            and held.is_enforced
            and edit.action in ("remove", "weaken", "positive")
        ):
            said = f"{shown(held.text)} stays: the policy {held.layer} enforces it"
            refused.append(Notice("edit-enforced", said))
        elif not from_user and edit.action in ("add", "strengthen") and _praised(edit, draft):
            said = f"{shown(edit.term)} was praised, so nothing steers away from it"
            refused.append(Notice("edit-protected", said))
        else:
            kept.append(edit)
    return tuple(kept), tuple(refused)


def _praised(edit: Edit, draft: Draft) -> bool:
    names = {key(word) for word in words_for(edit.term)}
    return any(key(one) in names for one in draft.protected)


def _looked(
    reading: Reading, draft: Draft, image: "Image | None", probe: "Probe | None"
) -> Iterator[Edit]:
    """Yield the edits of complaints that name nothing, by what is seen in the picture."""
    known = {edit.term for edit in reading.edits} & {"signature", *IN_CORNERS}
    unnamed = [
        one for one in reading.unnamed if not known and (one.is_cornered or not reading.edits)
    ]
    if not unnamed:
        return
    seen: frozenset[str] = frozenset()
    if image is not None and probe is not None and probe.describe is not None:
        (seen,) = probe.describe([image])
    wanted = f" {key(draft.positive)} "
    there = [
        n for n in BINARY if n in seen and f" {key(n)} " not in wanted and n not in draft.protected
    ]
    for remark in unnamed:
        quoted = f"you said {shown(remark.said)}"
        cornered = [name for name in IN_CORNERS if name in there]
        if remark.is_cornered and cornered:
            yield complaint(cornered[0], draft, f"{quoted}, and the judge sees {cornered[0]}")
        elif remark.is_cornered and not seen:
            guess = "and a thing in a corner that nobody names is mostly a watermark"
            yield complaint(IN_CORNERS[0], draft, f"{quoted}, {guess}")
        else:
            yield from (complaint(n, draft, f"{quoted}, and the judge sees {n}") for n in there)
