"""``negprompt critique`` as a user runs it."""

import json
from pathlib import Path
from typing import Any

import pytest
from PIL import Image

from negprompt.cli import main
from negprompt.feedback.endpoint import MODEL, URL

BRAND = """\
name = "brand"
version = "1.0.0"
layer = "brand"
mode = "enforced"
visibility = "{}"
[[terms]]
text = "zyxwv"
"""


@pytest.fixture(autouse=True)
def _here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv(URL, raising=False)


def said(capsys: pytest.CaptureFixture[str], *arguments: str) -> dict[str, Any]:
    assert main(["critique", *arguments, "--json"]) == 0
    found: dict[str, Any] = json.loads(capsys.readouterr().out)
    return found


def planned(capsys: pytest.CaptureFixture[str], *arguments: str) -> str:
    """A file with what ``plan --json`` prints."""
    assert main(["plan", *arguments, "--json"]) == 0
    Path("plan.json").write_text(capsys.readouterr().out)
    return "plan.json"


def test_edits_of_what_plan_prints(capsys: pytest.CaptureFixture[str]) -> None:
    file = planned(capsys, "a cat on a beach", "--policy", "quality-floor", "--negative", "hat")
    found = said(capsys, "still blurry, the hat was fine, and no more text", "--plan", file)
    assert [(e["action"], e["term"], e["weight"]) for e in found["edits"]] == [
        ("strengthen", "blurry", 1.2), ("remove", "hat", None), ("add", "text", 1.0),
    ]  # fmt: skip
    assert (found["source"], found["content"], found["notices"]) == ("rules", False, [])
    assert found["next"]["negative"] is None
    assert found["next"]["feedback"] == [
        {"term": "blurry", "weight": 1.2}, {"term": "text", "weight": 1.0},
    ]  # fmt: skip


@pytest.mark.parametrize(
    "plan",
    [
        {"positive": "a cat", "negative": "text, (hat:1.3)"},
        {"prompt": "a cat", "negative": ["text, (hat:1.3)"]},
        {"prompt": "a cat", "raw_negative": "text, (hat:1.3)", "effective_negative": "x"},
        {"positive": "a cat", "terms": ["text", {"term": "hat", "weight": 1.3}]},
    ],
)
def test_less_than_that_will_do(plan: dict[str, Any], capsys: pytest.CaptureFixture[str]) -> None:
    Path("plan.json").write_text(json.dumps(plan))
    found = said(capsys, "still a hat", "--plan", "plan.json")
    assert [(e["action"], e["term"], e["weight"]) for e in found["edits"]] == [
        ("strengthen", "hat", 1.5)
    ]


def test_no_plan_and_no_json(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["critique", "I love the sky but hate the hands"]) == 0
    out = capsys.readouterr().out.splitlines()
    assert [line.split()[:2] for line in out] == [
        ["edit", "term"], ["protect", "sky"], ["add", "deformed"],
    ]  # fmt: skip
    assert main(["critique", "perfect, thanks"]) == 0
    assert capsys.readouterr().err == "nothing to change\n"
    assert main(["critique", "hm"]) == 0
    assert "[critique-unread]" in capsys.readouterr().err


@pytest.mark.parametrize(("visibility", "code"), [("public", "edit-enforced"), ("owner", None)])
def test_what_is_enforced_stays_and_what_is_hidden_is_not_given_away(
    visibility: str, code: str | None, capsys: pytest.CaptureFixture[str]
) -> None:
    Path("brand.toml").write_text(BRAND.format(visibility))
    file = planned(capsys, "a cat", "--policy", "brand.toml")
    assert ("zyxwv" in Path(file).read_text()) is (visibility == "public")
    found = said(capsys, "forget about the zyxwv", "--plan", file)
    assert found["edits"] == []
    assert [notice["code"] for notice in found["notices"]] == [code or "critique-unread"]
    assert "brand@" not in json.dumps(found) or visibility == "public"


def test_a_picture_is_looked_at(untrained_judges: None, capsys: pytest.CaptureFixture[str]) -> None:
    Image.new("RGB", (64, 64)).save("one.png")
    found = said(capsys, "what is that in the corner?", "--image", "one.png")
    assert all("sees" in edit["reason"] for edit in found["edits"])


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--plan", "nothing.json"], "cannot be read"),
        (["--plan", "plan.json"], "the plan cannot be read"),
        (["--image", "plan.json"], "cannot be read as a picture"),
    ],
)
def test_a_mistake_is_one_line(
    arguments: list[str], message: str, capsys: pytest.CaptureFixture[str]
) -> None:
    Path("plan.json").write_text("[1]")
    assert main(["critique", "too dark", *arguments]) == 2
    (line,) = capsys.readouterr().err.splitlines()
    assert message in line


def test_an_endpoint_that_is_not_there_costs_one_notice(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv(URL, "http://127.0.0.1:9/v1")
    monkeypatch.setenv(MODEL, "m")
    found = said(capsys, "too dark")
    assert [e["term"] for e in found["edits"]] == ["dark"]
    assert [n["code"] for n in found["notices"]] == ["endpoint-failed"]
