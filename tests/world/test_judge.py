"""Judges' networks, how logits are parted, and what a reading says.  No trained weights here."""

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image
from safetensors.torch import save_file
from torch import nn

from negprompt.errors import ModelError
from negprompt.world import judge
from negprompt.world.factors import BINARY, COLOURS, CONCEPTS, PLACES, STYLES, SUBJECTS
from negprompt.world.judge import CLASSES, NETWORKS, OUTPUTS, Judge, Reading, split
from negprompt.world.render import render
from negprompt.world.scenes import sample

each_network = pytest.mark.parametrize("name", list(NETWORKS))


def reading(present: dict[str, list[float]], count: int = 2) -> Reading:
    """A reading of ``count`` pictures in which all concepts but those given are absent."""
    columns = np.zeros((count, len(BINARY)), np.float32)
    for name, values in present.items():
        columns[:, BINARY.index(name)] = values
    classes = {
        factor: np.full((count, len(names)), 1 / len(names), np.float32)
        for factor, names in CLASSES.items()
    }
    return Reading(classes, columns)


@pytest.fixture
def installed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """An empty folder in the place of the shipped weights."""
    monkeypatch.setattr(judge, "FOLDER", tmp_path)
    judge.load.cache_clear()
    yield tmp_path
    judge.load.cache_clear()


@each_network
def test_a_network_reads_pictures_into_logits(name: str) -> None:
    network = NETWORKS[name]()
    with torch.no_grad():
        assert network(torch.zeros(2, 3, 128, 128)).shape == (2, OUTPUTS)


@each_network
def test_a_network_is_small(name: str) -> None:
    """Pocket, judges and contrastive pair fit 30 MB together."""
    assert sum(p.numel() for p in NETWORKS[name]().parameters()) < 2_000_000


def test_the_two_judges_have_different_architectures() -> None:
    kinds = [{type(module) for module in network().modules()} for network in NETWORKS.values()]
    own = {module for module in kinds[0] ^ kinds[1] if module.__module__ == judge.__name__}
    assert len(own) == 4, "no block is shared"
    convolutions = [
        sum(isinstance(module, nn.Conv2d) for module in network().modules())
        for network in NETWORKS.values()
    ]
    assert convolutions[0] > 10
    assert convolutions[1] == 1


def test_logits_are_parted_in_the_order_of_the_factors() -> None:
    logits = torch.arange(OUTPUTS).float()[None]
    parts = split(logits)
    assert list(parts) == ["subject", "colour", "place", "style", "present"]
    assert [part.shape[1] for part in parts.values()] == [
        len(SUBJECTS), len(COLOURS), len(PLACES), len(STYLES), len(BINARY),
    ]  # fmt: skip
    assert torch.equal(torch.cat(tuple(parts.values()), 1), logits)


def test_presence_of_a_concept_is_its_own_column() -> None:
    read = reading({"blurry": [0.9, 0.1], "scarf": [0.2, 0.7]})
    assert read.presence("blurry") == pytest.approx([0.9, 0.1])
    assert read.presence("scarf") == pytest.approx([0.2, 0.7])
    assert read.presence("hat") == pytest.approx([0, 0])


def test_an_umbrella_is_present_when_any_member_is() -> None:
    read = reading({"noise": [0.5, 0.0], "jpeg artifacts": [0.5, 0.0], "blurry": [0.0, 0.25]})
    assert read.presence("artifacts") == pytest.approx([0.75, 0.0])
    assert read.presence("low quality") == pytest.approx([0.75, 0.25])


def test_presence_and_label_of_a_factor() -> None:
    read = reading({})
    read.classes["style"][:] = [[0.1, 0.2, 0.6, 0.1], [0.7, 0.1, 0.1, 0.1]]
    assert read.presence("sketch") == pytest.approx([0.6, 0.1])
    assert read.label("style") == ["sketch", "illustration"]
    assert read.presence("red") == pytest.approx([1 / 6, 1 / 6])


def test_no_concept_has_the_name_of_a_class() -> None:
    """Else `presence` would have to choose."""
    classes = [name for names in CLASSES.values() for name in names]
    assert len(classes) == len(set(classes))
    assert not set(classes) & set(CONCEPTS)


@pytest.mark.parametrize("name", ["", "blury", "subject", "low-quality"])
def test_an_unknown_name_is_an_error(name: str) -> None:
    with pytest.raises(KeyError):
        reading({}).presence(name)


@each_network
def test_a_judge_reads_each_picture_by_itself(name: str) -> None:
    torch.manual_seed(0)
    one = Judge(NETWORKS[name]().eval())
    images = [Image.fromarray(render(sample(seed))) for seed in range(3)]
    together, alone = one.read(images), one.read(images[1:2])
    assert together.present.shape == (3, len(BINARY))
    for factor, names in CLASSES.items():
        assert together.classes[factor].shape == (3, len(names))
        assert together.classes[factor].sum(1) == pytest.approx([1, 1, 1], abs=1e-5)
    assert ((together.present > 0) & (together.present < 1)).all()
    assert together.present[1] == pytest.approx(alone.present[0], abs=1e-5)
    assert one.presence(images, "blurry") == pytest.approx(together.presence("blurry"), abs=1e-5)
    assert one.label(images, "place") == together.label("place")


def test_a_judge_takes_any_size_and_mode_and_none_at_all() -> None:
    one = Judge(NETWORKS["first"]().eval())
    picture = Image.fromarray(render(sample(0)))
    others = [picture.convert("RGBA"), picture.convert("L"), picture.resize((256, 192))]
    assert one.read([picture, *others]).present.shape == (4, len(BINARY))
    assert one.read([picture] * 33).present.shape == (33, len(BINARY))
    assert one.read([]).present.shape == (0, len(BINARY))
    assert one.label([], "subject") == []


def test_a_judge_without_weights_says_how_to_get_them(installed: Path) -> None:
    with pytest.raises(ModelError, match="second judge") as caught:
        judge.load("second")
    assert caught.value.code == "judge-missing"
    assert "world.train judges" in caught.value.cure
    assert str(installed) in caught.value.message


@each_network
def test_weights_in_half_precision_load_as_float32(installed: Path, name: str) -> None:
    torch.manual_seed(1)
    network = NETWORKS[name]()
    weights = {key: value.half() for key, value in network.state_dict().items()}
    save_file(weights, installed / f"{name}.safetensors")
    loaded = judge.load(name)
    assert not loaded.network.training
    for key, value in loaded.network.state_dict().items():
        assert value.dtype == network.state_dict()[key].dtype
        assert torch.equal(value, weights[key].to(value.dtype))
    assert judge.load(name) is loaded
