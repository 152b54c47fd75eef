"""What lies on the machine is listed with its family; nothing is loaded."""

import json
from pathlib import Path

import pytest
import torch
from safetensors.torch import save_file
from tests import single_files
from tests.tiny_models import tiny_sd, tiny_sdxl

from negprompt.cli import main
from negprompt.errors import ModelError
from negprompt.models.found import found_in


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    tiny_sd().save_pretrained(tmp_path / "sd")
    single_files.save(tiny_sdxl(), tmp_path / "xl.safetensors")
    key = "lora_unet_x_attn2_to_k.lora_down.weight"
    (tmp_path / "loras").mkdir()
    save_file({key: torch.zeros(2, 2048)}, tmp_path / "loras" / "ink.safetensors")
    (tmp_path / "cut.safetensors").write_bytes(b"\x08")
    return tmp_path


WANTED = {
    ("sd", "folder", "sd1"),
    ("xl.safetensors", "file", "sdxl"),
    ("ink.safetensors", "lora", "sdxl"),
    ("cut.safetensors", "damaged", ""),
}


def test_everything_is_found_once(folder: Path) -> None:
    seen = list(found_in(folder))
    assert {(Path(one.name).name, one.kind, one.family) for one in seen} == WANTED
    assert len(seen) == len(WANTED)


def test_the_command_lists_folder_cache_and_what_is_inside(
    folder: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    cached = folder / "hub" / "models--owner--name" / "snapshots" / "0"
    cached.mkdir(parents=True)
    index = {"_class_name": "StableDiffusionXLPipeline"}
    (cached / "model_index.json").write_text(json.dumps(index), "utf-8")
    monkeypatch.setenv("HF_HUB_CACHE", str(folder / "hub"))
    assert main(["models", "--dir", str(folder / "loras"), "--json"]) == 0
    said = json.loads(capsys.readouterr().out)
    assert [(one["kind"], one["family"]) for one in said] == [
        ("inside", "sd1"), ("hub", "sdxl"), ("lora", "sdxl"),
    ]  # fmt: skip
    assert said[1]["name"] == "owner/name"
    assert main(["models"]) == 0
    assert "owner/name" in capsys.readouterr().out


def test_a_folder_that_is_not_there_is_told(tmp_path: Path) -> None:
    with pytest.raises(ModelError) as caught:
        list(found_in(tmp_path / "gone"))
    assert caught.value.code == "models-folder"
