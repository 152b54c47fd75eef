"""What can be chosen about encoding, by name, and what the tools that wrote a dialect choose.

No tensors: a request checks its names here before anything is loaded.
"""

from collections.abc import Collection, Mapping
from types import MappingProxyType
from typing import Final, Literal, get_args

from negprompt.encoding.chunking import CHUNKINGS
from negprompt.encoding.compose import MATCHES
from negprompt.encoding.normalising import NORMALISATIONS
from negprompt.encoding.weighting import SCHEMES
from negprompt.errors import RequestError, shown

Null = Literal["empty", "zeros"]
"""What is taken for no prompt: the empty text encoded, or zeros of its shape."""
NULLS: Final[tuple[str, ...]] = get_args(Null)
OWN: Final[Mapping[str, str]] = MappingProxyType({"comfy": "comfy", "compel": "compel"})
"""By dialect the weighting scheme and the rule for chunks of its tool; A1111's for all others."""


def check_names(*, scheme: str, normalise: str, chunks: str, match: str) -> None:
    """Raise RequestError ``scheme-unknown`` and the like for a name that its table lacks."""
    known(scheme, SCHEMES, "weighting scheme", code="scheme-unknown")
    known(normalise, NORMALISATIONS, "token normalisation", code="normalisation-unknown")
    known(chunks, CHUNKINGS, "chunking", code="chunking-unknown")
    known(match, MATCHES, "way to match lengths", code="match-unknown")


def known(name: str, table: Collection[str], what: str, *, code: str) -> None:
    """Raise RequestError with this code unless the table has the name."""
    if name not in table:
        raise RequestError(
            f"there is no {what} {shown(name)}",
            code=code,
            cure=f"choose one of: {', '.join(table)}",
        )
