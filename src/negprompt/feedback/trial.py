"""Suite ``feedback``: pictures with exactly one flaw, one plain complaint each → what became of it.

Beside the session stand what would have happened without it: nothing changed (the same picture
again, bit for bit), and the same number of new seeds with the same prompt.
"""

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial
from itertools import islice
from typing import Any, Final

from negprompt.engine import BATCH, Request, run
from negprompt.feedback.applying import apply
from negprompt.feedback.critique import critique
from negprompt.feedback.draft import Draft, asked, draft_of
from negprompt.measure.arms import SEEN_FROM, Bench, Setting
from negprompt.measure.memory import Readings
from negprompt.measure.suite import PROMPTS, TYPICAL
from negprompt.world.factors import PLACE_WORDS
from negprompt.world.judge import Reading

COMPLAINTS: Final[Mapping[str, str]] = {
    "blurry": "it is blurry",
    "noise": "it looks grainy",
    "low resolution": "I can see pixels, the resolution is too low",
    "watermark": "there is a watermark on it",
    "text": "there is text in the picture",
    "cropped": "it is cut off at the edge",
    "oversaturated": "the colors are oversaturated",
    "neon": "I don't like the neon colors",
    "clutter": "the background is too cluttered",
    "scarf": "please take the scarf off",
    "hat": "I don't want a hat",
    "parasol": "get rid of the parasol",
    "logo": "there should be no logo",
    "bee": "remove the bee",
}
"""What somebody says who sees the flaw and nothing else of note.

Flaws are the world's defects, looks and biases that its captions name often enough to be learned:
what has no name in training (border) or hardly one (lens flare) is an attribute like any other.
"""
OTHERS: Final = ("border", "lens flare", "waving", "balloon")
"""What else a picture may hold."""
SESSIONS, QUICK, KINDS, FEWEST, MOST = 100, 6, 8, 10, 20
"""Sessions, also of a quick run; KINDS of flaw have FEWEST of them or more, none over MOST."""
ROUNDS: Final = 2
BOUND: Final = 2400
"""Seeds that are looked at before the search gives up."""
NEW: Final = 1_000_000
"""Between a seed and the one that stands for it in a round of new seeds."""
_SCENES: Final = (*PROMPTS, *TYPICAL.values())


@dataclass(frozen=True, slots=True)
class Look:
    """What one judge says of one picture."""

    present: frozenset[str]
    """Of COMPLAINTS and OTHERS."""
    subject: str
    rest: tuple[str, ...]
    """Colour, place and style."""

    @property
    def flaws(self) -> frozenset[str]:
        """What somebody may complain of."""
        return self.present & COMPLAINTS.keys()

    def kept(self, before: "Look", flaw: str) -> float:
        """Share of the attributes before, but for subject and flaw, that are as they were."""
        same = [now == then for now, then in zip(self.rest, before.rest, strict=True)]
        names = [one for one in (*COMPLAINTS, *OTHERS) if one != flaw]
        others = [(one in self.present) == (one in before.present) for one in names]
        return sum(same + others) / len(same + others)


@dataclass(frozen=True, slots=True)
class End:
    """How one way of going on ended."""

    gone: bool
    """The flaw went within the rounds."""
    rounds: int
    subject_kept: bool
    kept: float
    """Share of the other attributes that are as they were."""
    terms: int
    """Terms that the negative gained."""


@dataclass(frozen=True, slots=True)
class Session:
    """One picture with one flaw, and how each way of going on ended, by judge."""

    flaw: str
    prompt: str
    seed: int
    edited: Mapping[str, End]
    again: Mapping[str, End]
    rerolled: Mapping[str, End]


def sessions(
    bench: Bench, judge: str, setting: Setting, wanted: int = SESSIONS
) -> Iterator[Session]:
    """Yield the sessions, in order of seeds; ``judge`` finds the flaws and says when one is gone.

    Every other judge only looks at what that one chose.  ``setting.n`` is not used.
    """
    for flaw, request, before in islice(_found(bench, judge, setting), wanted):
        edited, terms = _edited(bench, judge, flaw, request)
        rerolled = _rerolled(bench, judge, flaw, request, setting)
        yield Session(
            flaw,
            request.prompt,
            request.seed,
            _ends(flaw, before, edited, terms),
            _ends(flaw, before, [before]),
            _ends(flaw, before, rerolled),
        )


def _found(bench: Bench, judge: str, setting: Setting) -> Iterator[tuple[str, Request, Readings]]:
    """Yield the first pictures that show exactly one flaw, with their requests.

    A kind is taken up to MOST times, while enough sessions are left for KINDS of them to get to
    FEWEST.
    """
    counts: Counter[str] = Counter()
    for first in range(setting.seed, setting.seed + BOUND, BATCH):
        colour, subject, place = _SCENES[first // BATCH % len(_SCENES)]
        prompt = f"a {colour} {subject} {PLACE_WORDS[place][0]}"
        seen = bench.arm(prompt, None, replace(setting, n=BATCH, seed=first))
        for k in range(BATCH):
            one = {name: _single(reading, k) for name, reading in seen.items()}
            flaws = _look(one[judge]).flaws
            if len(flaws) != 1 or not _has_room(counts, flaw := next(iter(flaws))):
                continue
            counts[flaw] += 1
            yield flaw, setting.request(prompt, None, first + k, 1), one


def _has_room(counts: Counter[str], flaw: str) -> bool:
    """Whether one more leaves enough sessions for KINDS of them to get to FEWEST."""
    after = counts + Counter([flaw])
    most = [count for _, count in after.most_common(KINDS)]
    missing = FEWEST * (KINDS - len(most)) + sum(max(0, FEWEST - count) for count in most)
    return after[flaw] <= MOST and after.total() + missing <= SESSIONS


def _edited(bench: Bench, judge: str, flaw: str, request: Request) -> tuple[list[Readings], int]:
    """The pictures of a session in which the same complaint is made until the flaw is gone."""
    draft, seen = draft_of(request), list[Readings]()
    for _ in range(ROUNDS):
        draft = apply(critique(COMPLAINTS[flaw], draft).edits, draft).draft
        seen.append(_drawn(bench, asked(draft, request), draft))
        if flaw not in _look(seen[-1][judge]).flaws:
            break
    return seen, len(draft.own)


def _rerolled(
    bench: Bench, judge: str, flaw: str, request: Request, setting: Setting
) -> list[Readings]:
    """The pictures of new seeds, drawn until the flaw is gone."""
    seen = list[Readings]()
    for number in range(1, ROUNDS + 1):
        seed = request.seed + number * NEW
        seen.append(bench.arm(request.prompt, None, replace(setting, n=1, seed=seed)))
        if flaw not in _look(seen[-1][judge]).flaws:
            break
    return seen


def _drawn(bench: Bench, request: Request, draft: Draft) -> Readings:
    """What the judges see in the picture of a draft."""
    question = {
        "feedback": [[one.text, one.weight] for one in draft.own],
        "negative": list(draft.negative or ()),
        "prompt": request.prompt,
        "seed": request.seed,
        "scale": request.cfg,
        "steps": request.steps,
    }
    return bench.look(question, partial(_pictures, request, bench))


def _pictures(request: Request, bench: Bench) -> Any:
    return run(request, model=bench.model).images


def _ends(flaw: str, before: Readings, seen: Sequence[Readings], terms: int = 0) -> dict[str, End]:
    """How it ended by each judge."""
    ends = {}
    for name, reading in before.items():
        first, last = _look(reading), _look(seen[-1][name])
        kept = last.subject == first.subject
        ends[name] = End(flaw not in last.flaws, len(seen), kept, last.kept(first, flaw), terms)
    return ends


def _single(reading: Reading, k: int) -> Reading:
    """What was read of picture k."""
    one = slice(k, k + 1)
    classes = {factor: values[one] for factor, values in reading.classes.items()}
    return Reading(classes, reading.present[one])


def _look(reading: Reading) -> Look:
    names = (*COMPLAINTS, *OTHERS)
    present = frozenset(one for one in names if reading.presence(one)[0] > SEEN_FROM)
    subject, *rest = (reading.label(f)[0] for f in ("subject", "colour", "place", "style"))
    return Look(present, subject, tuple(rest))
