"""Names of families and models → what their training makes of negatives, from ``families.toml``."""

import re
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from types import MappingProxyType
from typing import Final, Literal

Acts = Literal["guided", "true-guidance", "attention-rule"]
FEW_STEP: Final = "few-step"


@dataclass(frozen=True, slots=True)
class Habits:
    """One family: its usual scales, how many negatives it bears, when they act, and who says so."""

    name: str
    title: str
    scale: tuple[float, float]
    terms: int
    acts: Acts
    says: str
    source: str
    names: tuple[str, ...] = ()
    """Words in a model's name by which it is known."""


@cache
def families() -> Mapping[str, Habits]:
    """Return all families by name."""
    read = tomllib.loads((files(__package__) / "families.toml").read_text("utf-8"))
    made = {}
    for name, row in read.items():
        low, high = row.pop("scale")
        names = tuple(row.pop("names", ()))
        made[name] = Habits(name=name, scale=(low, high), names=names, **row)
    return MappingProxyType(made)


def habits_of(model: str, family: str | None) -> Habits | None:
    """Return what is known of a model: by its name, else by its family; None where neither is."""
    words = set(re.findall(r"[a-z0-9]+(?:-[a-z0-9]+)?", model.lower().replace("_", "-")))
    words |= set(re.findall(r"[a-z0-9]+", model.lower()))
    named = (one for one in families().values() if words & set(one.names))
    return next(named, families().get(family or ""))
