"""`negprompt generate` on a tiny pipeline: files, JSON, notices, and nobody else's words."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
from PIL import Image

from negprompt.cli import main
from negprompt.metadata import RAW_NEGATIVE, read


def asked(model: str, out: Path, *more: str) -> list[str]:
    return [
        "generate", "a cat on a beach", "--model", model, "--steps", "2", "--out", str(out), *more
    ]  # fmt: skip


def test_json_keeps_its_contract(
    model: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    negative = ["--negative", "scarf, (blurry:1.3)"]
    assert main(asked(model, tmp_path, *negative, "--count", "2", "--seed", "7", "--json")) == 0
    made = json.loads(capsys.readouterr().out)
    assert list(made) == [
        "images", "effective_negative", "raw_negative", "terms", "policies", "notices", "cost"
    ]  # fmt: skip
    assert made["terms"][1] == {"negative": 1, "text": "blurry", "weight": 1.3, "from": "user"}
    assert [list(image) for image in made["images"]] == [["path", "seed"]] * 2
    assert [image["seed"] for image in made["images"]] == [7, 8]
    assert made["effective_negative"] == made["raw_negative"] == "scarf, (blurry:1.3)"
    assert list(made["cost"]) == ["passes", "passes_per_step", "seconds"]
    assert made["cost"]["passes"] == 4
    assert made["cost"]["passes_per_step"] == 2
    for image in made["images"]:
        with Image.open(image["path"]) as picture:
            said = read(picture.text["parameters"])  # type: ignore[attr-defined]
        assert said.negative == "scarf, (blurry:1.3)"
        assert said.fields[RAW_NEGATIVE] == "scarf, (blurry:1.3)"
        assert said.fields["Seed"] == str(image["seed"])


def test_notices_have_code_and_text(
    model: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    arguments = asked(model, tmp_path, "--negative", "scarf", "--cfg", "1", "--json")
    assert main(arguments) == 0
    made = json.loads(capsys.readouterr().out)
    (notice,) = made["notices"]
    assert list(notice) == ["code", "text"]
    assert notice["code"] == "scale-one"
    assert made["cost"]["passes_per_step"] == 1


def test_without_json_the_paths_are_printed(
    model: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(asked(model, tmp_path, "--count", "2")) == 0
    said = capsys.readouterr()
    paths = [Path(line) for line in said.out.splitlines()]
    assert [path.name for path in paths] == ["00000-0.png", "00001-1.png"]
    assert all(path.is_file() for path in paths)
    assert "4 passes an image, 2 a step" in said.err


def test_several_negatives_are_composed(
    model: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    two = ["--negative", "scarf", "--negative", "hat"]
    weights = ["--negative-weight", "1", "--negative-weight", "0.5"]
    assert main(asked(model, tmp_path, *two, *weights, "--json")) == 0
    made = json.loads(capsys.readouterr().out)
    assert made["effective_negative"] == "scarf AND hat :0.5"
    assert made["cost"]["passes_per_step"] == 3


def test_an_empty_negative_is_one(
    model: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(asked(model, tmp_path, "--negative", "", "--json")) == 0
    made = json.loads(capsys.readouterr().out)
    assert [notice["code"] for notice in made["notices"]] == ["negative-empty"]


def test_a_command_prints_only_its_own_words(model: str, tmp_path: Path) -> None:
    """In a fresh process, where libraries are imported and have their first say."""
    done = subprocess.run(
        [sys.executable, "-m", "negprompt", *asked(model, tmp_path, "--json")],
        check=True, capture_output=True, text=True, timeout=120, cwd=tmp_path,
        env={k: v for k, v in os.environ.items() if "PROGRESS" not in k and "VERBOSITY" not in k},
    )  # fmt: skip
    assert done.stderr == ""
    assert done.stdout.count("\n") == 1
    json.loads(done.stdout)


def test_a_midjourney_prompt_with_all_ways_of_encoding(
    model: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    arguments = [
        "generate", "a cat --no scarf", "--model", model, "--steps", "2", "--out", str(tmp_path),
        "--dialect", "midjourney", "--scheme", "comfy", "--normalise", "mean", "--chunks", "groups",
        "--match", "pad-eos", "--clip-skip", "2", "--embeddings", str(tmp_path), "--json",
    ]  # fmt: skip
    assert main(arguments) == 0
    made = json.loads(capsys.readouterr().out)
    assert made["effective_negative"] == "scarf"
    assert [notice["code"] for notice in made["notices"]] == ["negative-from-prompt"]
    with Image.open(made["images"][0]["path"]) as picture:
        said = read(picture.text["parameters"])  # type: ignore[attr-defined]
    assert said.positive == "a cat --no scarf"
    ways = ("Dialect", "Emphasis", "Token normalisation", "Chunks", "Length match", "Clip skip")
    assert [said.fields[way] for way in ways] == [
        "midjourney", "comfy", "mean", "groups", "pad-eos", "2"
    ]  # fmt: skip


def test_a_schedule_makes_another_picture(
    model: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    settings = ["--model", model, "--steps", "2", "--out", str(tmp_path)]
    pixels = []
    for prompt in ("a [cat|dog]", "a cat", "a dog"):
        assert main(["generate", prompt, *settings]) == 0
        with Image.open(capsys.readouterr().out.strip()) as picture:
            pixels.append(picture.tobytes())
    assert len(set(pixels)) == 3
