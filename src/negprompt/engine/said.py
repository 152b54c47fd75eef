"""What a call of a pipeline says: its texts, read before the pipeline encodes them.

A call begins with ``check_inputs``, to which every pipeline hands all of its texts; the next
``encode_prompt`` is its own. What a user encodes by hand is no call and is let through.
"""

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from functools import wraps
from inspect import signature
from types import MethodType
from typing import Any

from negprompt.engine.request import Request
from negprompt.errors import ModelError, RequestError, shown
from negprompt.policy.plan import Plan

PROMPTS = ("prompt", "prompt_2", "prompt_3")
NEGATIVES = ("negative_prompt", "negative_prompt_2", "negative_prompt_3")
"""Arguments that carry a text or one for each picture: for all text encoders, or a later one."""


@dataclass(frozen=True, slots=True)
class Said:
    """The texts of one call."""

    prompts: tuple[str, ...]
    """Of all pictures and text encoders, each once; none where the call brings embeddings."""
    negatives: tuple[tuple[str, ...], ...]
    """For each of NEGATIVES one a picture, or one for all; empty where it is left out."""

    @classmethod
    def of(cls, arguments: Mapping[str, Any]) -> "Said":
        """The texts among the arguments of a call, by name."""
        prompts = [text for name in PROMPTS for text in _texts(arguments.get(name))]
        negatives = tuple(_texts(arguments.get(name)) for name in NEGATIVES)
        return cls(tuple(dict.fromkeys(prompts)), negatives)

    @property
    def negative(self) -> tuple[str, ...] | None:
        """Its negative as a Request takes it: None where there is none, ``("",)`` on purpose.

        Raises RequestError ``negatives-differ``.
        """
        first, *others = ({*texts} for texts in self.negatives)
        if len(first) > 1 or any(other - first for other in others):
            every = [text for texts in self.negatives for text in dict.fromkeys(texts)]
            raise _differ(f"the call has the negatives {shown(every)}")
        return (self.negatives[0][0],) if first else None


def plans(said: Said, request: Request, family: str) -> dict[str, Plan]:
    """The plan of a request for each prompt of a call, and for "" where none is known.

    Raises as ``Request.planned`` does, and RequestError ``negatives-differ`` where they do not
    steer away from the same.
    """
    found = {text: request.planned(family, literal=text) for text in said.prompts or ("",)}
    first, *others = (plan.negatives for plan in found.values())
    if any(other != first for other in others):
        raise _differ(f"the prompts {shown([*found])} let different policies act")
    return found


def _differ(what: str) -> RequestError:
    return RequestError(
        f"{what}; under policies one negative acts on all pictures and text encoders of a call",
        code="negatives-differ",
        cure="call the pipeline once for each",
    )


@contextmanager
def listening(pipe: Any, hear: Callable[[Said], Mapping[str, str]]) -> Iterator[None]:
    """Tell ``hear`` the texts of each call of a pipeline, and leave the pipeline as it was.

    ``hear`` returns what is encoded in place of which prompt; what it raises comes out of the call.
    Raises ModelError ``model-unsupported`` for a pipeline that encodes its texts in another way.
    """
    checked: list[dict[str, Any]] = []

    def check_inputs(given: dict[str, Any]) -> None:
        checked[:] = [dict(given)]

    def encode_prompt(given: dict[str, Any]) -> None:
        if checked:
            instead = hear(Said.of(checked.pop() | given))
            given |= {name: _exchanged(given[name], instead) for name in PROMPTS if name in given}

    with _before(pipe, check_inputs), _before(pipe, encode_prompt):
        yield


@contextmanager
def _before(pipe: Any, first: Callable[[dict[str, Any]], None]) -> Iterator[None]:
    """Let ``first`` see the arguments of the method of its name, and change them."""
    name = first.__name__
    if not hasattr(pipe, name):
        raise ModelError(
            f"a {type(pipe).__name__} has no {name}, so no policy can read its texts",
            code="model-unsupported",
            cure="use policies on a pipeline of another kind",
        )
    method, own = getattr(pipe, name), name in vars(pipe)
    named = signature(MethodType(getattr(type(pipe), name), pipe))

    @wraps(method)
    def informed(*args: Any, **kwargs: Any) -> Any:
        given = named.bind(*args, **kwargs)
        first(given.arguments)
        return method(*given.args, **given.kwargs)

    setattr(pipe, name, informed)
    try:
        yield
    finally:
        if own:
            setattr(pipe, name, method)
        else:
            delattr(pipe, name)


def _texts(value: Any) -> tuple[str, ...]:
    if value is None:
        return ()
    return tuple(value) if isinstance(value, list | tuple) else (value,)


def _exchanged(value: Any, instead: Mapping[str, str]) -> Any:
    if isinstance(value, list):
        return [instead[text] for text in value]
    return value if value is None else instead[value]
