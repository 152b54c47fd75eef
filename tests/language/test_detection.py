"""Text of another dialect, negation in words, and traps of a dialect's own: found, and quiet."""

import csv
import json
import re
import time
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from negprompt.errors import Notice, PromptError
from negprompt.language import DIALECTS, parse, remarks
from negprompt.language.detect import Side, comfy_traps, look_alikes, negations
from negprompt.policy import plan

LOOK_ALIKES = [
    # read as, text, looks like, the place, what the cure says
    ("compel", "(worst quality:1.4), b", "a1111", "(worst quality:1.4)", "(worst quality)1.4"),
    ("compel", "((bad hands))", "a1111", "((bad hands))", "(bad hands)++"),
    ("compel", "(hat:-1)", "a1111", "(hat:-1)", "put hat in the negative"),
    ("novelai", "(a: 1.2)", "a1111", "(a: 1.2)", "1.2::a::"),
    ("midjourney", "a (b:2)", "a1111", "(b:2)", "b::2"),
    ("plain", "a (b:2)", "a1111", "(b:2)", "write b"),
    ("comfy", "[blurry]", "a1111", "[blurry]", "(blurry:0.9)"),
    ("comfy", "[a:b:0.5]", "a1111", "[a:b:0.5]", "as a1111"),
    ("compel", "[a|b]", "a1111", "[a|b]", "as a1111"),
    ("comfy", "a <lora:x:1>", "a1111", "<lora:x:1>", "take it out"),
    ("comfy", "a BREAK b", "a1111", "BREAK", "take it out"),
    ("compel", "a AND b", "a1111", "AND", ".and()"),
    ("a1111", "{best}, b", "novelai", "{best}", "(best:1.05)"),
    ("compel", "{{best}}", "novelai", "{best}}", "(best)1.05"),
    ("a1111", "1.5::rain:: b", "novelai", "1.5::rain::", "(rain:1.5)"),
    ("comfy", "a {x|y}", "dynamic prompts", "{x|y}", "write the choice"),
    ("a1111", "__colour__ cat", "dynamic prompts", "__colour__", "write the choice"),
    ("sdnext", "{x|y} cat", "dynamic prompts", "{x|y}", "write the choice"),
    ("sdnext", "a AND b", "a1111", "AND", "as a1111"),
    ("a1111", "word++, b", "compel", "word++", "(word:1.1)"),
    ("a1111", "flames+", "compel", "flames+", "(word:1.1)"),
    ("a1111", "flames--, b", "compel", "flames--", "(word:0.9)"),
    ("comfy", "(a b)1.3", "compel", ")1.3", "(word:1.1)"),
    ("a1111", "(a b)++", "compel", ")++", "(word:1.1)"),
    ("a1111", '("a", "b").blend(1, 2)', "compel", ").blend(", "as compel"),
    ("a1111", "a withLora(x, 1)", "compel", "withLora(", "as compel"),
    ("a1111", "a cat --no hat", "midjourney", "--no hat", "put what stands behind --no"),
    ("comfy", "a cat --ar 16:9", "midjourney", "--ar", "settings"),
    ("a1111", "hot::2 dog", "midjourney", "::2", "(text:1.5)"),
    ("a1111", "hot:: dog", "midjourney", "::", "(text:1.5)"),
    ("a1111", "a embedding:EasyNegative", "comfy", "embedding:EasyNegative", "write EasyNegative"),
    ("a1111", "a cat ### blurry", "AI Horde", "###", "in the negative"),
    ("a1111", "a cat --n blurry", "kohya", "--n", "in the negative"),
    ("a1111", "（a：1.2）", "another script", "（a：1.2）", "(a:1.2)"),
]


@pytest.mark.parametrize(("dialect", "text", "other", "piece", "cure"), LOOK_ALIKES)
def test_another_dialect_is_named_with_place_and_cure(
    dialect: str, text: str, other: str, piece: str, cure: str
) -> None:
    found = [f for f in look_alikes(text, dialect) if f"looks like {other}:" in f.what]
    assert len(found) == 1
    (finding,) = found
    first = finding.spans[0]
    assert text[first.start : first.stop] == piece
    assert cure in finding.cure
    notices = [n for n in remarks(parse(text, dialect)) if n.code == "dialect-look-alike"]
    assert any(f"at {first.start} looks like {other}" in notice.text for notice in notices)


@pytest.mark.parametrize(
    ("dialect", "text"),
    [
        ("a1111", "(a:1.2), [b], [c:d:5], [e|f], <lora:x:1> BREAK g AND h"),
        ("comfy", "(a:1.2), ((b)), embedding:EasyNegative, (c:1e2)"),
        ("compel", '(a)1.3, b++, c-, "d e"++, ("f", "g").blend(1, 2)'),
        ("midjourney", "hot::2 dog --no cat --ar 16:9 {red, blue}"),
        ("novelai", "{{a}}, [b], 1.5::c:: d"),
        ("sdnext", "(a:1.2), [b], [c:d:5], [e|f], <lora:x:1> BREAK g"),
    ],
)
def test_a_dialect_is_not_pointed_at_in_itself(dialect: str, text: str) -> None:
    assert list(look_alikes(text, dialect)) == []


@pytest.mark.parametrize(
    "text",
    [
        "c++ code, g++, a 18+ sign, A+++ rating",
        "name_(series), photo (1990s), hatsune miku (vocaloid)",
        "well-known, semi-, black-and-white -- said he",
        "16:9, at 10:30, std::vector, foo::bar",
        "THIS AND THAT, SALT AND PEPPER",
        "{prompt}, {np}, {}",
        "disney+, google+ logo",
        "#hashtag, wow ### ",
        "snake__case, __init",
        "it's a dog's life, rock'n'roll",
        "« quoted », “curly”, (see above)",
    ],
)
@pytest.mark.parametrize("dialect", ["a1111", "comfy", "compel", "plain"])
def test_plain_words_say_nothing(text: str, dialect: str) -> None:
    assert list(look_alikes(text, dialect)) == []


# --------------------------------------------------------------------------- negation in words


@pytest.mark.parametrize(
    ("text", "piece", "thing"),
    [
        ("a man, no hat", "no hat", "hat"),
        ("a man without a hat, smiling", "without a hat", "hat"),
        ("a man with no (hat:1.2)", "no (hat", "hat"),
        ("portrait, not wearing glasses", "not wearing glasses", "glasses"),
        ("a town, don't show any people", "don't show any people", "people"),
        ("No text or watermark.", "No text or watermark", "text or watermark"),
        ("a room, not dark", "not dark", "dark"),
    ],
)
def test_a_denial_in_the_prompt(text: str, piece: str, thing: str) -> None:
    (finding,) = negations(text, "positive")
    assert finding.code == "negation-in-words"
    assert text[finding.spans[0].start : finding.spans[0].stop] == piece
    assert f"put '{thing}' in the negative" in finding.cure


@pytest.mark.parametrize(
    ("text", "piece", "thing"),
    [
        ("blurry, no watermark", "no watermark", "watermark"),
        ("without hat", "without hat", "hat"),
        ("(no text:1.2)", "no text", "text"),
        ("not blurry", "not blurry", "blurry"),
        ("avoid extra fingers", "avoid extra fingers", "extra fingers"),
    ],
)
def test_a_denial_in_the_negative(text: str, piece: str, thing: str) -> None:
    (finding,) = negations(text, "negative")
    assert finding.code == "double-negation"
    assert text[finding.spans[0].start : finding.spans[0].stop] == piece
    assert finding.cure == f"write '{thing}' alone"


@pytest.mark.parametrize(
    ("text", "side"),
    [
        ("no one is there, no longer, no humans, no. 5, no 5", "positive"),
        ("a knot, a note, nothing, piano, volcano", "positive"),
        ("whether or not it rains", "positive"),
        ("a cat --no hat", "positive"),
        ("a person without head, fingers not visible, eyes not aligned", "negative"),
        ("nose, north, notes, without doubt", "negative"),
    ],
)
def test_words_that_deny_nothing(text: str, side: Side) -> None:
    assert list(negations(text, side)) == []


def test_a_plan_says_it_of_each_side() -> None:
    notices = plan("a man, no hat", ["no watermark"]).notices
    assert [notice.code for notice in notices] == ["negation-in-words", "double-negation"]
    assert notices[0].text.startswith("prompt: 'no hat' at 7 ")
    assert notices[1].text.startswith("negative: 'no watermark' at 0 ")


# ------------------------------------------------------------------- traps of a dialect's own


def said(text: str, dialect: str, side: Side | None = None) -> dict[str, str]:
    return {notice.code: notice.text for notice in remarks(parse(text, dialect), side=side)}


def test_a_smiley_turns_weights_off_in_comfyui() -> None:
    assert said("smile :) (happy:1.2)", "comfy")["weights-off"].startswith("')' at 7 ")
    assert parse("smile :) (happy:1.2)", "comfy").weighted() == [("smile :) (happy:1.2)", 1.0)]
    assert list(comfy_traps(r"smile :\) (happy:1.2)")) == []
    assert list(comfy_traps("(happy:1.2) :)")) == []


def test_an_embedding_behind_a_comma_is_text_in_comfyui() -> None:
    assert said("blurry,embedding:X", "comfy")["embedding-unread"].startswith("'embedding:X' at 7")
    assert list(comfy_traps("blurry, embedding:X, (embedding:Y:1.2), embedding:Z")) == []


def test_traps_of_a1111() -> None:
    assert "comment-unread" in said("red #ff0000", "a1111")
    assert said("ratio 16:9", "a1111", "positive")["guidance-weighed"].startswith("':9' at 8")
    assert "guidance-weighed" not in said("ratio 16:9", "a1111", "negative")
    assert "guidance-weighed" not in said("a AND b:2", "a1111", "positive")
    assert set(said("<lora:x:1> AND b", "a1111", "negative")) == {
        "network-in-negative",
        "and-in-negative",
    }
    assert said("<lora:x:1> AND b", "a1111", "positive") == {}


def test_what_midjourney_holds_beside_words() -> None:
    told = said("http://x.y/z.png a {red, blue} cat --ar 3:2 --no hat", "midjourney")
    assert set(told) == {"parameters-unread", "choice-unread"}
    assert "at 0, and 1 more" in told["parameters-unread"]
    assert "makes 2 prompts" in told["choice-unread"]


def test_sdnext_ignores_a_malformed_weight_and_brackets_that_stay_open() -> None:
    assert "SD.Next closes the bracket" in said("(a:1.2.3)", "sdnext")["weight-unread"]
    assert said("a (b [c", "sdnext")["bracket-unclosed"].startswith("'(' at 2, and 1 more")


# ------------------------------------------------------------------------------ many and long


def styles(folder: Path) -> Iterator[tuple[Side, str]]:
    """Every prompt and every negative of the real style files."""
    keys: dict[str, Side] = {
        "prompt": "positive",
        "positive_prompt": "positive",
        "negative_prompt": "negative",
    }
    for file in sorted(folder.rglob("*")):
        if file.suffix == ".csv":
            with file.open(encoding="utf-8-sig", newline="") as lines:
                entries: list[Any] = list(csv.DictReader(lines, skipinitialspace=True))
        elif file.suffix == ".json":
            read = json.loads(file.read_text("utf-8"))
            entries = list(read.values()) if isinstance(read, dict) else read
        else:
            continue
        for entry in entries:
            fields = entry.get("preset_data", entry) if isinstance(entry, dict) else {}
            for key, side in keys.items():
                text = fields.get(key)
                if isinstance(text, str) and text.strip():
                    before, _, behind = text.partition("###")
                    yield side, before
                    if behind.strip():
                        yield "negative", behind


def test_real_styles_get_few_notices(shared: Path) -> None:
    counts: Counter[str] = Counter()
    total: Counter[str] = Counter()
    for side, text in styles(shared / "styles"):
        total[side] += 1
        found = [*look_alikes(text, "a1111"), *negations(text, side)]
        counts.update(f"{side} {finding.code}" for finding in found)
    assert total["negative"] > 5000
    assert counts["negative dialect-look-alike"] <= total["negative"] / 500
    assert counts["positive dialect-look-alike"] <= total["positive"] / 250
    assert counts["negative double-negation"] <= total["negative"] / 100
    assert counts["positive negation-in-words"] <= total["positive"] / 200


LONG = {
    "round": "((" * 100_000,
    "weights": "(a:1.2), " * 20_000,
    "colons": "(" + ":1" * 100_000,
    "colon and spaces": "(" + ": " * 100_000,
    "square": "[a:" * 60_000,
    "braces": "{a|" * 60_000,
    "pluses": "a" + "+" * 200_000,
    "words": "no " * 60_000,
    "hyphens": "a-" * 100_000,
    "digits": "1" * 200_000,
    "under": "_" * 200_000,
    "double colons": "1::" * 60_000,
    "commas": ",\n" * 100_000,
    "spaces": " " * 200_000 + "x",
    "newlines": "\n" * 200_000,
    "hashes": "#" * 200_000,
    "angle": "<lora:" * 30_000,
    "quotes": '"' * 200_000,
}


@pytest.mark.parametrize("name", LONG)
def test_looking_takes_linear_time(name: str) -> None:
    begun = time.process_time()
    for dialect in ("a1111", "plain"):
        list(look_alikes(LONG[name], dialect))
    for side in ("positive", "negative"):
        list(negations(LONG[name], side))
    list(comfy_traps(LONG[name]))
    assert time.process_time() - begun < 10


@pytest.mark.parametrize("dialect", sorted(DIALECTS))
def test_notices_are_one_line_and_few(dialect: str) -> None:
    text = "(a:1.4)\n{b\x00c}, " * 50 + "no\nhat --no x # y"
    try:
        notices: tuple[Notice, ...] = remarks(parse(text, dialect), side="positive")
    except PromptError:
        return
    assert 1 <= len(notices) < 20
    assert all(re.fullmatch(r"[^\n\x00]{10,400}", notice.text) for notice in notices)
