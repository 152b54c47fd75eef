"""One model call of a pipeline, taken apart and put together again for other conditions.

It knows the names of a denoiser's arguments and which of them carry one row per image; it does not
know rules.
"""

import inspect
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

ROWWISE = (
    "timestep",
    "timestep_cond",
    "class_labels",
    "encoder_attention_mask",
    "added_cond_kwargs",
    "down_block_additional_residuals",
    "mid_block_additional_residual",
    "down_intrablock_additional_residuals",
)
"""Arguments that may carry one row per image, besides the sample and the embeddings."""


@dataclass(frozen=True, slots=True)
class Fields:
    """Where a family's denoiser takes its inputs."""

    sample: str = "sample"
    embeds: str = "encoder_hidden_states"
    pooled: tuple[str, str] | None = None
    """A dictionary argument and the key in it, for denoisers that take a pooled embedding."""


@dataclass(frozen=True, slots=True)
class Rows:
    """One condition for every image of a call."""

    embeds: Tensor
    """``[b, t, d]``"""
    pooled: Tensor | None = None
    """``[b, p]``"""
    negative: bool = False
    """Whether the other arguments are those of the pipeline's negative half (pair mode)."""


@dataclass(frozen=True, slots=True)
class Call:
    """The arguments of one model call by name, for ``images`` images."""

    fields: Fields
    arguments: Mapping[str, Any]
    images: int
    paired: bool
    """Whether the rows are ``[negative, positive]``, twice the number of images."""

    @classmethod
    def of(
        cls,
        module: Any,
        args: Sequence[Any],
        kwargs: Mapping[str, Any],
        fields: Fields,
        *,
        paired: bool,
    ) -> "Call":
        """Name the arguments of a call by the denoiser's own signature."""
        forward = type(getattr(module, "_orig_mod", module)).forward
        arguments = inspect.signature(forward).bind_partial(module, *args, **kwargs).arguments
        arguments.pop("self", None)
        rows = arguments[fields.sample].shape[0]
        return cls(fields, arguments, rows // 2 if paired else rows, paired)

    @property
    def rows(self) -> int:
        """Rows that the pipeline handed over."""
        return 2 * self.images if self.paired else self.images

    @property
    def timestep(self) -> float:
        """The timestep, which all rows share."""
        return float(torch.as_tensor(self.arguments["timestep"]).flatten()[0])

    def sample(self) -> Tensor:
        """The noisy sample ``[b, ...]``, scaled as the denoiser sees it."""
        sample: Tensor = self.arguments[self.fields.sample]
        return sample[self.rows - self.images :]

    def own(self, *, negative: bool) -> Rows:
        """The condition that the pipeline itself handed over on one side."""
        side = self._side(negative=negative)
        embeds = self.arguments[self.fields.embeds][side]
        pooled = None
        if self.fields.pooled is not None:
            name, key = self.fields.pooled
            pooled = self.arguments[name][key][side]
        return Rows(embeds, pooled, negative)

    def sides_agree(self) -> bool:
        """Whether the two halves differ in nothing but the condition."""
        pooled = self.fields.pooled[1] if self.fields.pooled else None
        halves: list[bool] = []

        def compare(tensor: Tensor) -> Tensor:
            halves.append(torch.equal(tensor[: self.images], tensor[-self.images :]))
            return tensor

        for name in ROWWISE:
            self._each(self.arguments.get(name), compare, skip=pooled)
        return all(halves)

    def batch(self, conditions: Sequence[Rows]) -> dict[str, Any]:
        """The arguments of one call that evaluates every condition, one after the other."""
        sides = [self._side(negative=rows.negative) for rows in conditions]

        def pick(tensor: Tensor) -> Tensor:
            return torch.cat([tensor[side] for side in sides])

        batch = dict(self.arguments)
        for name in (self.fields.sample, *ROWWISE):
            if name in batch:
                batch[name] = self._each(batch[name], pick)
        batch[self.fields.embeds] = torch.cat([rows.embeds for rows in conditions])
        if self.fields.pooled is not None:
            name, key = self.fields.pooled
            pooled = torch.cat([rows.pooled for rows in conditions if rows.pooled is not None])
            batch[name] = {**batch[name], key: pooled}
        return batch

    def _side(self, *, negative: bool) -> slice:
        first = 0 if negative else self.rows - self.images
        return slice(first, first + self.images)

    def _each(self, value: Any, change: Callable[[Tensor], Tensor], skip: str | None = None) -> Any:
        """Change every tensor in a value that has one row per image."""
        if isinstance(value, Tensor):
            return change(value) if value.ndim and value.shape[0] == self.rows else value
        if isinstance(value, dict):
            return {k: v if k == skip else self._each(v, change, skip) for k, v in value.items()}
        if isinstance(value, list | tuple):
            return type(value)(self._each(item, change, skip) for item in value)
        return value


def alike(a: Rows, b: Rows) -> bool:
    """Whether two conditions are the same up to rounding."""
    if a.embeds.shape != b.embeds.shape or not _close(a.embeds, b.embeds):
        return False
    if a.pooled is None or b.pooled is None:
        return a.pooled is b.pooled
    return _close(a.pooled, b.pooled)


def _close(a: Tensor, b: Tensor) -> bool:
    bound = 1e-5 * max(1.0, float(a.abs().max()))
    return float((a - b).abs().max()) <= bound
