"""Request → Generation: the only place where the stages meet.

``run`` makes what a Request asks for, ``generate`` is ``run`` for one call, ``steer`` puts the same
rules on a diffusers pipeline that the user calls, ``save`` writes the images.
"""

from negprompt.engine.request import Request
from negprompt.engine.run import BATCH, Cost, Generation, generate, loaded, run
from negprompt.engine.save import save, writable
from negprompt.engine.steer import Steering, steer

__all__ = [
    "BATCH",
    "Cost",
    "Generation",
    "Request",
    "Steering",
    "generate",
    "loaded",
    "run",
    "save",
    "steer",
    "writable",
]
