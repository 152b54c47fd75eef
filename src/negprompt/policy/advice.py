"""A request, planned but not run, and what is known of its family → advice, each with its cure.

Knows no tensors: what tokens a text has is told to it.
"""

from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Final

from negprompt.errors import shown
from negprompt.language import findings, parse
from negprompt.policy.concepts import words_for
from negprompt.policy.families import Habits
from negprompt.policy.learned import unknown
from negprompt.policy.lookalikes import key
from negprompt.policy.plan import Plan, Term, terms

HEAVY: Final = 1.5
"""Weight from which a single term tends to spoil the rest (a rule of thumb, not measured)."""
USELESS: Final = ("nothing", "harms")
_CURES: Final = {
    "negative-equals-positive": "another negative, or none",
    "negative-inert": "leave it out",
    "negative-empty": "none needed if that was meant",
    "negative-from-prompt": "none needed if that was meant",
    "policy-gives-way": "take the words out of the prompt, if it was not meant",
    "prompt-against-policy": "take the words out of the prompt",
    "prompt-stripped": "none needed; the picture is made without them",
    "policy-not-for-model": "another model, or leave the policy out",
    "policy-expired": "ask its owner to renew it",
}


@dataclass(frozen=True, slots=True)
class Advice:
    """One thing to know before running a request: a stable code, what it is, what to do."""

    code: str
    text: str
    cure: str


@dataclass(frozen=True, slots=True)
class Asked:
    """A request as far as advice needs it."""

    planned: Plan
    prompt: str
    negatives: tuple[str, ...] = ()
    dialect: str = "a1111"
    cfg: float | None = None
    """The scale, None for the model's own."""
    habits: Habits | None = None
    past: tuple[str, ...] = ()
    """Terms past the first chunk of tokens, where the tokens are known."""
    vocabulary: Collection[str] | None = None
    """The words that the model learned, where they are known."""
    measured: Mapping[str, str] = field(default_factory=lambda: MappingProxyType({}))
    """Verdicts on terms: helps, nothing, harms."""

    def typed(self) -> tuple[Term, ...]:
        """The terms that were typed, over all negatives."""
        return tuple(
            term
            for branch, text in enumerate(self.negatives)
            for term in terms(parse(text, self.dialect), branch)
        )


def advise(asked: Asked) -> tuple[Advice, ...]:
    """Return all advice: what leaves the negative without effect first."""
    found = (
        *_inert(asked), *_unknown(asked), *_planned(asked), *_conflicts(asked),
        *_duplicates(asked), *_budget(asked), *_past(asked), *_texts(asked), *_heavy(asked),
        *_scale(asked), *_measured(asked),
    )  # fmt: skip
    return tuple(dict.fromkeys(found))


def _inert(asked: Asked) -> Iterator[Advice]:
    """Scale 1, and families in which guidance does not do what it does elsewhere."""
    habits = asked.habits
    if not asked.planned.negatives:
        return
    if habits is not None and habits.acts == "attention-rule":
        cure = "scale 1.5 to 2 with more steps, or the model that it was distilled from"
        yield Advice(code="negative-inert-family", text=f"{habits.title}: {habits.says}", cure=cure)
    elif habits is not None and habits.acts == "true-guidance" and asked.cfg in (None, 1):
        low, high = habits.scale
        cure = f"--cfg {low:g} to {high:g}, which is true guidance and doubles the passes"
        yield Advice(code="negative-inert-family", text=f"{habits.title}: {habits.says}", cure=cure)
    elif asked.cfg == 1:
        text = "at scale 1 the negative does nothing"
        yield Advice(code="scale-one", text=text, cure="a scale above 1")


def _unknown(asked: Asked) -> Iterator[Advice]:
    """Words that the model never learned."""
    if asked.vocabulary is not None:
        for notice in unknown(asked.planned, asked.vocabulary):
            yield Advice(notice.code, notice.text, "another word for the thing, or leave it out")


def _planned(asked: Asked) -> Iterator[Advice]:
    """What the plan says beside what is said of the texts themselves."""
    for notice in asked.planned.notices:
        if notice.code in _CURES:
            yield Advice(notice.code, notice.text, _CURES[notice.code])


def _conflicts(asked: Asked) -> Iterator[Advice]:
    """A typed term that the prompt asks for, by its words or a synonym."""
    wanted = {
        key(term.text): term.text
        for part in asked.planned.parts
        for acting in part.stretches
        for term in terms(acting.prompt)
    }
    said = " ".join(("", *wanted, ""))
    for term in asked.typed():
        for word in words_for(term.text):
            if f" {key(word)} " in said and key(word):
                text = f"the negative says {shown(term.text)}, and the prompt asks for {word!r}"
                yield Advice(
                    code="negative-conflicts", text=text, cure="take it out of one of the two"
                )
                break


def _duplicates(asked: Asked) -> Iterator[Advice]:
    """A term that says what an earlier one, or an active policy, says."""
    seen: dict[str, str] = {}
    for standing in asked.planned.standing:
        if not standing.is_hidden:
            for word in words_for(standing.text):
                seen.setdefault(key(word), f"{standing.text!r} of {' + '.join(standing.origins)}")
    for term in asked.typed():
        if (before := seen.get(key(term.text))) is not None:
            text = f"{shown(term.text)} says what {before} says"
            yield Advice(code="term-duplicate", text=text, cure="leave one of them out")
        for word in words_for(term.text):
            seen.setdefault(key(word), repr(term.text))


def _budget(asked: Asked) -> Iterator[Advice]:
    habits = asked.habits
    count = len(asked.typed()) + len(asked.planned.standing)
    if habits is None or count <= habits.terms:
        return
    text = f"{count} terms; {habits.title}: {habits.says} ({habits.source})"
    cure = f"about {habits.terms} at most; `negprompt ablate` says which do anything"
    yield Advice(code="terms-over-budget", text=text, cure=cure)


def _past(asked: Asked) -> Iterator[Advice]:
    if asked.past:
        some = ", ".join(shown(term, 30) for term in asked.past[:5])
        text = f"past the first chunk of tokens: {some}"
        yield Advice(
            code="term-past-limit",
            text=text,
            cure="shorten it; tools that read one chunk drop the rest",
        )


def _texts(asked: Asked) -> Iterator[Advice]:
    """Wrong dialects, denials in words, doubled ones, and the like."""
    found = list(findings(parse(asked.prompt, asked.dialect), side="positive"))
    yield from (Advice(f.code, f"prompt: {f.about(asked.prompt)}", f.cure) for f in found)
    for text in asked.negatives:
        for f in findings(parse(text, asked.dialect), side="negative"):
            yield Advice(f.code, f"negative: {f.about(text)}", f.cure)


def _heavy(asked: Asked) -> Iterator[Advice]:
    for term in asked.typed():
        if abs(term.weight) > HEAVY:
            text = f"{shown(term.text)} weighs {term.weight:.4g}, which takes from all other terms"
            yield Advice(
                code="weight-too-high",
                text=text,
                cure=f"at most {HEAVY:g}, or a higher scale instead",
            )


def _scale(asked: Asked) -> Iterator[Advice]:
    habits = asked.habits
    if habits is None or asked.cfg is None or asked.cfg == 1:
        return
    low, high = habits.scale
    if low <= asked.cfg <= high:
        return
    more = "; scales of 1 to 2 keep variety, and steer little" if asked.cfg < low else ""
    text = f"the scale is {asked.cfg:g}; usual for {habits.title} is {low:g} to {high:g}{more}"
    yield Advice(
        code="scale-unusual", text=text, cure=f"a scale from {low:g} to {high:g} ({habits.source})"
    )


def _measured(asked: Asked) -> Iterator[Advice]:
    verdicts = {key(name): verdict for name, verdict in asked.measured.items()}
    for term in asked.typed():
        verdict = verdicts.get(key(term.text))
        if verdict in USELESS:
            did = "does nothing" if verdict == "nothing" else "does harm"
            text = f"{shown(term.text)} was measured: it {did}"
            yield Advice(code="term-useless", text=text, cure="leave it out")
