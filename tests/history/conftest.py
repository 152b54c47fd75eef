"""A history in a folder of its own, and a generation by a tiny model to record in it."""

from dataclasses import replace
from pathlib import Path

import pytest
from tests.tiny_models import tiny_sd

from negprompt.engine import Generation, Request, run
from negprompt.history.opening import History, open_at
from negprompt.history.place import DATA, place
from negprompt.policy.layers import Layer, LayerTerm

BRAND = Layer(
    name="brand",
    version="7.1.0",
    rank="brand",
    mode="always",
    terms=(LayerTerm("rival logo", 1.2),),
)
SECRET = Layer(
    name="secret", version="2.0.0", rank="brand", mode="always", visibility="owner",
    terms=(LayerTerm("zorkmid", 1.3), LayerTerm("acme blob")),
)  # fmt: skip


@pytest.fixture(scope="session")
def model(tmp_path_factory: pytest.TempPathFactory) -> str:
    """The folder of a tiny Stable Diffusion 1.5."""
    folder = tmp_path_factory.mktemp("tiny") / "model"
    tiny_sd().save_pretrained(folder)
    return str(folder)


@pytest.fixture(scope="session")
def made(model: str) -> Generation:
    """Two images under a public policy and one that only its owner may see."""
    negative = ("scarf, (Bad  hands:1.4)",)
    request = Request(prompt="a cat", negative=negative, model=model, steps=2, count=2, seed=7)
    return run(replace(request, policies=(BRAND, SECRET)))


@pytest.fixture
def history(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> History:
    monkeypatch.setenv(DATA, str(tmp_path / "data"))
    where = place(tmp_path)
    assert where is not None
    return open_at(where)
