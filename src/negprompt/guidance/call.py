"""One model call of a pipeline, taken apart and put together again for other conditions.

It knows the names of a denoiser's arguments and which of them carry one row per image; it does not
know rules.
"""

import inspect
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
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
    "guidance",
    "joint_attention_kwargs",
    "block_controlnet_hidden_states",
    "controlnet_block_samples",
    "controlnet_single_block_samples",
)
"""Arguments that may carry one row per image, besides the sample and the embeddings."""


@dataclass(frozen=True, slots=True)
class Fields:
    """Where a family's denoiser takes its inputs."""

    sample: str = "sample"
    embeds: str = "encoder_hidden_states"
    pooled: tuple[str, ...] | None = None
    """For denoisers that take a pooled embedding: an argument, or a dictionary and a key in it."""
    times: float = 1.0
    """What a timestep is multiplied by to be one of the scheduler's."""
    in_two_calls: bool = False
    """Whether the pipeline's own guidance calls the denoiser twice a step, the positive first."""


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
        arguments = _signature(forward).bind_partial(module, *args, **kwargs).arguments
        arguments.pop("self", None)
        rows = arguments[fields.sample].shape[0]
        return cls(fields, arguments, rows // 2 if paired else rows, paired)

    @property
    def rows(self) -> int:
        """Rows that the pipeline handed over."""
        return 2 * self.images if self.paired else self.images

    @property
    def timestep(self) -> Tensor:
        """The timestep, which all rows share."""
        return torch.as_tensor(self.arguments["timestep"]).flatten()[0] * self.fields.times

    def sample(self) -> Tensor:
        """The noisy sample ``[b, ...]``, scaled as the denoiser sees it."""
        sample: Tensor = self.arguments[self.fields.sample]
        return sample[self.rows - self.images :]

    def own(self, *, negative: bool) -> Rows:
        """The condition that the pipeline itself handed over on one side."""
        side = self._side(negative=negative)
        embeds = self.arguments[self.fields.embeds][side]
        pooled: Any = None
        if self.fields.pooled is not None:
            pooled = self.arguments
            for name in self.fields.pooled:
                pooled = pooled[name]
            pooled = pooled[side]
        return Rows(embeds, pooled, negative)

    def sides_agree(self) -> bool:
        """Whether the two halves differ in nothing but the condition."""
        pooled = self.fields.pooled[-1] if self.fields.pooled else None
        halves: list[bool] = []

        def compare(tensor: Tensor) -> Tensor:
            halves.append(torch.equal(tensor[: self.images], tensor[-self.images :]))
            return tensor

        for name in ROWWISE:
            self._each(self.arguments.get(name), compare, skip=pooled)
        return all(halves)

    def batch(self, conditions: Sequence[Rows], embeds: Tensor) -> dict[str, Any]:
        """The arguments of one call that evaluates every condition, one after the other.

        ``embeds`` are those of all conditions, ``joined``.
        """
        sides = [self._side(negative=rows.negative) for rows in conditions]

        def pick(tensor: Tensor) -> Tensor:
            return torch.cat([tensor[side] for side in sides])

        batch = dict(self.arguments)
        for name in (self.fields.sample, *ROWWISE):
            if name in batch:
                batch[name] = self._each(batch[name], pick)
        batch[self.fields.embeds] = embeds
        if self.fields.pooled is not None:
            pooled: Any = torch.cat([rows.pooled for rows in conditions if rows.pooled is not None])
            name, *keys = self.fields.pooled
            batch[name] = {**batch[name], keys[0]: pooled} if keys else pooled
        if "txt_ids" in batch:  # Flux: every token of text stands at place 0
            length = conditions[0].embeds.shape[1]
            batch["txt_ids"] = batch["txt_ids"].new_zeros(length, batch["txt_ids"].shape[-1])
        return batch

    def picture(self, latents: Tensor) -> Tensor:
        """Latents as ``[b, c, h, w]``, those of Flux taken out of their 2×2 patches."""
        if "img_ids" not in self.arguments:
            return latents
        places = self.arguments["img_ids"]
        high, wide = int(places[:, 1].max()) + 1, int(places[:, 2].max()) + 1
        # [b, h, w, c, 2, 2]
        patches: Tensor = latents.unflatten(1, (high, wide)).unflatten(3, (-1, 2, 2))
        return patches.permute(0, 3, 1, 4, 2, 5).flatten(4, 5).flatten(2, 3)

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


_signature = cache(inspect.signature)


def joined(conditions: Sequence[Rows]) -> Tensor:
    """The embeddings of conditions one below the other, ``[n·b, t, d]``."""
    return torch.cat([rows.embeds for rows in conditions])


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
