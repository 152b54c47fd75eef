"""What the judges are taught: the truth of a scene, weighed by what can be read off it."""

from dataclasses import replace

import torch

from negprompt.world.factors import BINARY
from negprompt.world.judge import CLASSES
from negprompt.world.scenes import legible, sample
from negprompt.world.train.judges import targets


def test_targets_are_the_truth_and_weights_what_is_legible() -> None:
    scenes = [sample(seed) for seed in range(60)]
    true, weight = targets(scenes)
    assert true.keys() == weight.keys() == {*CLASSES, "present"}
    for row, scene in enumerate(scenes):
        for factor, classes in CLASSES.items():
            assert classes[int(true[factor][row])] == getattr(scene, factor)
            assert bool(weight[factor][row]) == legible(scene, factor)
        for column, name in enumerate(BINARY):
            assert bool(true["present"][row, column]) == (name in scene.present)
            assert bool(weight["present"][row, column]) == legible(scene, name)


def test_what_cannot_be_read_teaches_nothing() -> None:
    scene = replace(sample(0), present=frozenset({"low resolution", "blurry"}))
    _, weight = targets([scene])
    unread = {name for name, w in zip(BINARY, weight["present"][0], strict=True) if w == 0}
    assert {"blurry", "noise", "jpeg artifacts", "extra fingers"} <= unread
    assert "low resolution" not in unread
    assert weight["present"].dtype == torch.float32
