"""``negprompt chat``: say what you dislike, get a better one."""

import json
import os
import sys
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Final, Literal

import typer

from negprompt.cli import options, probing, talking
from negprompt.cli.loading import loads
from negprompt.cli.shell import app
from negprompt.cli.terminal import notices, progress, say
from negprompt.errors import NegpromptError, Notice, OutputError, RequestError, shown
from negprompt.models.choices import Loading

if TYPE_CHECKING:
    from collections.abc import Sequence

    from negprompt.engine import Request
    from negprompt.history.conversation import Conversation
    from negprompt.history.exchange import Answer, Setup
    from negprompt.history.opening import History
    from negprompt.policy import Layer

BEGIN: Final = (
    "negative", "negative_weight", "model", "cfg", "steps", "seed", "size", "scheduler", "rule",
    "rescale", "dialect", "scheme", "policy",
)  # fmt: skip
"""Options that say how a chat begins."""

Edits = Annotated[
    Literal["auto", "ask"],
    typer.Option("--apply", help="auto: edits act in the next picture; ask: after your yes."),
]
Rounds = Annotated[int, typer.Option(min=1, max=1000, help="The chat ends after so many.")]
Pairs = Annotated[
    int,
    typer.Option(
        min=0,
        max=64,
        help="Try each new term on so many pairs of pictures; one without effect is dropped.",
    ),
]
Until = Annotated[
    Literal["user", "judge"],
    typer.Option(help="judge: the chat also ends where the probe finds nothing any more."),
]
Resume = Annotated[
    str | None,
    typer.Option(metavar="ID|last", help="Go on with a chat.", show_default=False),
]
Export = Annotated[
    Path | None,
    typer.Option(metavar="FILE", help="Write the chat to a file in the end.", show_default=False),
]


@app.command(epilog='Example: negprompt chat "a cat on a beach" --policy house-floor')
@loads
def chat(
    context: typer.Context,
    prompt: options.MaybePromptText = None,
    *,
    negative: options.NegativeTexts = None,
    negative_weight: options.NegativeWeights = None,
    model: options.ModelName = "pocket",
    cfg: options.Scale = None,
    steps: options.Steps = None,
    seed: options.Seed = 0,
    size: options.Size = None,
    scheduler: options.Scheduler = None,
    rule: options.Rule = "cfg",
    rescale: options.Rescale = 0.0,
    dialect: options.Dialect = "a1111",
    scheme: options.Scheme = None,
    loading: Loading,
    policy: options.Policies = None,
    policy_folder: options.PolicyFolders = None,
    edits: Edits = "auto",
    rounds: Rounds = 8,
    pairs: Pairs = 0,
    until: Until = "user",
    probe: probing.ProbeName = "",
    resume: Resume = None,
    export: Export = None,
    metadata: options.Metadata = "full",
    out: options.Out = Path("out/chat"),
    as_json: Annotated[
        bool, typer.Option("--json", help="One JSON object a line, as in a pipe.")
    ] = False,
) -> None:
    """Make a picture, hear what is wrong with it, make the next on the same seed.

    A line of words becomes edits to the negative, each with its reason; /help lists what else a
    line may be. Where standard input is no terminal, one line in is one JSON object out.
    """
    given = dict(locals())
    as_json = as_json or sys.stdin is None or not sys.stdin.isatty()
    history = _history(given)
    talk = (
        _begun(given, history, as_json=as_json)
        if resume is None or history is None
        else _resumed(given, history)
    )
    if talk is None:
        return
    notices(talk.setup.probe.notices if talk.setup.probe else ())
    try:
        _talk(talk, as_json=as_json)
    except BrokenPipeError:  # nobody reads any more; the chat is kept
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
    finally:
        _kept(talk, export, as_json=as_json)


def _talk(talk: "Conversation", *, as_json: bool) -> None:
    """Make the picture that is due, then hear line after line until the chat ends."""
    answer = _heard(talk, None)
    talking.tell(talk, answer, as_json=as_json)
    for line in talking.lines():
        if answer.ended is not None:
            return
        try:
            answer = _heard(talk, line)
        except NegpromptError as error:
            talking.blame(error, as_json=as_json)
        else:
            talking.tell(talk, answer, as_json=as_json)


def _heard(talk: "Conversation", line: str | NegpromptError | None) -> "Answer":
    if isinstance(line, NegpromptError):
        raise line
    with progress("denoising") as on_step:
        talk.setup = replace(talk.setup, on_step=on_step)
        return talk.open() if line is None else talk.say(line)


def _begun(
    given: dict[str, Any], history: "History | None", *, as_json: bool
) -> "Conversation | None":
    """A chat with the prompt of the command line, else with the first line that is one.

    Raises what is wrong with the options; what is wrong with a line is told, and the next is read.
    """
    from negprompt.history.conversation import begun

    request = _request(given, given["prompt"] or "")
    if given["prompt"] is not None:
        return begun(_setup(given, request, history), request)
    for line in talking.lines():
        try:
            if isinstance(line, NegpromptError):
                raise line
            _no_command(line)
            request = _request(given, line)
        except NegpromptError as error:
            talking.blame(error, as_json=as_json)
        else:
            return begun(_setup(given, request, history), request)
    return None


def _request(given: dict[str, Any], prompt: str) -> "Request":
    """What the options and a prompt ask for."""
    settings = {name: given[name] for name in BEGIN}
    settings["weights"] = settings.pop("negative_weight")
    settings["policies"] = settings.pop("policy")
    return options.request(
        prompt.strip(),
        policy_folders=given["policy_folder"],
        loading=given["loading"],
        **settings,
    )


def _no_command(prompt: str) -> None:
    """Raise RequestError ``chat-command-unknown`` for a command in place of the first line."""
    from negprompt.history.conversation import COMMANDS

    if (name := prompt.strip().partition(" ")[0]) in COMMANDS:
        raise RequestError(
            f"{name} comes after the first picture",
            code="chat-command-unknown",
            cure="say first what the picture should show",
        )


def _resumed(given: dict[str, Any], history: "History") -> "Conversation":
    """The chat that ``--resume`` names. RequestError ``resume-alone``, ``session-unknown``."""
    from negprompt.history import sessions
    from negprompt.history.conversation import resumed
    from negprompt.history.state import recalled

    typed = sorted(options.typed(given["context"]) & {"prompt", *BEGIN})
    if typed:
        raise RequestError(
            f"--resume goes on with its own settings, and {typed[0]} is given",
            code="resume-alone",
            cure="leave it out, or begin another chat",
        )
    number = None if given["resume"] == "last" else _number(given["resume"])
    found = sessions.session(history, number)
    request = recalled(history, found.state).request
    return resumed(_setup(given, request, history), history, found)


def _setup(given: dict[str, Any], request: "Request", history: "History | None") -> "Setup":
    """Who makes, looks and reads, and where things go."""
    from negprompt.encoding.choices import known
    from negprompt.engine import loaded, writable
    from negprompt.engine.save import METADATA
    from negprompt.feedback.endpoint import configured
    from negprompt.history.exchange import Setup
    from negprompt.measure.probes import probe

    known(given["metadata"], METADATA, "kind of metadata", code="metadata-unknown")
    return Setup(
        model=loaded(request.model, request.loading),
        out=writable(given["out"]),
        policy=partial(_policy, folders=given["policy_folder"]),
        probe=probe(given["probe"] or probing.default_probe(request.model)),
        endpoint=configured(),
        history=history,
        apply=given["edits"],
        bound=given["rounds"],
        pairs=given["pairs"],
        until_judge=given["until"] == "judge",
        metadata=given["metadata"],
    )


def _history(given: dict[str, Any]) -> "History | None":
    """The history; where it cannot be opened a chat that needs it stops, and another is not kept.

    Raises OutputError ``history-unusable``, RequestError ``history-off``.
    """
    from negprompt.history.opening import opened

    needed = [name for name in ("resume", "export") if given[name] is not None]
    try:
        history = opened()
    except OutputError as error:
        if needed:
            raise
        notices([Notice("history-unwritten", f"the chat is not kept: {error.message}")])
        return None
    if history is None and needed:
        raise RequestError(
            f"--{needed[0]} needs the history, which is off",
            code="history-off",
            cure="unset NEGPROMPT_HISTORY, or take `history = false` out of negprompt.toml",
        )
    return history


def _policy(name: str, *, folders: "Sequence[Path] | None") -> "Layer":
    """A layer by its name alone: who talks through a pipe names no files."""
    if not name.replace("-", "").isalnum():
        raise RequestError(
            f"{shown(name)} is not the name of a policy",
            code="policy-name",
            cure="give a name such as house-floor; files are for --policy",
        )
    from negprompt.policy.files import load

    return load((name,), options.places(folders))[0]


def _number(said: str) -> int:
    if not (said.isascii() and said.isdigit()):
        raise RequestError(
            f"there is no session {shown(said)}",
            code="session-unknown",
            cure="give its number, or last",
        )
    return int(said)


def _kept(talk: "Conversation", export: Path | None, *, as_json: bool) -> None:
    """Write the chat to a file, and say how it goes on."""
    if talk.session is None or talk.setup.history is None:
        return
    if export is not None:
        from negprompt.engine import written
        from negprompt.history.exported import exported

        found = exported(talk.setup.history, talk.session)
        written.write(export, json.dumps(found, indent=1).encode())
    if not as_json:
        say(f"to go on: negprompt chat --resume {talk.session}")
