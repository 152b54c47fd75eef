"""Adapters for the suites of the language room: text to weights, parts, schedules, networks."""

from typing import Any, Final

from tests.conformance.suites import Case, Deviation, Refused, Suite, near, same

from negprompt.language import Embedding, Prompt, Text, midjourney, parse, sdnext, stages
from negprompt.language.schedules import schedule

Pairs = list[list[Any]]


def _pairs(prompt: Prompt) -> Pairs:
    return [[text, weight] for text, weight in prompt.weighted()]


def _merged(pairs: Pairs) -> Pairs:
    """Neighbours of one weight as one, which readers differ in and models do not see."""
    merged: Pairs = []
    for text, weight in pairs:
        if merged and merged[-1][1] == weight:
            merged[-1][0] += text
        else:
            merged.append([text, weight])
    return merged


def _breaks_at_minus_one(pairs: Pairs) -> Pairs:
    """Pairs of a reader that weighs its own marks, or joins two of them, as they were meant."""
    meant: Pairs = []
    for text, weight in pairs:
        marks = text.split()
        if weight < 0 and marks and set(marks) == {"BREAK"}:
            meant += [["BREAK", -1.0] for _ in marks]
        else:
            meant.append([text, weight])
    return meant


def _break_in_group(case: Case, answer: Any) -> bool:
    """The reference weighs the mark of a BREAK by the brackets around it; all else agrees."""
    expected = case["expected"]
    if isinstance(expected, dict) or isinstance(answer, Refused):
        return False
    meant = _breaks_at_minus_one(expected)
    return meant != expected and same(answer, meant, case)


def _break_glued(case: Case, answer: Any) -> bool:
    """The reference makes a word of a BREAK and what stands beside it; all other text agrees."""
    expected = case["expected"]
    if isinstance(expected, dict) or isinstance(answer, Refused):
        return False
    glued = any("BREAK" in text and [text, weight] != ["BREAK", -1] for text, weight in expected)
    theirs, ours = _letters(expected), _letters(answer)
    return (
        glued
        and [letter for letter, _ in theirs] == [letter for letter, _ in ours]
        and all(
            near(o, t, within=1e-9)
            for (_, t), (_, o) in zip(theirs, ours, strict=True)
            if t is not None and o is not None
        )
    )


def _letters(pairs: Pairs) -> list[tuple[str, float | None]]:
    """Every letter with its weight; without one where it stands in the same text as a BREAK."""
    return [
        (letter, None if "BREAK" in text else weight)
        for text, weight in pairs
        for letter in "".join(text.split())
    ]


def _crash(case: Case, answer: Any) -> bool:
    """The reference crashes on a text that has a plain reading, and it is read here."""
    return case["expected"] == {"error": "IndexError"} and not isinstance(answer, Refused)


BREAK_IN_GROUP: Final = Deviation("break-in-group", _break_in_group)
BREAK_GLUED: Final = Deviation("break-glued", _break_glued)
CRASH: Final = Deviation("crash-on-empty-piece", _crash)


def _a1111_attention(case: Case) -> Any:
    if case.get("op") == "split_weighted_subprompts":
        return [[part.text, part.weight] for part in stages.parts(case["input"])]
    return _pairs(parse(case["input"], "a1111"))


def _a1111_and(case: Case) -> Any:
    return [[part.text, part.weight] for part in stages.parts(case["input"])]


def _a1111_schedules(case: Case) -> Any:
    args = case["args"]
    found = schedule(
        case["input"],
        args["base_steps"],
        hires_steps=args.get("hires_steps"),
        old=args.get("use_old_scheduling", False),
    )
    return [[stretch.last, stretch.text] for stretch in found]


def _schedules_agree(answer: Any, expected: Any, case: Case) -> bool:
    """Compare with what A1111 really gives, where its own test is known to fail."""
    return same(answer, case.get("actual_upstream_output", expected), case)


def _a1111_networks(case: Case) -> Any:
    called = stages.networks(case["input"])
    grouped: dict[str, list[Any]] = {}
    for network in called.networks:
        entry = {
            "items": list(network.items),
            "positional": list(network.positional),
            "named": network.named,
        }
        grouped.setdefault(network.kind, []).append(entry)
    return {"prompt": called.text, "networks": [[kind, nets] for kind, nets in grouped.items()]}


def _comfy_attention(case: Case) -> Any:
    pieces = parse(case["input"], "comfy").pieces()
    words = [(node, w) for node, w in pieces if isinstance(node, Text | Embedding)]
    return _merged([[node.text, weight] for node, weight in words])


def _comfy_agrees(answer: Any, expected: Any, case: Case) -> bool:
    finite = [[text, float(weight)] for text, weight in expected]
    return same(answer, _merged(finite), case)


def _not_finite(case: Case, answer: Any) -> bool:
    """The reference takes inf and nan for weights, which no embedding survives; refused here."""
    written = {str(weight) for _, weight in case["expected"]}
    return answer == Refused("weight-not-finite") and bool(written & {"inf", "-inf", "nan"})


def _sdnext(case: Case) -> Any:
    return _pairs(sdnext.read(case["input"], case["args"]["prompt_attention"]))


def _sdnext_agrees(answer: Any, expected: Any, case: Case) -> bool:
    return near(answer, expected, within=1e-9)


def _midjourney(case: Case) -> Any:
    if case.get("op") == "expand":
        return sorted(midjourney.permutations(case["input"]))
    job = midjourney.job(case["input"])
    images = {"images": list(job.images)} if job.images else {}
    return {"text": job.text, **images, **job.parameters}


def _midjourney_agrees(answer: Any, expected: Any, case: Case) -> bool:
    wanted = sorted(expected) if case.get("op") == "expand" else expected
    return same(answer, wanted, case)


def _comments(case: Case) -> Any:
    return stages.uncommented(case["input"])


_ATTENTION: Final = Suite(_a1111_attention, deviations=(BREAK_IN_GROUP,))

READING: Final[dict[str, Suite]] = {
    "a1111_parse_prompt_attention_doctest": _ATTENTION,
    "a1111_prompt_schedules_doctest": Suite(_a1111_schedules, _schedules_agree),
    "diffusion_prompt_embedder_tests": _ATTENTION,
    "midjargon_tests": Suite(_midjourney, _midjourney_agrees),
    "misc_a1111_attention_tests": _ATTENTION,
    "recorded_a1111_AND": Suite(_a1111_and),
    "recorded_a1111_attention": _ATTENTION,
    "recorded_a1111_comments": Suite(_comments),
    "recorded_a1111_extra_networks": Suite(_a1111_networks),
    "recorded_a1111_schedules": Suite(_a1111_schedules),
    "recorded_comfyui_attention": Suite(
        _comfy_attention, _comfy_agrees, (Deviation("weight-not-finite", _not_finite),)
    ),
    "recorded_sdnext_attention": Suite(
        _sdnext, _sdnext_agrees, (BREAK_IN_GROUP, BREAK_GLUED, CRASH)
    ),
}
