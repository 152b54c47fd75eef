"""Stage 4: pictures and their echoes → the two judges."""

import numpy as np
import torch
from safetensors.torch import save_file
from torch import Tensor, nn
from torch.nn.functional import binary_cross_entropy_with_logits, cross_entropy

from negprompt.world.factors import BINARY
from negprompt.world.judge import CLASSES, FOLDER, NETWORKS, split
from negprompt.world.scenes import Scene, legible
from negprompt.world.train import together
from negprompt.world.train.data import echoes, pictures, scene
from negprompt.world.train.loop import DEVICE, Run, half, train
from negprompt.world.train.pixels import to_tensor


def targets(scenes: list[Scene]) -> tuple[dict[str, Tensor], dict[str, Tensor]]:
    """What is true, and 1 where it is legible, else 0.

    Class indices [b] for each factor and presence [b, len(BINARY)] under ``present``; the weights
    have the same names and shapes.
    """
    true: dict[str, Tensor] = {}
    weight: dict[str, Tensor] = {}
    for factor, classes in CLASSES.items():
        true[factor] = torch.tensor([classes.index(getattr(scene, factor)) for scene in scenes])
        weight[factor] = torch.tensor([float(legible(scene, factor)) for scene in scenes])
    present = [[float(name in scene.present) for name in BINARY] for scene in scenes]
    readable = [[float(legible(scene, name)) for name in BINARY] for scene in scenes]
    true["present"], weight["present"] = torch.tensor(present), torch.tensor(readable)
    return {k: v.to(DEVICE) for k, v in true.items()}, {k: v.to(DEVICE) for k, v in weight.items()}


def batch(rng: np.random.Generator, count: int) -> tuple[Tensor, list[int]]:
    """Renders and, where there are some, as many echoes, and the seeds of their scenes.

    [count, 3, 128, 128] in [-1, 1].
    """
    sources = [source for source in (pictures(), echoes()) if source]
    chosen, seeds = [], []
    for k in range(count):
        shards = sources[k % len(sources)]
        size = len(shards[0])
        seed = int(rng.integers(sum(map(len, shards))))
        chosen.append(shards[seed // size][seed % size])
        seeds.append(seed)
    return to_tensor(np.stack(chosen)), seeds


def fit(run: Run) -> nn.Module:
    """Train the judge that the stage names, ``judge-first`` or ``judge-second``; write float16."""
    torch.manual_seed(run.seed)
    name = run.stage.removeprefix("judge-")
    network = NETWORKS[name]()

    def loss(_progress: float, step: int) -> Tensor:
        x, seeds = batch(run.random(step), run.batch)
        true, weight = targets([scene(seed)[0] for seed in seeds])
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
    together.first(lambda: _write(network, name))
    return network


def _write(network: nn.Module, name: str) -> None:
    FOLDER.mkdir(exist_ok=True)
    weights = {k: v.half().cpu().contiguous() for k, v in network.state_dict().items()}
    save_file(weights, FOLDER / f"{name}.safetensors")
