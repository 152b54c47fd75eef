"""Sessions with a person: hidden sides, labels, and the page that serves them."""

import json
import urllib.error
import urllib.request
from io import BytesIO
from pathlib import Path
from random import Random
from typing import Any

import numpy as np
import pytest
from PIL import Image
from PIL.PngImagePlugin import PngInfo

from negprompt.errors import OutputError, RequestError
from negprompt.measure import labels
from negprompt.measure.eyes.blind import Blind, Pair, from_folders
from negprompt.measure.eyes.labelling import Labelling, labelling
from negprompt.measure.eyes.serving import served


def picture(path: Path, value: int = 0) -> Path:
    if path.exists():
        return path
    path.parent.mkdir(parents=True, exist_ok=True)
    info = PngInfo()
    info.add_text("parameters", "Negative prompt: scarf")
    Image.fromarray(np.full((8, 8, 3), value, np.uint8)).save(path, pnginfo=info)
    return path


def session(tmp_path: Path, count: int = 24, seed: int | None = 0) -> Blind:
    found = Blind("a cat", seed=seed)
    for k in range(count):
        found.add(
            Pair(str(k), picture(tmp_path / f"a{k}.png", 10), picture(tmp_path / f"b{k}.png"))
        )
    return found


def rate(found: Blind, prefers_first: float, random: Random) -> None:
    """A rater who sees the pictures and nothing else."""
    while not found.over.is_set():
        state = found.state()
        shown = [found.picture(token) for token in state["pictures"]]
        first = [path is not None and path.name.startswith("a") for path in shown].index(True)
        side = first if random.random() < prefers_first else 1 - first
        found.answer({"number": state["number"], "choice": ("left", "right")[side]})


def test_a_rater_without_a_preference_is_told_to_drop_it(tmp_path: Path) -> None:
    told = 0
    for k in range(60):
        found = session(tmp_path, seed=k)
        rate(found, 0.5, Random(k))
        told += found.found.told != 0
        if not found.found.told:
            assert found.sentence() == "24 pairs: you cannot tell; drop it"
    assert told / 60 <= 0.05


@pytest.mark.parametrize(("prefers", "side"), [(1.0, "with the negative"), (0.0, "without it")])
def test_a_rater_who_can_tell_is_soon_believed(tmp_path: Path, prefers: float, side: str) -> None:
    found = session(tmp_path)
    rate(found, prefers, Random(0))
    assert len(found.found.said) < 12
    assert f"you prefer the pictures {side}" in found.sentence()
    data = json.loads(json.dumps(found.to_json()))
    assert data["verdict"] == ("first" if prefers else "second")
    assert len(data["answers"]) == data["pairs"]


def test_sides_are_tossed_and_hidden(tmp_path: Path) -> None:
    found = session(tmp_path)
    firsts = []
    for _ in range(24):
        state = found.state()
        assert not {"with", "without"} & set(json.dumps(state).split())
        paths = [found.picture(token) for token in state["pictures"]]
        firsts.append(str(paths[0]).rsplit("/", 1)[-1][0])
        found.answer({"number": state["number"], "choice": "neither"})
    assert 4 < firsts.count("a") < 20
    assert found.state()["over"]
    assert found.found.said == (0,) * 24


def test_a_key_pressed_twice_counts_once(tmp_path: Path) -> None:
    found = session(tmp_path)
    for _ in range(3):
        found.answer({"number": 0, "choice": "left"})
    assert len(found.found.said) == 1
    with pytest.raises(ValueError, match="no choice"):
        found.answer({"number": 1, "choice": "up"})


def test_pairs_that_are_not_made_yet_are_waited_for(tmp_path: Path) -> None:
    found = session(tmp_path, 1)
    found.answer({"number": 0, "choice": "left"})
    assert found.state()["pictures"] is None
    found.answer({"number": 1, "choice": "left"})
    assert len(found.found.said) == 1


def test_folders_are_paired_by_name_or_seed(tmp_path: Path) -> None:
    for name in ("x.png", "y.png"):
        picture(tmp_path / "one" / name)
        picture(tmp_path / "two" / name)
    pairs = list(from_folders(tmp_path / "one", tmp_path / "two"))
    assert [pair.name for pair in pairs] == ["x", "y"]
    picture(tmp_path / "three" / "00000-17.png")
    picture(tmp_path / "four" / "other_17.png")
    (pair,) = from_folders(tmp_path / "three", tmp_path / "four")
    assert (pair.name, pair.first.name, pair.second.name) == ("17", "00000-17.png", "other_17.png")
    with pytest.raises(RequestError) as told:
        from_folders(tmp_path / "one", tmp_path / "three")
    assert told.value.code == "folders-unpaired"
    with pytest.raises(OutputError) as missing:
        from_folders(tmp_path / "one", tmp_path / "nowhere")
    assert missing.value.code == "folder-unreadable"


def asked(url: str, body: Any = None, **headers: str) -> tuple[int, bytes, Any]:
    data = None if body is None else json.dumps(body).encode()
    sent = {"Content-Type": "application/json", **{k.replace("_", "-"): v for k, v in
            headers.items()}}  # fmt: skip
    try:
        request = urllib.request.Request(url, data, sent)  # noqa: S310 - our own address
        with urllib.request.urlopen(request) as answer:  # noqa: S310
            return answer.status, answer.read(), answer.headers
    except urllib.error.HTTPError as error:
        return error.code, error.read(), error.headers


def test_the_page_serves_its_session_and_nothing_else(tmp_path: Path) -> None:
    found = session(tmp_path)
    with served(found, "blind.html") as address:
        status, page, headers = asked(address)
        assert status == 200
        assert b"ArrowLeft" in page
        assert "default-src 'none'" in headers["Content-Security-Policy"]
        state = json.loads(asked(address + "state")[1])
        status, data, _ = asked(address + "picture/" + state["pictures"][0])
        assert status == 200
        with Image.open(BytesIO(data)) as shown:
            assert not getattr(shown, "text", {})  # what made it would tell the sides apart
        status, data, _ = asked(address + "answer", {"number": 0, "choice": "left"})
        assert (status, json.loads(data)["number"]) == (200, 1)
        host = address.split("/")[2]
        for url in (f"http://{host}/", f"http://{host}/state", address + "picture/../../etc",
                    address + "picture/a0.png", address + "other"):  # fmt: skip
            assert asked(url)[0] == 404
        assert asked(address + "state", Host="evil.example")[0] == 404
        body = {"number": 1, "choice": "left"}
        assert asked(address + "answer", body, Origin="http://evil.example")[0] == 404
        assert asked(address + "answer", body, Content_Type="text/plain")[0] == 404
        for wrong in ([1], {"number": 1}, {"number": 1, "choice": "up"}, "x"):
            assert asked(address + "answer", wrong)[0] == 400
        assert len(found.found.said) == 1
    with pytest.raises(urllib.error.URLError):
        urllib.request.urlopen(address)  # noqa: S310


def test_a_taken_port_is_told(tmp_path: Path) -> None:
    found = session(tmp_path, 1)
    with served(found, "blind.html") as address:
        port = int(address.split(":")[2].split("/")[0])
        with pytest.raises(OutputError) as told, served(found, "blind.html", port):
            pass
        assert told.value.code == "port-taken"


def answer(found: Labelling, choice: str) -> None:
    found.answer({"number": found.state()["number"], "choice": choice})


def test_labels_are_kept_after_every_answer(tmp_path: Path) -> None:
    for k in range(4):
        picture(tmp_path / f"{k}.png")
    found = labelling(tmp_path, ["scarf", "fog"], count=3)
    assert len(found.tasks) == 6
    answer(found, "yes")
    answer(found, "unsure")
    kept = labels.read(tmp_path / "labels.csv")
    assert [label.present for label in kept] == [True, None]
    answer(found, "back")
    assert len(labels.read(tmp_path / "labels.csv")) == 1
    again = labelling(tmp_path, ["scarf", "fog"], count=3)
    assert again.tasks == found.tasks
    assert again.state()["done"] == 1
    while not again.over.is_set():
        answer(again, "no")
    assert "scarf 3, fog 3" in again.sentence()
    assert labelling(tmp_path, ["scarf", "fog"], count=3).over.is_set()


def test_an_ablations_pairs_are_asked_for(tmp_path: Path) -> None:
    arms = [
        {"names": [name], "pictures": [f"pictures/{name[:4]}/{k}.png" for k in range(40)]}
        for name in ("none", "only scarf")
    ]
    for arm in arms:
        for path in arm["pictures"]:
            picture(tmp_path / path)
    term = {"term": "scarf", "alone": {"without": "none", "with": "only scarf"}}
    (tmp_path / "ablate.json").write_text(json.dumps({"arms": arms, "terms": [term]}))
    found = labelling(tmp_path)
    assert len(found.tasks) == 30
    stems = [path.stem for path, _ in found.tasks]
    assert all(stems.count(stem) == 2 for stem in stems)
    arms_in_order = [path.parent.name for path, _ in found.tasks]
    assert arms_in_order != sorted(arms_in_order)
    assert found.picture("0") == found.tasks[0][0]
    assert found.picture("99") is None
    assert found.picture("x") is None


def test_nothing_to_label_is_told(tmp_path: Path) -> None:
    with pytest.raises(RequestError) as told:
        labelling(tmp_path)
    assert told.value.code == "terms-missing"


@pytest.mark.parametrize("text", ["a,b\n1,2\n", "image,term,present\nx.png,fog,maybe\n"])
def test_labels_that_cannot_be_read_are_told(tmp_path: Path, text: str) -> None:
    (tmp_path / "labels.csv").write_text(text)
    with pytest.raises(OutputError) as told:
        labels.read(tmp_path / "labels.csv")
    assert told.value.code == "labels-unreadable"
