"""What judges have read, kept on disk, so that an interrupted measurement goes on where it was.

One small JSON file for each batch of pictures, in a folder of the user's cache that is named after
the weights: other weights, judges or versions never meet each other's readings.
"""

import hashlib
import json
import os
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path
from typing import Any

import numpy as np
from torch import nn

from negprompt.engine.written import write
from negprompt.errors import OutputError, shown
from negprompt.world.factors import BINARY
from negprompt.world.judge import CLASSES, Judge, Reading

Readings = Mapping[str, Reading]
"""What each judge read, by the judge's name."""

_ASKED = "asked"


@dataclass(frozen=True, slots=True)
class Memory:
    """Readings of batches under the questions that they answer."""

    folder: Path

    def recall(
        self, asked: Mapping[str, Any], make: Callable[[], Readings], *, anew: bool = False
    ) -> Readings:
        """The readings kept for a question, or those that ``make`` gives, which are then kept.

        ``asked`` is what JSON takes. ``anew`` makes them in any case.
        """
        question = json.dumps(asked, sort_keys=True)
        path = self.folder / f"{hashlib.sha256(question.encode()).hexdigest()[:32]}.json"
        if not anew and (kept := _kept(path, question)) is not None:
            return kept
        made = make()
        record = {_ASKED: question} | {name: _plain(reading) for name, reading in made.items()}
        write(path, json.dumps(record).encode())
        return made


def memory(pipe: Any, judges: Mapping[str, Judge]) -> Memory:
    """The memory that belongs to a pipeline and these judges.

    Raises OutputError ``cache-unwritable``.
    """
    return Memory(folder_of(_mark(pipe, judges)))


def folder_of(name: str) -> Path:
    """Where what was measured under a mark is kept.

    Raises OutputError ``cache-unwritable``.
    """
    home = Path(os.environ.get("NEGPROMPT_CACHE") or Path.home() / ".cache" / "negprompt")
    folder = home / "measured" / name
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise OutputError(
            f"the cache {shown(str(folder))} cannot be made: {error.strerror or error}",
            code="cache-unwritable",
            cure="set NEGPROMPT_CACHE to a folder that can be written",
        ) from error
    return folder


def joined(parts: Sequence[Readings]) -> Readings:
    """The readings of several batches as those of one, in order."""
    return {
        name: Reading(
            {f: np.concatenate([part[name].classes[f] for part in parts]) for f in CLASSES},
            np.concatenate([part[name].present for part in parts]),
        )
        for name in parts[0]
    }


def _mark(pipe: Any, judges: Mapping[str, Judge]) -> str:
    """A hash of everything that pictures and readings depend on besides the question."""
    digest = hashlib.sha256()
    for package in ("torch", "diffusers", "transformers", "negprompt"):
        digest.update(f"{package} {version(package)} ".encode())
    # what diffusers filled in comes in no fixed order
    plan = {k: str(v) for k, v in pipe.scheduler.config.items() if k != "_use_default_values"}
    digest.update(json.dumps([BINARY, CLASSES, plan], sort_keys=True).encode())
    modules = {name: part for name, part in pipe.components.items() if isinstance(part, nn.Module)}
    modules |= {f"judge {name}": judge.network for name, judge in judges.items()}
    for name, module in sorted(modules.items()):
        for key, value in sorted(module.state_dict().items()):
            digest.update(f"{name} {key} {value.dtype} {tuple(value.shape)}".encode())
            digest.update(value.detach().cpu().float().contiguous().numpy().data)
    return digest.hexdigest()[:32]


def _plain(reading: Reading) -> dict[str, Any]:
    """A reading as JSON takes it, probabilities to six digits."""
    factors = {name: values.round(6).tolist() for name, values in reading.classes.items()}
    return {"classes": factors, "present": reading.present.round(6).tolist()}


def _kept(path: Path, question: str) -> Readings | None:
    """What a file holds, or None where it is absent or not what it should be."""
    try:
        record = json.loads(path.read_bytes())
    except (OSError, ValueError):
        return None
    if record.pop(_ASKED, None) != question:
        return None
    return {
        name: Reading(
            {f: np.array(values, np.float32) for f, values in kept["classes"].items()},
            np.array(kept["present"], np.float32),
        )
        for name, kept in record.items()
    }
