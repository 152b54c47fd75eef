"""The options that say how prompt and negatives are read and encoded, as fields of a Request."""

from typing import Any, Final, TypeAlias

from negprompt.cli import options
from negprompt.cli.grouped import grouped

Reading: TypeAlias = dict[str, Any]
"""Fields of a Request."""

OPTIONS: Final[dict[str, tuple[Any, Any]]] = {
    "dialect": (options.Dialect, "a1111"),
    "scheme": (options.Scheme, None),
    "normalise": (options.Normalise, "none"),
    "chunks": (options.Chunks, None),
    "match": (options.Match, "pad-empty"),
    "clip_skip": (options.ClipSkip, None),
    "null": (options.Null, None),
    "embeddings": (options.Embeddings, None),
}
"""Type and default of each option."""

reads = grouped("reading", OPTIONS, dict)
"""Add the options to a command, which gets them as one value ``reading``."""
