"""Policy files: what is read, what is refused and where, extends, hashes, the schema."""

import json
from pathlib import Path

import pytest

from negprompt.errors import PolicyError
from negprompt.policy import plan
from negprompt.policy.files import load, read
from negprompt.policy.schema import schema

HEAD = """\
name = "brand"
version = "1.0.0"
layer = "brand"
mode = "enforced"
"""
TERM = '[[terms]]\ntext = "rival logo"\n'


def written(folder: Path, text: str, name: str = "brand") -> Path:
    file = folder / f"{name}.toml"
    file.write_text(text, "utf-8")
    return file


def refused(folder: Path, text: str) -> PolicyError:
    with pytest.raises(PolicyError) as caught:
        read(written(folder, text))
    return caught.value


def test_a_file_with_all_that_it_may_say(tmp_path: Path) -> None:
    text = (
        HEAD
        + """\
dialect = "a1111"
owner = "the brand team"
reason = "our pictures never show another mark"
applies_to = ["sd1", "sdxl"]
visibility = "owner"
on_positive = "strip"
least_scale = 3
expires = 2030-12-31
residual = "2 of 64"
[[terms]]
text = "(rival logo, neon palette:1.2), [text]"
weight = 1.1
reason = "asked for by the shop"
evidence = "1 of 64 against 20 of 64"
"""
    )
    layer = read(written(tmp_path, text))
    assert [(t.text, round(t.weight, 6)) for t in layer.terms] == [
        ("rival logo", 1.32),
        ("neon palette", 1.32),
        ("text", 1.0),
    ]
    assert (layer.on_positive, layer.least_scale, layer.expires) == ("strip", 3.0, "2030-12-31")
    assert layer.applies("sdxl", "x")
    assert not layer.applies("sd2", "x")
    assert layer.is_hidden
    assert {t.reason for t in layer.terms} == {"asked for by the shop"}


def test_an_enforced_policy_refuses_by_default_and_others_give_way(tmp_path: Path) -> None:
    assert read(written(tmp_path, HEAD + TERM)).on_positive == "refuse"
    always = HEAD.replace("enforced", "always")
    assert read(written(tmp_path, always + TERM)).on_positive == "notice"


@pytest.mark.parametrize(
    ("text", "line", "said", "code"),
    [
        (HEAD + "[[terms]\n", 5, "Expected", "policy-unreadable"),
        (HEAD.replace('"1.0.0"', '"one"') + TERM, 2, "version", "policy-invalid"),
        (HEAD.replace('"brand"\nmode', '"attic"\nmode') + TERM, 3, "layer", "policy-invalid"),
        (HEAD.replace('mode = "enforced"\n', "") + TERM, 1, "mode", "policy-invalid"),
        (HEAD + 'colour = "red"\n' + TERM, 5, "colour", "policy-invalid"),
        (HEAD + TERM + "wieght = 1.2\n", 7, "wieght", "policy-invalid"),
        (HEAD + TERM + TERM + "weight = 0\n", 9, "weight", "policy-invalid"),
        (HEAD + TERM + 'weight = "1"\n', 7, "weight", "policy-invalid"),
        (HEAD + TERM + "weight = nan\n", 7, "weight", "policy-invalid"),
        (HEAD + '[[terms]]\ntext = "(a:2)"\nweight = 2\n', 6, "weighs 4", "policy-invalid"),
        (HEAD, 1, "no terms", "policy-invalid"),
        (HEAD.replace('name = "brand"', 'name = "other"') + TERM, 1, "other", "policy-invalid"),
        (HEAD + 'expires = "soon"\n' + TERM, 5, "expires", "policy-invalid"),
    ],
)  # fmt: skip
def test_a_mistake_is_told_with_file_line_and_cure(
    tmp_path: Path, text: str, line: int, said: str, code: str
) -> None:
    error = refused(tmp_path, text)
    assert error.code == code
    assert f"brand.toml', line {line}: " in error.message
    assert said in error.message
    assert error.cure
    assert error.span is not None
    assert text.count("\n", 0, error.span.start) == line - 1


@pytest.mark.parametrize(
    "term",
    ["[a:b:0.5]", "[a|b]", "a AND b", "a BREAK b", "a # b", "bad (hand:2)", ", ,", "a\\tb", "...",
     "(a:-1)", "(a:0)", "((a:9))", "(a:1.2.3)", "a AND b :2", "\\u200b"],
)  # fmt: skip
def test_a_term_is_words_and_nothing_that_might_not_act(tmp_path: Path, term: str) -> None:
    error = refused(tmp_path, f'{HEAD}[[terms]]\ntext = "{term}"\n')
    assert error.code in {"policy-term-syntax", "policy-invalid"}
    assert "line 6" in error.message


def test_bytes_that_are_no_text_and_files_that_are_not_there(tmp_path: Path) -> None:
    file = tmp_path / "brand.toml"
    for data in (b"\xff\xfe", b"#" * 2_000_000):
        file.write_bytes(data)
        with pytest.raises(PolicyError) as caught:
            read(file)
        assert caught.value.code == "policy-unreadable"
    with pytest.raises(PolicyError) as caught:
        load(["gone.toml"])
    assert caught.value.code == "policy-unreadable"
    with pytest.raises(PolicyError, match="brand") as caught:
        load(["brandt"], [tmp_path])
    assert caught.value.code == "policy-unknown"
    with pytest.raises(PolicyError) as caught:
        load(["brand"], [tmp_path / "nowhere"])
    assert caught.value.code == "policy-folder"


def test_extends_takes_terms_over_and_own_ones_win(tmp_path: Path) -> None:
    written(tmp_path, HEAD.replace("brand", "base", 1) + '[[terms]]\ntext = "text, logo"\n', "base")
    child = written(tmp_path, HEAD + 'extends = ["base"]\n[[terms]]\ntext = "(Logo:1.5)"\n')
    assert [(t.text, t.weight) for t in read(child).terms] == [("text", 1.0), ("Logo", 1.5)]
    before = read(child).hash
    written(tmp_path, HEAD.replace("brand", "base", 1) + '[[terms]]\ntext = "text, word"\n', "base")
    assert read(child).hash != before


def test_extends_never_goes_round(tmp_path: Path) -> None:
    written(tmp_path, HEAD.replace("brand", "base", 1) + 'extends = ["brand"]\n', "base")
    error = refused(tmp_path, HEAD + 'extends = ["base"]\n' + TERM)
    assert error.code == "policy-extends-itself"
    assert "brand → base → brand" in error.message


def test_the_hash_is_that_of_the_content_and_not_of_the_spelling(tmp_path: Path) -> None:
    one = read(written(tmp_path, HEAD + TERM))
    two = read(written(tmp_path, "# a comment\n" + HEAD + TERM.replace('"', "'")))
    other = read(written(tmp_path, HEAD + TERM + "weight = 1.1\n"))
    assert one.hash == two.hash
    assert other.hash != one.hash
    assert one.label == f"brand@1.0.0#{one.hash[:8]}"


def test_the_schema_knows_every_key_and_forbids_others() -> None:
    made = schema()
    assert json.loads(json.dumps(made)) == made
    assert made["additionalProperties"] is False
    assert made["required"] == ["name", "version", "layer", "mode"]
    assert all("description" in value for value in made["properties"].values())


def test_the_first_folder_wins_and_several_act_at_once(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    for folder in ("policies", "mine"):
        (tmp_path / folder).mkdir()
        written(tmp_path / folder, HEAD + f'[[terms]]\ntext = "{folder}"\n')
    floor = HEAD.replace("brand", "floor").replace("enforced", "always")
    written(tmp_path / "policies", floor + TERM, "floor")
    (mine, base) = load(["brand", "floor"], [Path("mine")])
    assert [t.text for t in mine.terms] == ["mine"]
    assert plan("a cat", layers=[base, mine]).effective_negative == "mine, rival logo"
