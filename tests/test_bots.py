"""The four bots of ``examples/bots`` as a user runs them: what they post, draw and count."""

import re
import subprocess
import sys
from pathlib import Path

import pytest
from examples.bots.bot import BOTS, Bot, bot, posted, talk
from PIL import Image

from negprompt.policy.files import read

REPOSITORY = Path(__file__).resolve().parents[1]
each_bot = pytest.mark.parametrize("name", BOTS)
with_policy = pytest.mark.parametrize("name", [name for name in BOTS if bot(name).policy])

Said = dict[str, str]
"""Each line of a conversation, and what was posted after it."""


def turns(text: str) -> Said:
    parts = re.split(r"^> ", text, flags=re.MULTILINE)[1:]
    return {line: after for line, _, after in (part.partition("\n") for part in parts)}


def started(module: str, *more: str, said: str | None = None) -> str:
    """What a program of the examples prints; it is given the words on standard input."""
    done = subprocess.run(
        [sys.executable, "-m", f"examples.bots.{module}", *more],
        cwd=REPOSITORY, input=said, capture_output=True, text=True, encoding="utf-8", check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    return done.stdout


def talked(name: str, folder: Path, *, steps: int) -> Said:
    """A whole conversation as somebody has it who types the lines."""
    lines = "\n".join([*bot(name).lines(), "what is said after the end is not answered"])
    said = turns(started("bot", name, "--out", str(folder), "--steps", str(steps), said=lines))
    assert list(said) == bot(name).lines()
    check_pictures(said, folder / name)
    return said


def check_pictures(said: Said, folder: Path) -> None:
    pictures = re.findall(r"\]\((.+?)\)", "".join(said.values()))
    assert len(pictures) >= 2
    for picture in pictures:
        with Image.open(folder / picture) as image:
            assert image.size == (128, 128)


@pytest.fixture(scope="module")
def brand(tmp_path_factory: pytest.TempPathFactory) -> Said:
    return talked("brand", tmp_path_factory.mktemp("brand"), steps=2)


@pytest.fixture(scope="module")
def iteration(tmp_path_factory: pytest.TempPathFactory) -> Said:
    return talked("iteration", tmp_path_factory.mktemp("iteration"), steps=8)


@pytest.fixture(scope="module")
def out(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """What all bots write in a quick run."""
    folder = tmp_path_factory.mktemp("bots")
    printed = started("run", "--quick", "--out", str(folder))
    files = ("transcript.md", "picture.png", "table.md")
    assert printed.split() == [str(folder / name / file) for name in BOTS for file in files]
    return folder


def transcript(out: Path, name: str) -> Said:
    return turns((out / name / "transcript.md").read_text("utf-8"))


def negatives(said: Said) -> list[str]:
    return re.findall(r"negative: (.*)", "".join(said.values()))


def terms(one: Bot) -> list[str]:
    return [t.text for t in read(one.folder / "policies" / f"{one.policy}.toml").terms]


@pytest.mark.slow
def test_an_enforced_term_stays_whatever_is_said(brand: Said) -> None:
    enforced = ", ".join(terms(bot("brand")))
    assert negatives(brand) == [enforced, f"{enforced}, text"]


@pytest.mark.slow
@pytest.mark.parametrize(
    ("line", "code"),
    [
        ("a red house in a forest, neon palette", "policy-forbids"),
        ("make it neon", "edit-enforced"),
        ("remove rival logo from the negative", "edit-enforced"),
        ("/policy -our-brand", "policy-stays"),
        ("lower the cfg", "enforced-inert"),
    ],
)
def test_what_is_said_against_the_brand_is_refused(brand: Said, line: str, code: str) -> None:
    assert f"(`{code}`)" in brand[line]
    assert "![" not in brand[line]


def test_a_dislike_becomes_the_next_negative_with_its_reason(iteration: Said) -> None:
    unnamed, saturated, grainy = bot("iteration").lines()[1:4]
    assert "**protect house**: you said 'i love the house'" in iteration[unnamed]
    seen = (
        "**add watermark 1**: you said 'what is that in the corner', and the judge sees watermark"
    )
    assert seen in iteration[unnamed]
    assert "**add oversaturated" in iteration[saturated]
    assert "**add noise 1**: you said 'it looks grainy'" in iteration[grainy]


def test_one_word_takes_the_last_edits_back(iteration: Said) -> None:
    assert "**undo**" in iteration["/undo"]
    first, second, third, fourth, back = negatives(iteration)
    assert (first, second) == ("none", "watermark")
    assert fourth == f"{third}, noise"
    assert back == third
    assert "the chat ends: you are content" in iteration["perfect, thank you"]


@pytest.mark.slow
@each_bot
def test_every_line_is_answered(out: Path, name: str) -> None:
    said = transcript(out, name)
    assert list(said) == bot(name).lines()
    check_pictures(said, out / name)
    assert "the chat ends" in said[bot(name).lines()[-1]]


@pytest.mark.slow
def test_a_cartoon_is_taken_out_of_the_prompt_and_stays_out(out: Path) -> None:
    said = transcript(out, "medical")
    first = said["a cartoon red heart in a room"]
    assert "took 'cartoon' out of the prompt (`prompt-stripped`)" in first
    enforced = ", ".join(terms(bot("medical")))
    assert negatives(said) == [enforced, f"{enforced}, text"]


@pytest.mark.slow
def test_the_floor_stands_before_every_request_and_can_be_left_out(out: Path) -> None:
    said = transcript(out, "quality")
    floor = ", ".join(terms(bot("quality")))
    assert negatives(said) == [floor, f"{floor}, cartoon", floor, "none", floor]
    assert "negative: none\n" in said["/policy -house-floor"]


@pytest.mark.slow
@each_bot
def test_the_picture_has_a_cell_for_each_picture_and_is_small(out: Path, name: str) -> None:
    shown = "".join(transcript(out, name).values()).count("![")
    with Image.open(out / name / "picture.png") as page:
        assert page.width >= 192 * shown
        assert len(page.getcolors() or ()) > 100


@pytest.mark.slow
@with_policy
def test_the_table_counts_what_the_policy_says_on_paired_seeds(out: Path, name: str) -> None:
    one = bot(name)
    text = (out / name / "table.md").read_text("utf-8")
    assert (
        f"(`{negatives(transcript(out, name))[0]}`)" in text
    )  # what is measured is what the bot draws with
    rows = [[cell.strip(" ?") for cell in line.split("|")[1:-1]] for line in text.splitlines()]
    rows = [row for row in rows if len(row) == 9][2:]
    things = [*terms(one), "any of these", "the subject"]
    assert [(row[1], row[0]) for row in rows] == [
        (judge, thing) for judge in ("first", "second") for thing in things
    ]
    for row in rows:
        without, steered, change = (float(cell.split()[0]) for cell in row[2:5])
        gone, new, n = map(int, row[5:8])
        assert n == 2 * len(one.prompts)
        assert steered - without == pytest.approx(change, abs=0.011)
        assert (new - gone) / n == pytest.approx(change, abs=0.011)


@pytest.mark.slow
def test_the_iteration_bots_table_has_the_other_ways_beside_it(out: Path) -> None:
    text = (out / "iteration" / "table.md").read_text("utf-8")
    for way in ("one complaint a round", "same negative, no edit", "a new seed a round"):
        assert len(re.findall(rf"^\| {way} \|.*\| 2 \|$", text, flags=re.MULTILINE)) == 2


@each_bot
def test_picture_and_table_that_are_shown_are_the_bots_own(name: str) -> None:
    folder = bot(name).folder
    assert (folder / "picture.png").stat().st_size < 200_000
    text = (folder / "table.md").read_text("utf-8")
    assert text.startswith(f"`python -m examples.bots.run {name} --seeds ")
    for term in terms(bot(name)) if bot(name).policy else ():
        assert f"| {term}" in text
    page = (REPOSITORY / "docs" / "bots.md").read_text("utf-8")
    shown = page.split(f"<!-- {name} -->\n")[1].split("<!-- end -->")[0]
    rows = "".join(line for line in text.splitlines(keepends=True) if line.startswith("|"))
    assert shown == rows, f"write this instead: {rows}"


def test_a_chat_that_cannot_begin_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(subprocess.CalledProcessError):
        list(talk(bot("brand"), ["a cat"], tmp_path, ("--unknown",)))


def test_what_is_refused_is_posted_with_its_cure() -> None:
    error = {"code": "policy-stays", "text": "it stays", "cure": "leave it"}
    assert posted("away", {"error": error}) == (
        "> away\n\nRefused: it stays; leave it (`policy-stays`)\n"
    )
