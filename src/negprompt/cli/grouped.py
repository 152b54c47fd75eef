"""Options that several commands take together; a command gets them as one value."""

import inspect
from collections.abc import Callable, Mapping
from functools import wraps
from typing import Any, TypeAlias

Command: TypeAlias = Callable[..., None]


def grouped(
    name: str, options: Mapping[str, tuple[Any, Any]], made: Callable[..., Any]
) -> Callable[[Command], Command]:
    """Return a decorator that adds options to a command, each given as its type and default.

    The command gets ``made(**options)`` as its keyword argument ``name``.
    """

    def add(command: Command) -> Command:
        @wraps(command)
        def with_options(**given: Any) -> None:
            mine = {option: given.pop(option) for option in options}
            command(**given, **{name: made(**mine)})

        own = inspect.signature(command).parameters
        kept = [one for one in own.values() if one.name != name]
        last = inspect.Parameter.KEYWORD_ONLY
        more = [
            inspect.Parameter(option, last, annotation=kind, default=usual)
            for option, (kind, usual) in options.items()
        ]
        signature = inspect.Signature([*kept, *more])
        with_options.__signature__ = signature  # type: ignore[attr-defined]
        with_options.__annotations__ = {p.name: p.annotation for p in signature.parameters.values()}
        return with_options

    return add
