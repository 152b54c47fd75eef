"""A picture → what is in it: two judges of different architecture that read all factors back.

The first judge measures; the second scores headline tables and is used for nothing else.  Both were
trained on renders and on autoencoded renders (``world.train.judges``); on generated pictures they
are instruments with an error of their own, which the card states.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Literal

import numpy as np
import torch
from numpy.typing import NDArray
from PIL import Image
from safetensors.torch import load_file
from torch import Tensor, nn
from torch.nn.functional import gelu

from negprompt.errors import ModelError
from negprompt.world.factors import BINARY, COLOURS, CONCEPTS, PLACES, STYLES, SUBJECTS

SIZE = 128
CLASSES: dict[str, tuple[str, ...]] = {
    "subject": SUBJECTS,
    "colour": tuple(COLOURS),
    "place": PLACES,
    "style": tuple(STYLES),
}
OUTPUTS = sum(map(len, CLASSES.values())) + len(BINARY)
FOLDER = Path(__file__).parent / "weights"


class Residual(nn.Module):
    """Two 3×3 convolutions around a shortcut."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.norms = nn.ModuleList(nn.BatchNorm2d(channels) for _ in range(2))
        self.convolutions = nn.ModuleList(
            nn.Conv2d(channels, channels, 3, padding=1) for _ in range(2)
        )

    def forward(self, x: Tensor) -> Tensor:
        """[b, c, h, w] → the same shape."""
        y = x
        for norm, convolution in zip(self.norms, self.convolutions, strict=True):
            y = convolution(gelu(norm(y)))
        return x + y


class ConvolutionalJudge(nn.Module):
    """A small residual network (He et al. 2015): stride-2 stages, mean and maximum pooled."""

    def __init__(self, widths: tuple[int, ...] = (24, 48, 96, 128)) -> None:
        super().__init__()
        layers: list[nn.Module] = []
        for before, after in zip((3, *widths), widths, strict=False):
            layers += [nn.Conv2d(before, after, 4, 2, 1), Residual(after)]
        self.body = nn.Sequential(*layers)
        self.norm = nn.BatchNorm2d(widths[-1])
        self.head = nn.Sequential(
            nn.Linear(2 * widths[-1], 256), nn.GELU(), nn.Linear(256, OUTPUTS)
        )

    def forward(self, x: Tensor) -> Tensor:
        """[b, 3, 128, 128] in [-1, 1] → logits [b, OUTPUTS]."""
        y = gelu(self.norm(self.body(x)))
        logits: Tensor = self.head(torch.cat((y.mean((2, 3)), y.amax((2, 3))), 1))
        return logits


class Mixer(nn.Module):
    """One block of an MLP-Mixer (Tolstikhin et al. 2021): patches mix, then channels."""

    def __init__(self, patches: int, width: int) -> None:
        super().__init__()
        self.norms = nn.ModuleList(nn.LayerNorm(width) for _ in range(2))
        self.across = nn.Sequential(nn.Linear(patches, 128), nn.GELU(), nn.Linear(128, patches))
        self.within = nn.Sequential(
            nn.Linear(width, 2 * width), nn.GELU(), nn.Linear(2 * width, width)
        )

    def forward(self, x: Tensor) -> Tensor:
        """[b, patches, width] → the same shape."""
        x = x + self.across(self.norms[0](x).transpose(1, 2)).transpose(1, 2)
        mixed: Tensor = x + self.within(self.norms[1](x))
        return mixed


class MixingJudge(nn.Module):
    """An MLP-Mixer on overlapping 8-pixel patches: no convolution beyond the first layer."""

    def __init__(self, width: int = 144, depth: int = 4) -> None:
        super().__init__()
        self.patch = nn.Conv2d(3, width, 12, 8, 2)
        self.body = nn.Sequential(*(Mixer((SIZE // 8) ** 2, width) for _ in range(depth)))
        self.norm = nn.LayerNorm(width)
        self.head = nn.Linear(2 * width, OUTPUTS)

    def forward(self, x: Tensor) -> Tensor:
        """[b, 3, 128, 128] in [-1, 1] → logits [b, OUTPUTS]."""
        y = self.norm(self.body(self.patch(x).flatten(2).transpose(1, 2)))
        logits: Tensor = self.head(torch.cat((y.mean(1), y.amax(1)), 1))
        return logits


NETWORKS: dict[str, type[nn.Module]] = {"first": ConvolutionalJudge, "second": MixingJudge}


def split(logits: Tensor) -> dict[str, Tensor]:
    """Logits [b, OUTPUTS] → one [b, classes] per factor and ``present`` [b, len(BINARY)]."""
    sizes = [len(classes) for classes in CLASSES.values()] + [len(BINARY)]
    return dict(zip((*CLASSES, "present"), logits.split(sizes, 1), strict=True))


@dataclass(frozen=True, slots=True)
class Reading:
    """What a judge saw in n pictures."""

    classes: dict[str, NDArray[np.float32]]
    """Subject, colour, place, style → class probabilities [n, classes]."""
    present: NDArray[np.float32]
    """p(present) of every concept in the order of BINARY, [n, len(BINARY)]."""

    def presence(self, concept: str) -> NDArray[np.float32]:
        """p(present) [n] of a concept, an umbrella or a value of subject, colour, place or style.

        An umbrella is present when any of its members is; the members are taken as independent.
        Raises KeyError for a name that the world does not know.
        """
        if concept in CONCEPTS:
            columns = [BINARY.index(name) for name in CONCEPTS[concept].members or (concept,)]
            return np.asarray(1 - np.prod(1 - self.present[:, columns], 1), np.float32)
        for factor, classes in CLASSES.items():
            if concept in classes:
                return self.classes[factor][:, classes.index(concept)]
        raise KeyError(concept)

    def label(self, factor: str) -> list[str]:
        """The likeliest class of subject, colour, place or style for each picture.

        Raises KeyError for another factor.
        """
        return [CLASSES[factor][int(k)] for k in self.classes[factor].argmax(1)]


@dataclass(frozen=True, slots=True)
class Judge:
    """A trained network that reads pictures."""

    network: nn.Module

    @torch.no_grad()
    def read(self, images: Sequence[Image.Image]) -> Reading:
        """Read pictures of any size (scaled to 128 px)."""
        logits = [self.network(_tensor(images[k : k + 32])) for k in range(0, len(images), 32)]
        parts = split(torch.cat(logits) if logits else torch.zeros(0, OUTPUTS))
        classes = {factor: parts[factor].softmax(1).numpy() for factor in CLASSES}
        return Reading(classes, parts["present"].sigmoid().numpy())

    def presence(self, images: Sequence[Image.Image], concept: str) -> NDArray[np.float32]:
        """p(present) [n]; see Reading.presence."""
        return self.read(images).presence(concept)

    def label(self, images: Sequence[Image.Image], factor: str) -> list[str]:
        """The likeliest class of a factor for each picture."""
        return self.read(images).label(factor)


def _tensor(images: Sequence[Image.Image]) -> Tensor:
    """Pictures → [n, 3, 128, 128] in [-1, 1]."""
    pixels = np.stack([np.asarray(_scaled(image.convert("RGB"))) for image in images])
    return torch.from_numpy(pixels).permute(0, 3, 1, 2).float() / 127.5 - 1


def _scaled(image: Image.Image) -> Image.Image:
    return image if image.size == (SIZE, SIZE) else image.resize((SIZE, SIZE))


@cache
def load(which: Literal["first", "second"] = "first") -> Judge:
    """The shipped judge of that name.

    Raises ModelError (``judge-missing``) where its weights are not installed.
    """
    path = FOLDER / f"{which}.safetensors"
    if not path.exists():
        raise ModelError(
            f"the {which} judge's weights are not at {path}",
            code="judge-missing",
            cure="reinstall negprompt, or train them: python -m negprompt.world.train judges",
        )
    network = NETWORKS[which]()
    network.load_state_dict({name: value.float() for name, value in load_file(path).items()})
    return Judge(network.eval())
