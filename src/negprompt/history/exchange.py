"""What a chat needs to go on, and what it gives for a line."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Literal

from negprompt.engine import Generation
from negprompt.errors import Notice
from negprompt.feedback.ending import ROUNDS
from negprompt.history.opening import History
from negprompt.history.state import Edits
from negprompt.measure.probes import Probe
from negprompt.policy.layers import Layer
from negprompt.policy.plan import Plan

if TYPE_CHECKING:
    from negprompt.feedback.endpoint import Endpoint
    from negprompt.models.load import Model


@dataclass(frozen=True, slots=True, kw_only=True)
class Setup:
    """Who makes, looks and reads, and where things go."""

    model: "Model"
    out: Path
    policy: Callable[[str], Layer]
    """The layer of a policy's name."""
    probe: Probe | None = None
    endpoint: "Endpoint | None" = None
    history: History | None = None
    apply: Literal["auto", "ask"] = "auto"
    pairs: int = 0
    """Pairs of pictures on which each new term has to prove that it does something."""
    bound: int = ROUNDS
    """Rounds of edits after which the chat ends."""
    until_judge: bool = False
    """Whether it also ends where the probe finds nothing of what was complained about."""
    metadata: str = "full"
    on_step: Callable[[int, int], None] | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """What came of one line."""

    words: str
    edits: Edits = ()
    """What changed, terms that the budget put out among them."""
    pending: Edits = ()
    """What waits for a yes."""
    before: Plan | None = None
    """What the picture before was made by,"""
    after: Plan | None = None
    """and the newest."""
    picture: Path | None = None
    beside: Path | None = None
    """The picture before and this one, as one file."""
    made: Generation | None = None
    left: tuple[str, ...] | None = None
    """Terms of feedback that the probe still finds; None where nobody looked."""
    said: tuple[str, ...] = ()
    """Lines that a command answers with."""
    notices: tuple[Notice, ...] = ()
    ended: str | None = None
    """Why the chat is over."""
