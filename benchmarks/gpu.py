"""Time and memory of an image on a GPU, beside diffusers' own negative path in the same run.

``python benchmarks/gpu.py [MODEL …] [--compile] [--out FILE]``, on a CUDA device.  The models have
the sizes of Stable Diffusion 1.5, SDXL and Flux.1 and random weights in bfloat16: what they draw is
noise, what they cost is real.  Each row is a way of making pictures; rounds go over all rows of a
batch size in turn, so that what else the machine does falls on all alike, and the median counts.
Every round has a new prompt and the same negatives, which negprompt reads once and diffusers each
time.  A compiled denoiser is compiled block by block (``compile_repeated_blocks``).

Two bars, on CUDA at full size: one negative takes no longer than with diffusers, and SDXL with
three negatives and little memory stays under 11 GiB.  The exit status is 1 where one is missed.
``--tiny`` is for the test: thin models of the same layout, on any device; its figures say nothing.
"""

import argparse
import json
import platform
import sys
import time
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from importlib.resources import files
from math import isnan
from pathlib import Path
from statistics import median
from typing import Any, Final

import diffusers
import torch
import transformers

from negprompt.engine import Request, run
from negprompt.models.choices import Loading
from negprompt.models.families import family_of
from negprompt.models.load import Model, quiet
from negprompt.models.memory import settle

GIB: Final = 2**30
SLOWEST: Final = 1.00  # times diffusers, one negative
LARGEST: Final = 11.0  # GiB, SDXL, three negatives, little memory
SCALE: Final = 4.0
NEGATIVES: Final = ("blurry, low quality", "watermark, text", "extra fingers")
WORDS: Final = "a cat on the beach blurry low quality watermark text extra fingers , 0 1 2 3 4 5"
CONFIGS: Final = Path(str(files("negprompt") / "models" / "configs"))

THIN: Final[dict[str, dict[str, Any]]] = {
    "text_encoder": {"hidden_size": 16, "intermediate_size": 16, "num_hidden_layers": 2,
                     "num_attention_heads": 2, "projection_dim": 16},
    "vae": {"block_out_channels": (8, 8, 8, 8), "norm_num_groups": 4},
    "sd1": {"sample_size": 8, "block_out_channels": (8, 8, 8, 8), "norm_num_groups": 4,
            "attention_head_dim": 2, "cross_attention_dim": 16},
    "sdxl": {"sample_size": 8, "block_out_channels": (8, 8, 8), "norm_num_groups": 4,
             "attention_head_dim": (2, 2, 2), "transformer_layers_per_block": (1, 1, 1),
             "cross_attention_dim": 32, "addition_time_embed_dim": 4,
             "projection_class_embeddings_input_dim": 40},
    "t5": {"d_model": 32, "d_kv": 8, "d_ff": 32, "num_layers": 2, "num_heads": 2},
    "flux": {"in_channels": 64, "num_layers": 1, "num_single_layers": 1, "attention_head_dim": 16,
             "num_attention_heads": 2, "joint_attention_dim": 32, "pooled_projection_dim": 16,
             "axes_dims_rope": (4, 4, 8)},
}  # fmt: skip
"""What ``--tiny`` puts in place of the real sizes."""


@dataclass(frozen=True, slots=True)
class Row:
    """One way of making pictures, and what it took."""

    model: str
    batch: int
    way: str
    negatives: int
    memory: str
    compiled: bool
    seconds: float
    """For one image."""
    peak: float | None
    """GiB on the device; None where it does not count."""
    ratio: float
    """Seconds over those of diffusers at the same batch size."""


def main() -> int:
    """Measure, print the table, say which bars hold."""
    given = _arguments()
    device = torch.device("cuda" if torch.cuda.is_available() else "cpu")
    if device.type == "cpu" and not given.tiny:
        sys.stderr.write("there is no CUDA device here; --tiny runs on any\n")
        return 2
    rows: list[Row] = []
    with quiet():
        for name in given.models or list(MODELS):
            rows += measured(name, device, given)
    page = "\n".join(table(rows, device, given))
    print(page)
    if given.out is not None:
        given.out.write_text(page + "\n", "utf-8")
    missed = [] if given.tiny else list(bars(rows))
    for line in missed:
        print(line)
    return int(bool(missed))


def measured(name: str, device: torch.device, given: argparse.Namespace) -> Iterator[Row]:
    """The rows of one model: as it is, compiled if asked for, and at last with little memory."""
    pipe = built(name, device, thin=given.tiny)
    model = Model(pipe, name, family_of(pipe))
    for compiled in (False, True) if given.compile else (False,):
        if compiled:
            model.family.denoiser(pipe).compile_repeated_blocks()
        for batch in given.batches:
            ways = {("diffusers", 1, "auto"): _diffusers(pipe, batch, given.steps)}
            for count in (1, 3):
                ways["negprompt", count, "auto"] = _negprompt(model, batch, given.steps, count)
            yield from compared(name, batch, ways, device, given.rounds, compiled=compiled)
    low = Loading(memory="low")
    settle(pipe, device, low)
    model = Model(pipe, name, model.family, low)
    for batch in given.batches:
        ways = {("negprompt", n, "low"): _negprompt(model, batch, given.steps, n) for n in (1, 3)}
        yield from compared(name, batch, ways, device, given.rounds, compiled=given.compile)


Way = Callable[[str], Any]


def compared(
    name: str,
    batch: int,
    ways: dict[tuple[str, int, str], Way],
    device: torch.device,
    rounds: int,
    *,
    compiled: bool,
) -> Iterator[Row]:
    """Each way in turn, ``rounds`` times after one that does not count."""
    taken: dict[Any, list[tuple[float, float | None]]] = {way: [] for way in ways}
    for number in range(rounds + 1):
        for way, make in ways.items():
            once = _spent(make, f"a cat {number}", device)
            if number:
                taken[way].append(once)
    seconds = {way: median(took for took, _ in spent) / batch for way, spent in taken.items()}
    own = seconds.get(("diffusers", 1, "auto"), float("nan"))
    for way, spent in taken.items():
        (what, negatives, memory), peaks = way, [peak for _, peak in spent if peak is not None]
        yield Row(
            model=name,
            batch=batch,
            way=what,
            negatives=negatives,
            memory=memory,
            compiled=compiled,
            seconds=seconds[way],
            peak=max(peaks, default=None),
            ratio=seconds[way] / own,
        )


def _spent(make: Way, prompt: str, device: torch.device) -> tuple[float, float | None]:
    cuda = device.type == "cuda"
    if cuda:
        torch.cuda.synchronize()
        torch.cuda.empty_cache()
        torch.cuda.reset_peak_memory_stats()
    start = time.perf_counter()
    make(prompt)
    if cuda:
        torch.cuda.synchronize()
    return time.perf_counter() - start, torch.cuda.max_memory_allocated() / GIB if cuda else None


def _diffusers(pipe: Any, batch: int, steps: int) -> Way:
    flux = type(pipe).__name__ == "FluxPipeline"
    scale = {"true_cfg_scale": SCALE, "guidance_scale": 3.5} if flux else {"guidance_scale": SCALE}

    def make(prompt: str) -> Any:
        generators = [torch.Generator("cpu").manual_seed(seed) for seed in range(batch)]
        return pipe(
            prompt, negative_prompt=NEGATIVES[0], num_images_per_prompt=batch,
            num_inference_steps=steps, generator=generators, **scale,
        )  # fmt: skip

    return make


def _negprompt(model: Model, batch: int, steps: int, count: int) -> Way:
    asked: dict[str, Any] = {"cfg": SCALE, "steps": steps, "count": batch}

    def make(prompt: str) -> Any:
        request = Request(prompt=prompt, negative=NEGATIVES[:count], **asked)
        return run(request, model=model)

    return make


def sd15(part: Callable[..., Any]) -> Any:
    """A pipeline of Stable Diffusion 1.5."""
    return diffusers.StableDiffusionPipeline(
        unet=part(diffusers.UNet2DConditionModel, "sd1", "unet"),
        vae=part(diffusers.AutoencoderKL, "sd1", "vae"),
        text_encoder=part(transformers.CLIPTextModel, "sd1", "text_encoder"),
        tokenizer=clip_tokenizer(),
        scheduler=diffusers.DDIMScheduler.from_pretrained(CONFIGS / "sd1" / "scheduler"),
        safety_checker=None, feature_extractor=None, requires_safety_checker=False,
    )  # fmt: skip


def sdxl(part: Callable[..., Any]) -> Any:
    """A pipeline of SDXL."""
    return diffusers.StableDiffusionXLPipeline(
        unet=part(diffusers.UNet2DConditionModel, "sdxl", "unet"),
        vae=part(diffusers.AutoencoderKL, "sdxl", "vae"),
        text_encoder=part(transformers.CLIPTextModel, "sdxl", "text_encoder"),
        text_encoder_2=part(transformers.CLIPTextModelWithProjection, "sdxl", "text_encoder_2"),
        tokenizer=clip_tokenizer(),
        tokenizer_2=clip_tokenizer(),
        scheduler=diffusers.DDIMScheduler.from_pretrained(CONFIGS / "sdxl" / "scheduler"),
    )


def flux(part: Callable[..., Any]) -> Any:
    """A pipeline of Flux.1-dev."""
    return diffusers.FluxPipeline(
        transformer=part(diffusers.FluxTransformer2DModel, "", "flux", guidance_embeds=True),
        vae=part(
            diffusers.AutoencoderKL, "sdxl", "vae", latent_channels=16, shift_factor=0.1159,
            scaling_factor=0.3611,
        ),
        text_encoder=part(transformers.CLIPTextModel, "sd1", "text_encoder"),
        text_encoder_2=part(
            transformers.T5EncoderModel, "", "t5", d_model=4096, d_kv=64, d_ff=10240,
            num_layers=24, num_heads=64, feed_forward_proj="gated-gelu",
        ),
        tokenizer=clip_tokenizer(),
        tokenizer_2=t5_tokenizer(),
        scheduler=diffusers.FlowMatchEulerDiscreteScheduler(use_dynamic_shifting=True),
    )  # fmt: skip


MODELS: Final[dict[str, Callable[..., Any]]] = {"sd15": sd15, "sdxl": sdxl, "flux": flux}


def built(name: str, device: torch.device, *, thin: bool) -> Any:
    """A pipeline with random weights in bfloat16, made where it works."""

    def part(kind: Any, family: str, folder: str, **settings: Any) -> Any:
        config = _config(family, folder) | settings
        if thin:
            config |= THIN[family if folder == "unet" else folder.removesuffix("_2")]
        with torch.device(device):
            if issubclass(kind, diffusers.ModelMixin):
                return kind(**config).eval()
            return kind(kind.config_class(**config)).eval()

    torch.manual_seed(0)
    torch.set_default_dtype(torch.bfloat16)
    try:
        networks = MODELS[name](part)
    finally:
        torch.set_default_dtype(torch.float32)
    pipe = networks.to(device, torch.bfloat16)
    pipe.set_progress_bar_config(disable=True)
    if thin and name == "flux":
        pipe.default_sample_size = 8
    return pipe


def _config(family: str, folder: str) -> dict[str, Any]:
    """The configuration that negprompt has inside; the vocabulary is that of the tokenizer."""
    if not family:
        return {}
    read: dict[str, Any] = json.loads((CONFIGS / family / folder / "config.json").read_text())
    kept = {key: value for key, value in read.items() if not key.startswith("_")}
    if folder.startswith("text_encoder"):
        own = clip_tokenizer()
        kept |= {"bos_token_id": own.bos_token_id, "eos_token_id": own.eos_token_id}
        for key in ("architectures", "model_type", "dtype"):
            kept.pop(key, None)
    return kept


def clip_tokenizer() -> Any:
    """A CLIP tokenizer of a few words; the embedding tables keep their real sizes."""
    read = transformers.CLIPTokenizer().train_new_from_iterator(
        [WORDS], vocab_size=600, show_progress=False
    )
    read.model_max_length = 77
    return read


def t5_tokenizer() -> Any:
    """A T5 tokenizer of a few words."""
    pieces = [f"▁{word}" for word in WORDS.split()]
    marks = [("<pad>", 0.0), ("</s>", 0.0), ("<unk>", 0.0)]
    return transformers.T5TokenizerFast(vocab=[*marks, *((p, -1.0) for p in pieces)], extra_ids=0)


def table(rows: Iterable[Row], device: torch.device, given: argparse.Namespace) -> Iterator[str]:
    """The rows in Markdown, under a line that says when, where and with what they were made."""
    where = torch.cuda.get_device_name(device) if device.type == "cuda" else platform.processor()
    versions = f"torch {torch.__version__}, diffusers {diffusers.__version__}"
    tiny = "; --tiny: these figures say nothing" if given.tiny else ""
    yield (
        f"{datetime.now(UTC):%Y-%m-%d}, {where or device.type}, {versions}, bfloat16, "
        f"{given.steps} steps, median of {given.rounds}{tiny}\n"
    )
    heads = "model | batch | way | negatives | memory | compiled | s/image | peak GiB | × diffusers"
    yield f"| {heads} |"
    yield "|---|---|---|---|---|---|---|---|---|"
    for row in rows:
        peak = "-" if row.peak is None else f"{row.peak:.2f}"
        ratio = "-" if isnan(row.ratio) else f"{row.ratio:.2f}"
        yield (
            f"| {row.model} | {row.batch} | {row.way} | {row.negatives} | {row.memory} "
            f"| {'yes' if row.compiled else 'no'} | {row.seconds:.3f} | {peak} | {ratio} |"
        )


def bars(rows: Iterable[Row]) -> Iterator[str]:
    """The bars that are missed."""
    for row in rows:
        what = f"{row.model}, batch {row.batch}, {row.negatives} negatives, memory {row.memory}"
        one = (row.way, row.negatives, row.memory) == ("negprompt", 1, "auto")
        if one and row.ratio > SLOWEST:
            yield f"missed: {what}: {row.ratio:.2f} × diffusers, the bar is {SLOWEST:.2f}"
        little = (row.model, row.negatives, row.memory) == ("sdxl", 3, "low")
        if little and row.peak is not None and row.peak >= LARGEST:
            yield f"missed: {what}: {row.peak:.2f} GiB, the bar is {LARGEST:g}"


def _arguments() -> argparse.Namespace:
    reader = argparse.ArgumentParser(description=(__doc__ or "").split("\n", maxsplit=1)[0])
    reader.add_argument("models", nargs="*", choices=[*MODELS, []], help="all by default")
    reader.add_argument("--tiny", action="store_true")
    reader.add_argument("--compile", action="store_true")
    reader.add_argument("--steps", type=int, default=10)
    reader.add_argument("--rounds", type=int, default=3)
    reader.add_argument("--batches", type=int, nargs="+", default=[1, 4])
    reader.add_argument("--out", type=Path)
    return reader.parse_args()


if __name__ == "__main__":
    sys.exit(main())
