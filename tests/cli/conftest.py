"""A tiny random model in a folder, and judges of the real classes with random weights."""

from collections.abc import Iterator
from pathlib import Path

import pytest
import torch
from safetensors.torch import save_file
from tests.tiny_models import tiny_sd

from negprompt.world import judge


@pytest.fixture(scope="session")
def model(tmp_path_factory: pytest.TempPathFactory) -> str:
    """The folder of a tiny Stable Diffusion 1.5."""
    folder = tmp_path_factory.mktemp("tiny") / "model"
    tiny_sd().save_pretrained(folder)
    return str(folder)


@pytest.fixture
def untrained_judges(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Judges that load from files as the shipped ones do and have learned nothing."""
    folder = tmp_path / "judges"
    folder.mkdir()
    torch.manual_seed(0)
    for name, network in judge.NETWORKS.items():
        save_file(network().state_dict(), folder / f"{name}.safetensors")
    monkeypatch.setattr(judge, "FOLDER", folder)
    judge.load.cache_clear()
    yield
    judge.load.cache_clear()
