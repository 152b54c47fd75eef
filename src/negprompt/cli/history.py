"""``negprompt history``: what was made, which images used a term, one of them again."""

import hashlib
import json
from collections.abc import Iterator, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from negprompt.cli import options, texts
from negprompt.cli.shell import app
from negprompt.cli.terminal import in_a_line, notices, progress, say, table
from negprompt.errors import OutputError, RequestError, shown

if TYPE_CHECKING:
    from negprompt.history.looking import Run, Summary, Use
    from negprompt.history.opening import History
    from negprompt.history.replaying import Replayed

group = typer.Typer(
    name="history",
    help="What was made before: list it, show one run, search for a term, make it again.",
    no_args_is_help=True,
)
app.add_typer(group, name="history")

DIFFERENT = 3
"""The exit status where an image is not the same again."""

Which = Annotated[
    str,
    typer.Argument(
        metavar="RUN", help="Its number, or a picture that it made.", show_default=False
    ),
]
Limit = Annotated[int, typer.Option(min=1, max=100_000, help="Most runs that are shown.")]


@group.command(name="list", epilog="Example: negprompt history list --limit 5")
def _list(*, limit: Limit = 20, as_json: texts.AsJson = False) -> None:
    """List the newest runs."""
    from negprompt.history import looking

    runs = looking.newest(kept(), limit)
    if as_json:
        print(json.dumps({"runs": [summary(one) for one in runs]}))
        return
    if not runs:
        say("the history is empty")
        return
    headings = ("run", "made (UTC)", "images", "prompt", "negative")
    rows = [
        (
            str(one.id), _minute(one.made), str(len(one.images)), in_a_line(one.prompt, 40),
            in_a_line(one.effective_negative, 60),
        )
        for one in runs
    ]  # fmt: skip
    table(headings, rows, as_data=True)


@group.command(epilog="Example: negprompt history show out/00000-0.png")
def show(run: Which, *, as_json: texts.AsJson = False) -> None:
    """Show one run: texts, settings, the terms that acted and from whom, its images."""
    found = _run(kept(), run)
    if as_json:
        print(json.dumps(contract(found)))
        return
    for line in _lines(found):
        print(in_a_line(line, 10_000))
    if found.terms:
        rows = [(str(one.negative), *_use(one)) for one in found.terms]
        table(("negative", "weight", "term", "from"), rows, as_data=True)
    headings = ("seed", "saved as", "kept copy", "sha256")
    rows = [
        (str(one.seed), in_a_line(str(one.path), 400), one.state, one.sha256)
        for one in found.images
    ]
    table(headings, rows, as_data=True)


@group.command(epilog='Example: negprompt history search "logo" --policy brand@7')
def search(
    term: Annotated[
        str, typer.Argument(metavar="[TERM]", help="Words of a term.", show_default=False)
    ] = "",
    *,
    policy: Annotated[
        str | None,
        typer.Option(
            metavar="NAME[@VERSION]",
            help="Only terms that this policy put there: brand, brand@7, brand@7.1.0.",
            show_default=False,
        ),
    ] = None,
    limit: Limit = 20,
    as_json: texts.AsJson = False,
) -> None:
    """Find the images whose negative held a term, or anything from a policy."""
    from negprompt.history import looking

    count, runs = looking.search(kept(), term, policy=policy, limit=limit)
    if as_json:
        print(json.dumps({"count": count, "runs": [summary(one) for one in runs]}))
        return
    headings = ("run", "made (UTC)", "weight", "term", "from", "image")
    rows = [
        (str(one.id), _minute(one.made), *_use(use), in_a_line(str(path), 400))
        for one in runs
        for use in one.terms
        for path, _ in one.images
    ]
    if rows:
        table(headings, rows, as_data=True)
    more = f"; these are the newest {len(runs)}, --limit shows more" if count > len(runs) else ""
    say(f"{count} {'run' if count == 1 else 'runs'}{more}")


@group.command(epilog="Example: negprompt history replay 12 --out again")
def replay(run: Which, *, out: options.Out = Path("out"), as_json: texts.AsJson = False) -> None:
    """Make the images of a run again, and say whether they are the same bit for bit."""
    history = kept()
    found = _run(history, run)
    from negprompt.engine import save, writable
    from negprompt.history import replaying

    writable(out)
    with progress("denoising") as on_step:
        again = replaying.replay(history, found, on_step=on_step)
    paths = save(again.made, out, metadata=found.metadata)
    notices(again.made.notices)
    if as_json:
        print(json.dumps(_compared(found, again, paths)))
    else:
        for path, same in zip(paths, again.same, strict=True):
            print(path)
            say(f"{path.name} is {'the same, bit for bit' if same else 'another picture'}")
        for line in again.changed:
            say(f"since then: {line}")
    if not all(again.same):
        raise typer.Exit(DIFFERENT)


@group.command(epilog="Example: negprompt history gc")
def gc(
    *,
    older: Annotated[
        int | None,
        typer.Option(
            metavar="DAYS", min=1, show_default=False,
            help="Also drop the copies of images of runs so many days old.",
        ),
    ] = None,
    as_json: texts.AsJson = False,
) -> None:  # fmt: skip
    """Remove kept copies that nothing refers to, and say what that freed."""
    from negprompt.history.collecting import collect

    done = collect(kept(), older=older)
    if as_json:
        print(json.dumps(asdict(done)))
        return
    print(
        f"removed {done.removed} files, freed {done.freed / 1e6:.1f} MB; "
        f"{done.left} are left, {done.bytes / 1e6:.1f} MB"
    )


def summary(one: "Summary") -> dict[str, Any]:
    """A run as ``list`` and ``search`` print it with ``--json``."""
    found = asdict(one)
    images = [{"path": str(path), "sha256": sha256} for path, sha256 in one.images]
    return found | {"images": images}


def contract(run: "Run") -> dict[str, Any]:
    """What ``show`` prints with ``--json``."""
    found = asdict(run)
    del found["layers"]  # a whole hash would confirm a guess at terms that only their owner may see
    return json.loads(json.dumps(found, default=str))  # type: ignore[no-any-return]


def kept() -> "History":
    """The history. Raises RequestError ``history-off``, OutputError ``history-unusable``."""
    from negprompt.history.opening import opened

    history = opened()
    if history is None:
        raise RequestError(
            "the history is turned off here",
            code="history-off",
            cure="unset NEGPROMPT_HISTORY, or take `history = false` out of negprompt.toml",
        )
    return history


def _run(history: "History", which: str) -> "Run":
    """The run of a number, or the newest one that made a file of the same bytes."""
    from negprompt.history import looking

    if which.isascii() and which.isdecimal() and len(which) < 19:
        return looking.run(history, int(which))
    try:
        digest = hashlib.sha256(Path(which).read_bytes()).hexdigest()
    except (OSError, ValueError) as error:
        raise OutputError(
            f"{shown(which)} is neither a number nor a picture that can be read",
            code="run-not-named",
            cure="give the number of a run, see `negprompt history list`, or a picture it made",
        ) from error
    number = looking.made_by(history, digest)
    if number is None:
        raise looking.unknown(which)
    return looking.run(history, number)


def _compared(then: "Run", again: "Replayed", paths: Sequence[Path]) -> dict[str, Any]:
    """What ``replay`` prints with ``--json``."""
    images = [
        {
            "path": str(path),
            "seed": image.seed,
            "same": same,
            "sha256": hashlib.sha256(path.read_bytes()).hexdigest(),
            "recorded_sha256": image.sha256,
        }
        for path, image, same in zip(paths, then.images, again.same, strict=True)
    ]
    return {
        "run": then.id,
        "same": all(again.same),
        "images": images,
        "changed": list(again.changed),
        "notices": [{"code": one.code, "text": one.text} for one in again.made.notices],
    }


def _lines(run: "Run") -> Iterator[str]:
    yield f"run {run.id}, made {run.made} by {run.command} in {run.folder}"
    yield f"prompt: {run.prompt}"
    if run.raw_negative is not None:
        yield f"typed as negative: {run.raw_negative or '(empty)'}"
    yield f"effective negative: {run.effective_negative or '(none)'}"
    if run.policies:
        yield f"policies: {', '.join(run.policies)}"
    names = ("model", "cfg", "steps", "seed", "count", "size", "scheduler", "rule", "dialect")
    said = ((name, run.request.get(name)) for name in names)
    yield ", ".join(f"{name} {_value(value)}" for name, value in said if value is not None)
    yield f"{run.passes} passes an image, {run.seconds:.1f} s"
    yield ", ".join(f"{name} {value}" for name, value in run.versions.items())
    for notice in run.notices:
        yield f"note: {notice['text']} [{notice['code']}]"
    if run.session is not None:
        yield f"answers turn {run.turn} of session {run.session}"
    for image in run.images:
        for one in image.measurements:
            yield (
                f"seed {image.seed}: {one['probe']} reads {one['term']} at {one['probability']:.3f}"
            )


def _value(value: object) -> str:
    return "x".join(map(str, value)) if isinstance(value, list) else f"{value}"


def _use(use: "Use") -> tuple[str, str, str]:
    return f"{use.weight:.6g}", in_a_line(use.text), use.layer


def _minute(time: str) -> str:
    """``2026-11-26T01:43:26.123456+00:00`` → ``2026-11-26 01:43``."""
    return time[:16].replace("T", " ")
