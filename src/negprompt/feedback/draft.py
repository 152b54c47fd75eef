"""What the next picture is asked with, and edits to it.  Knows no words of complaint, no pictures.

A draft is a value: ``apply`` makes the next one from it and keeps the one before in it, so that an
undo is a look back.  What feedback adds stands in a layer of its own, of rank ``feedback``, beside
the policies; what was typed is rewritten only where an edit names a typed term.
"""

from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Final, Literal

from negprompt.policy.concepts import words_for
from negprompt.policy.layers import Layer, LayerTerm
from negprompt.policy.lookalikes import key
from negprompt.policy.plan import Plan

if TYPE_CHECKING:
    from negprompt.engine import Request

Action = Literal["add", "strengthen", "weaken", "remove", "protect", "positive", "scale", "undo"]
TYPED: Final = "user"
FEEDBACK: Final = "feedback"


@dataclass(frozen=True, slots=True)
class Edit:
    """One change to a draft, and why."""

    action: Action
    """add, strengthen, weaken, remove: a term of the negative. protect: a thing that no proposal
    may steer away from. positive: the prompt is changed instead. scale: the guidance scale.
    undo: the draft before the last edits comes back."""
    term: str
    """The words; "" where the edit is about none (scale, undo)."""
    reason: str
    """One sentence for people; it quotes what they said."""
    weight: float | None = None
    """add, strengthen, weaken: the weight that the term gets. scale: the factor on the scale."""
    without: str = ""
    """positive: words that the prompt loses; ``term`` holds those that it gains, or is ""."""


@dataclass(frozen=True, slots=True)
class Held:
    """A term that acts."""

    text: str
    weight: float
    layer: str = TYPED
    """``user`` where it was typed, ``feedback``, or labels of policies."""
    is_enforced: bool = False


@dataclass(frozen=True, slots=True)
class Own:
    """A term that feedback put there."""

    text: str
    weight: float
    reason: str = ""
    round: int = 0
    """The round in which somebody last asked for it."""
    effect: float | None = None
    """Share of pairs in which a check saw the thing go; None where nobody looked."""


@dataclass(frozen=True, slots=True)
class Draft:
    """What the next picture is asked with, as far as feedback may change it."""

    positive: str
    negative: tuple[str, ...] | None = None
    """As typed."""
    held: tuple[Held, ...] = ()
    """Terms that act and are not feedback's. Those that only a policy's owner may see are left out,
    so that no edit, reason or notice can give them away."""
    own: tuple[Own, ...] = ()
    """Terms of the feedback layer."""
    released: tuple[str, ...] = ()
    """Terms that policies which are not enforced would hold."""
    scale: float | None = None
    """None where it is not known."""
    dialect: str = "a1111"
    protected: tuple[str, ...] = ()
    """Things that were praised."""
    round: int = 0
    """Rounds of edits so far."""
    previous: "Draft | None" = field(default=None, repr=False, compare=False)
    """The draft that the last edits were applied to."""

    @property
    def layer(self) -> Layer | None:
        """Feedback's own terms as a policy layer, None where there are none."""
        if not self.own:
            return None
        return Layer(
            name=FEEDBACK,
            version=f"0.0.{self.round}",
            rank="feedback",
            mode="always",
            terms=tuple(LayerTerm(one.text, one.weight, one.reason) for one in self.own),
            reason="what was said of the pictures before",
        )

    def terms(self) -> Iterator[Held]:
        """Yield all terms that edits may name, feedback's own first."""
        yield from (Held(one.text, one.weight, FEEDBACK) for one in self.own)
        yield from self.held

    def find(self, term: str) -> Held | None:
        """Return the term that says the same, by its words or a synonym, strongest first."""
        names = {key(word) for word in words_for(term)}
        same = [one for one in self.terms() if key(one.text) in names]
        return max(same, key=lambda one: (one.is_enforced, one.weight), default=None)


def draft_of(request: "Request", *, family: str | None = None, scale: float | None = None) -> Draft:
    """Return the draft of a request.

    ``scale`` is the model's own, for requests that leave it open.  Raises as ``Request.planned``.
    """
    return Draft(
        positive=request.prompt,
        negative=request.negative,
        held=tuple(_held(request.planned(family))),
        scale=scale if request.cfg is None else request.cfg,
        dialect=request.dialect,
    )


def _held(planned: Plan) -> Iterator[Held]:
    for one in planned.standing:
        if not one.is_hidden:
            yield Held(one.text, one.weight, " + ".join(one.origins), one.is_enforced)
    for negative in planned.negatives:
        for term in negative.terms:
            if term.layer == TYPED:
                yield Held(term.text, term.weight)


def asked(draft: Draft, request: "Request") -> "Request":
    """Return the request that a draft of it asks for: same seed, same everything else.

    Raises as Request does, so ``policy-forbids`` where the new prompt asks for what is enforced.
    """
    released = {key(text) for text in draft.released}
    kept = tuple(
        layer if layer.is_enforced else _without(layer, released) for layer in request.policies
    )
    own = () if draft.layer is None else (draft.layer,)
    return replace(
        request,
        prompt=draft.positive,
        negative=draft.negative,
        cfg=request.cfg if draft.scale is None else draft.scale,
        policies=(*kept, *own),
    )


def _without(layer: Layer, released: set[str]) -> Layer:
    """Return a layer without some terms; its hash says that it is another one."""
    left = tuple(term for term in layer.terms if key(term.text) not in released)
    return layer if len(left) == len(layer.terms) else replace(layer, terms=left)
