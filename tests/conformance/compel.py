"""Adapters for the suites of compel's parser: the parts in the form of compel's own tests."""

from typing import Any, Final

from tests.conformance.suites import Case, Suite, same

from negprompt.language import Network, parse
from negprompt.language.conjunctions import Blend, Fragment, Line, Swap, conjunction


def _answer(case: Case) -> Any:
    found = conjunction(parse(case["input"], "compel"))
    return {
        "type": "conjunction",
        "weights": list(found.weights),
        "loras": [_lora(node) for node in found.networks],
        "parts": [_part(part) for part in found.parts],
    }


def _part(part: Line | Blend) -> dict[str, Any]:
    if isinstance(part, Blend):
        return {
            "type": "blend",
            "weights": list(part.weights),
            "normalize": part.normalize,
            "prompts": [_part(line) for line in part.lines],
        }
    return {"type": "prompt", "fragments": [_fragment(item) for item in part]}


def _fragment(item: Fragment | Swap) -> Any:
    if isinstance(item, Fragment):
        return [item.text, item.weight]
    swap = {
        "original": [_fragment(one) for one in item.original],
        "edited": [_fragment(one) for one in item.edited],
        "options": item.options,
    }
    return {"swap": swap}


def _lora(node: Network) -> list[Any]:
    name, *weight = node.items
    return [name, float(weight[0]) if weight else 1.0]


def _agrees(answer: Any, expected: Any, case: Case) -> bool:
    if "not_equal" in expected:
        return not same(answer, expected["not_equal"], case)
    return same(answer, expected, case)


COMPEL: Final[dict[str, Suite]] = {
    "compel_prompt_parser_tests": Suite(_answer, _agrees),
    "recorded_compel_parse": Suite(_answer, _agrees),
}
