"""Where a chat stands, as a value: the request that it began with and the edits since.

Everything else follows.  ``apply`` is pure, so folding the edits over the request again gives the
same draft, and the draft the request of the next picture.
"""

from collections.abc import Sequence
from dataclasses import asdict, dataclass, replace
from typing import TYPE_CHECKING, Any, Self

from pydantic import ValidationError

from negprompt.engine import Request
from negprompt.errors import OutputError
from negprompt.feedback import Draft, Edit, asked, draft_of, replayed
from negprompt.history.opening import History
from negprompt.history.recording import REQUEST, layers_kept
from negprompt.history.replaying import layer_of
from negprompt.policy.layers import Layer

if TYPE_CHECKING:
    from negprompt.models.load import Model

Edits = tuple[Edit, ...]


@dataclass(frozen=True, slots=True)
class State:
    """All that a chat needs to go on."""

    request: Request
    """The first one, with the seed and the policies of now."""
    batches: tuple[Edits, ...] = ()
    """What was applied, line by line."""
    pending: Edits = ()
    """What waits for a yes."""
    is_due: bool = False
    """Whether a picture has to be made from it."""
    ended: str | None = None
    """Why the chat is over."""

    def draft(self, model: "Model") -> Draft:
        """What the next picture is asked with, as far as edits may change it."""
        begun = draft_of(self.request, family=model.family.name, scale=model.cfg)
        return replayed(begun, self.batches)

    def next(self, model: "Model") -> Request:
        """The request of the next picture. Raises as Request does."""
        return asked(self.draft(model), self.request)

    def applied(self, edits: Sequence[Edit]) -> Self:
        """The state after these edits; nothing is pending any more."""
        return replace(self, batches=(*self.batches, tuple(edits)), pending=())

    def to_json(self) -> dict[str, Any]:
        """What the history keeps: layers by their hash, so that no words of theirs are in it."""
        return {
            "request": REQUEST.dump_python(self.request, mode="json", exclude={"policies"}),
            "layers": [layer.hash for layer in self.request.policies],
            "batches": [list(map(asdict, edits)) for edits in self.batches],
            "pending": list(map(asdict, self.pending)),
            "is_due": self.is_due,
            "ended": self.ended,
        }


def kept(history: History, state: State) -> dict[str, Any]:
    """``state.to_json()``, once the layers that it names are in the history."""
    if state.request.policies:
        layers_kept(history, state.request.policies)
    return state.to_json()


def recalled(history: History, found: dict[str, Any]) -> State:
    """The state that the history kept. OutputError ``session-unreadable``."""
    try:
        layers = tuple(_layer(history, digest) for digest in found["layers"])
        request = REQUEST.validate_python(found["request"], strict=False)
        return State(
            request=replace(request, policies=layers),
            batches=tuple(_edits(rows) for rows in found["batches"]),
            pending=_edits(found["pending"]),
            is_due=found["is_due"],
            ended=found["ended"],
        )
    except (KeyError, TypeError, ValidationError) as error:
        raise _unreadable("this version keeps others") from error


def _layer(history: History, digest: str) -> Layer:
    layer = layer_of(history, digest)
    if layer is None:
        raise _unreadable(f"the policy with the hash {digest[:8]} is not what it was")
    return layer


def _unreadable(reason: str) -> OutputError:
    return OutputError(
        f"the session cannot go on: {reason}", code="session-unreadable", cure="begin another one"
    )


def _edits(rows: Sequence[dict[str, Any]]) -> Edits:
    return tuple(Edit(**row) for row in rows)
