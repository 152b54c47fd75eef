"""``diagnose``: from a picture's file to a verdict; what is drawn is planted, all else is real."""

import json
import zlib
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from benchmarks import faults
from PIL import Image

from negprompt.cli import main
from negprompt.engine import Request
from negprompt.measure.ablate.gallery import Batch, Reader, Spent
from negprompt.measure.diagnose import AREAS, QUESTIONS, Case, drawn, said
from negprompt.measure.diagnose.verdict import Inquiry
from negprompt.measure.probes.asking import Probe

SEEDS = 16


@pytest.fixture
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A working directory."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("NEGPROMPT_HISTORY", "off")
    return tmp_path


@pytest.mark.parametrize("kind", ["inert", "truncated", "wrong-dialect", "wrong-layer", "not-named",
                                  "unknown-word", "asked-for"])  # fmt: skip
def test_a_fault_that_the_texts_tell_is_named(kind: str, here: Path) -> None:
    every = list(faults.KINDS[kind](here))
    assert len(every) == 20
    chosen = [one for one in every if "model" not in one.options][2::11]
    assert [faults.verdict(fault, here, 4) for fault in chosen] == [kind] * len(chosen)


def test_the_answer_has_a_verdict_the_evidence_and_the_next_action(
    here: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    made = ["generate", "a star", "--steps", "1", "--cfg", "1", "--negative", "text"]
    assert main(made) == 0
    picture = capsys.readouterr().out.strip()
    assert main(["diagnose", picture, "--flaw", "lettering"]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert lines[-2:] == ["verdict: inert", "next: guidance: a scale above 1"]
    assert lines[0].startswith("1. did the term arrive? at scale 1")
    assert main(["diagnose", picture, "--flaw", "hat", "--json"]) == 0
    found = json.loads(capsys.readouterr().out)
    assert (found["verdict"], found["next"]["area"]) == ("not-named", "workflow")
    assert found["next"]["action"] == '--negative "hat"'
    assert [one["question"] for one in found["answers"]] == list(QUESTIONS[:2])


@pytest.mark.parametrize(
    ("command", "words"),
    [
        (["diagnose", "none.png", "--flaw", "hat"], "no picture that can be read"),
        (["diagnose", "none.png", "--flaw", " "], "the flaw is empty"),
        (["diagnose", "1", "--flaw", "hat"], "the history is turned off"),
    ],
)
def test_a_mistake_is_one_line(
    command: list[str], words: str, here: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(command) == 2
    (line,) = capsys.readouterr().err.splitlines()
    assert words in line


def test_a_run_of_the_history_is_a_picture_too(
    here: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.delenv("NEGPROMPT_HISTORY")
    monkeypatch.setenv("NEGPROMPT_DATA", str(here / "data"))
    asked = ["generate", "a star", "--steps=9", "--negative=[text:8]", "--metadata=none"]
    assert main(asked) == 0
    capsys.readouterr()
    assert main(["diagnose", "1", "--flaw", "text", "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["verdict"] == "truncated"


@pytest.mark.parametrize(
    ("text", "flaw", "names"),
    [
        ("big Watermark", "watermark", True), ("wаtermarked", "watermark", True),
        ("texture", "text", False), ("lettering", "text", True), ("hats", "hat", True),
        ("that", "hat", False), ("", "hat", False), ("hat", "!", False),
    ],
)  # fmt: skip
def test_a_text_names_a_flaw_by_whole_words_and_synonyms(text: str, flaw: str, names: bool) -> None:
    assert said.names(text, flaw) == names


@dataclass(frozen=True)
class Planted:
    """Stands in for a gallery: white pictures where ``there`` says that the flaw is in them."""

    there: Callable[[Request], float]
    """A request → the share of its seeds that have the flaw."""
    folder: Path
    spent: Spent = field(default_factory=Spent)

    def batch(self, request: Request) -> Batch:
        """Pictures as they were planted."""
        seeds = range(request.seed, request.seed + request.count)
        share = self.there(request)
        white = [(seed % SEEDS) < share * SEEDS for seed in seeds]
        images = tuple(Image.new("L", (1, 1), 255 * one) for one in white)
        asked = f"{request.prompt} {request.negative} {request.cfg} {len(request.policies)}"
        place = self.folder / str(zlib.crc32(asked.encode()))
        return Batch(images, tuple(place / f"{seed}.png" for seed in seeds), (None,) * len(seeds))


def white(images: Any, _term: str) -> list[float]:
    return [float(np.asarray(image).mean() / 255) for image in images]


PROBE = Probe("white", white, keeps=lambda _prompt: ("cat", "red"))
ASKED = Request(prompt="a red cat, ink", negative=("hat, (dust:0.2)",), cfg=2.0, model="pocket")


def weight(request: Request) -> float:
    """That of dust."""
    terms = [t for n in request.planned().negatives for t in n.terms if t.text == "dust"]
    return terms[0].weight if terms else 0.0


def asks(request: Request) -> bool:
    return request.prompt.endswith(", dust")


RULES: dict[str, Callable[[Request], float]] = {
    "cannot-draw": lambda r: 0.4,
    "residual": lambda r: 1.0 if asks(r) else 0.1 if weight(r) else 0.7,
    "too-weak": lambda r: 1.0 if asks(r) else 0.1 if weight(r) > 1 else 0.7,
    "asked-for": lambda r: 1.0 if asks(r) else 0.7 if "ink" in r.prompt else 0.0,
    "undecided": lambda r: 1.0 if asks(r) else 0.7,
}


@pytest.mark.parametrize("kind", RULES)
def test_what_pictures_tell_is_named(kind: str, tmp_path: Path) -> None:
    case = Case(ASKED, "dust", "sd1")
    (term,) = said.naming(ASKED.planned("sd1"), "dust")
    place: Any = Planted(RULES[kind], tmp_path)
    easel = drawn.Easel(case, term, place, Reader(PROBE, tmp_path), "dust", True, SEEDS)
    found = drawn.diagnosed(easel, Inquiry("dust", []))
    assert found.verdict.kind == kind
    assert found.verdict.area == AREAS[found.verdict.kind]
    if kind == "too-weak":
        assert found.verdict.cure == "weight 1.5 on 'dust'"
    if kind == "asked-for":
        assert found.verdict.cure == "take 'ink' out of the prompt"


@pytest.mark.parametrize(
    ("learned", "asked_for", "kind"),
    [(True, 0.6, "residual"), (False, 0.6, "cannot-draw"), (False, 0.9, "residual")],
)
def test_some_more_is_no_proof_for_a_word_that_was_never_learned(
    learned: bool, asked_for: float, kind: str, tmp_path: Path
) -> None:
    (term,) = said.naming(ASKED.planned("sd1"), "dust")
    place: Any = Planted(lambda r: asked_for if asks(r) else 0.1 if weight(r) else 0.2, tmp_path)
    case = Case(ASKED, "dust", "sd1")
    easel = drawn.Easel(case, term, place, Reader(PROBE, tmp_path), "dust", learned, SEEDS)
    assert drawn.diagnosed(easel, Inquiry("dust", [])).verdict.kind == kind


def test_scale_is_tried_where_weight_does_not_help(tmp_path: Path) -> None:
    (term,) = said.naming(ASKED.planned("sd1"), "dust")
    rule = RULES["undecided"]
    place: Any = Planted(lambda r: 0.0 if (r.cfg or 0) >= 4 else rule(r), tmp_path)
    case = Case(ASKED, "dust", "sd1")
    easel = drawn.Easel(case, term, place, Reader(PROBE, tmp_path), "dust", True, SEEDS)
    found = drawn.diagnosed(easel, Inquiry("dust", []))
    assert (found.verdict.kind, found.verdict.cure) == ("too-weak", "--cfg 4")
    assert [answer.number for answer in found.answers] == [4, 5, 5]


def test_what_should_stay_is_not_left_out() -> None:
    request = Request(prompt="a red cat with bell, (thick ink:1.2), paper")
    found = dict(drawn.pieces(request, ("cat", "red")))
    assert found == {
        "thick ink": "a red cat with bell, paper",
        "paper": "a red cat with bell, (thick ink:1.2)",
        "bell": "a red cat with , (thick ink:1.2), paper",
    }


@pytest.mark.slow
@pytest.mark.parametrize("kind", ["cannot-draw", "too-weak", "residual"])
def test_a_fault_that_pictures_tell_is_named(kind: str, here: Path) -> None:
    fault = next(iter(faults.KINDS[kind](here)))
    assert faults.verdict(fault, here, 8) == kind
