"""The runner of suites: it passes on the real folder, and fails where an answer is wrong."""

import json
import re
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import pytest
from tests.conformance.run import main
from tests.conformance.scope import OUT_OF_SCOPE, SUITES

REPOSITORY = Path(__file__).resolve().parents[2]
LINE = re.compile(r"(?P<stem>\w+) (?P<passed>\d+)/(?P<total>\d+) \(deviations (?P<d>\d+)\)")
IN_SCOPE = re.compile(
    r"a1111_.*|recorded_a1111_.*|misc_a1111_attention_tests"
    r"|diffusion_prompt_embedder_tests|compel_prompt_parser_tests|recorded_compel_parse"
    r"|recorded_comfyui_attention|recorded_sdnext_attention|recorded_embed_.*|recorded_chunking_.*"
    r"|diffusers_textual_inversion_tests|midjargon_tests"
    r"|civitai_.*|sd_parsers_image_metadata_tests|invokeai_style_preset_placeholder_tests"
)
needs_vocabulary = pytest.mark.skipif(
    find_spec("open_clip") is None, reason="no CLIP vocabulary: pip install open_clip_torch"
)


@needs_vocabulary
def test_every_suite_of_the_shared_folder_holds(
    shared: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    folder = shared / "conformance"
    status = main([str(folder)])
    printed = capsys.readouterr().out
    found = [match for line in printed.splitlines() if (match := LINE.fullmatch(line))]
    assert status == 0, printed
    wanted = {file.stem for file in folder.glob("*.json") if IN_SCOPE.fullmatch(file.stem)}
    assert {match["stem"] for match in found} == wanted
    for match in found:
        passed, total, deviations = (int(match[name]) for name in ("passed", "total", "d"))
        assert passed + deviations == total
        assert deviations <= total / 20
    listed = re.findall(r"^  (\w+): .", printed, flags=re.MULTILINE)
    assert {file.stem for file in folder.glob("*.json")} == wanted | set(listed)
    assert "unknown to this runner" not in printed


def folder_of(folder: Path, stem: str, cases: list[dict[str, Any]]) -> str:
    (folder / f"{stem}.json").write_text(json.dumps({"cases": cases}), encoding="utf-8")
    return str(folder)


GOOD = {"input": "(a)", "expected": [["a", 1.1]]}


def test_a_wrong_answer_fails(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    wrong = {"input": "(a)", "expected": [["a", 1.2]]}
    folder = folder_of(tmp_path, "recorded_a1111_attention", [GOOD, wrong])
    assert main([folder, "--show", "1"]) == 1
    printed = capsys.readouterr().out.splitlines()
    assert printed[0] == "recorded_a1111_attention 1/2 (deviations 0)"
    assert printed[1].startswith("  failed: {'input': '(a)'")


def test_a_deviation_is_not_passed(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    case = {"input": "(BREAK)", "expected": [["", 1.1], ["BREAK", -1.1], ["", 1.1]]}
    folder = folder_of(tmp_path, "recorded_a1111_attention", [GOOD] * 19 + [case])
    assert main([folder]) == 0
    assert "19/20 (deviations 1)" in capsys.readouterr().out


def test_a_deviation_must_differ_in_nothing_else(tmp_path: Path) -> None:
    case = {"input": "(BREAK x)", "expected": [["", 1.1], ["BREAK", -1.1], ["y", 1.1]]}
    folder = folder_of(tmp_path, "recorded_a1111_attention", [GOOD] * 19 + [case])
    assert main([folder]) == 1


def test_many_deviations_fail(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    case = {"input": "(BREAK)", "expected": [["", 1.1], ["BREAK", -1.1], ["", 1.1]]}
    assert main([folder_of(tmp_path, "recorded_a1111_attention", [GOOD, case])]) == 1
    assert "more than 5% deviate" in capsys.readouterr().out


def test_an_error_is_expected_or_a_failure(tmp_path: Path) -> None:
    refused = {"input": "(a:1.2.3)", "expected": {"error": "ValueError"}}
    assert main([folder_of(tmp_path, "recorded_a1111_attention", [refused])]) == 0
    read = {"input": "(a:1.2)", "expected": {"error": "ValueError"}}
    assert main([folder_of(tmp_path, "recorded_a1111_attention", [read])]) == 1


def test_a_folder_without_a_suite_in_scope(tmp_path: Path) -> None:
    assert main([folder_of(tmp_path, "prompt_fusion_parser_tests", [])]) == 2


def test_a_suite_is_in_scope_or_not() -> None:
    assert not SUITES.keys() & OUT_OF_SCOPE.keys()
    assert all(IN_SCOPE.fullmatch(stem) for stem in SUITES)


def test_the_page_names_every_deviation() -> None:
    page = (REPOSITORY / "docs" / "conformance.md").read_text("utf-8")
    rows = set(re.findall(r"^`(\w+)` \| `([\w-]+)` \| ", page, flags=re.MULTILINE))
    named = {(stem, d.name) for stem, suite in SUITES.items() for d in suite.deviations}
    assert rows == named


def test_the_page_gives_every_suite_that_is_left_out_its_reason() -> None:
    page = (REPOSITORY / "docs" / "conformance.md").read_text("utf-8")
    table = page.split("# Out of scope")[1]
    rows = re.findall(r"^`(\w+)` \| (.+)$", table, flags=re.MULTILINE)
    assert dict(rows) == OUT_OF_SCOPE
