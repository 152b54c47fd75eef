"""Packs that ship can be used, say where their words are from, and promise nothing unmeasured."""

import json
from pathlib import Path

import pytest

from negprompt.policy.files import folders, listed, read
from negprompt.policy.layers import Layer
from negprompt.policy.style_files import read as read_styles

PACKS = {name: read(file, listed(folders())) for name, file in listed(folders()[-1:]).items()}
PAGE = (Path(__file__).resolve().parents[2] / "docs" / "policies.md").read_text("utf-8")
each = pytest.mark.parametrize("pack", PACKS.values(), ids=list(PACKS))
ANIMAGINE = (
    "nsfw, lowres, (bad), text, error, fewer, extra, missing, worst quality, jpeg artifacts, "
    "low quality, watermark, unfinished, displeasing, oldest, early, chromatic aberration, "
    "signature, extra digits, artistic error, username, scan,"
)


@each
def test_a_pack_says_who_answers_for_it_and_what_it_is_for(pack: Layer) -> None:
    assert pack.owner
    assert pack.reason
    assert all(term.reason for term in pack.terms)
    assert not pack.is_hidden


@each
def test_a_pack_stands_on_the_page(pack: Layer) -> None:
    table = PAGE.split("# Packs that ship")[1]
    ending = pack.name.rsplit("-", 1)[-1]
    assert f"`{pack.name}`" in table or f"`-{ending}`" in table
    if pack.is_enforced:
        assert f"`{pack.name}`" in table.split("do **not** promise")[1]


def test_a_model_cards_negative_is_quoted_byte_for_byte() -> None:
    text = listed(folders()[-1:])["animagine-xl-31"].read_text("utf-8")
    assert json.dumps(ANIMAGINE) in text
    weighed = {term.text: term.weight for term in PACKS["animagine-xl-31"].terms}
    assert weighed["bad"] == 1.1
    assert len(weighed) == 22


def test_no_negative_of_a_style_file_is_in_a_pack(shared: Path) -> None:
    theirs = {
        style.negative.strip(" ,").casefold()
        for file in (shared / "styles").rglob("*.*") if file.suffix in (".csv", ".json")
        for style in read_styles(file).styles
    }  # fmt: skip
    for file in listed(folders()[-1:]).values():
        lines = file.read_text("utf-8").splitlines()
        texts = [line.split('"')[1].strip(" ,") for line in lines if line.startswith("text = ")]
        assert not [text for text in texts if text.casefold() in theirs and "," in text]


def test_nothing_is_said_to_be_measured_that_was_not() -> None:
    for pack in PACKS.values():
        assert not pack.residual or pack.name.startswith("pocket-")
        assert all(not t.evidence or "negprompt " in t.evidence for t in pack.terms)
