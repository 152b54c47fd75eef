"""Images on disk: whole or not at all, and they say how they were made."""

from pathlib import Path
from typing import Any

import pytest
from PIL import Image
from PIL.PngImagePlugin import PngImageFile
from tests.tiny_models import tiny_sd

from negprompt.engine import Generation, Request, run, save, writable
from negprompt.errors import OutputError
from negprompt.metadata.infotext import RAW_NEGATIVE, read
from negprompt.models.families import family_of
from negprompt.models.load import Model


def make(prompt: str, **settings: Any) -> Generation:
    pipe = tiny_sd()
    request = Request(prompt=prompt, steps=1, **settings)
    return run(request, model=Model(pipe, "tiny", family_of(pipe)))


def text_of(path: Path) -> str:
    with Image.open(path) as image:
        assert isinstance(image, PngImageFile)
        return str(image.text["parameters"])


def test_a_file_says_how_it_was_made(tmp_path: Path) -> None:
    made = make(
        "a (cat:1.2), ü", negative=("blurry, (text:1.3)",), seed=41, count=2, cfg=4, rescale=0.5
    )
    paths = save(made, tmp_path / "new" / "out")
    assert [p.name for p in paths] == ["00000-41.png", "00001-42.png"]
    told = read(text_of(paths[1]))
    assert (told.positive, told.negative) == ("a (cat:1.2), ü", "blurry, (text:1.3)")
    assert told.fields == {
        "Steps": "1",
        "Sampler": "DDIM",
        "CFG scale": "4",
        "Seed": "42",
        "Size": "32x32",
        "Model": "tiny",
        "CFG rescale": "0.5",
        RAW_NEGATIVE: "blurry, (text:1.3)",
    }
    with Image.open(paths[0]) as image:
        assert image.tobytes() == made.images[0].tobytes()


def test_composed_negatives_are_joined_in_the_effective_one(tmp_path: Path) -> None:
    made = make("a cat", negative=("blurry", "text"), negative_weights=(1, 2))
    told = read(text_of(save(made, tmp_path)[0]))
    assert told.negative == made.plan.effective_negative
    assert "AND" in told.negative


def test_without_a_negative_no_field_claims_one(tmp_path: Path) -> None:
    told = read(text_of(save(make("a cat"), tmp_path)[0]))
    assert told.negative == ""
    assert RAW_NEGATIVE not in told.fields


def test_numbers_count_on(tmp_path: Path) -> None:
    made = make("a cat")
    (tmp_path / "00007-1.png").touch()
    assert save(made, tmp_path)[0].name == "00008-0.png"


def test_odd_texts_are_kept(tmp_path: Path) -> None:
    made = make("a\u202ecat 猫", negative=("x, y: z\nw",))
    told = read(text_of(save(made, tmp_path)[0]))
    assert told.positive == "a\u202ecat 猫"
    assert told.fields[RAW_NEGATIVE] == "x, y: z\nw"


def test_a_folder_that_cannot_be_written_is_refused(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    for folder in (tmp_path / "file", tmp_path / "file" / "below", "a\x00b"):
        with pytest.raises(OutputError) as caught:
            writable(folder)
        assert caught.value.code == "folder-unwritable"
    assert writable(tmp_path / "new") == tmp_path / "new"
    assert list((tmp_path / "new").iterdir()) == []


@pytest.mark.parametrize("error", [KeyboardInterrupt, OSError])
def test_what_is_broken_off_leaves_nothing(
    tmp_path: Path, error: type[BaseException], monkeypatch: pytest.MonkeyPatch
) -> None:
    made = make("a cat")

    def broken(self: Path, target: Path) -> Path:
        raise error

    # Only an interrupt between writing and moving can leave something behind.
    monkeypatch.setattr(Path, "replace", broken)
    with pytest.raises((KeyboardInterrupt, OutputError)):
        save(made, tmp_path)
    assert list(tmp_path.iterdir()) == []
