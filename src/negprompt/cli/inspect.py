"""``negprompt inspect``: a picture → how it was made, and which policy terms acted on it."""

import json
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from negprompt.cli import options, texts
from negprompt.cli.shell import app
from negprompt.cli.terminal import in_a_line, say, table
from negprompt.errors import PolicyError

if TYPE_CHECKING:
    from negprompt.metadata import Record
    from negprompt.policy import Layer


@app.command(epilog="Example: negprompt inspect out/00000-0.png")
def inspect(
    image: Annotated[
        Path, typer.Argument(metavar="IMAGE", help="A PNG, JPEG or WebP file.", show_default=False)
    ],
    *,
    policy: options.Policies = None,
    policy_folder: options.PolicyFolders = None,
    as_json: texts.AsJson = False,
) -> None:
    """Show how a picture was made: prompt, typed and effective negative, settings, policies."""
    from negprompt.engine.inspecting import inspected
    from negprompt.engine.like import alike

    record = inspected(image)
    labels = alike(record).policies
    layers = _layers(labels, policy or (), policy_folder or ())
    found = contract(record, labels, layers)
    if as_json:
        print(json.dumps(found, default=str))
        return
    for line in _lines(found):
        print(in_a_line(line, 10_000))
    rows = [
        (one["policy"], "yes" if term["weight"] is not None else "no", _weight(term), term["text"])
        for one in found["policies"]
        for term in one["terms"]
    ]
    if rows:
        table(("policy", "in it", "weight", "term"), rows, as_data=True)
    for one in found["policies"]:
        if one["said"]:
            say(f"note: {one['said']}")


def contract(
    record: "Record", labels: Sequence[str], layers: "Mapping[str, Layer]"
) -> dict[str, Any]:
    """What ``--json`` prints."""
    fields = {"Prompt": record.positive, **record.rest}
    fields["Sampler"] = record.samplings[0].sampler if record.samplings else ""
    return {
        "tool": record.tool,
        "dialect": record.dialect,
        "positive": record.positive,
        "raw_positive": record.typed_positive,
        "effective_negative": record.negative,
        "raw_negative": record.typed_negative,
        "samplings": [_sampling(one) for one in record.samplings],
        "rest": dict(record.rest),
        "older_version": list(_older(fields)) if record.tool == "AUTOMATIC1111" else [],
        "policies": list(_policies(record, labels, layers)),
    }


def _sampling(one: Any) -> dict[str, Any]:
    return {
        "sampler": one.sampler,
        "positives": list(one.positives),
        "negatives": list(one.negatives),
        "settings": dict(one.settings),
        "model": one.model,
        "model_hash": one.model_hash,
    }


def _older(fields: Mapping[str, Any]) -> tuple[str, ...]:
    from negprompt.metadata.versions import differences

    return differences(fields)


def _layers(
    labels: Sequence[str], names: Sequence[str], folders: Sequence[Path]
) -> "dict[str, Layer]":
    """The policies that the picture names, where they are found, and those that were asked for."""
    from negprompt.policy.files import load

    places = options.places(folders)
    found = {layer.name: layer for layer in load(names, places)} if names else {}
    for name in (label.partition("@")[0] for label in labels):
        try:
            (layer,) = load([name], places)
        except PolicyError:
            continue
        found.setdefault(name, layer)
    return found


def _policies(
    record: "Record", labels: Sequence[str], layers: "Mapping[str, Layer]"
) -> Iterator[dict[str, Any]]:
    from negprompt.policy.containing import contained

    by_name = {label.partition("@")[0]: label for label in labels}
    for name in dict.fromkeys((*by_name, *layers)):
        layer, label = layers.get(name), by_name.get(name)
        said = ""
        if layer is None:
            said = f"the picture names the policy {label}, which is not found here"
        elif label is not None and layer.label != label:
            said = f"the picture names the policy {label}; found here is {layer.label}"
        terms = contained(record.negative, record.dialect, layer) if layer is not None else ()
        yield {
            "policy": label or (layer.label if layer else name),
            "named_by_picture": label is not None,
            "said": said,
            "terms": [{"text": term.text, "weight": term.weight} for term in terms],
        }


def _weight(term: Mapping[str, Any]) -> str:
    return "" if term["weight"] is None else f"{term['weight']:.6g}"


def _lines(found: Mapping[str, Any]) -> Iterator[str]:
    yield f"made with {found['tool']}, texts written in {found['dialect']}"
    several = len(found["samplings"]) > 1
    for number, one in enumerate(found["samplings"], 1):
        if several:
            yield f"sampling {number} of {len(found['samplings'])}"
        for side in ("positives", "negatives"):
            for text in one[side]:
                yield f"{side.removesuffix('s')}: {in_a_line(text, 4000)}"
        settings = {"sampler": one["sampler"], "model": one["model"], **one["settings"]}
        yield ", ".join(f"{k} {in_a_line(str(v))}" for k, v in settings.items() if v != "")
    for side in ("raw_positive", "raw_negative"):
        if found[side] is not None:
            text = in_a_line(found[side], 4000) or "(empty)"
            yield f"typed as {side.removeprefix('raw_')}: {text}"
    for name, value in found["rest"].items():
        yield f"{name}: {in_a_line(str(value), 200)}"
    for name in found["older_version"]:
        yield f"made by an older version, which did otherwise: {name}"
