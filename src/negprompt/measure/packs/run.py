"""The pocket packs → what each did, whole and term by term, on prompts fixed before any picture.

A pack's prompts name subject, colour and place, and are silent about what its terms name.  They are
those of the suite ``negatives`` where it has some, so that pictures serve both:

- ``pocket-floor``: the first three that the suite's defects take in turn;
- ``pocket-brand``: the three kinds of subject that can bear a logo, in the table of concepts;
- ``pocket-medical``: the parts of a body, in a room, as the medical bot has them: it was known that
  in a studio this model draws hardly a cartoon.  The table gives a style the same prevalence
  everywhere, so it knows no place or subject where a clinical look is likelier.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from typing import Final

from negprompt.measure.arms import Bench, Setting
from negprompt.measure.compare import concept_of
from negprompt.measure.counted import SUBJECT, Arms, Row, row
from negprompt.measure.memory import Readings
from negprompt.measure.standing import text_under
from negprompt.measure.suite import ELSEWHERE, PROMPTS, TYPICAL
from negprompt.policy import Layer
from negprompt.policy.files import folders, listed, read
from negprompt.world.factors import PLACE_WORDS

CHOSEN: Final[Mapping[str, tuple[tuple[str, str, str], ...]]] = {
    "pocket-floor": PROMPTS[:3],
    "pocket-brand": (TYPICAL["logo"], ELSEWHERE["logo"], PROMPTS[0]),
    "pocket-medical": (
        ("red", "heart", "room"),
        ("white", "tooth", "room"),
        ("yellow", "hand", "room"),
    ),
}
"""Colour, subject and place of each pack's prompts."""
WANTED: Final[Mapping[str, tuple[str, str]]] = {"pocket-medical": ("clinical style", "diagram")}
"""What a pack is to leave more of, in words and as the world calls it."""
ANY: Final = "any of these"
THE_SUBJECT: Final = "the subject"
FULL, QUICK = 64, 8
"""Paired seeds a prompt."""


@dataclass(frozen=True, slots=True)
class Pack:
    """A pack, its prompts, and what each of its terms names."""

    layer: Layer
    prompts: tuple[str, ...]
    terms: Mapping[str, str]

    def negative(self, setting: Setting) -> str:
        """All that acts of it, as ``generate --policy`` encodes it where nothing is typed.

        Raises RequestError ``enforced-inert`` at a scale at which it could not act.
        """
        requests = (setting.request(prompt, None, setting.seed, 1) for prompt in self.prompts)
        (text,) = {text_under(self.layer, request) for request in requests}
        return text


@dataclass(frozen=True, slots=True)
class Found:
    """What a pack did."""

    pack: Pack
    negative: str
    whole: tuple[Row, ...]
    """Under the whole pack: each term's concept, any of them, what is wanted, the subject."""
    alone: tuple[Row, ...]
    """Each term's concept under that term and no other."""


@dataclass(frozen=True, slots=True)
class Report:
    """What all packs did; the first of the judges is the one whose word counts."""

    id: str
    model: str
    setting: Setting
    judges: tuple[str, ...]
    found: tuple[Found, ...]


def packs() -> tuple[Pack, ...]:
    """The packs that are measured, from the files that ship."""
    known = listed(folders()[-1:])
    found = []
    for name, chosen in CHOSEN.items():
        layer = read(known[name], known)
        prompts = tuple(f"a {c} {subject} {PLACE_WORDS[p][0]}" for c, subject, p in chosen)
        terms = {term.text: concept_of(term.text) or term.text for term in layer.terms}
        found.append(Pack(layer, prompts, terms))
    return tuple(found)


def arms(setting: Setting) -> tuple[tuple[str, str | None], ...]:
    """Prompt and negative of every arm, each once."""
    found: dict[tuple[str, str | None], None] = {}
    for pack in packs():
        negatives = (None, pack.negative(setting), *pack.terms)
        found |= {(prompt, negative): None for prompt in pack.prompts for negative in negatives}
    return tuple(found)


def measure(
    bench: Bench,
    setting: Setting,
    judge: str,
    name: str,
    on_found: Callable[[Found], None] = lambda _found: None,
) -> Report:
    """Measure every pack; ``judge`` is named first, ``on_found`` is told each as it is finished."""
    judges = (judge, *(one for one in bench.judges if one != judge))
    arm = cache(lambda prompt, negative: bench.arm(prompt, negative, setting))
    found = []
    for pack in packs():
        found.append(_found(pack, pack.negative(setting), judges, arm))
        on_found(found[-1])
    return Report(name, bench.model.name, setting, judges, tuple(found))


def _found(
    pack: Pack, negative: str, judges: Sequence[str], arm: Callable[[str, str | None], Readings]
) -> Found:
    def against(text: str) -> list[Arms]:
        return [Arms(prompt, arm(prompt, None), arm(prompt, text)) for prompt in pack.prompts]

    seen: dict[str, tuple[str, ...]] = {text: (concept,) for text, concept in pack.terms.items()}
    seen[ANY] = tuple(pack.terms.values())
    if pack.layer.name in WANTED:
        words, style = WANTED[pack.layer.name]
        seen[words] = (style,)
    seen[THE_SUBJECT] = SUBJECT
    whole = against(negative)
    alone = {text: against(text) for text in pack.terms}
    return Found(
        pack,
        negative,
        tuple(row(what, names, j, whole) for j in judges for what, names in seen.items()),
        tuple(row(t, (pack.terms[t],), j, both) for j in judges for t, both in alone.items()),
    )
