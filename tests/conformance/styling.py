"""Adapters for the suites of styles: A1111's, and InvokeAI's presets."""

from typing import Any, Final

from tests.conformance.suites import Case, Suite

from negprompt.policy.styles import Style, applied, around, extracted, without


def _styles(case: Case) -> Any:
    given = case["input"]
    if case["op"] == "apply_text":
        return applied(given["prompt"], given["styles"])
    if case["op"] == "apply":
        sides = ("prompt", "negative_prompt")
        return {s: applied(given[s], [style[s] for style in given["styles"]]) for s in sides}
    found = extracted(_style(given["style"]), given["prompt"], given["negative_prompt"])
    answer = {"matched": found.found, "prompt": found.positive, "negative_prompt": found.negative}
    return {name: answer[name] for name in case["expected"]}


def _style(given: dict[str, str]) -> Style:
    return Style(given["name"], given["prompt"], given["negative_prompt"])


def _without(case: Case) -> Any:
    return without(case["input"]["prompt"], case["input"]["style"])


def _preset(case: Case) -> Any:
    return around(case["input"]["current"], case["input"]["preset"])


STYLING: Final[dict[str, Suite]] = {
    "a1111_style_extract_docstring": Suite(_without),
    "invokeai_style_preset_placeholder_tests": Suite(_preset),
    "recorded_a1111_styles": Suite(_styles),
}
