"""Another CLIP text encoder in a model: pictures, layouts, wrong folders, the commands."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from diffusers import DiffusionPipeline
from PIL import Image
from safetensors.torch import load_file, save_file
from tests.models.test_beside import apart, saved_lora
from tests.tiny_models import (
    WORDS,
    text_config,
    tiny_flux,
    tiny_sd,
    tiny_sd3,
    tiny_sdxl,
    tokenizer,
)
from transformers import CLIPConfig, CLIPModel, CLIPTextModel, CLIPTextModelWithProjection

from negprompt.cli import main
from negprompt.engine import Request, loaded, run
from negprompt.errors import ModelError
from negprompt.models.choices import Loading
from negprompt.models.families import family_of
from negprompt.models.found import found_in
from negprompt.models.load import Model, load

MAKE: dict[str, Callable[[], Any]] = {
    "sd1": tiny_sd,
    "sdxl": tiny_sdxl,
    "sd3": tiny_sd3,
    "flux": tiny_flux,
}
each_family = pytest.mark.parametrize("family", MAKE)


@pytest.fixture(scope="module")
def folders(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    root = tmp_path_factory.mktemp("models")
    for family, made in MAKE.items():
        made().save_pretrained(root / family)
    return {family: root / family for family in MAKE}


@pytest.fixture(scope="module")
def other(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of an encoder with a layer more than the models' own."""
    return saved(tmp_path_factory.mktemp("encoder") / "better", layers=3)


def saved(folder: Path, *, width: int = 16, layers: int = 2, **settings: Any) -> Path:
    torch.manual_seed(9)
    config = text_config(width, layers)
    for name, value in settings.items():
        setattr(config, name, value)
    CLIPTextModel(config).save_pretrained(folder)
    return folder


def draw(model: Model, **settings: Any) -> Image.Image:
    asked: dict[str, Any] = {"steps": 2, "cfg": 5.0, "size": (32, 32), "seed": 4} | settings
    request = Request(prompt="a cat on a beach", negative=("blurry",), **asked)
    return run(request, model=model).images[0]


def swapped(folder: Path, encoder: Path | str, **settings: Any) -> Model:
    return load(str(folder), device="cpu", loading=Loading(text_encoder=str(encoder), **settings))


def by_hand(folder: Path, encoder: Path, **parts: Any) -> Any:
    """A pipeline that diffusers and transformers load, the encoder given in place of its own."""
    pipe = DiffusionPipeline.from_pretrained(folder)
    made = type(pipe.text_encoder).from_pretrained(encoder)
    if "text_projection.weight" in made.state_dict():
        made.text_projection = pipe.text_encoder.text_projection
    pipe.register_modules(text_encoder=made, **parts)
    pipe.set_progress_bar_config(disable=True)
    return pipe


@each_family
def test_it_draws_what_a_pipeline_with_that_encoder_draws(
    folders: dict[str, Path], other: Path, family: str
) -> None:
    model, pipe = swapped(folders[family], other), by_hand(folders[family], other)
    assert model.pipe.text_encoder.config.num_hidden_layers == 3
    made = draw(model)
    assert apart(made, draw(load(str(folders[family]), device="cpu"))) > 1
    scale = "true_cfg_scale" if family == "flux" else "guidance_scale"
    wanted = pipe(
        "a cat on a beach", negative_prompt="blurry", num_inference_steps=2, width=32, height=32,
        generator=torch.Generator("cpu").manual_seed(4), **{scale: 5.0},
    ).images[0]  # fmt: skip
    assert apart(made, wanted) <= 1
    assert apart(made, draw(Model(pipe, "tiny", family_of(pipe)))) == 0


@pytest.fixture(scope="module")
def layouts(other: Path, tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """The same encoder in every layout that is taken, with as many layers as the model's own."""
    root = tmp_path_factory.mktemp("layouts")
    encoder = CLIPTextModel.from_pretrained(saved(root / "folder"))
    pipe = tiny_sd()
    pipe.register_modules(text_encoder=encoder)
    pipe.save_pretrained(root / "pipeline")
    bare = {name.removeprefix("text_model."): v for name, v in encoder.state_dict().items()}
    save_file(bare, root / "bare.safetensors")
    long = {f"text_model.{name}": value for name, value in bare.items()}
    long["text_model.embeddings.position_ids"] = torch.arange(77)[None]
    save_file(long | {"text_projection.weight": torch.ones(16, 16)}, root / "long.safetensors")
    both = CLIPModel(
        CLIPConfig(
            text_config=encoder.config.to_dict(),
            vision_config={
                "hidden_size": 16, "intermediate_size": 16, "num_hidden_layers": 1,
                "num_attention_heads": 2, "image_size": 16, "patch_size": 16,
            },
        )
    )  # fmt: skip
    both.load_state_dict({name: long.get(name, value) for name, value in both.state_dict().items()})
    both.save_pretrained(root / "both")
    (root / "half").mkdir()
    (root / "half" / "config.json").write_bytes((root / "folder" / "config.json").read_bytes())
    save_file(bare, root / "half" / "model.fp16.safetensors")
    return {path.stem: path for path in root.iterdir()}


@pytest.mark.parametrize("layout", ["folder", "pipeline", "bare", "long", "both", "half"])
def test_every_layout_is_the_same_encoder(
    folders: dict[str, Path], layouts: dict[str, Path], layout: str
) -> None:
    wanted = CLIPTextModel.from_pretrained(layouts["folder"]).state_dict()
    made = swapped(folders["sd1"], layouts[layout]).pipe.text_encoder
    assert type(made) is CLIPTextModel
    assert not made.training
    assert made.state_dict().keys() == wanted.keys()
    assert all(torch.equal(made.state_dict()[name], wanted[name]) for name in wanted)


def test_the_projection_stays_the_models_own(
    folders: dict[str, Path], layouts: dict[str, Path]
) -> None:
    for layout in ("folder", "long"):  # without one, and with another one
        made = swapped(folders["sd3"], layouts[layout]).pipe.text_encoder
        assert type(made) is CLIPTextModelWithProjection
        own = load(str(folders["sd3"]), device="cpu").pipe.text_encoder
        assert torch.equal(made.text_projection.weight, own.text_projection.weight)
        assert not torch.equal(
            made.get_input_embeddings().weight, own.get_input_embeddings().weight
        )


@pytest.mark.parametrize("inner", ["", "tokenizer"])
def test_its_tokenizer_comes_along(folders: dict[str, Path], tmp_path: Path, inner: str) -> None:
    words = tokenizer().train_new_from_iterator([WORDS[0]], vocab_size=520, show_progress=False)
    assert len(words) != len(tokenizer())
    words.model_max_length = 77
    folder = saved(tmp_path / "other", vocab_size=len(words))
    words.save_pretrained(folder / inner)
    for family in ("sd1", "sdxl"):
        model = swapped(folders[family], folder)
        assert model.pipe.tokenizer.get_vocab() == words.get_vocab()
        assert len(getattr(model.pipe, "tokenizer_2", tokenizer())) == len(tokenizer())
        pipe = by_hand(folders[family], folder, tokenizer=words)
        assert apart(draw(model), draw(Model(pipe, "tiny", family_of(pipe)))) == 0


def test_encodings_are_remembered_for_each_encoder(folders: dict[str, Path], other: Path) -> None:
    name = str(folders["sd1"])
    own, better = (draw(load(name, device="cpu")), draw(swapped(folders["sd1"], other)))
    both = [Loading(device="cpu"), Loading(device="cpu", text_encoder=str(other))]
    models = [load(name, loading=one) for one in both]
    for _ in range(2):
        for model, loading, wanted in zip(models, both, (own, better), strict=True):
            assert apart(draw(model), wanted) == 0
            assert apart(draw(loaded(name, loading)), wanted) == 0


def test_clip_skip_and_inversions_act_on_it(
    folders: dict[str, Path], other: Path, tmp_path: Path
) -> None:
    save_file({"emb_params": torch.randn(2, 16)}, tmp_path / "blurry.safetensors")
    pipe = by_hand(folders["sd1"], other)
    model, wanted = swapped(folders["sd1"], other), Model(pipe, "tiny", family_of(pipe))
    skipped: dict[str, Any] = {"clip_skip": 3}  # the model's own encoder has two layers
    for asked in (skipped, {"embeddings": tmp_path}):
        assert apart(draw(model, **asked), draw(model)) > 0
        assert apart(draw(model, **asked), draw(wanted, **asked)) == 0


def test_a_lora_acts_on_it_in_the_weights_and_called(
    folders: dict[str, Path], other: Path, tmp_path: Path
) -> None:
    pipe = by_hand(folders["sd1"], other)
    file = saved_lora(pipe, tmp_path / "ink.safetensors")
    save_file({k: v for k, v in load_file(file).items() if "text_encoder" in k}, file)
    pipe.load_lora_weights(str(tmp_path), weight_name=file.name, adapter_name="ink")
    pipe.set_adapters(["ink"], [0.6])
    wanted = draw(Model(pipe, "tiny", family_of(pipe)))
    fused = draw(swapped(folders["sd1"], other, loras=((str(file), 0.6),)))
    model = swapped(folders["sd1"], other, lora_dir=str(tmp_path))
    request = Request(
        prompt="a cat on a beach<lora:ink:0.6>", negative=("blurry",), steps=2, cfg=5.0,
        size=(32, 32), seed=4, loading=model.loading,
    )  # fmt: skip
    assert apart(wanted, draw(model)) > 1
    assert apart(wanted, fused) <= 1
    assert apart(wanted, run(request, model=model).images[0]) <= 1


def test_little_memory_and_half_precision_hold_for_it(
    folders: dict[str, Path], other: Path
) -> None:
    low = swapped(folders["sd1"], other, memory="low")
    assert apart(draw(low), draw(swapped(folders["sd1"], other))) <= 1
    half = swapped(folders["sdxl"], other, dtype="bfloat16").pipe
    assert half.text_encoder.dtype == half.text_encoder_2.dtype == torch.bfloat16


def misses_a_tensor(weights: Path) -> None:
    state = load_file(weights)
    del state[next(name for name in state if name.endswith("layers.1.mlp.fc1.weight"))]
    save_file(state, weights)


def has_another_shape(weights: Path) -> None:
    state = load_file(weights)
    name = next(name for name in state if name.endswith("layers.1.mlp.fc1.weight"))
    save_file(state | {name: torch.zeros(3, 16)}, weights)


def is_two_files(weights: Path) -> None:
    weights.with_name("other.safetensors").write_bytes(weights.read_bytes())
    weights.rename(weights.with_name("one.safetensors"))


def is_of_t5(weights: Path) -> None:
    config = json.loads((weights.parent / "config.json").read_text())
    (weights.parent / "config.json").write_text(json.dumps(config | {"model_type": "t5"}))


UNKNOWN, MISFIT = "text-encoder-unknown", "text-encoder-misfit"
DAMAGE: dict[str, tuple[Callable[[Path], Any], str, str]] = {
    "empty": (Path.unlink, UNKNOWN, "holds no files with weights"),
    "double": (is_two_files, UNKNOWN, "holds several files with weights"),
    "without a configuration": (
        lambda weights: weights.with_name("config.json").unlink(), UNKNOWN, "holds no config.json",
    ),
    "of another kind": (is_of_t5, UNKNOWN, "holds no config.json of a CLIP text encoder"),
    "an autoencoder": (
        lambda weights: save_file({"decoder.conv_in.weight": torch.zeros(8, 4, 3, 3)}, weights),
        UNKNOWN, "holds no CLIP text encoder",
    ),
    "incomplete": (misses_a_tensor, MISFIT, "layers.1.mlp.fc1.weight is missing"),
    "misshapen": (has_another_shape, MISFIT, "fc1.weight is too much or of another shape"),
    "pickled": (
        lambda weights: weights.rename(weights.with_name("pytorch_model.bin")),
        "file-pickled", "pytorch_model.bin",
    ),
    "cut": (
        lambda weights: weights.write_bytes(weights.read_bytes()[:-1]),
        "file-damaged", "no whole safetensors file",
    ),
    "garbled": (
        lambda weights: weights.with_name("config.json").write_text("{"),
        "model-unreadable", "cannot be loaded",
    ),
}  # fmt: skip


def refused(model: Path, encoder: Path) -> ModelError:
    with pytest.raises(ModelError) as caught:
        swapped(model, encoder)
    assert caught.value.cure
    assert "\n" not in str(caught.value)
    return caught.value


@pytest.mark.parametrize("name", DAMAGE)
def test_a_folder_that_holds_no_whole_encoder_is_told(
    folders: dict[str, Path], tmp_path: Path, name: str
) -> None:
    damage, code, said = DAMAGE[name]
    damage(saved(tmp_path / name) / "model.safetensors")
    error = refused(folders["sd1"], tmp_path / name)
    assert error.code == code
    assert said in error.message


@pytest.mark.parametrize(
    ("settings", "said"),
    [
        ({"width": 24}, "it gives 24 numbers a token, the denoiser takes 16"),
        ({"vocab_size": 700}, "it knows 700 tokens, the tokenizer"),
        ({"max_position_embeddings": 40}, "40 positions, the tokenizer's chunks are 77"),
    ],
)
def test_an_encoder_that_does_not_fit_is_told(
    folders: dict[str, Path], tmp_path: Path, settings: dict[str, int], said: str
) -> None:
    folder = saved(tmp_path / "other", **settings)
    for family in ("sd1", "sdxl"):
        error = refused(folders[family], folder)
        assert error.code == MISFIT
        assert said in error.message


def test_a_file_is_read_by_the_models_own_configuration(
    folders: dict[str, Path], other: Path, tmp_path: Path
) -> None:
    """The encoder has a layer more, which is not left out silently."""
    error = refused(folders["sd1"], other / "model.safetensors")
    assert error.code == MISFIT
    assert "layers.2" in error.message
    assert "is too much" in error.message
    assert "config.json" in error.cure
    for gone in (tmp_path / "gone", tmp_path / "gone.safetensors", tmp_path / ("x" * 300)):
        assert refused(folders["sd1"], gone).code in (UNKNOWN, "model-unreadable")


def test_a_model_without_one_in_its_place_is_told(
    folders: dict[str, Path], other: Path, tmp_path: Path
) -> None:
    pipe = tiny_sdxl()
    pipe.register_modules(text_encoder=None, tokenizer=None)
    pipe.save_pretrained(tmp_path)
    assert refused(tmp_path, other).code == MISFIT


def test_models_lists_it_and_model_says_where_it_goes(layouts: dict[str, Path]) -> None:
    for layout in ("bare", "long"):
        with pytest.raises(ModelError) as caught:
            load(str(layouts[layout]), device="cpu")
        assert caught.value.code == "file-not-model"
        assert "--text-encoder" in caught.value.cure
    (found,) = found_in(layouts["folder"])
    assert found.kind == "text-encoder"


def test_the_command_draws_with_it(
    folders: dict[str, Path], other: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    model = str(folders["sd1"])
    arguments = ["generate", "a cat on a beach", "--negative", "blurry", "--model", model]
    arguments += ["--steps", "2", "--cfg", "5", "--size", "32x32", "--seed", "4", "--json"]
    pictures = []
    for name, more in (("own", []), ("better", ["--text-encoder", str(other)])):
        assert main([*arguments, *more, "--out", str(tmp_path / name)]) == 0
        (image,) = json.loads(capsys.readouterr().out)["images"]
        with Image.open(image["path"]) as picture:
            pictures.append(picture.convert("RGB"))
    assert apart(pictures[1], draw(swapped(folders["sd1"], other))) == 0
    assert apart(*pictures) > 1
    assert main([*arguments, "--text-encoder", str(tmp_path / "gone")]) == 2
    said = capsys.readouterr()
    assert not said.out
    assert said.err.startswith("negprompt: there is no text encoder")
    assert said.err.count("\n") == 1
