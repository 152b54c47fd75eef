"""Seeds → shards of pictures on disk, rendered once and read by every stage."""

import os
from collections.abc import Callable
from functools import cache as kept
from multiprocessing import get_context
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from negprompt.world.render import render
from negprompt.world.scenes import Scene, posed, sample

SHARD = 1000
HELD_OUT = 10_000_000
"""Seeds from here on are never trained on."""


def cache() -> Path:
    """Where checkpoints and pictures live between runs.

    ``$NEGPROMPT_CACHE/train``, or ``~/.cache/negprompt/train`` where that is not set.
    """
    folder = Path(os.environ.get("NEGPROMPT_CACHE", Path.home() / ".cache" / "negprompt")) / "train"
    folder.mkdir(parents=True, exist_ok=True)
    return folder


def scene(seed: int) -> tuple[Scene, frozenset[str] | None]:
    """The scene of a training seed: even ones as the world is (None), odd ones posed for something.

    Only the even ones may be captioned in silence.
    """
    return posed(seed) if seed % 2 else (sample(seed), None)


def _shard(index: int) -> int:
    path = cache() / f"pictures-{index:04d}.npy"
    if not path.exists():
        pictures = np.stack(
            [render(scene(seed)[0]) for seed in range(index * SHARD, (index + 1) * SHARD)]
        )
        write(path, pictures)
    return index


def write(path: Path, array: NDArray[Any]) -> None:
    """Write an array as a whole or not at all."""
    part = path.with_suffix(f".{os.getpid()}.part")
    with part.open("wb") as file:
        np.save(file, array)
    part.replace(path)


def render_shards(count: int, say: Callable[[str], None] = print) -> None:
    """Render the pictures of seeds 0 … ``count`` - 1, all cores; finished shards are kept."""
    shards = -(-count // SHARD)
    with get_context("spawn").Pool(os.cpu_count()) as pool:
        for done, _ in enumerate(pool.imap_unordered(_shard, range(shards)), 1):
            say(f"rendered {done * SHARD}/{shards * SHARD}")


def pictures() -> list[NDArray[np.uint8]]:
    """The shards in seed order, memory-mapped, uint8 [1000, 128, 128, 3] each.

    Empty before the data stage has run; a process sees the shards that were there when it asked
    first.
    """
    return _opened(cache(), "pictures")


def echoes() -> list[NDArray[np.uint8]]:
    """The same pictures as the denoiser paints them, from seed 0 on, uint8 [500, 128, 128, 3] each.

    Empty before the echoes stage has run.
    """
    return _opened(cache(), "echoes")


@kept
def _opened(folder: Path, name: str) -> list[NDArray[np.uint8]]:
    shards: list[NDArray[np.uint8]] = []
    for path in sorted(folder.glob(f"{name}-*.npy")):
        if int(path.stem.split("-")[1]) != len(shards):
            break
        shards.append(np.load(path, mmap_mode="r"))
    return shards


def latents() -> NDArray[np.float16]:
    """The latents of seeds 0 … n-1, float16 [n, 8, 16, 16], memory-mapped.

    Raises FileNotFoundError before the latents stage has run.
    """
    stored: NDArray[np.float16] = np.load(cache() / "latents.npy", mmap_mode="r")
    return stored
