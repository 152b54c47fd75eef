"""Adapters for the suites of the metadata room: infotext, graphs, EXIF, real images."""

import base64
import json
from collections import Counter
from collections.abc import Mapping
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, Final

from tests.conformance.suites import Case, Suite, near, same

from negprompt.engine.inspecting import inspected
from negprompt.metadata import Sampling, comfy, exif, infotext, loose, versions


def _infotext(case: Case) -> Any:
    """As A1111 reads it; it divides WIDTHxHEIGHT, and holds the texts among the fields."""
    made = infotext.read(case["input"])
    fields: dict[str, str] = {}
    for name, value in made.fields.items():
        wide, by, high = str(value).partition("x")
        if name in ("Prompt", "Negative prompt"):
            continue
        if by and wide.isdecimal() and high.isdecimal():
            fields |= {f"{name}-1": wide, f"{name}-2": high}
        else:
            fields[name] = str(value)
    return {"prompt": made.positive, "negative_prompt": made.negative, "fields": fields}


def _quote(case: Case) -> Any:
    return {"quote": infotext.quote, "unquote": infotext.unquote}[case["op"]](case["input"])


def _versions(case: Case) -> Any:
    if case["op"] == "parse_version":
        found = versions.version(case["input"])
        return None if found is None else versions.written(found)
    return {**case["input"], **dict.fromkeys(versions.differences(case["input"]), True)}


def _comment(case: Case) -> Any:
    return exif.comment(bytes.fromhex(case["input"]["hex"]))


_CIVITAI: Final = {
    "Negative prompt": "negativePrompt", "Steps": "steps", "Sampler": "sampler",
    "CFG scale": "cfgScale", "Seed": "seed", "Clip skip": "clipSkip",
}  # fmt: skip


def _civitai(case: Case) -> Any:
    """What was read, under the names of Civitai, of whom the case asks single properties."""
    made = loose.read(case["input"]["generationDetails"])
    if case["kind"] == "automatic.canParse":
        return {"": bool(made.fields)}
    fields = dict(made.fields)
    found: dict[str, Any] = {"prompt": made.positive, "negativePrompt": made.negative}
    wide, by, high = str(fields.pop("Size", "")).partition("x")
    found |= {"width": int(wide), "height": int(high)} if by else {}
    if "Civitai metadata" in fields:
        found["extra"] = json.loads(str(fields.pop("Civitai metadata")))
    if "Civitai resources" in fields:
        resources = json.loads(str(fields.pop("Civitai resources")))
        found["civitaiResources"] = [_resource(one) for one in resources]
    return found | {_CIVITAI.get(name, name): value for name, value in fields.items()}


def _resource(one: Mapping[str, Any]) -> dict[str, Any]:
    known = {"modelVersionId": one.get("modelVersionId", 0), "type": one.get("type", "model")}
    return known | ({"weight": one["weight"]} if "weight" in one else {})


def _graph(case: Case) -> Any:
    """Models and texts of a graph; a resource is a model that is named as one of Civitai's."""
    graph = comfy.Graph.of(case["input"]["prompt"])
    if case["kind"] == "comfy.canParse":
        return {"": graph is not None}
    assert graph is not None
    record = comfy.read(case["input"]["prompt"])
    named = (*comfy.models(graph), *comfy.loras(graph))
    return {
        "models": comfy.models(graph),
        "upscalers": comfy.upscalers(graph),
        "civitaiResources": [name for name in named if name.startswith("urn:air:")],
        "prompt": record.positive if record else "",
    }


def _holds(answer: Any, expected: Any, case: Case) -> bool:
    """Whether each property that a case asserts is there."""
    return all(_property(answer, wanted, case) for wanted in expected)


def _property(answer: Any, wanted: Mapping[str, Any], case: Case) -> bool:
    value = answer
    for name in wanted["path"] or [""]:
        value = value.get(name) if isinstance(value, Mapping) else None
    operation, expected = wanted["op"], wanted.get("value")
    if operation == "defined":
        return value is not None
    if operation == "undefined":
        return value is None
    if operation == "length":
        return len(value or ()) == expected
    if operation == "contains":
        return expected in (value or "")
    return operation == "equals" and same(value, expected, case)


def _image(case: Case) -> Any:
    with TemporaryDirectory() as folder:
        file = Path(folder) / case["input"]["file"]
        file.write_bytes(base64.b64decode(case["input"]["file_base64"]))
        return inspected(file)


def _image_agrees(answer: Any, expected: Any, case: Case) -> bool:
    """Compare tool, samplers, texts (in any order), settings and model.

    Where a tool keeps what was typed beside what acted, the cases have what was typed.
    """
    return (
        answer.tool == expected["generator"]
        and len(answer.samplings) == len(expected["samplers"])
        and all(
            _sampler_agrees(answer, mine, theirs)
            for mine, theirs in zip(answer.samplings, expected["samplers"], strict=True)
        )
    )


def _sampler_agrees(answer: Any, mine: Sampling, theirs: Mapping[str, Any]) -> bool:
    positives, negatives = mine.positives, mine.negatives
    if answer.typed_positive is not None:
        positives = (answer.typed_positive,)
        negatives = (answer.typed_negative,) if answer.typed_negative else ()
    model = theirs["model"] or {}
    return (
        mine.sampler == theirs["name"]
        and Counter(positives) == Counter(prompt["value"] for prompt in theirs["prompts"])
        and Counter(negatives) == Counter(p["value"] for p in theirs["negative_prompts"])
        and mine.model == (model.get("name") or "")
        and mine.model_hash == (model.get("hash") or "")
        and all(
            near(mine.settings.get(_ours(name, mine)), value, within=1e-9)
            for name, value in theirs["parameters"].items()
        )
    )


def _ours(name: str, mine: Sampling) -> str:
    return "seed" if name == "noise_seed" and name not in mine.settings else name


IMAGES: Final[dict[str, Suite]] = {
    "a1111_infotext_versions_tests": Suite(_versions),
    "civitai_comfy_prompt_graph_tests": Suite(_graph, _holds),
    "civitai_infotext_tests": Suite(_civitai, _holds),
    "civitai_usercomment_decode_tests": Suite(_comment),
    "recorded_a1111_infotext": Suite(_infotext),
    "recorded_a1111_infotext_quote": Suite(_quote),
    "sd_parsers_image_metadata_tests": Suite(_image, _image_agrees),
}
