"""``negprompt policy import, export, new, diff``: policies and other tools' styles as files."""

import json
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, cast

import typer

from negprompt.cli import options, texts
from negprompt.cli.policy import group
from negprompt.cli.terminal import in_a_line, say, table
from negprompt.errors import OutputError, RequestError, shown

if TYPE_CHECKING:
    from negprompt.policy.layers import Mode, Rank
    from negprompt.policy.style_files import Loss
    from negprompt.policy.styles import Style

LayerName = Annotated[
    str, typer.Option("--layer", help="floor, model, domain, brand, user or feedback.")
]
ModeName = Annotated[str, typer.Option("--mode", help="default, always or enforced.")]
Into = Annotated[Path, typer.Option("--out", metavar="FOLDER", help="Where policies are written.")]


@group.command(name="import", epilog="Example: negprompt policy import styles.csv --out policies")
def import_(
    files: Annotated[
        list[Path],
        typer.Argument(
            metavar="FILE…",
            help="A1111's styles.csv; JSON of Fooocus, InvokeAI, SD.Next, the AI Horde, stylers.",
            show_default=False,
        ),
    ],
    *,
    style: Annotated[
        list[str] | None,
        typer.Option(metavar="NAME", help="Only this style; may be given several times."),
    ] = None,
    layer: LayerName = "domain",
    mode: ModeName = "default",
    out: Into = Path("policies"),
    as_json: texts.AsJson = False,
) -> None:
    """Make policies of the negatives in style files; what cannot be kept is listed."""
    from negprompt.policy.adopting import adopted, slug
    from negprompt.policy.style_files import read

    _check(layer, mode)
    styles: list[Style] = []
    lost: list[tuple[str, str]] = []
    for file in files:
        found = read(file)
        styles += [one for one in found.styles if not style or one.name in style]
        lost += [(name, loss.what) for loss in found.lost for name in loss.styles]
    names: list[str] = []
    written: list[Path] = []
    for one in styles:
        names.append(slug(one.name, names))
        policy = adopted(one, names[-1], layer=cast("Rank", layer), mode=cast("Mode", mode))
        lost += [(one.name, what) for what in policy.lost]
        place = out / f"{policy.name}.toml"
        if policy.toml and place.exists():
            lost.append((one.name, f"{place} is there already and stays as it is"))
        elif policy.toml:
            written.append(_written(place, policy.toml))
    if as_json:
        rows = [{"style": name, "what": what} for name, what in lost]
        print(json.dumps({"policies": list(map(str, written)), "lost": rows}))
        return
    for place in written:
        print(place)
    _told(
        [
            _loss(what, [n for n, w in lost if w == what])
            for what in dict.fromkeys(what for _, what in lost)
        ]
    )


@group.command(epilog="Example: negprompt policy export house-floor --to a1111 --out styles.csv")
def export(
    names: Annotated[
        list[str],
        typer.Argument(
            metavar="NAME|FILE…", help="Policies, or style files of any tool.", show_default=False
        ),
    ],
    *,
    to: Annotated[str, typer.Option(metavar="TOOL", help="a1111, fooocus or invokeai.")],
    folder: options.PolicyFolders = None,
    out: Annotated[
        Path | None,
        typer.Option(metavar="FILE", help="Standard output by default.", show_default=False),
    ] = None,
) -> None:
    """Write policies or styles as a style file of another tool; what it reads otherwise is told."""
    from negprompt.policy.exporting import style_of
    from negprompt.policy.files import load
    from negprompt.policy.style_files import read, write

    styles: list[Style] = []
    lost: list[Loss] = []
    for name in names:
        if name.lower().endswith((".csv", ".json")):
            found = read(Path(name))
            styles += found.styles
            lost += found.lost
        else:
            (layer,) = load([name], options.places(folder))
            made, missed = style_of(layer, to)
            styles.append(made)
            lost += [_loss(what, [layer.name]) for what in missed]
    text, misread = write(styles, to)
    if out is None:
        sys.stdout.write(text)
    else:
        print(_written(out, text))
    _told([*lost, *misread])


@group.command(epilog="Example: negprompt policy new house-floor --layer floor --mode always")
def new(
    name: Annotated[str, typer.Argument(help="Small letters, digits, hyphens.")],
    *,
    source: Annotated[
        str | None,
        typer.Option("--from", metavar="NAME", help="A copy of this policy.", show_default=False),
    ] = None,
    folder: options.PolicyFolders = None,
    layer: LayerName = "floor",
    mode: ModeName = "default",
    out: Into = Path("policies"),
) -> None:
    """Write a policy to fill in, with every key that one mostly needs, or a copy of another."""
    import re
    from importlib.resources import files

    from negprompt.policy.files import file_of
    from negprompt.policy.schema import NAME

    _check(layer, mode)
    place = out / f"{name}.toml"
    if not re.fullmatch(NAME, name):
        raise RequestError(
            f"a policy cannot be called {shown(name)}",
            code="policy-name",
            cure="use small letters, digits and hyphens",
        )
    if place.exists():
        raise OutputError(
            f"{shown(str(place))} is there already",
            code="policy-exists",
            cure="choose another name, or take it away",
        )
    if source is not None:
        text = file_of(source, options.places(folder)).read_text("utf-8")
        for what, value in (("name", name), ("owner", "")):  # who answers for a copy is not known
            text = re.sub(rf"(?m)^{what}\s*=.*$", f'{what} = "{value}"', text, count=1)
    else:
        text = (files("negprompt.policy") / "blank.toml").read_text("utf-8")
        for word, value in (("NAME", name), ("LAYER", layer), ("MODE", mode)):
            text = text.replace(f'"{word}"', f'"{value}"', 1)
    print(_written(place, text))


@group.command(epilog="Example: negprompt policy diff old/house-floor.toml house-floor")
def diff(
    first: Annotated[str, typer.Argument(help="A policy by name or file.", show_default=False)],
    second: Annotated[str, typer.Argument(help="Another one.", show_default=False)],
    *,
    folder: options.PolicyFolders = None,
    as_json: texts.AsJson = False,
) -> None:
    """Show what differs between two policies: settings, then terms."""
    from dataclasses import asdict

    from negprompt.policy.comparing import changes
    from negprompt.policy.files import load

    before, after = (load([name], options.places(folder))[0] for name in (first, second))
    found = list(changes(before, after))
    if as_json:
        labels = {"before": before.label, "after": after.label}
        print(json.dumps(labels | {"changes": [asdict(change) for change in found]}))
    elif not found:
        say(f"{before.label} and {after.label} say the same")
    else:
        rows = [tuple(in_a_line(cell, 400) for cell in (c.what, c.before, c.after)) for c in found]
        table(("what", before.label, after.label), rows, as_data=True)


def _check(layer: str, mode: str) -> None:
    from negprompt.policy.layers import MODES, RANKS

    for what, value, known in (("layer", layer, RANKS), ("mode", mode, MODES)):
        if value not in known:
            raise RequestError(
                f"the {what} is {shown(value)}",
                code="value-out-of-range",
                cure=f"choose one of: {', '.join(known)}",
            )


def _written(place: Path, text: str) -> Path:
    from negprompt.engine.save import writable
    from negprompt.engine.written import write

    writable(place.parent)
    return write(place, text.encode())


def _loss(what: str, names: Sequence[str]) -> "Loss":
    from negprompt.policy.style_files import Loss

    return Loss(what, tuple(names))


def _told(lost: "Sequence[Loss]") -> None:
    for loss in lost:
        some = ", ".join(in_a_line(name, 30) for name in loss.styles[:3])
        more = f" and {len(loss.styles) - 3} more" if len(loss.styles) > 3 else ""
        say(f"not kept: {in_a_line(loss.what, 200)} ({some}{more})")
