"""``plan``, ``advise``, the project file, and policies as files, as a user runs them."""

import json
from pathlib import Path

import pytest

from negprompt.cli import main

STYLES = (
    'name,prompt,negative_prompt\nInk,"ink {prompt}","blurry, (ugly:1.2)"\nOnly,"only {prompt}",\n'
)


@pytest.fixture(autouse=True)
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty working directory."""
    monkeypatch.chdir(tmp_path)
    return tmp_path


def test_plan_shows_each_term_with_layer_reason_and_status(
    capsys: pytest.CaptureFixture[str],
) -> None:
    asked = ["plan", "a watermark", "--negative", "(scarf:1.3)", "--policy", "quality-floor"]
    assert main(asked) == 0
    printed = capsys.readouterr()
    rows = [line.split("  ") for line in printed.out.splitlines()]
    assert rows[0][0] == "term"
    by_term = {row[0]: " ".join(row) for row in rows[1:]}
    assert "left out: the prompt asks for it" in by_term["watermark"]
    assert "acts" in by_term["blurry"]
    assert "typed" in by_term["scarf"]
    assert "effective negative: low quality, artifacts, blurry BREAK (scarf:1.3)" in printed.err
    assert main([*asked, "--json"]) == 0
    found = json.loads(capsys.readouterr().out)
    assert found["raw_negative"] == "(scarf:1.3)"
    assert {"term": "scarf", "weight": 1.3}.items() <= found["terms"][-1].items()


def test_a_project_file_activates_policies_below_it(
    here: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["policy", "new", "house", "--mode", "always"]) == 0
    (here / "negprompt.toml").write_text('policies = ["house"]\n')
    (here / "inner").mkdir()
    monkeypatch.chdir(here / "inner")
    capsys.readouterr()
    assert main(["plan", "a cat", "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["effective_negative"] == "low quality, (blurry:1.2)"
    (here / "negprompt.toml").write_text("policy = 1\n")
    assert main(["plan", "a cat"]) == 2
    assert "negprompt.toml" in capsys.readouterr().err


def test_advise_names_codes_and_mends(here: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (here / "ablate.json").write_text(
        json.dumps({"terms": [{"term": "hat", "verdict": "nothing"}]})
    )
    asked = ["advise", "a cat, no dog", "--negative", "no text, hat", "--measured", "ablate.json"]
    assert main([*asked, "--fix", "--json"]) == 0
    found = json.loads(capsys.readouterr().out)
    codes = {one["code"] for one in found["advice"]}
    assert codes == {"negation-in-words", "double-negation", "term-useless", "term-unknown"}
    unknown = [one["text"] for one in found["advice"] if one["code"] == "term-unknown"]
    assert [text.split()[0] for text in unknown] == ["'no'", "'dog'", "'no'"]
    assert found["fixed"]["prompt"] == "a cat"
    assert found["fixed"]["negatives"] == ["text, dog"]
    assert main([*asked, "--fix"]) == 0
    assert "+ negative: text, dog" in capsys.readouterr().out.splitlines()
    assert main(["advise", "a poster", "--negative", "text", "--family", "flux"]) == 0
    assert "negative-inert-family" in capsys.readouterr().out
    turbo = ["advise", "a poster", "--negative", "text", "--model", "stabilityai/sdxl-turbo"]
    for named in ((), ("--family", "sdxl")):
        assert main([*turbo, *named, "--json"]) == 0
        found = json.loads(capsys.readouterr().out)
        assert found["family"]["name"] == "few-step"
        assert [one["code"] for one in found["advice"]] == ["negative-inert-family"]
    assert main(["advise", "a cartoon heart", "--policy", "medical-illustration"]) == 0
    assert capsys.readouterr().out.startswith("policy-forbids: ")


def test_terms_past_the_first_chunk_are_told(capsys: pytest.CaptureFixture[str]) -> None:
    long = ", ".join(["hat", "scarf", "blurry"] * 30)
    assert main(["advise", "a cat", "--negative", long, "--json"]) == 0
    found = json.loads(capsys.readouterr().out)
    assert "term-past-limit" in {one["code"] for one in found["advice"]}


def test_styles_become_policies_and_go_back(here: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (here / "styles.csv").write_text(STYLES)
    assert main(["policy", "import", "styles.csv", "--json"]) == 0
    found = json.loads(capsys.readouterr().out)
    assert found["policies"] == ["policies/ink.toml"]
    assert {"style": "Only", "what": "no negative, so no policy"} in found["lost"]
    assert main(["policy", "import", "styles.csv"]) == 0
    assert "is there already" in capsys.readouterr().err
    assert main(["policy", "export", "ink", "--to", "invokeai"]) == 0
    (row,) = json.loads(capsys.readouterr().out)
    assert row == {"name": "ink", "positive_prompt": "", "negative_prompt": "blurry, (ugly)1.2"}
    assert main(["policy", "export", "styles.csv", "--to", "fooocus", "--out", "s.json"]) == 0
    assert json.loads((here / "s.json").read_text())[0] == {
        "name": "Ink", "prompt": "ink {prompt}", "negative_prompt": "blurry, (ugly:1.2)",
    }  # fmt: skip


def test_new_copies_and_diff_compares(here: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["policy", "new", "ours", "--from", "brand-look"]) == 0
    assert main(["policy", "check"]) == 0
    assert "ours@1.0.0" in capsys.readouterr().out
    assert main(["policy", "diff", "ours", "brand-look", "--json"]) == 0
    changes = json.loads(capsys.readouterr().out)["changes"]
    assert changes == [
        {"what": "name", "before": "ours", "after": "brand-look"},
        {"what": "owner", "before": "", "after": "negprompt"},
    ]
    file = here / "policies" / "ours.toml"
    file.write_text(file.read_text().replace('"neon palette"', '"pastel palette"'))
    assert main(["policy", "diff", "ours", "brand-look"]) == 0
    printed = capsys.readouterr().out
    assert "term pastel palette" in printed
    assert "term neon palette" in printed


def test_the_source_of_a_term_is_shown_whole(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["policy", "show", "animagine-xl-31"]) == 0
    source = "model card of cagliostrolab/animagine-xl-3.1; cfg 5 to 7, 28 steps, Euler a"
    assert capsys.readouterr().out.count(source) == 22


def test_an_owners_terms_are_not_exported(here: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["policy", "new", "ours", "--from", "brand-look"]) == 0
    file = here / "policies" / "ours.toml"
    file.write_text(file.read_text().replace("[[terms]]", 'visibility = "owner"\n[[terms]]', 1))
    capsys.readouterr()
    assert main(["policy", "export", "ours", "--to", "a1111"]) == 2
    printed = capsys.readouterr()
    assert "owner alone" in printed.err
    assert "neon" not in printed.out + printed.err


@pytest.mark.parametrize(
    ("command", "words"),
    [
        (["policy", "new", "Not A Name"], "small letters"),
        (["policy", "new", "x", "--layer", "top"], "choose one of: floor"),
        (["policy", "import", "none.csv"], "no file of styles"),
        (["policy", "export", "quality-floor", "--to", "midjourney"], "choose one of: a1111"),
        (["plan", "a cat", "--family", "sd9"], "there is no family"),
        (["advise", "a cat", "--measured", "none.json"], "no ablate.json"),
    ],
)
def test_a_mistake_is_one_line(
    command: list[str], words: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(command) == 2
    (line,) = capsys.readouterr().err.splitlines()
    assert words in line


def test_what_another_language_cannot_say_is_told(
    here: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["policy", "new", "ours"]) == 0
    file = here / "policies" / "ours.toml"
    file.write_text(file.read_text().replace("(blurry:1.2)", "(blurry:1.2), \\\\(c\\\\)"))
    for tool in ("a1111", "fooocus", "invokeai"):
        assert main(["policy", "export", "ours", "--to", tool]) == 0
    assert "Traceback" not in capsys.readouterr().err
