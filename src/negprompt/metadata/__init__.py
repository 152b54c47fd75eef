"""How an image was made, as text that other tools read.  Standard library only."""

from negprompt.metadata.infotext import RAW_NEGATIVE, Parameters, read, write

__all__ = ["RAW_NEGATIVE", "Parameters", "read", "write"]
