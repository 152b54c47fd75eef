"""Say what you don't want, see that it worked, and know what it cost.

The public names load on first use, so that ``import negprompt`` reads text and nothing else: no
torch, no model library.
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from negprompt.engine import (
        Cost,
        Generation,
        Request,
        generate,
        generate_each,
        run,
        run_each,
        save,
        steer,
    )
    from negprompt.errors import (
        ModelError,
        NegpromptError,
        Notice,
        OutputError,
        PromptError,
        RequestError,
    )
    from negprompt.language import Prompt, parse
    from negprompt.models.choices import Loading
    from negprompt.models.load import Model, load
    from negprompt.policy.plan import Plan, Term, plan

__all__ = [
    "Cost",
    "Generation",
    "Loading",
    "Model",
    "ModelError",
    "NegpromptError",
    "Notice",
    "OutputError",
    "Plan",
    "Prompt",
    "PromptError",
    "Request",
    "RequestError",
    "Term",
    "generate",
    "generate_each",
    "load",
    "parse",
    "plan",
    "run",
    "run_each",
    "save",
    "steer",
]

_ROOMS = {
    "engine": (
        "Cost",
        "Generation",
        "Request",
        "generate",
        "generate_each",
        "run",
        "run_each",
        "save",
        "steer",
    ),
    "errors": (
        "ModelError",
        "NegpromptError",
        "Notice",
        "OutputError",
        "PromptError",
        "RequestError",
    ),
    "language": ("Prompt", "parse"),
    "models.choices": ("Loading",),
    "models.load": ("Model", "load"),
    "policy.plan": ("Plan", "Term", "plan"),
}
_ROOM_OF = {name: room for room, names in _ROOMS.items() for name in names}


def __getattr__(name: str) -> Any:
    if name not in _ROOM_OF:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    value = getattr(import_module(f"{__name__}.{_ROOM_OF[name]}"), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
