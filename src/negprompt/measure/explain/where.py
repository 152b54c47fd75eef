"""Differences → where in the picture they are, and how much of one lies outside of another."""

import numpy as np
from numpy.typing import NDArray

Map = NDArray[np.float64]
"""``[h, w]``, at or above 0."""


def strength(difference: NDArray[np.float32]) -> Map:
    """Length of a difference at each place: ``[c, h, w]`` → ``[h, w]``."""
    length: Map = np.sqrt(np.square(difference, dtype=np.float64).sum(0))
    return length


def area(acted: Map, share: float = 0.5) -> NDArray[np.bool_]:
    """The smallest area that holds a share of all that a map shows; nothing where it is zero."""
    order = np.argsort(acted, axis=None, kind="stable")[::-1]
    held = np.cumsum(acted.ravel()[order])
    if held.size == 0 or held[-1] <= 0:
        return np.zeros(acted.shape, bool)
    count = int(np.searchsorted(held, share * held[-1])) + 1
    inside = np.zeros(acted.size, bool)
    inside[order[:count]] = True
    return inside.reshape(acted.shape)


def outside(change: Map, inside: NDArray[np.bool_]) -> float | None:
    """Share of a change that lies outside of an area, which may be coarser; None for no change."""
    total = float(change.sum())
    if total <= 0:
        return None
    return float(change[~fine(inside, change.shape)].sum()) / total


def fine(coarse: NDArray[np.bool_], shape: tuple[int, ...]) -> NDArray[np.bool_]:
    """An area on a finer grid, each place taking the coarse cell that it lies in."""
    rows = np.arange(shape[0]) * coarse.shape[0] // shape[0]
    columns = np.arange(shape[1]) * coarse.shape[1] // shape[1]
    finer: NDArray[np.bool_] = coarse[rows][:, columns]
    return finer
