"""Stage 4: pictures and autoencoded pictures → the two judges."""

import numpy as np
import torch
from numpy.typing import NDArray
from safetensors.torch import save_file
from torch import Tensor, nn
from torch.nn.functional import binary_cross_entropy_with_logits, cross_entropy

from negprompt.world.factors import BINARY
from negprompt.world.judge import CLASSES, FOLDER, NETWORKS, split
from negprompt.world.scenes import Scene, legible, sample
from negprompt.world.train.data import SHARD, autoencoded, pictures
from negprompt.world.train.loop import DEVICE, Run, half, train


def targets(scenes: list[Scene]) -> tuple[dict[str, Tensor], dict[str, Tensor]]:
    """What is true and what is legible: class indices [b] and presence [b, len(BINARY)], each with its 0/1 weights."""
    true: dict[str, Tensor] = {}
    weight: dict[str, Tensor] = {}
    for factor, classes in CLASSES.items():
        true[factor] = torch.tensor([classes.index(getattr(scene, factor)) for scene in scenes])
        weight[factor] = torch.tensor([float(legible(scene, factor)) for scene in scenes])
    true["present"] = torch.tensor(
        [[float(name in scene.present) for name in BINARY] for scene in scenes]
    )
    weight["present"] = torch.tensor(
        [[float(legible(scene, name)) for name in BINARY] for scene in scenes]
    )
    return {k: v.to(DEVICE) for k, v in true.items()}, {k: v.to(DEVICE) for k, v in weight.items()}


def batch(
    rng: np.random.Generator, count: int, coded: NDArray[np.uint8] | None
) -> tuple[Tensor, list[Scene]]:
    """Half renders, half autoencoded renders, [count, 3, 128, 128] in [-1, 1], with their scenes."""
    shards = pictures()
    chosen: list[NDArray[np.uint8]] = []
    seeds: list[int] = []
    for k in range(count):
        if coded is not None and k % 2:
            seed = int(rng.integers(len(coded)))
            chosen.append(coded[seed])
        else:
            seed = int(rng.integers(len(shards) * SHARD))
            chosen.append(shards[seed // SHARD][seed % SHARD])
        seeds.append(seed)
    x = torch.from_numpy(np.stack(chosen)).to(DEVICE).permute(0, 3, 1, 2).float() / 127.5 - 1
    return x.contiguous(), [sample(seed) for seed in seeds]


def fit(run: Run) -> nn.Module:
    """Train the judge named by the stage (``judge-first`` or ``judge-second``) and write its weights, float16."""
    torch.manual_seed(run.seed)
    name = run.stage.removeprefix("judge-")
    network = NETWORKS[name]()
    rng = np.random.default_rng(run.seed + 7)
    coded = autoencoded()

    def loss(_progress: float, _step: int) -> Tensor:
        x, scenes = batch(rng, run.batch, coded)
        true, weight = targets(scenes)
        with half():
            parts = split(network(x).float())
        classes = sum(
            (cross_entropy(parts[factor], true[factor], reduction="none") * weight[factor]).mean()
            for factor in CLASSES
        )
        presence = binary_cross_entropy_with_logits(
            parts["present"], true["present"], weight["present"]
        )
        return classes + len(BINARY) * 0.5 * presence

    train(run, {"judge": network}, loss)
    FOLDER.mkdir(exist_ok=True)
    save_file(
        {k: v.half().cpu().contiguous() for k, v in network.state_dict().items()},
        FOLDER / f"{name}.safetensors",
    )
    return network
