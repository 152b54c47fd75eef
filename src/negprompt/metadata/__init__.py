"""How an image was made, as text that other tools read.  Standard library only."""

from negprompt.metadata.chunks import read as read_chunks
from negprompt.metadata.infotext import RAW_NEGATIVE, Parameters, read, write
from negprompt.metadata.record import Record, Sampling

__all__ = ["RAW_NEGATIVE", "Parameters", "Record", "Sampling", "read", "read_chunks", "write"]
