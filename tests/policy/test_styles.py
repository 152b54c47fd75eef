"""Style files: all real ones are read, and what is exported reads back as the same templates."""

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from negprompt.errors import PolicyError
from negprompt.policy.adopting import adopted, slug
from negprompt.policy.files import read as read_policy
from negprompt.policy.style_files import WRITERS, Imported, read, write
from negprompt.policy.styles import Style

KINDS = ("a1111", "fooocus", "invokeai")
ENDING = {"a1111": ".csv", "fooocus": ".json", "invokeai": ".json"}


def again(styles: tuple[Style, ...], kind: str, folder: Path) -> Imported:
    file = folder / f"again{ENDING[kind]}"
    file.write_bytes(write(styles, kind).text.encode())
    return read(file)


def test_every_real_file_is_read_and_comes_back_from_every_export(
    shared: Path, tmp_path: Path
) -> None:
    files = [f for f in sorted((shared / "styles").rglob("*")) if f.suffix in (".csv", ".json")]
    assert files
    count = 0
    for file in files:
        found = read(file)
        assert found.styles, file.name
        count += len(found.styles)
        for kind in KINDS:
            back = again(found.styles, kind, tmp_path)
            before, after = ([s.templates for s in one.styles] for one in (found, back))
            assert before == after, (file.name, kind)
    assert count > 5000


def test_what_real_files_hold_and_a_style_does_not_is_listed(shared: Path) -> None:
    lost = {loss.what for f in (shared / "styles").rglob("*.*") if f.suffix in (".csv", ".json")
            for loss in read(f).lost}  # fmt: skip
    assert "`negative_prompt` is NaN, read as empty" in lost
    assert "more columns than the first line names" in lost


words = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0"), max_size=20)
styles = st.builds(
    Style, words.filter(lambda name: name and not name.startswith("#")), words, words
)


@given(st.lists(styles, min_size=1, max_size=4).map(tuple), st.sampled_from(KINDS))
def test_export_and_import_give_the_same_templates(
    tmp_path_factory: pytest.TempPathFactory, some: tuple[Style, ...], kind: str
) -> None:
    back = again(some, kind, tmp_path_factory.getbasetemp())
    assert [s.templates for s in back.styles] == [s.templates for s in some]


def test_the_forms_of_other_tools(tmp_path: Path) -> None:
    file = tmp_path / "styles.json"
    for text, wanted in {
        '{"x": {"prompt": "ink {p}###{np}, blurry", "steps": 8}}': (
            "ink {prompt}",
            "{prompt}, blurry",
        ),
        '[{"name": "x", "prompt": "ink {prompt}", "negative": "blurry"}]': (
            "ink {prompt}",
            "blurry",
        ),
        '[{"name": "x", "preset_data": {"positive_prompt": "a", "negative_prompt": "b"}}]': (
            "a",
            "b",
        ),
        '{"default_prompt": "a", "default_prompt_negative": "b", "default_model": "m"}': ("a", "b"),
        '[{"name": "x", "negative_prompt": NaN}]': ("", ""),
    }.items():
        file.write_text(text)
        (style,) = read(file).styles
        assert (style.positive, style.negative) == wanted


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("a.csv", "x,y\n1,2\n"),
        ("a.json", "{"),
        ("a.json", "[1]"),
        ("a.json", "3"),
        ("b.csv", "\xff"),
    ],
)
def test_what_is_no_file_of_styles_is_refused(tmp_path: Path, name: str, text: str) -> None:
    (tmp_path / name).write_text(text, encoding="latin-1")
    with pytest.raises(PolicyError, match="no file of styles"):
        read(tmp_path / name)
    with pytest.raises(PolicyError, match="not written for"):
        write((), "midjourney")


def test_what_another_tool_reads_otherwise_is_listed() -> None:
    style = Style("#x", "{prompt} {prompt} ", "{prompt}, a", {"steps": 4})
    said = {kind: " ".join(loss.what for loss in write((style,), kind).lost) for kind in WRITERS}
    assert "skips" in said["a1111"]
    assert "negative" in said["fooocus"]
    assert "only the first" in said["invokeai"]
    assert all("settings: steps" in one for one in said.values())


def test_a_style_becomes_a_policy_that_can_be_used(tmp_path: Path) -> None:
    style = Style(
        "Ink & Wash!", "ink {prompt}", '{prompt}, (blurry, ugly:1.2), a "b" \\(c\\), ugly'
    )
    made = adopted(style, slug(style.name), layer="domain", mode="always")
    assert made.name == "ink-wash"
    (tmp_path / "ink-wash.toml").write_text(made.toml)
    layer = read_policy(tmp_path / "ink-wash.toml")
    assert [(t.text, t.weight) for t in layer.terms] == [
        ("blurry", 1.2), ("ugly", 1.2), ('a "b" (c)', 1.0),
    ]  # fmt: skip
    assert made.lost == ("the prompt's template",)


@pytest.mark.parametrize(
    ("negative", "said"),
    [
        ("[cat:dog:0.5]", "does not act at every step"),
        ("(x:9)", "weighs 9"),
        ("(x:-1)", "weighs -1"),
        ("(a:1.2) b", "parts of it weigh differently"),
        ("", "no negative"),
    ],
)
def test_what_a_policy_cannot_hold_is_listed(negative: str, said: str) -> None:
    made = adopted(Style("x", "", negative), "x", layer="domain", mode="default")
    assert made.toml == ""
    assert any(said in one for one in made.lost)


@given(words)
def test_any_negative_is_adopted_or_listed(
    tmp_path_factory: pytest.TempPathFactory, text: str
) -> None:
    made = adopted(Style("x", "", text), "x", layer="user", mode="default")
    if made.toml:
        file = tmp_path_factory.getbasetemp() / "x.toml"
        file.write_bytes(made.toml.encode())
        assert read_policy(file).terms
    else:
        assert made.lost


def test_names_are_slugs_and_differ() -> None:
    names: list[str] = []
    for name in ("A b", "a-b", "A  B", "", "…", "x" * 100):
        names.append(slug(name, names))
    assert names[:5] == ["a-b", "a-b-2", "a-b-3", "style", "style-2"]
    assert len(names[5]) <= 60
