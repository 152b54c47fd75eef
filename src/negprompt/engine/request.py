"""What is asked for, checked when it is made: a mistake is told before anything is loaded."""

import math
from dataclasses import asdict, dataclass, fields, replace
from datetime import date
from pathlib import Path
from typing import Any

from negprompt.encoding.choices import NULLS, OWN, Null, check_names, known
from negprompt.errors import PromptError, RequestError, Span, shown
from negprompt.guidance.rules import RULES
from negprompt.models.choices import NOTHING_BESIDE, Loading
from negprompt.models.schedulers import check
from negprompt.policy import enforcement
from negprompt.policy.layers import Layer
from negprompt.policy.plan import STEPS, Plan, plan

MAX_CHARACTERS = 50_000
"""Characters of a prompt: more than the tokens that are encoded at all can take."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Request:
    """What is asked for. Every value is checked here, and none is silently changed.

    ``None`` stands for the model's own default, or the dialect's; ``negative=None`` for no negative
    at all, which leaves it to the policies, while ``("",)`` is a negative that is empty on purpose
    and leaves it to enforced ones.

    Raises RequestError for a value out of range or unknown, and where an enforced policy could not
    act; PromptError for a text that cannot be read, or asks for what a policy forbids.
    """

    prompt: str
    negative: tuple[str, ...] | None = None
    """One text is encoded as it is; several are composed, one branch each."""
    negative_weights: tuple[float, ...] | None = None
    """Weight of each negative relative to the others."""
    model: str = "pocket"
    """``pocket``, a folder that holds a diffusers pipeline, a safetensors file, or a hub id."""
    loading: Loading = NOTHING_BESIDE
    """What is loaded beside the model, where to, and in how much memory."""
    cfg: float | None = None
    """Guidance scale, 1–100; 1 means no guidance."""
    steps: int | None = None
    """Denoising steps, 1–1000."""
    seed: int = 0
    """Seed of the first image; image ``i`` has ``seed + i``."""
    count: int = 1
    """Number of images, 1–10000."""
    size: tuple[int, int] | None = None
    """Width and height in pixels, multiples of 8 from 8 to 4096."""
    scheduler: str | None = None
    """A name of ``models.schedulers.SCHEDULERS``."""
    rule: str = "cfg"
    """A name of ``guidance.rules.RULES``."""
    rescale: float = 0.0
    """Guidance rescale, 0–1."""
    dialect: str = "a1111"
    """The language of all texts: a name of ``language.DIALECTS``."""
    scheme: str | None = None
    """How weights act on embeddings: a name of ``encoding.weighting.SCHEMES``."""
    normalise: str = "none"
    """How weights are spread first: a name of ``encoding.normalising.NORMALISATIONS``."""
    chunks: str | None = None
    """How texts are cut into chunks: a name of ``encoding.chunking.CHUNKINGS``."""
    match: str = "pad-empty"
    """How a shorter text gets as long as the longest: a name of ``encoding.compose.MATCHES``."""
    clip_skip: int | None = None
    """A1111's "Clip skip": 1 is the last layer of the text encoder, 2 the one before."""
    null: Null | None = None
    """What stands for no prompt where no negative is given: ``empty`` or ``zeros``."""
    embeddings: Path | None = None
    """A folder of textual inversions, which the texts call by name."""
    policies: tuple[Layer, ...] = ()
    """Layers of standing negatives; their order does not matter."""
    today: date | None = None
    """The day that their last days are compared with; the user's own day where it is not given."""
    image: str | None = None
    """A picture to start from instead of noise; it is brought to ``size``."""
    mask: str | None = None
    """A picture that is white where ``image`` is to be made anew."""
    strength: float | None = None
    """How much of the way is gone from ``image``, over 0 to 1; 0.75 where it is not given."""

    def __post_init__(self) -> None:
        """Check every value."""
        for text in (self.prompt, *(self.negative or ())):
            _check_text(text)
        if self.cfg is not None:
            _check_number("cfg", self.cfg, 1, 100)
        if self.steps is not None:
            _check_number("steps", self.steps, 1, 1000, whole=True)
        _check_number("count", self.count, 1, 10_000, whole=True)
        _check_number("seed", self.seed, 0, 2**63 - 1 - self.count, whole=True)
        _check_number("rescale", self.rescale, 0, 1)
        if self.size is not None:
            _check_size(self.size)
        if self.scheduler is not None:
            check(self.scheduler)
        if self.clip_skip is not None:
            _check_number("clip_skip", self.clip_skip, 1, 100, whole=True)
        if self.null is not None:
            known(self.null, NULLS, "null prompt", code="null-unknown")
        for policy in self.policies:
            _check_policy(policy)
        known(self.rule, RULES, "rule", code="rule-unknown")
        check_names(
            scheme=self.own_scheme,
            normalise=self.normalise,
            chunks=self.own_chunks,
            match=self.match,
        )
        self._check_start()
        self.planned()

    def _check_start(self) -> None:
        if self.image is None and (self.mask is not None or self.strength is not None):
            raise RequestError(
                f"{'a mask' if self.mask is not None else 'a strength'} without a picture",
                code="image-needed",
                cure="give the picture to start from with --image",
            )
        _check_number("strength", self.own_strength, 0, 1)
        if self.acting_steps == 0:
            raise RequestError(
                f"strength is {self.own_strength:g}, of {self.steps} steps none is left",
                code="value-out-of-range",
                cure="raise the strength, or the steps",
            )

    @property
    def seeds(self) -> tuple[int, ...]:
        """The seed of each image."""
        return tuple(range(self.seed, self.seed + self.count))

    @property
    def given(self) -> dict[str, Any]:
        """Its values where they are not the defaults, as plain data: another field adds nothing.

        Paths and days are texts.
        """
        plain = asdict(self, dict_factory=_plain)
        return {
            field.name: plain[field.name]
            for field in fields(self)
            if getattr(self, field.name) != field.default
        }

    @property
    def own_strength(self) -> float:
        """The strength, or what it is by default."""
        return 0.75 if self.strength is None else self.strength

    @property
    def day(self) -> date | None:
        """The day on which its policies act; None where it has none."""
        if not self.policies:
            return None
        return self.today or date.today()  # noqa: DTZ011 - the user's own day

    @property
    def acting_steps(self) -> int | None:
        """The steps that are taken: from a picture on, a part of them."""
        if self.steps is None or self.image is None:
            return self.steps
        return min(int(self.steps * self.own_strength), self.steps)

    def planned(self, family: str | None = None, *, literal: str | None = None) -> Plan:
        """The plan of its texts; where the steps are the model's own, over as many as is usual.

        Policies for certain families are left out while the ``family`` is not known.  A ``literal``
        text stands in for its prompt and is read in no language.  Raises as ``plan`` does, and
        RequestError ``enforced-inert``.
        """
        made = plan(
            self.prompt if literal is None else literal,
            self.negative or (),
            self.negative_weights,
            dialect=self.dialect,
            steps=self.acting_steps or STEPS,
            layers=self.policies,
            family=family,
            model=self.model,
            today=self.day,
            literal=literal is not None,
        )
        enforcement.check(made, self.cfg)
        return made

    def divided(self) -> "Request":
        """The same with one text for each negative, and nothing unwanted left in the prompt.

        AND in a negative divides it; what a Midjourney prompt rules out becomes a negative.
        """
        plan = self.planned()
        given = self.negative is not None or any(negative.is_typed for negative in plan.negatives)
        weights = tuple(negative.weight for negative in plan.negatives)
        even = not given or all(weight == 1 for weight in weights)
        return replace(
            self,
            prompt=plan.wanted,
            negative=tuple(negative.text for negative in plan.negatives) if given else None,
            negative_weights=None if even else weights,
        )

    @property
    def own_scheme(self) -> str:
        """The weighting scheme, by default that of the tool whose language is spoken."""
        return self.scheme or OWN.get(self.dialect, "a1111")

    @property
    def own_chunks(self) -> str:
        """The rule for chunks, by default that of the tool whose language is spoken."""
        return self.chunks or OWN.get(self.dialect, "a1111")


def _check_number(
    name: str,
    value: Any,
    low: float,
    high: float,
    *,
    whole: bool = False,
    multiple: int | None = None,
) -> None:
    """Raise RequestError ``value-out-of-range`` unless low ≤ value ≤ high."""
    kinds = (int,) if whole else (int, float)
    right = isinstance(value, kinds) and not isinstance(value, bool) and math.isfinite(value)
    if right and low <= value <= high and (multiple is None or value % multiple == 0):
        return
    kind = "a whole number" if whole else "a number"
    kind = kind if multiple is None else f"a multiple of {multiple}"
    raise RequestError(
        f"{name} is {shown(value)}",
        code="value-out-of-range",
        cure=f"give {kind} from {low} to {high}",
    )


def _check_size(size: Any) -> None:
    """Raise RequestError ``value-out-of-range`` unless both sides suit an autoencoder."""
    if not isinstance(size, tuple | list) or len(size) != 2:
        raise RequestError(
            f"the size is {shown(size)}",
            code="value-out-of-range",
            cure="give width and height, such as (128, 128)",
        )
    for name, pixels in zip(("width", "height"), size, strict=True):
        _check_number(name, pixels, 8, 4096, whole=True, multiple=8)


def _check_policy(policy: object) -> None:
    """Raise RequestError ``policy-not-a-layer``."""
    if not isinstance(policy, Layer):
        raise RequestError(
            f"the policy {shown(policy)} is no Layer",
            code="policy-not-a-layer",
            cure="read it with negprompt.policy.files.load(names)",
        )


def _plain(values: list[tuple[str, Any]]) -> dict[str, Any]:
    return {name: str(v) if isinstance(v, Path | date) else v for name, v in values}


def _check_text(text: object) -> None:
    """Raise PromptError ``prompt-too-long``; what is no text at all is left to the parser."""
    if not isinstance(text, str):
        return
    if len(text) > MAX_CHARACTERS:
        raise PromptError(
            f"a prompt has {len(text)} characters",
            code="prompt-too-long",
            cure=f"keep it within {MAX_CHARACTERS}",
            source=text,
            span=Span(MAX_CHARACTERS, len(text)),
        )
