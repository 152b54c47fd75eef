"""The suite ``feedback``: which pictures it takes, what counts as kept, what its table says."""

import json
import subprocess
import sys
from collections import Counter
from pathlib import Path

import pytest

from negprompt.feedback import tally
from negprompt.feedback.critique import critique
from negprompt.feedback.draft import Draft
from negprompt.feedback.trial import (
    COMPLAINTS,
    FEWEST,
    KINDS,
    MOST,
    SESSIONS,
    End,
    Look,
    Session,
    _has_room,
)
from negprompt.policy.concepts import words_for

BEFORE = Look(frozenset({"hat"}), "person", ("red", "beach", "cartoon"))


def negprompt(*arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "negprompt", *arguments],
        capture_output=True,
        text=True,
        check=False,
    )


def ended(*, gone: bool, subject: bool = True, terms: int = 1) -> dict[str, End]:
    return {"first": End(gone, 1, subject, 1.0, terms)}


def session(flaw: str, *, edited: bool, rerolled: bool) -> Session:
    return Session(
        flaw, "a cat", 0, ended(gone=edited), ended(gone=False, terms=0), ended(gone=rerolled)
    )


@pytest.mark.parametrize("flaw", COMPLAINTS)
def test_a_complaint_is_read_as_one_term_for_its_flaw(flaw: str) -> None:
    edits = critique(COMPLAINTS[flaw], Draft(positive="a red house in a forest", scale=2.0)).edits
    assert [edit.action for edit in edits] == ["add"]
    assert {flaw, *words_for(flaw)} & {edits[0].term, *words_for(edits[0].term)}


def test_every_kind_has_room_for_its_fewest_and_none_for_more_than_its_most() -> None:
    assert _has_room(Counter(), "hat")
    assert _has_room(Counter(hat=FEWEST - 1), "hat")
    assert not _has_room(Counter(hat=MOST), "hat")


def test_a_frequent_kind_leaves_room_for_the_others() -> None:
    """Whatever comes first and most often, KINDS of them get to FEWEST within SESSIONS."""
    counts: Counter[str] = Counter()
    for flaw in [*list(COMPLAINTS)[:3] * MOST, *list(COMPLAINTS)[3:] * MOST]:
        if counts.total() < SESSIONS and _has_room(counts, flaw):
            counts[flaw] += 1
    assert counts.total() == SESSIONS
    assert sum(count >= FEWEST for count in counts.values()) >= KINDS
    assert max(counts.values()) <= MOST


def test_kept_is_the_share_of_what_stayed_but_for_the_flaw() -> None:
    same = Look(frozenset(), "cat", ("red", "beach", "cartoon"))
    assert same.kept(BEFORE, "hat") == 1
    other = Look(frozenset({"logo"}), "cat", ("blue", "beach", "cartoon"))
    assert 0 < other.kept(BEFORE, "hat") < 1
    assert other.kept(BEFORE, "hat") < Look(frozenset({"logo"}), "cat", same.rest).kept(
        BEFORE, "hat"
    )


def test_rates_and_the_paired_test() -> None:
    some = [session("hat", edited=True, rerolled=False)] * 9
    some += [session("bee", edited=False, rerolled=True)]
    assert tally.rates(some, "edited", "first").gone.rate == 0.9
    assert tally.rates(some, "rerolled", "first").gone.rate == pytest.approx(0.1)
    assert tally.rates(some, "again", "first").gone.rate == 0
    assert tally.better(some, "rerolled", "first") == pytest.approx(0.0215, abs=1e-4)
    found = tally.to_json(some, ["first"], 2.0, 25)
    assert [(one["flaw"], one["n"]) for one in found["flaws"]] == [("hat", 9), ("bee", 1)]
    text = "\n".join(tally.summary(some, ["first"]))
    assert "bee?" in text
    assert "hat?" not in text


def test_seeds_are_not_for_asking() -> None:
    said = negprompt("bench", "--suite", "feedback", "--seeds", "4")
    assert said.returncode == 2
    assert "--seed says where to begin" in said.stderr


@pytest.mark.slow
def test_the_command_measures_sessions(tmp_path: Path) -> None:
    said = negprompt(
        "bench", "--suite", "feedback", "--quick", "--steps", "12", "--out", str(tmp_path), "--json"
    )
    assert said.returncode == 0, said.stderr
    found = json.loads(said.stdout)
    assert found == json.loads((tmp_path / "feedback.json").read_text())
    assert found["sessions"] == len(found["seeds"]) == 6
    assert found["seeds"] == sorted(found["seeds"])
    assert found["by"]["first"]["again"]["gone"]["rate"] == 0
    assert found["by"]["first"]["edited"]["terms"] > 0
