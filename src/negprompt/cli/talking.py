"""Lines in, answers out: a chat in a terminal, or through a pipe as one JSON object a line."""

import json
import sys
from collections import Counter
from collections.abc import Iterator
from dataclasses import asdict
from typing import TYPE_CHECKING, Any, Final

from rich.console import Console
from rich.text import Text

from negprompt.cli.terminal import in_a_line, notices, pointed_at, say
from negprompt.errors import NegpromptError, PromptError, RequestError

if TYPE_CHECKING:
    from negprompt.feedback import Edit
    from negprompt.history.conversation import Conversation
    from negprompt.history.exchange import Answer
    from negprompt.policy import Plan

MOST: Final = 10_000
"""Bytes of a line."""
PROMPT: Final = "> "
QUIT: Final = frozenset({"/quit", "/exit"})


def lines() -> Iterator[str | NegpromptError]:
    """Yield what is said, line by line, or what is wrong with a line; a terminal is asked."""
    if sys.stdin is None:
        return
    while True:
        if sys.stdin.isatty():
            try:
                line: str | NegpromptError = input(PROMPT)
            except EOFError:
                return
        else:
            read = sys.stdin.buffer.readline(MOST + 1)
            if not read:
                return
            line = _decoded(read)
        if isinstance(line, str) and line.strip() in QUIT:
            return
        yield line


def _decoded(read: bytes) -> str | NegpromptError:
    if len(read) > MOST:
        while not read.endswith(b"\n") and (read := sys.stdin.buffer.readline(MOST)):
            pass
        return RequestError(
            f"a line has more than {MOST} bytes",
            code="chat-line-too-long",
            cure="say it in fewer words",
        )
    try:
        return read.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        return PromptError(
            f"the line is not UTF-8 at byte {error.start}",
            code="text-not-unicode",
            cure="write it as UTF-8",
        )


def tell(chat: "Conversation", answer: "Answer", *, as_json: bool) -> None:
    """Print what came of a line."""
    if as_json:
        print(json.dumps(to_json(chat, answer)), flush=True)
        return
    for line in answer.said:
        say(line)
    _diff(answer)
    for number, edit in enumerate(answer.pending, 1):
        say(f"  {number}. {described(edit)}")
    if answer.pending:
        say("yes, no, or the numbers of those that should act")
    notices(answer.notices)
    if answer.left:
        say(f"still seen: {', '.join(answer.left)}")
    if answer.picture is not None:
        print(answer.picture, flush=True)
    if answer.beside is not None:
        print(answer.beside, flush=True)
    if answer.ended is not None:
        say(f"the chat ends: {answer.ended}")


def blame(error: NegpromptError, *, as_json: bool) -> None:
    """Print what was wrong with a line; the chat goes on."""
    if as_json:
        said = {"code": error.code, "text": error.message, "cure": error.cure}
        print(json.dumps({"error": said}), flush=True)
    elif error.source is None or error.span is None:
        say(str(error))
    else:
        pointed_at(str(error), error.source, error.span)


def to_json(chat: "Conversation", answer: "Answer") -> dict[str, Any]:
    """What one line gives in a pipe."""
    plan, request, made = answer.after, chat.request, answer.made
    return {
        "session": chat.session,
        "words": answer.words,
        "edits": [asdict(edit) for edit in answer.edits],
        "pending": [asdict(edit) for edit in answer.pending],
        "picture": None if answer.picture is None else str(answer.picture),
        "beside": None if answer.beside is None else str(answer.beside),
        "prompt": None if request is None else request.prompt,
        "seed": None if request is None else request.seed,
        "effective_negative": None if plan is None else plan.effective_negative,
        "raw_negative": None if plan is None else plan.raw_negative,
        "terms": [] if plan is None else [
            {"negative": number, "text": term.name, "weight": term.weight, "from": term.layer}
            for number, negative in enumerate(plan.negatives, 1)
            for term in negative.terms
        ],
        "left": None if answer.left is None else list(answer.left),
        "said": list(answer.said),
        "notices": [{"code": notice.code, "text": notice.text} for notice in answer.notices],
        "cost": None if made is None else asdict(made.cost),
        "ended": answer.ended,
    }  # fmt: skip


def described(edit: "Edit") -> str:
    """An edit in words: ``add watermark 1.2: you said …``."""
    weight = "" if edit.weight is None else f" {edit.weight:.3g}"
    without = f" without {in_a_line(edit.without)}" if edit.without else ""
    term = f" {in_a_line(edit.term)}" if edit.term else ""
    return f"{edit.action}{term}{weight}{without}: {in_a_line(edit.reason, 200)}"


def _diff(answer: "Answer") -> None:
    """What the negative lost in red and gained in green, and the reason of each edit."""
    console = Console(stderr=True, markup=False, highlight=False, soft_wrap=True)
    before, after = _terms(answer.before), _terms(answer.after)
    for term in before - after if answer.before is not None else ():
        console.print(Text(f"- {term}", style="red"))
    for term in after - before:
        console.print(Text(f"+ {term}", style="green"))
    for edit in answer.edits:
        console.print(Text(f"  {described(edit)}", style="dim"))


def _terms(plan: "Plan | None") -> Counter[str]:
    negatives = () if plan is None else plan.negatives
    return Counter(
        f"{in_a_line(term.name)} {term.weight:.3g}" for one in negatives for term in one.terms
    )
