"""What happened: one frozen event per stage, written by the engine alone."""

from negprompt.trace.events import (
    Encoded,
    Event,
    Finished,
    Parsed,
    Planned,
    Stepped,
    to_json,
)

__all__ = ["Encoded", "Event", "Finished", "Parsed", "Planned", "Stepped", "to_json"]
