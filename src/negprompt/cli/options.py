"""The options that commands share, and the request that they make up."""

import re
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from negprompt.errors import RequestError, shown

if TYPE_CHECKING:
    from negprompt.engine import Request
    from negprompt.policy import Layer
    from negprompt.policy.project import Project

PromptText = Annotated[
    str, typer.Argument(help="What the picture should show.", show_default=False)
]
MaybePromptText = Annotated[
    str | None, typer.Argument(help="What the picture should show.", show_default=False)
]
NegativeTexts = Annotated[
    list[str] | None,
    typer.Option(
        "--negative",
        metavar="TEXT",
        help='What it should not show. "a, b" is one negative, encoded jointly; given several '
        "times, the negatives are composed, one more model pass a step for each.",
        show_default=False,
    ),
]
NegativeWeights = Annotated[
    list[float] | None,
    typer.Option(
        "--negative-weight",
        metavar="W",
        help="Share of a composed negative in the push, one for each --negative in the same "
        "order; 1 each by default.",
        show_default=False,
    ),
]
ModelName = Annotated[
    str,
    typer.Option(
        "--model",
        metavar="pocket|DIR|FILE|HUB-ID",
        help="The model inside, a folder with a diffusers pipeline, a .safetensors file, or a hub "
        "id.",
    ),
]
Scale = Annotated[
    float | None,
    typer.Option(
        "--cfg",
        help="Guidance scale, 1 to 100; 1 is no guidance. The model's own by default.",
        show_default=False,
    ),
]
Steps = Annotated[
    int | None,
    typer.Option(help="Denoising steps. The model's own by default.", show_default=False),
]
Seed = Annotated[int, typer.Option(help="Seed of the first image; the next one has the next.")]
Count = Annotated[int, typer.Option(help="Number of images.")]
Size = Annotated[
    str | None,
    typer.Option(
        metavar="WxH",
        help="Pixels, multiples of 8. The model's own by default.",
        show_default=False,
    ),
]
Scheduler = Annotated[
    str | None,
    typer.Option(
        help="ddim, ddpm, dpm++, euler, euler-a or unipc. The model's own by default.",
        show_default=False,
    ),
]
Rule = Annotated[str, typer.Option(help="Guidance rule.")]
Rescale = Annotated[float, typer.Option(help="Guidance rescale, 0 to 1.")]
Dialect = Annotated[
    str,
    typer.Option(
        help="Language of prompt and negatives: a1111, comfy, compel or plain; for import sdnext, "
        "midjourney or novelai."
    ),
]
Scheme = Annotated[
    str | None,
    typer.Option(
        help="How weights act on embeddings: a1111, comfy, compel or another of docs/weights.md. "
        "By default as in the tool whose language is spoken.",
        show_default=False,
    ),
]
Normalise = Annotated[
    str, typer.Option(help="How weights are spread first: none, mean, length or length+mean.")
]
Chunks = Annotated[
    str | None,
    typer.Option(
        help="How long texts are cut: a1111, comfy, compel or another of docs/weights.md. By "
        "default as in the tool whose language is spoken.",
        show_default=False,
    ),
]
Match = Annotated[
    str,
    typer.Option(help="What makes a shorter text longer: pad-empty, pad-eos, zeros or repeat."),
]
ClipSkip = Annotated[
    int | None,
    typer.Option(
        help='A1111\'s "Clip skip": 1 reads the last layer of the text encoder, 2 the one before.',
        show_default=False,
    ),
]
Null = Annotated[
    str | None,
    typer.Option(
        help="What stands for no prompt where there is no negative: empty or zeros.",
        show_default=False,
    ),
]
Embeddings = Annotated[
    Path | None,
    typer.Option(
        metavar="FOLDER",
        help="Textual inversions (safetensors), which the texts call by name.",
        show_default=False,
    ),
]
Policies = Annotated[
    list[str] | None,
    typer.Option(
        "--policy",
        metavar="NAME|FILE",
        help="A standing negative, by name or file; may be given several times.",
        show_default=False,
    ),
]
PolicyFolders = Annotated[
    list[Path] | None,
    typer.Option(
        "--policy-folder",
        metavar="FOLDER",
        help="Where policies are looked for first, before policies/ here and those inside.",
        show_default=False,
    ),
]
Image = Annotated[
    str | None,
    typer.Option(
        metavar="FILE",
        help="A picture to start from instead of noise; it is brought to --size.",
        show_default=False,
    ),
]
Mask = Annotated[
    str | None,
    typer.Option(
        metavar="FILE", help="White where --image is to be made anew.", show_default=False
    ),
]
Strength = Annotated[
    float | None,
    typer.Option(
        help="How far to go from --image, over 0 to 1; 0.75 by default.", show_default=False
    ),
]
Like = Annotated[
    Path | None,
    typer.Option(
        metavar="IMAGE",
        help="Begin again as this picture was made: its prompt, the negative that was typed, its "
        "seed and settings, and the policies that it names. Options given here replace them.",
        show_default=False,
    ),
]
Metadata = Annotated[
    str,
    typer.Option(
        metavar="full|ids|none",
        help="What a file says: all, or no words but seed, model and policies, or nothing.",
    ),
]
Format = Annotated[
    str,
    typer.Option(
        "--format",
        metavar="png|jpeg|webp",
        help="What kind of file; JPEG and WebP say how they were made in EXIF, as A1111 writes it.",
    ),
]
Out = Annotated[Path, typer.Option(metavar="FOLDER", help="Where pictures are written.")]

_SIZE = re.compile(r"(\d{1,5})(?:[x×](\d{1,5}))?")


def request(
    prompt: str,
    *,
    negative: Sequence[str] | None = None,
    weights: Sequence[float] | None = None,
    size: str | tuple[int, int] | None = None,
    policies: Sequence[str] | None = None,
    policy_folders: Sequence[Path] | None = None,
    **settings: Any,
) -> "Request":
    """The request of a command line; ``settings`` are fields of Request as they are.

    Raises what Request and ``layers`` raise, and ``size-unreadable``.
    """
    from negprompt.engine import Request

    return Request(
        prompt=prompt,
        negative=tuple(negative) if negative else None,
        negative_weights=tuple(weights) if weights else None,
        size=pixels(size) if isinstance(size, str) else size,
        policies=layers(policies or (), policy_folders or ()),
        **settings,
    )


def typed(context: typer.Context) -> set[str]:
    """The names of what stands on the command line."""
    return {
        name
        for name in context.params
        if getattr(context.get_parameter_source(name), "name", "") == "COMMANDLINE"
    }


def layers(names: Sequence[str], folders: Sequence[Path] = ()) -> "tuple[Layer, ...]":
    """The layers that act on a command: those of the project file, and those named.

    A project file's own are looked for in its folders first, whatever folder is given: no other
    file of the same name takes their place, and two of one name are refused by the plan.

    Raises what ``policy.files.load`` and ``policy.project.found`` raise.
    """
    active = project()
    if not names and not active.policies:
        return ()
    from negprompt.policy.files import load

    own = load(active.policies, active.folders)
    return (*own, *load(names, places(folders)))


def project() -> "Project":
    """The project file's policies where the command runs."""
    from negprompt.policy.project import found

    return found(Path.cwd())


def places(folders: Sequence[Path] | None) -> tuple[Path, ...]:
    """Where policies are looked for before ``policies/``: given folders, the project file's."""
    return (*(folders or ()), *project().folders)


def pixels(size: str) -> tuple[int, int]:
    """``512x768`` → (512, 768), ``512`` → (512, 512). RequestError ``size-unreadable``."""
    found = _SIZE.fullmatch(size.strip().lower())
    if found is None:
        raise RequestError(
            f"the size {shown(size)} is not WIDTHxHEIGHT",
            code="size-unreadable",
            cure="write it as 128x128",
        )
    return int(found[1]), int(found[2] or found[1])
