"""The same rules on a diffusers pipeline that the user calls, in the user's own way."""

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, nullcontext
from typing import TYPE_CHECKING, Any

from negprompt.engine.request import Request
from negprompt.engine.run import POCKET, layers_of, texts_of
from negprompt.engine.said import listening
from negprompt.engine.steering import Steering
from negprompt.errors import RequestError
from negprompt.policy.layers import Layer

if TYPE_CHECKING:
    from negprompt.guidance.hook import Seen


@contextmanager
def steer(
    pipe: Any,
    negative: str | Sequence[str] | None = None,
    *,
    policies: Sequence[Layer | str] = (),
    negative_weights: Sequence[float] | None = None,
    rule: str = "cfg",
    scale: float | None = None,
    rescale: float | None = None,
    dialect: str = "a1111",
    scheme: str | None = None,
    observe: "Callable[[Seen], None] | None" = None,
) -> Iterator[Steering]:
    """Guide every call of a diffusers pipeline inside the ``with`` block.

    ``scale`` and ``rescale`` are those of each pipeline call where they are not given here;
    without a negative the call's own is used. Schedules are laid over the steps of each call. The
    pipeline is as it was afterwards.

    ``policies`` are Layers or names, as ``generate`` takes them. With them each call is planned
    before its texts are encoded. Its own negative, read in ``dialect``, is the user's where none is
    given here: None is absent, "" empty on purpose. Its prompt, which the pipeline encodes as it
    stands, is searched for what they steer away from. The call raises what ``generate`` would,
    before anything is denoised, and RequestError ``negatives-differ`` where its pictures or text
    encoders need several negatives. Another pipeline with the same denoiser is guided as well, and
    its texts are not read.

    A pipeline of Flux evaluates its own negative in a second call, and only where its own
    ``true_cfg_scale`` is above 1: ``observe`` then sees the step twice, without and with it.

    Raises RequestError as Request does, ``already-steered``, and ``guidance-in-two-calls`` for a
    pipeline of Flux where no scale is given here; ModelError for a pipeline of a
    family that is not supported; PromptError where a negative cannot be encoded; PolicyError as
    ``policy.files.load`` does.
    """
    from negprompt.guidance.attaching import attached
    from negprompt.guidance.hook import Seam
    from negprompt.guidance.schedule import Clock
    from negprompt.models.families import family_of

    request = Request(
        prompt="", negative=texts_of(negative), cfg=scale, rescale=rescale or 0.0, rule=rule,
        negative_weights=None if negative_weights is None else tuple(negative_weights),
        dialect=dialect, scheme=scheme, policies=layers_of(policies), model=_name_of(pipe),
    )  # fmt: skip
    family = family_of(pipe)
    if family.fields.in_two_calls and scale is None:
        raise RequestError(
            f"a {type(pipe).__name__} does not tell its true_cfg_scale",
            code="guidance-in-two-calls",
            cure="give steer() the scale",
        )
    steering = Steering(pipe, family, request, own_rescale=rescale is None)
    steering.seam = Seam(
        rule=steering.rule,
        clock=Clock(lambda: pipe.scheduler),
        bank=steering.bank,
        fields=family.fields,
        paired=steering.is_paired,
        observe=observe,
    )
    with (
        attached(family.denoiser(pipe), steering.seam),
        listening(pipe, steering.hear) if policies else nullcontext(),
    ):
        yield steering


def _name_of(pipe: Any) -> str:
    """What policies may call the model of a pipeline."""
    from negprompt.models.place import place_of

    path = getattr(pipe, "name_or_path", None) or ""
    return POCKET if path and path == place_of(POCKET) else path
