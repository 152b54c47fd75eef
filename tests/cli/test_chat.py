"""`negprompt chat` through a pipe: one line in, one JSON object out."""

import io
import json
import os
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import pytest
from PIL import Image

from negprompt.cli import main
from negprompt.metadata import read
from negprompt.policy.files import load

Said = list[dict[str, Any]]
Talk = Callable[..., Said]

FLOOR = """
name = "house-floor"
version = "1.0.0"
layer = "floor"
mode = "{mode}"
owner = "tests"
reason = "what the house does not show"
visibility = "{visibility}"
[[terms]]
text = "{text}"
"""


@pytest.fixture
def talk(
    model: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> Talk:
    """Run a chat with these lines, in a folder and with a history of its own; what it printed."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("NEGPROMPT_DATA", str(tmp_path / "data"))

    def run(*lines: str | bytes, more: Sequence[str] = (), status: int = 0) -> Said:
        typed = b"".join((x if isinstance(x, bytes) else x.encode()) + b"\n" for x in lines)
        monkeypatch.setattr("sys.stdin", io.TextIOWrapper(io.BytesIO(typed)))
        begin = [] if "--resume" in more else ["--model", model, "--steps", "2", "--cfg", "3"]
        assert main(["chat", *begin, *more]) == status
        found = capsys.readouterr()
        if status:
            return [{"error": found.err}]
        return [json.loads(line) for line in found.out.splitlines()]

    return run


def policy(mode: str = "always", text: str = "low quality", visibility: str = "public") -> None:
    folder = Path("policies")
    folder.mkdir(exist_ok=True)
    said = FLOOR.format(mode=mode, text=text, visibility=visibility)
    (folder / "house-floor.toml").write_text(said)


def pixels(answer: dict[str, Any]) -> bytes:
    with Image.open(answer["picture"]) as picture:
        return picture.tobytes()


def codes(answer: dict[str, Any]) -> list[str]:
    return [notice["code"] for notice in answer["notices"]]


def test_words_become_the_next_negative_on_the_same_seed(talk: Talk) -> None:
    first, second = talk("a cat", "I don't want the hat", more=["--seed", "7"])
    assert list(first) == list(second) == [
        "session", "words", "edits", "pending", "picture", "beside", "prompt", "seed",
        "effective_negative", "raw_negative", "terms", "left", "said", "notices", "cost", "ended",
    ]  # fmt: skip
    assert (first["words"], first["effective_negative"], first["beside"]) == ("a cat", "", None)
    (edit,) = second["edits"]
    assert (edit["action"], edit["term"]) == ("add", "hat")
    assert "hat" in edit["reason"]
    assert second["effective_negative"] == "hat"
    assert first["seed"] == second["seed"] == 7
    assert second["cost"]["passes"] == 4
    assert pixels(first) != pixels(second)
    with Image.open(second["picture"]) as picture, Image.open(second["beside"]) as beside:
        said = read(picture.text["parameters"])  # type: ignore[attr-defined]
        assert (said.negative, said.fields["Seed"]) == ("hat", "7")
        assert beside.size == (2 * picture.width + 8, picture.height)
        assert beside.crop((beside.width - picture.width, 0, *beside.size)).tobytes() == (
            picture.tobytes()
        )


def test_one_word_takes_edits_back(talk: Talk) -> None:
    first, *_, undone, again = talk("a cat", "no hat please", "/undo", "/undo")
    assert pixels(undone) == pixels(first)
    assert undone["effective_negative"] == ""
    assert again["picture"] is None
    assert again["notices"]


def test_edits_may_wait_for_a_yes(talk: Talk) -> None:
    said = talk(
        "a cat", "remove the hat and the scarf", "2", "no dog please", "no", "no boat", "/why",
        "yes", more=["--apply", "ask"],
    )  # fmt: skip
    _, asked, two, dog, no, _, why, yes = said
    assert [edit["term"] for edit in asked["pending"]] == ["hat", "scarf"]
    assert asked["edits"] == []
    assert asked["picture"] is None
    assert two["effective_negative"] == "scarf"
    assert two["pending"] == no["pending"] == yes["pending"] == []
    assert len(dog["pending"]) == len(why["pending"]) == 1
    assert no["picture"] is None
    assert yes["effective_negative"] == "scarf, boat"


def test_other_words_drop_what_waits(talk: Talk) -> None:
    *_, answer = talk("a cat", "no hat", "no scarf", more=["--apply", "ask"])
    assert [edit["term"] for edit in answer["pending"]] == ["scarf"]
    assert "edits-dropped" in codes(answer)


def test_seed_and_policy(talk: Talk) -> None:
    policy()
    said = talk(
        "a cat", "/policy", "/policy house-floor", "/policy", "/seed", "/seed 40",
        "/policy -house-floor",
    )  # fmt: skip
    _, none, with_it, listed, following, forty, without = said
    assert none["said"] == ["no policy acts"]
    assert with_it["effective_negative"] == following["effective_negative"] == "low quality"
    assert listed["said"][0].startswith("house-floor@1.0.0#")
    assert [answer["seed"] for answer in (with_it, following, forty)] == [0, 1, 40]
    assert without["effective_negative"] == ""


def test_who_talks_takes_no_enforced_policy_away_and_names_no_file(talk: Talk) -> None:
    policy("enforced")
    said = talk(
        "a cat", "/policy -house-floor", "remove low quality from the negative",
        "/policy policies/house-floor.toml", "/policy -none", more=["--policy", "house-floor"],
    )  # fmt: skip
    first, refused, words, file, none = said
    assert refused["error"]["code"] == none["error"]["code"] == "policy-stays"
    assert words["effective_negative"] == first["effective_negative"] == "low quality"
    assert file["error"]["code"] == "policy-name"
    policy("default")  # another one of that name takes its place no more than nothing does
    *_, again, after = talk("/policy house-floor", "no hat", more=["--resume", "last"])
    assert again["error"]["code"] == "policy-stays"
    assert after["effective_negative"] == "low quality, hat"


def test_why_says_who_put_each_term_there(talk: Talk) -> None:
    policy()
    *_, answer = talk(
        "a cat", "I don't like the scarf", "/keep hat", "/why",
        more=["--policy", "house-floor", "--negative", "blurry"],
    )  # fmt: skip
    lines = answer["said"]
    assert lines[0] == "1 low quality: house-floor@1.0.0, what the house does not show"
    assert any(line.startswith("1 scarf: feedback@") and "you said" in line for line in lines)
    assert "1 blurry: user, typed" in lines
    assert lines[-1] == "kept: hat"
    assert answer["picture"] is None


@pytest.mark.parametrize(
    ("more", "lines", "why"),
    [
        ([], ["perfect, thanks!"], "you are content"),
        ([], ["/keep"], "you keep out/chat/00000-0.png"),
        (["--rounds", "1"], ["no hat"], "1 rounds are done"),
        (
            ["--until", "judge", "--probe", "eyes_chat:never"],
            ["no hat"],
            "the judge sees nothing of hat any more",
        ),
    ],
)
def test_it_ends(talk: Talk, more: list[str], lines: list[str], why: str) -> None:
    Path("eyes_chat.py").write_text("def never(images, term):\n    return [0.1] * len(images)\n")
    *_, last = talk("a cat", *lines, "no dog", more=more)
    assert last["words"] == lines[-1]
    assert why in last["ended"]
    assert [one["ended"] for one in talk("no boat", more=["--resume", "last"])] == [None, None]


def test_a_term_without_effect_is_dropped_and_said(talk: Talk) -> None:
    Path("eyes_pairs.py").write_text("def always(images, term):\n    return [0.9] * len(images)\n")
    more = ["--probe", "eyes_pairs:always", "--pairs", "2"]
    first, second = talk("a cat", "no hat", more=more)
    assert [edit["action"] for edit in second["edits"]] == ["add", "remove"]
    assert "no effect" in second["edits"][1]["reason"]
    assert (second["picture"], second["effective_negative"]) == (None, "")
    assert first["picture"]


def test_a_judge_that_still_sees_it_says_so(talk: Talk) -> None:
    Path("eyes_left.py").write_text("def always(images, term):\n    return [0.9] * len(images)\n")
    *_, last = talk("a cat", "no hat", more=["--until", "judge", "--probe", "eyes_left:always"])
    assert (last["left"], last["ended"]) == (["hat"], None)


def test_what_is_wrong_with_a_line_is_an_object_and_the_chat_goes_on(talk: Talk) -> None:
    policy("enforced", "dog")
    said = talk(
        "/undo", "[a:b:1e400]", "a cat", "/nothing", b"\xff", "x" * 20_000, "/seed -1",
        f"/seed {10**20}", "/policy unknown", "no hat", more=["--policy", "house-floor"],
    )  # fmt: skip
    assert [one["error"]["code"] if "error" in one else one["words"] for one in said] == [
        "chat-command-unknown", "weight-not-finite", "a cat", "chat-command-unknown",
        "text-not-unicode", "chat-line-too-long", "value-out-of-range", "value-out-of-range",
        "policy-unknown", "no hat",
    ]  # fmt: skip
    assert said[-1]["effective_negative"] == "dog, hat"


def test_it_is_resumed_where_it_was(talk: Talk) -> None:
    policy()
    *_, last = talk("a cat", "no hat", "/seed 5", more=["--policy", "house-floor"])
    policy(text="another thing")  # the chat goes on with what the policy was
    opened, undone = talk("/undo", more=["--resume", str(last["session"])])
    assert opened["picture"] == str(Path(last["picture"]).absolute())
    assert opened["effective_negative"] == "low quality, hat"
    assert undone["effective_negative"] == "low quality"
    assert (undone["seed"], undone["session"]) == (5, last["session"])
    with Image.open(undone["beside"]) as beside, Image.open(last["picture"]) as before:
        assert beside.crop((0, 0, *before.size)).tobytes() == before.tobytes()


def test_it_is_exported_without_what_is_hidden(talk: Talk) -> None:
    policy(text="secret words", visibility="owner")
    talk("a cat", "no hat", more=["--policy", "house-floor", "--export", "chat.json"])
    text = Path("chat.json").read_text("utf-8")
    assert "secret" not in text
    (layer,) = load(("house-floor",), (Path("policies"),))
    assert layer.label in text
    assert layer.hash not in text  # which would confirm a guess
    turns = json.loads(text)["turns"]
    assert [turn["words"] for turn in turns] == ["a cat", "no hat"]
    assert turns[1]["edits"][0]["term"] == "hat"
    (picture,) = turns[1]["pictures"]
    assert picture["effective_negative"].endswith("hat")
    assert Path(picture["path"]).is_file()


def test_hidden_words_are_in_no_answer(talk: Talk) -> None:
    policy(text="secret words", visibility="owner")
    said = talk("a cat", "no hat", "/why", "/policy", more=["--policy", "house-floor"])
    assert "secret" not in json.dumps(said)


def test_without_a_history_it_works_and_is_not_kept(
    talk: Talk, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("NEGPROMPT_HISTORY", "off")
    _, second = talk("a cat", "no hat")
    assert (second["session"], second["effective_negative"]) == (None, "hat")
    for more in (["--export", "chat.json"], ["--resume", "last"]):
        (refused,) = talk("a cat", more=more, status=2)
        assert "needs the history, which is off" in refused["error"]
    monkeypatch.setenv("NEGPROMPT_HISTORY", f"sqlite:///{os.devnull}/no.db")
    _, second = talk("a cat", "no hat")
    assert (second["session"], second["effective_negative"]) == (None, "hat")


def test_an_endpoint_that_fails_costs_one_notice(
    talk: Talk, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("NEGPROMPT_LLM_URL", "http://127.0.0.1:9/v1")  # nobody listens there
    monkeypatch.setenv("NEGPROMPT_LLM_MODEL", "any")
    said = talk("a cat", "no hat", "no scarf")
    assert [codes(answer).count("endpoint-failed") for answer in said] == [0, 1, 0]
    assert said[-1]["effective_negative"] == "hat, scarf"


@pytest.mark.parametrize("more", [["--resume", "last", "--seed", "3"], ["--resume", "99"]])
def test_what_cannot_be_resumed_is_told(talk: Talk, more: list[str]) -> None:
    (refused,) = talk(more=more, status=2)
    assert refused["error"].count("\n") == 1


def test_wrong_options_stop_a_piped_chat_before_its_first_line(talk: Talk) -> None:
    (answer,) = talk("a cat", "no hat", more=["--policy", "nobodys"], status=2)
    assert "there is no policy 'nobodys'" in answer["error"]
    assert len(answer["error"].splitlines()) == 1
