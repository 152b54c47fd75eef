"""When a count agrees with a probability."""

from math import sqrt


def agrees(count: int, n: int, p: float, sigmas: float = 4.5) -> bool:
    """Whether ``count`` of ``n`` lies within so many binomial deviations of ``n·p``."""
    return abs(count - n * p) <= sigmas * sqrt(n * p * (1 - p)) + 0.5
