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


@pytest.fixture(scope="module")
def out(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """What all bots wrote in a quick run."""
    folder = tmp_path_factory.mktemp("bots")
    done = subprocess.run(
        [sys.executable, "-m", "examples.bots.run", "--quick", "--out", str(folder)],
        cwd=REPOSITORY, capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    files = ("transcript.md", "picture.png", "table.md")
    assert done.stdout.split() == [str(folder / name / file) for name in BOTS for file in files]
    return folder


def turns(out: Path, name: str) -> dict[str, str]:
    """Each line of a conversation, and what was posted after it."""
    parts = re.split(r"^> ", (out / name / "transcript.md").read_text("utf-8"), flags=re.MULTILINE)
    return {line: after for line, _, after in (part.partition("\n") for part in parts[1:])}


def terms(one: Bot) -> list[str]:
    return [t.text for t in read(one.folder / "policies" / f"{one.policy}.toml").terms]


@each_bot
def test_every_line_is_answered_and_every_picture_is_there(out: Path, name: str) -> None:
    said = turns(out, name)
    assert list(said) == bot(name).lines()
    pictures = re.findall(r"\]\((.+?)\)", "".join(said.values()))
    assert len(pictures) >= 2
    for picture in pictures:
        with Image.open(out / name / picture) as image:
            assert image.size == (128, 128)
    assert "the chat ends" in said[bot(name).lines()[-1]]


@pytest.mark.parametrize("name", ["brand", "medical"])
def test_an_enforced_term_stays_whatever_is_said(out: Path, name: str) -> None:
    negatives = re.findall(r"negative: (.*)", "".join(turns(out, name).values()))
    assert len(negatives) >= 2
    for negative in negatives:
        assert negative.split(", ")[: len(terms(bot(name)))] == terms(bot(name))


def test_what_is_said_against_the_brand_is_refused(out: Path) -> None:
    said = turns(out, "brand")
    refused = {
        "a red house in a forest, neon palette": "policy-forbids",
        "make it neon": "edit-enforced",
        "remove rival logo from the negative": "edit-enforced",
        "/policy -our-brand": "policy-stays",
        "lower the cfg": "enforced-inert",
    }
    for line, code in refused.items():
        assert f"(`{code}`)" in said[line]
        assert "![" not in said[line]


def test_a_cartoon_is_taken_out_of_the_prompt(out: Path) -> None:
    first = turns(out, "medical")["a cartoon red heart in a room"]
    assert "took 'cartoon' out of the prompt (`prompt-stripped`)" in first
    assert "![" in first


def test_the_floor_stands_before_every_request_and_can_be_left_out(out: Path) -> None:
    said = turns(out, "quality")
    floor = ", ".join(terms(bot("quality")))
    assert f"negative: {floor}\n" in said["a red house in a forest"]
    assert f"negative: {floor}, cartoon\n" in said["less cartoonish"]
    assert f"negative: {floor}\n" in said["/undo"]
    assert "negative: none\n" in said["/policy -house-floor"]


def test_a_dislike_becomes_the_next_negative_and_one_word_takes_it_back(out: Path) -> None:
    said = turns(out, "iteration")
    unnamed, _, grainy = bot("iteration").lines()[1:4]
    assert "**protect house**" in said[unnamed]
    assert re.search(r"\*\*add .+ 1\*\*: you said 'what is that in the corner'", said[unnamed])
    assert "**add noise 1**: you said 'it looks grainy'" in said[grainy]
    before, after, back = (
        re.findall(r"negative: (.*)", said[line])
        for line in ("the colors are way too saturated", grainy, "/undo")
    )
    assert "oversaturated" in before[0]
    assert after == [f"{before[0]}, noise"]
    assert back == before


@each_bot
def test_the_picture_has_a_cell_for_each_picture_and_is_small(out: Path, name: str) -> None:
    shown = "".join(turns(out, name).values()).count("![")
    with Image.open(out / name / "picture.png") as page:
        assert page.width >= 192 * shown
        assert len(page.getcolors() or ()) > 100


@with_policy
def test_the_table_counts_what_the_policy_says_on_paired_seeds(out: Path, name: str) -> None:
    one = bot(name)
    text = (out / name / "table.md").read_text("utf-8")
    first = next(after for after in turns(out, name).values() if "![" in after)
    (negative,) = re.findall(r"negative: (.*)", first)
    assert f"(`{negative}`)" in text  # what is measured is what the bot draws with
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
    unknown = Bot(name="brand", policy="nobodys", cfg=2, seed=0)
    with pytest.raises(subprocess.CalledProcessError):
        list(talk(unknown, ["a cat"], tmp_path))


def test_what_is_refused_is_posted_with_its_cure() -> None:
    error = {"code": "policy-stays", "text": "it stays", "cure": "leave it"}
    assert posted("away", {"error": error}) == (
        "> away\n\nRefused: it stays; leave it (`policy-stays`)\n"
    )
