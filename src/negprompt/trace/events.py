"""What each stage did, in plain numbers and words that go into JSON as they are.

One frozen event per stage, in the order of the line: ``Parsed`` → ``Planned`` → ``Encoded`` →
``Stepped`` (once per step and image) → ``Finished``. No tensor is kept, and no stage imports this
module: the engine alone writes events.
"""

import math
from dataclasses import asdict, dataclass
from typing import Any


@dataclass(frozen=True, slots=True)
class Parsed:
    """The texts as they were read."""

    dialect: str
    """Dialect in which the texts were read."""
    positive: str
    """Positive prompt, as typed."""
    negatives: tuple[str, ...]
    """Negative prompts, as typed, one per composed branch; empty when there was none."""


@dataclass(frozen=True, slots=True)
class Planned:
    """What is sent to the model."""

    effective_negative: str
    """The negative that acts, all layers joined."""
    raw_negative: str
    """The negative that the user typed."""
    terms: tuple[tuple[str, float, str], ...]
    """Each term of the negatives: text, weight, who put it there.

    That is ``user`` or labels of layers; an owner-only term has them in place of its text, too.
    """
    notices: tuple[tuple[str, str], ...]
    """Code and text of everything said without stopping."""


@dataclass(frozen=True, slots=True)
class Encoded:
    """The tensors that the model is conditioned on, by size only."""

    scheme: str
    """Weighting scheme."""
    chunks: int
    """Chunks of 75 tokens; the same for positive, negatives and null."""
    positive_tokens: int
    """Tokens of the positive prompt, without begin, end and padding."""
    negative_tokens: tuple[int, ...]
    """Tokens of each negative."""
    against: str
    """What the positive is guided away from: ``negative`` or ``null``."""


@dataclass(frozen=True, slots=True)
class Stepped:
    """What the negative did to one image at one step.

    ``n`` is the weighted mean of the negatives' predictions (or the null prediction where there
    is no negative), ``p`` the positive's; norms are Euclidean over all elements of a prediction.
    """

    image: int
    """Position of the image in the generation, from 0."""
    index: int
    """Step, from 0."""
    total: int
    """Number of steps."""
    log_snr: float
    """Log signal-to-noise ratio, clipped to ±20: finite also at zero terminal SNR."""
    passes: int
    """Rows evaluated for this image in this model call."""
    norm_positive_minus_negative: float | None
    """‖p − n‖; absent where no negative was evaluated."""
    cosine: float | None
    """cos(p, n); absent where no negative was evaluated or a prediction is zero."""
    norm_guided_minus_positive: float
    """‖g − p‖: how far guidance moved the prediction."""


@dataclass(frozen=True, slots=True)
class Finished:
    """What came out, and what it cost."""

    seeds: tuple[int, ...]
    """Seed of each image."""
    passes: int
    """Rows evaluated for one image over the whole run."""
    passes_per_step: float
    """Rows evaluated for one image in one model call, on average."""
    seconds: float
    """Wall time from the first model call's preparation to the last image."""


Event = Parsed | Planned | Encoded | Stepped | Finished


def to_json(event: Event) -> dict[str, Any]:
    """One event as a dictionary that ``json.dumps`` takes, its class name under ``event``.

    A number that JSON cannot hold (NaN, infinity) becomes null.
    """
    fields = {name: _plain(value) for name, value in asdict(event).items()}
    return {"event": type(event).__name__.lower(), **fields}


def _plain(value: Any) -> Any:
    if isinstance(value, float) and not math.isfinite(value):
        return None
    if isinstance(value, tuple | list):
        return [_plain(item) for item in value]
    return value
