"""Request → Generation: the only place where the stages meet.

``run`` makes what a Request asks for, ``generate`` is ``run`` for one call, ``run_each`` and
``generate_each`` are the same for many prompts, ``steer`` puts the same rules on a diffusers
pipeline that the user calls, ``save`` writes the images.
"""

from negprompt.engine.request import Request
from negprompt.engine.run import BATCH, Cost, Generation, generate, loaded, run
from negprompt.engine.save import save, writable
from negprompt.engine.steer import steer
from negprompt.engine.steering import Steering
from negprompt.engine.together import generate_each, run_each

__all__ = [
    "BATCH",
    "Cost",
    "Generation",
    "Request",
    "Steering",
    "generate",
    "generate_each",
    "loaded",
    "run",
    "run_each",
    "save",
    "steer",
    "writable",
]
