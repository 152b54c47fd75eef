"""The commands `parse`, `translate` and `tokens`: what they print, refuse and point at."""

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import save_file
from tests.tiny_models import tiny_sdxl

from negprompt.cli import main
from negprompt.cli.terminal import in_a_line

Captured = pytest.CaptureFixture[str]

MISTAKES = {
    "unknown dialect": ["parse", "a cat", "--dialect", "latin"],
    "no steps": ["parse", "a cat", "--steps", "0"],
    "a blend without parts": ["parse", '("a", "b").blend(1)', "--dialect", "compel"],
    "a bracket that never closes": ["parse", "a (cat", "--strict"],
    "unknown source dialect": ["translate", "a cat", "--from", "latin", "--to", "comfy"],
    "a dialect that is not written": ["translate", "a", "--from", "a1111", "--to", "novelai"],
    "no dialect to go to": ["translate", "a cat", "--from", "a1111"],
    "unknown model": ["tokens", "a cat", "--model", "no such model"],
    "a model elsewhere": ["tokens", "a cat", "--model", "owner/name"],
    "unknown scheme": ["tokens", "a cat", "--scheme", "ponzi"],
    "unknown chunks": ["tokens", "a cat", "--chunks", "chocolate"],
    "no folder": ["tokens", "a cat", "--embeddings", "no such folder"],
    "a step too many": ["tokens", "a cat", "--step", "26"],
}


def answer(capsys: Captured, *arguments: str) -> dict[str, Any]:
    """What a command prints with --json."""
    assert main([*arguments, "--json"]) == 0
    found: dict[str, Any] = json.loads(capsys.readouterr().out)
    return found


def run(*arguments: str, typed: bytes = b"", **settings: str) -> subprocess.CompletedProcess[bytes]:
    """The command in a process of its own, as a user runs it."""
    return subprocess.run(
        [sys.executable, "-m", "negprompt", *arguments],
        input=typed, capture_output=True, check=False, env=os.environ | settings,
    )  # fmt: skip


@pytest.mark.parametrize("arguments", MISTAKES.values(), ids=MISTAKES)
def test_a_mistake_is_one_line_with_its_cure(arguments: list[str], capsys: Captured) -> None:
    assert main(arguments) == 2
    said = capsys.readouterr()
    assert said.out == ""
    line, *caret = said.err.splitlines()
    assert line.startswith("negprompt: ")
    assert " — " in line
    assert not caret or set(caret[-1].strip()) == {"^"}


def test_parse_shows_terms_weights_places_schedules_and_parts(capsys: Captured) -> None:
    text = "a cat, [dog:(wolf:1.2):0.5] BREAK hat <lora:foo:0.8> AND night :0.7"
    assert main(["parse", text]) == 0
    head, *lines = capsys.readouterr().out.splitlines()
    assert head.split() == ["part", "place", "weight", "term", "acts"]
    assert [line.split() for line in lines[:6]] == [
        ["1", "0-5", "1", "a", "cat"],
        ["1", "8-11", "1", "dog", "steps", "1-12"],
        ["1", "13-17", "1.2", "wolf", "steps", "13-25"],
        ["1", "27-34", "BREAK"],
        ["1", "34-37", "1", "hat"],
        ["2", "57-62", "1", "night"],
    ]
    assert lines[6:] == [
        "weights of the parts: 1, 0.7",
        "schedule at 7-27: [dog:(wolf:1.2):0.5]",
        "network at 38-52: lora foo, 0.8",
    ]


def test_parse_as_json(capsys: Captured) -> None:
    said = answer(capsys, "parse", "a, [b|(c:1.2)] <lora:x:1> # no", "--steps", "4")
    (part,) = said["parts"]
    assert [(t["text"], t["weight"], t["steps"]) for t in part["terms"]] == [
        ("a", 1.0, None),
        ("b", 1.0, [[1, 1], [3, 3]]),
        ("c", 1.2, [[2, 2], [4, 4]]),
    ]
    assert said["choices"] == [{"kind": "alternate", "options": [], "weights": [], "span": [3, 14]}]
    assert said["networks"] == [{"kind": "lora", "items": ["x", "1"], "span": [15, 25]}]
    assert said["unread"] == [[26, 30]]
    assert [notice["code"] for notice in said["notices"]] == ["comment-unread"]


def test_parse_on_the_negative_side_leaves_networks_and_says_that_and_divides(
    capsys: Captured,
) -> None:
    said = answer(capsys, "parse", "a <lora:x:1> AND b", "--negative-side")
    assert [[t["text"] for t in part["terms"]] for part in said["parts"]] == [
        ["a <lora:x:1>"],
        ["b"],
    ]
    assert {notice["code"] for notice in said["notices"]} == {
        "network-in-negative",
        "and-in-negative",
    }


@pytest.mark.parametrize(
    ("text", "dialect", "terms"),
    [
        ('("a", "b++").blend(1, .3)', "compel", [[("a", 1, "blend 1"), ("b", 1.21, "blend 2")]]),
        ('("a", "b").and(1, .3)', "compel", [[("a", 1, None)], [("b", 1, None)]]),
        ("cat::2 dog --no hat --ar 1:2", "midjourney", [
            [("cat", 1, None)], [("dog", 1, None)], [("hat", 1, None)]]),
        ("(a, embedding:bad:1.2)", "comfy", [[("a", 1.2, None), ("embedding:bad", 1.2, None)]]),
        ("", "plain", [[]]),
    ],
)  # fmt: skip
def test_parse_reads_every_dialects_parts(
    text: str, dialect: str, terms: list[Any], capsys: Captured
) -> None:
    said = answer(capsys, "parse", text, "--dialect", dialect)
    found = [
        [(t["text"], pytest.approx(t["weight"]), t["within"]) for t in part["terms"]]
        for part in said["parts"]
    ]
    assert found == terms


def test_parse_shows_every_weight_and_no_mean(capsys: Captured) -> None:
    (part,) = answer(capsys, "parse", "(a (b:1.5) c:2)")["parts"]
    assert [(t["text"], t["weight"]) for t in part["terms"]] == [("a", 2), ("b", 3), ("c", 2)]


def test_parse_lays_out_the_schedules_of_sdnext(capsys: Captured) -> None:
    said = answer(capsys, "parse", "[a:b:0.5] <lora:x:1>", "--dialect", "sdnext", "--steps", "4")
    assert [(t["text"], t["steps"]) for t in said["parts"][0]["terms"]] == [
        ("a", [[1, 2]]),
        ("b", [[3, 4]]),
    ]
    assert said["networks"] == [{"kind": "lora", "items": ["x", "1"], "span": [10, 20]}]


def test_a_notice_points_at_its_place(capsys: Captured) -> None:
    assert main(["parse", "漢, (cat"]) == 0
    note, source, carets = capsys.readouterr().err.splitlines()
    assert "bracket-unclosed" in note
    assert source == "  漢, (cat"
    assert carets == "      ^"  # a wide character takes two columns


def test_carets_are_coloured_in_a_terminal_only() -> None:
    assert b"\x1b[" not in run("parse", "(cat", TERM="xterm").stderr
    coloured = run("parse", "(cat", FORCE_COLOR="1", TERM="xterm").stderr.decode()
    assert "\x1b[1;31m(\x1b[0mcat" in coloured
    refused = run("parse", "(cat:1.2.3)", FORCE_COLOR="1", TERM="xterm")
    assert refused.returncode == 2
    assert "\x1b[1;31m1.2.3\x1b[0m" in refused.stderr.decode()


def test_a_text_comes_from_standard_input() -> None:
    done = run("translate", "-", "--from", "a1111", "--to", "comfy", typed=b"[x], \xe6\xbc\xa2\r\n")
    assert done.stdout.decode() == "(x:0.9090909090909091), 漢\n"
    assert run("parse", "-", typed=b"\xff").returncode == 2


def test_what_a_text_holds_never_acts_on_the_terminal(capsys: Captured) -> None:
    assert main(["parse", "a \x1b]0;x\x07 (b"]) == 0
    said = capsys.readouterr()
    assert "\x1b" not in said.out + said.err
    assert "\x07" not in said.out + said.err


@pytest.mark.parametrize("command", ["parse", "translate"])
def test_reading_a_text_loads_no_torch(command: str) -> None:
    more = ["--from", "a1111", "--to", "compel"] if command == "translate" else []
    code = (
        "import sys; from negprompt.cli import main; "
        f"main({[command, '(a:1.2), [b]', *more]!r}); "
        "sys.exit(bool({'torch', 'numpy', 'transformers'} & set(sys.modules)))"
    )
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


def test_translate_prints_the_text_and_tells_what_is_lost(capsys: Captured) -> None:
    arguments = ["translate", "((x:1.5)) <lora:y:1>", "--from", "a1111", "--to", "comfy"]
    assert main(arguments) == 0
    said = capsys.readouterr()
    assert said.out == "(x:1.6500000000000001)\n"
    loss, source, carets = said.err.splitlines()
    assert loss.startswith("lost: ")
    assert source[carets.index("^") : len(carets)] == "<lora:y:1>"
    (lost,) = answer(capsys, *arguments)["lost"]
    assert (lost["span"], lost["text"]) == ([10, 20], "<lora:y:1>")


def test_and_is_a_word_in_the_translation_of_a_negative(capsys: Captured) -> None:
    said = answer(
        capsys, "translate", "a AND b", "--from", "a1111", "--to", "comfy", "--negative-side"
    )
    assert (said["text"], said["lost"], said["notices"]) == ("a AND b", [], [])


def test_tokens_of_the_pocket_model(capsys: Captured) -> None:
    assert main(["tokens", "a cat, (scarf:1.3)"]) == 0
    said = capsys.readouterr()
    head, *lines = said.out.splitlines()
    assert head.split() == ["chunk", "position", "token", "weight", "text", "place"]
    assert [line.split() for line in lines] == [
        ["1", "1", "a</w>", "1", "a", "0-1"],
        ["1", "2", "cat</w>", "1", "cat", "2-5"],
        ["1", "3", ",</w>", "1", ",", "5-6"],
        ["1", "4", "scarf</w>", "1.3", "scarf", "8-13"],
    ]
    assert "1 chunk of 77" in said.err
    assert "a1111" in said.err.splitlines()[-1]


def test_tokens_say_which_term_falls_past_the_limit(capsys: Captured) -> None:
    text = ", ".join(["cat"] * 37 + ["blurry hat", "dog"])  # 74 tokens, then 2, a comma, 1
    assert main(["tokens", text]) == 0
    said = capsys.readouterr()
    assert "'blurry hat' at 185, and 1 more: past the first chunk" in said.err
    (read,) = answer(capsys, "tokens", text)["tokenizers"]["tokenizer"]
    assert (read["chunks"], read["room"]) == (2, 75)
    assert [t["text"] for t in read["terms"] if t["past_limit"]] == ["blurry hat", "dog"]


def test_tokens_of_a_step_and_of_parts(capsys: Captured) -> None:
    text = "[cat:boat:0.5] AND hat"
    for step, word in (("1", "cat"), ("20", "boat")):
        parts = answer(capsys, "tokens", text, "--step", step)["tokenizers"]["tokenizer"]
        assert [[t["text"] for t in part["tokens"]] for part in parts] == [[word], ["hat"]]


def test_tokens_tell_of_inversions_that_no_file_has_and_of_what_is_misread(
    tmp_path: Path, capsys: Captured
) -> None:
    save_file({"emb_params": torch.ones(8, 192)}, tmp_path / "Dream.safetensors")
    text = "embedding:dream, x,embedding:Dream"
    arguments = ["tokens", text, "--dialect", "comfy", "--embeddings", str(tmp_path)]
    assert main(arguments) == 0
    told = capsys.readouterr().err
    assert "'dream', so the model reads nothing there [embedding-missing]" in told
    assert "[embedding-unread]" in told
    said = answer(capsys, *arguments)
    assert said["tokenizers"]["tokenizer"][0]["missing"] == [{"name": "dream", "span": [0, 15]}]
    assert [notice["code"] for notice in said["notices"]] == ["embedding-unread"]


def test_tokens_name_the_vectors_of_an_inversion(tmp_path: Path, capsys: Captured) -> None:
    save_file({"emb_params": torch.ones(8, 192)}, tmp_path / "BadDream.safetensors")
    said = answer(capsys, "tokens", "a cat, baddream", "--embeddings", str(tmp_path))
    tokens = said["tokenizers"]["tokenizer"][0]["tokens"]
    assert [t["token"] for t in tokens[-2:]] == [
        "BadDream.safetensors 7/8",
        "BadDream.safetensors 8/8",
    ]


def test_tokens_of_a_model_with_two_encoders(tmp_path: Path, capsys: Captured) -> None:
    tiny_sdxl().save_pretrained(tmp_path)
    said = answer(capsys, "tokens", "a cat", "--model", str(tmp_path))
    assert list(said["tokenizers"]) == ["tokenizer", "tokenizer_2"]
    assert main(["tokens", "a cat", "--model", str(tmp_path)]) == 0
    assert "tokenizer_2" in capsys.readouterr().out.splitlines()


def test_a_damaged_model_is_told(tmp_path: Path, capsys: Captured) -> None:
    (tmp_path / "model_index.json").write_text("{")
    assert main(["tokens", "a cat", "--model", str(tmp_path)]) == 2
    (line,) = capsys.readouterr().err.splitlines()
    assert "cannot be loaded" in line


def test_a_long_cell_is_cut_in_the_middle() -> None:
    assert in_a_line("a" * 50 + "b" * 50) == "a" * 40 + "…" + "b" * 20
    assert in_a_line("a\tb") == "a\\tb"
