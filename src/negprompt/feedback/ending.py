"""When a session of feedback is over: somebody is content, or it has gone on long enough."""

from collections.abc import Collection
from typing import Final

from negprompt.feedback.critique import Critique

ROUNDS: Final = 8


def ended(
    said: Critique | None,
    seen: Collection[str] | None = None,
    *,
    complained: Collection[str] = (),
    rounds: int = 0,
    bound: int = ROUNDS,
) -> str | None:
    """Return why a session ends, as a sentence, or None where it goes on.

    It ends where the user is content, where the judge sees nothing of what was ``complained`` of in
    the newest picture (``seen``, None where no judge looked), or after ``bound`` rounds.
    """
    if said is not None and said.is_content:
        return "you are content"
    if seen is not None and complained and not set(seen) & set(complained):
        return f"the judge sees nothing of {', '.join(sorted(complained))} any more"
    return f"{bound} rounds are done" if rounds >= bound else None
