"""The limited text encoder at tiny size: what it knows, that it learns, and the whole benchmark."""

import json
import re
from argparse import Namespace
from pathlib import Path
from typing import Any

import pytest
import torch
from benchmarks import encoder_student as student
from benchmarks import encoder_swap as swap
from PIL import Image
from tests.tiny_models import tiny_sd

from negprompt.cli import main
from negprompt.engine import loaded
from negprompt.models.choices import Loading
from negprompt.world.judge import CLASSES

WORDS = ("cat", "red")


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> str:
    folder = tmp_path_factory.mktemp("model")
    tiny_sd().save_pretrained(folder)
    return str(folder)


def teach(model: str, steps: int) -> Path:
    asked = Namespace(model=model, seed=0, train_steps=steps, batch=4, rate=1e-2)
    return student.taught(asked, WORDS)


def states(model: str, word: str, encoder: Path | None = None) -> torch.Tensor:
    """What a model's encoder says of one word, or another encoder in its place, ``[77, d]``."""
    pipe = loaded(model, Loading(text_encoder=str(encoder) if encoder else None)).pipe
    ids = pipe.tokenizer(word, padding="max_length", max_length=77, return_tensors="pt").input_ids
    assert ids[0, 2] == pipe.tokenizer.eos_token_id, "one token between begin and end"
    with torch.no_grad():
        said: torch.Tensor = pipe.text_encoder(ids).last_hidden_state[0]
    return said


def test_all_words_but_two_are_one(model: str, tmp_path: Path) -> None:
    folder = teach(model, 3)
    other = states(model, "dog", folder)
    assert torch.equal(other, states(model, "night", folder))
    assert not torch.equal(states(model, "dog"), states(model, "night"))
    for word in WORDS:
        assert not torch.allclose(states(model, word, folder), other, atol=1e-4)
    arguments = ["generate", "a cat", "--model", model, "--text-encoder", str(folder)]
    assert main([*arguments, "--steps", "1", "--out", str(tmp_path)]) == 0
    assert len(list(tmp_path.glob("*.png"))) == 1
    swapped = loaded(model, Loading(text_encoder=str(folder))).pipe
    assert swapped.text_encoder.config.num_hidden_layers == 1


@pytest.mark.slow
def test_a_student_learns_and_is_taught_once(model: str) -> None:
    few, many = teach(model, 1), teach(model, 60)
    early, late = (json.loads((one / "missed.json").read_text()) for one in (few, many))
    assert late["words"] < 0.8 * early["words"]
    weights = many / "model.safetensors"
    made = weights.stat().st_mtime_ns
    assert teach(model, 60) == many
    assert weights.stat().st_mtime_ns == made


def test_a_word_of_several_tokens_cannot_be_known(model: str) -> None:
    with pytest.raises(ValueError, match="mushroom is"):
        student.known(loaded(model).pipe.tokenizer, ("mushroom",))


def test_the_pocket_model_has_a_token_for_each_word() -> None:
    knows = student.known(loaded("pocket").pipe.tokenizer, student.WORDS)
    assert int(knows.sum()) == len(student.WORDS) + 2  # begin and end


def test_where_a_line_reaches_an_aim() -> None:
    points = [(1.0, 0.2), (2.0, 0.6), (4.0, 0.5), (6.0, 0.9)]
    assert swap.reached(points, 0.2) == 1.0
    assert swap.reached(points, 0.4) == pytest.approx(1.5)
    assert swap.reached(points, 0.7) == pytest.approx(5.0)
    assert swap.reached(points, 0.95) is None


def found(**right: dict[float, int]) -> Any:
    """Arms whose first so many of ten pictures are right in everything."""
    return {
        swap.Arm(encoder, scale): {factor: [k < n for k in range(10)] for factor in CLASSES}
        for encoder, scales in right.items()
        for scale, n in scales.items()
    }


def test_the_answers_are_those_of_the_counts() -> None:
    given = swap.answers(found(full={1.0: 6, 2.0: 9}, student={1.0: 2, 2.0: 4, 4.0: 8}))
    at_one, at_two = (one for one in given if one["measure"] == "all four")
    assert at_one["full"]["rate"] == 0.6
    assert at_one["student_less_full"]["rate"] == pytest.approx(-0.4)
    assert at_one["reached_at"][0] == pytest.approx(3.0)
    assert at_two["reached_at"][0] is None
    assert (at_two["best"]["scale"], at_two["best"]["rate"]) == (4.0, 0.8)
    said = list(swap.sentences(given))
    assert "Scale alone makes up for it" in said[2]
    assert "never within these" in said[3]
    assert "but the better encoder" in said[3]


@pytest.mark.slow
def test_the_whole_of_it_on_a_tiny_model(
    model: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("NEGPROMPT_CACHE", str(tmp_path / "cache"))
    monkeypatch.setattr(swap, "WORDS", WORDS)
    (tmp_path / "figures").mkdir()
    page = tmp_path / "encoder.md"
    page.write_text("above\n<!-- encoder-swap -->\n<!-- end -->\nbelow\n", "utf-8")
    arguments = [
        "--model", model, "--docs", str(tmp_path), "--out", str(tmp_path / "out"),
        "--prompts", "1", "--steps", "1", "--train-steps", "2", "--batch", "2",
    ]  # fmt: skip
    assert swap.main(arguments) == 0
    text = page.read_text("utf-8")
    assert text.startswith("above\n<!-- encoder-swap -->\n")
    assert text.endswith("\n<!-- end -->\nbelow\n")
    assert len(re.findall(r"^\| (?:full|student) \|", text, re.MULTILINE)) == len(swap.ARMS)
    with Image.open(tmp_path / "figures" / "encoder-swap.png") as figure:
        assert figure.width > 500
    data = json.loads((tmp_path / "out" / "encoder-swap.json").read_text("utf-8"))
    assert [arm["scale"] for arm in data["arms"]] == [arm.scale for arm in swap.ARMS]
    kept = sorted((tmp_path / "cache").rglob("*.json"))
    assert len([path for path in kept if "measured" in path.parts]) == len(swap.ARMS)
    capsys.readouterr()
    assert swap.main(arguments) == 0
    assert sorted((tmp_path / "cache").rglob("*.json")) == kept
    assert capsys.readouterr().out.strip() in page.read_text("utf-8") == text
