"""Layers for tests, made by hand."""

from typing import Any

from negprompt.policy import Layer, LayerTerm


def house(mode: str = "enforced", *texts: str, weight: float = 1.0, **settings: Any) -> Layer:
    """A layer of one mode with terms of one weight; a layer's words are "floor" by default."""
    named: dict[str, Any] = {"name": f"house-{mode}", "version": "1.0.0", "rank": "brand"}
    if mode == "enforced":
        named["on_positive"] = "refuse"
    terms = tuple(LayerTerm(text, weight) for text in texts or ("low quality",))
    return Layer(**(named | {"mode": mode, "terms": terms} | settings))
