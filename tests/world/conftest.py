"""Many captions read back, once for all tests of this room; a cache folder with a few pictures."""

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pytest
from tests.world.reader import Said, read

from negprompt.world.captions import caption
from negprompt.world.render import render
from negprompt.world.scenes import Scene, sample
from negprompt.world.train import data

MANY = 20_000


@dataclass(frozen=True, slots=True)
class Captioned:
    """A scene, one of its captions, and what that caption says."""

    scene: Scene
    text: str
    said: Said

    @property
    def spoken(self) -> set[str]:
        """The concepts that the caption speaks of, present or not."""
        return {name for name, _ in self.said.concepts}


@pytest.fixture(scope="session")
def scenes() -> list[Scene]:
    return [sample(seed) for seed in range(MANY)]


@pytest.fixture(scope="session")
def captioned(scenes: list[Scene]) -> list[Captioned]:
    rng = np.random.default_rng(2)
    texts = [caption(scene, rng) for scene in scenes]
    return [Captioned(scene, text, read(text)) for scene, text in zip(scenes, texts, strict=True)]


@pytest.fixture
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The training stages' folder, empty."""
    monkeypatch.setenv("NEGPROMPT_CACHE", str(tmp_path))
    return data.cache()


@pytest.fixture
def pictures(cache: Path) -> Path:
    """The training stages' folder with one full shard: twenty renders, fifty times over."""
    few = np.stack([render(data.scene(seed)[0]) for seed in range(20)])
    np.save(cache / "pictures-0000.npy", np.tile(few, (data.SHARD // len(few), 1, 1, 1)))
    return cache
