"""Probes of every kind: names, answers, and what is refused."""

import json
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from typing import Any, ClassVar

import numpy as np
import pytest
import torch
from PIL import Image
from tests.tiny_models import text_config, tokenizer
from transformers import CLIPConfig, CLIPImageProcessor, CLIPModel, CLIPProcessor, CLIPVisionConfig

from negprompt.errors import ModelError, NegpromptError, RequestError
from negprompt.measure.probes import answers, probe
from negprompt.measure.probes.asking import Probe
from negprompt.measure.probes.calibrated import calibrated, fit
from negprompt.measure.probes.judged import judged, named
from negprompt.measure.probes.vision import KEY, vision
from negprompt.measure.probes.zero_shot import phrases
from negprompt.world.judge import ConvolutionalJudge, Judge


def pictures(count: int = 3) -> list[Image.Image]:
    rng = np.random.default_rng(0)
    drawn = rng.integers(0, 256, (count, 32, 32, 3), dtype=np.uint8)
    return [Image.fromarray(one) for one in drawn]


def brightness(images: list[Image.Image], term: str) -> list[float | None]:
    """A user's own probe."""
    return [None if term == "?" else float(np.asarray(i).mean()) / 255 for i in images]


@pytest.mark.parametrize("name", ["", "judge:third", "clip:", "clip", "vision:model", "guess"])
def test_a_name_that_is_none_is_told(name: str) -> None:
    with pytest.raises(RequestError) as told:
        probe(name)
    assert told.value.code == "probe-unknown"


def test_none_is_no_probe() -> None:
    assert probe("none") is None


def test_a_function_of_the_users(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "mine_for_test.py").write_text(
        "def seen(images, term):\n    return [0.25 if term == 'fog' else None for _ in images]\n"
    )
    monkeypatch.chdir(tmp_path)
    found = probe("mine_for_test:seen")
    assert found is not None
    assert answers(found, pictures(2), "fog") == (0.25, 0.25)
    assert answers(found, pictures(1), "scarf") == (None,)
    assert answers(found, [], "fog") == ()
    for name in ("mine_for_test:other", "no_such_module_here:seen", "mine_for_test:__doc__"):
        with pytest.raises(RequestError) as told:
            probe(name)
        assert told.value.code == "probe-not-found"


@pytest.mark.parametrize("said", [[1.0], [0.1, 0.2, 1.5], [0.1, "yes", 0.2], [0, 0, float("nan")]])
def test_a_wrong_answer_is_told(said: list[Any]) -> None:
    with pytest.raises(RequestError) as told:
        answers(Probe("mine", lambda images, term: said), pictures(), "fog")
    assert told.value.code == "probe-answer-invalid"


def test_numbers_of_other_libraries_are_taken() -> None:
    mine = Probe("mine", lambda images, term: list(torch.tensor([0.25, 0.5, 1.0])))
    assert answers(mine, pictures(), "fog") == (0.25, 0.5, 1.0)


def test_the_judge_abstains_on_what_its_world_lacks() -> None:
    torch.manual_seed(0)
    found = judged(judge=Judge(ConvolutionalJudge().eval()))
    assert answers(found, pictures(), "a dragon") == (None, None, None)
    said = answers(found, pictures(), "out of focus")
    assert said == answers(found, pictures(), "blurry")
    assert None not in said
    assert found.describe is not None
    assert all(len(seen) >= 4 for seen in found.describe(pictures()))
    assert found.known("low quality") >= {"blurry", "noise"}
    other = judged(judge=Judge(ConvolutionalJudge().eval()))
    assert other.mark != found.mark


def test_what_a_prompt_names() -> None:
    assert named("a Red house on a beach, sketch") == ("house", "red", "beach", "sketch")
    assert named("kitten in a snowy night town") == ("cat", "town")
    assert named("a dragon") == ()


@pytest.fixture(scope="module")
def clip(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A tiny CLIP of the real class with random weights."""
    torch.manual_seed(0)
    vision_config = CLIPVisionConfig(
        hidden_size=16, intermediate_size=32, num_hidden_layers=2, num_attention_heads=2,
        image_size=32, patch_size=8, projection_dim=16,
    )  # fmt: skip
    config = CLIPConfig(
        text_config=text_config(16).to_dict(), vision_config=vision_config.to_dict(),
        projection_dim=16,
    )  # fmt: skip
    folder = tmp_path_factory.mktemp("clip")
    CLIPModel(config).eval().save_pretrained(folder)
    cut = CLIPImageProcessor(size={"shortest_edge": 32}, crop_size={"height": 32, "width": 32})
    CLIPProcessor(cut, tokenizer()).save_pretrained(folder)
    return folder


def test_clip_sets_the_term_against_its_absence(clip: Path) -> None:
    found = probe(f"clip:{clip}")
    assert found is not None
    said = answers(found, pictures(), "blurry")
    network = CLIPModel.from_pretrained(clip)
    processor = CLIPProcessor.from_pretrained(clip)
    with torch.no_grad():
        lines = phrases("blurry")
        inputs = processor(
            text=[*lines[0], *lines[1]], images=pictures(), return_tensors="pt", padding=True
        )
        logits = network(**inputs).logits_per_image
    count = len(lines[0])
    apart = logits[:, :count].mean(1) - logits[:, count:].mean(1)
    assert said == pytest.approx(apart.sigmoid().tolist(), abs=1e-4)
    assert "sharp" in " ".join(lines[1])
    assert phrases("dragon")[1] == ("a picture", "a picture without dragon")
    assert len(found.mark) == 16


def test_clip_that_is_none_is_told(clip: Path, tmp_path: Path) -> None:
    torch.save({}, tmp_path / "pytorch_model.bin")
    (tmp_path / "config.json").write_text((clip / "config.json").read_text())
    for place in (tmp_path, tmp_path / "nothing"):
        with pytest.raises(ModelError) as told:
            probe(f"clip:{place}")
        assert told.value.code == "probe-unreadable"


class Endpoint(BaseHTTPRequestHandler):
    """An OpenAI-compatible endpoint that says what the test tells it to."""

    said: ClassVar[list[Any]] = []
    asked: ClassVar[list[dict[str, Any]]] = []
    keys: ClassVar[list[str | None]] = []

    def do_POST(self) -> None:
        body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        self.asked.append(body)
        self.keys.append(self.headers["Authorization"])
        status, answer = self.said.pop(0)
        self.send_response(status)
        if status == 307:
            self.send_header("Location", "http://localhost:1/elsewhere")
        self.end_headers()
        self.wfile.write(json.dumps(answer).encode())

    def log_message(self, *_: Any) -> None:
        pass


@pytest.fixture
def endpoint() -> Iterator[str]:
    server = HTTPServer(("127.0.0.1", 0), Endpoint)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    for kept in (Endpoint.said, Endpoint.asked, Endpoint.keys):
        kept.clear()
    yield f"http://127.0.0.1:{server.server_port}/v1"
    server.shutdown()
    server.server_close()


def spoken(text: str, likely: dict[str, float] | None = None) -> tuple[int, Any]:
    choice: dict[str, Any] = {"message": {"content": text}}
    if likely is not None:
        tops = [{"token": t, "logprob": float(np.log(p))} for t, p in likely.items()]
        choice["logprobs"] = {"content": [{"top_logprobs": tops}]}
    return 200, {"choices": [choice]}


def test_an_endpoint_is_asked_yes_or_no(endpoint: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(KEY, "secret")
    found = probe(f"vision:tiny@{endpoint}")
    assert found is not None
    assert [notice.code for notice in found.notices] == ["pictures-leave"]
    Endpoint.said[:] = [
        spoken("Yes", {"Yes": 0.6, " no": 0.2, "Maybe": 0.1}), spoken("No."), spoken("I see fog")
    ]  # fmt: skip
    assert answers(found, pictures(), "fog") == pytest.approx((0.75, 0.0, None))
    content = Endpoint.asked[0]["messages"][0]["content"]
    assert "fog" in content[0]["text"]
    assert content[1]["image_url"]["url"].startswith("data:image/png;base64,")
    assert Endpoint.keys == ["Bearer secret"] * 3
    assert "secret" not in found.name


def test_an_endpoint_without_probabilities_is_asked_without(endpoint: str) -> None:
    found = vision("tiny", endpoint)
    Endpoint.said[:] = [(400, {}), spoken("yes"), spoken("no")]
    assert answers(found, pictures(2), "fog") == (1.0, 0.0)
    assert ["logprobs" in body for body in Endpoint.asked] == [True, False, False]


@pytest.mark.parametrize("answer", [(401, {}), (307, {}), (200, {"error": "x"}), (200, [])])
def test_an_endpoint_that_fails_is_told(endpoint: str, answer: tuple[int, Any]) -> None:
    Endpoint.said[:] = [answer]
    with pytest.raises(NegpromptError) as told:
        answers(vision("tiny", endpoint), pictures(1), "fog")
    assert told.value.code == "vision-failed"
    assert len(Endpoint.asked) == 1  # no redirect was followed, nothing was tried again


@pytest.mark.parametrize("url", ["file:///etc/passwd", "localhost:8000", "http://", ""])
def test_an_address_that_is_none_is_told(url: str) -> None:
    with pytest.raises(RequestError) as told:
        vision("tiny", url)
    assert told.value.code == "vision-url-invalid"


def test_calibration_puts_probabilities_right() -> None:
    rng = np.random.default_rng(0)
    logit = rng.normal(0, 2, 400)
    true = rng.random(400) < 1 / (1 + np.exp(-(2 * logit - 3)))
    said = 1 / (1 + np.exp(-logit))
    line = fit(said.tolist(), true.tolist())
    assert (line.slope, line.offset) == pytest.approx((2, -3), abs=0.7)
    mine = Probe("mine", lambda images, term: [0.8] * len(images))
    right = calibrated(mine, {"fog": line})
    assert answers(right, pictures(1), "fog")[0] == pytest.approx(line(0.8))
    assert answers(right, pictures(1), "scarf") == (0.8,)
    assert right.mark != mine.mark


def test_calibration_of_a_probe_that_is_always_right_is_finite() -> None:
    line = fit([1.0, 0.0] * 20, [True, False] * 20)
    assert line(1.0) > 0.9
    assert line(0.0) < 0.1
