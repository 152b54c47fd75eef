"""Libraries of models come in without the garbage collector looking through them on the way."""

import gc
from collections.abc import Iterator
from contextlib import contextmanager


@contextmanager
def uncollected() -> Iterator[None]:
    """Hold the collector of cycles off where it is on; what came is old at once.

    torch, transformers and diffusers bring in half a million objects that stay.  Python would look
    through them a thousand times while they come, a seventh of the time of loading, and find one in
    forty to free.
    """
    if not gc.isenabled():
        yield
        return
    gc.disable()
    try:
        yield
    finally:
        if not gc.get_freeze_count():  # what a server has frozen stays so
            gc.freeze()
            gc.unfreeze()  # to the oldest generation, past a look through all of it as young
        gc.enable()
