"""A ComfyUI graph, the JSON in a PNG's ``prompt`` chunk → its samplings.

Each node has a ``class_type`` and ``inputs``; an input is a value or a link, ``[node, output]``.
From a sampler the conditioning is followed back to the nodes that hold texts.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any, Final

from negprompt.metadata.record import Record, Sampling, parsed

_TEXTS: Final = ("text", "text_g", "text_l", "clip_l", "clip_g", "t5xxl", "prompt")
_VALUES: Final = ("value", "string", "text", "prompt", "ckpt_name")
_MODELS: Final = ("ckpt_name", "unet_name")
_SIDES: Final = ("positive", "negative")
_ELSEWHERE: Final = frozenset(
    {"clip", "model", "vae", "image", "latent_image", "pixels", "mask", "control_net"}
)
_PARTS: Final = ("guider", "sampler", "sigmas", "noise")
_NAMES: Final = {"cfg": "cfg_scale", "noise_seed": "seed"}


@dataclass(frozen=True, slots=True)
class Link:
    """One output of one node."""

    node: str
    output: int


@dataclass(frozen=True, slots=True)
class Graph:
    """Nodes by id; whatever is no node is left out."""

    nodes: Mapping[str, Mapping[str, Any]]

    @classmethod
    def of(cls, text: str) -> "Graph | None":
        """Return the graph that a text is, or None."""
        found = parsed(text) or {}
        nodes = {
            str(name): node
            for name, node in found.items()
            if isinstance(node, dict) and isinstance(node.get("inputs"), dict)
        }
        return cls(MappingProxyType(nodes)) if nodes else None

    def inputs(self, name: str) -> Mapping[str, Any]:
        """Return the inputs of a node; none for one that is missing."""
        return self.nodes.get(name, {}).get("inputs", {})  # type: ignore[no-any-return]

    def kind(self, name: str) -> str:
        """Return the class of a node."""
        return str(self.nodes.get(name, {}).get("class_type", ""))

    def link(self, value: object) -> Link | None:
        """Return the link that an input is, or None."""
        right = isinstance(value, list) and len(value) == 2 and isinstance(value[1], int)
        if not right or not isinstance(value, list) or str(value[0]) not in self.nodes:
            return None
        return Link(str(value[0]), value[1])

    def value(self, given: object) -> Any:
        """Return a value, a link followed to the one that it brings; None where none is found."""
        seen: set[str] = set()
        while (link := self.link(given)) is not None:
            if link.node in seen:
                return None
            seen.add(link.node)
            inputs = self.inputs(link.node)
            chosen = _selected(inputs, link.output)
            if chosen is not None:
                return chosen
            given = next((inputs[name] for name in _VALUES if name in inputs), None)
        return None if isinstance(given, list | dict) else given


def read(text: str) -> Record | None:
    """Return what a graph says, or None where it has no sampler."""
    graph = Graph.of(text)
    if graph is None:
        return None
    found = tuple(_sampling(graph, name) for name in graph.nodes if _samples(graph, name))
    if not found:
        return None
    rest = {"models": models(graph), "upscalers": upscalers(graph), "loras": loras(graph)}
    return Record("ComfyUI", found, "comfy", rest={name: v for name, v in rest.items() if v})


def models(graph: Graph) -> tuple[str, ...]:
    """Return the checkpoints that a graph loads."""
    return _loaded(graph, _MODELS)


def loras(graph: Graph) -> tuple[str, ...]:
    """Return the LoRAs that a graph loads."""
    return _loaded(graph, ("lora_name",))


def upscalers(graph: Graph) -> tuple[str, ...]:
    """Return the upscaling networks that a graph loads."""
    return _loaded(graph, ("model_name",), kind="UpscaleModelLoader")


def _loaded(graph: Graph, inputs: tuple[str, ...], *, kind: str = "") -> tuple[str, ...]:
    values = (
        graph.value(graph.inputs(name).get(key))
        for name in graph.nodes
        if kind in graph.kind(name)
        for key in inputs
    )
    return tuple(dict.fromkeys(value for value in values if isinstance(value, str) and value))


def _selected(inputs: Mapping[str, Any], output: int) -> str | None:
    """Return what a node of Civitai's brings at an output: a name for a model on its site."""
    chosen = parsed(inputs.get("resources_json")) or {}
    by_slot = chosen.get("bySlot")
    found = by_slot.get(str(output)) if isinstance(by_slot, dict) else None
    found = found or inputs.get("air")
    return found if isinstance(found, str) else None


def _samples(graph: Graph, name: str) -> bool:
    inputs = graph.inputs(name)
    conditioned = graph.link(inputs.get("positive")) or graph.link(inputs.get("guider"))
    return conditioned is not None and "sampler" in graph.kind(name).lower()


def _sampling(graph: Graph, name: str) -> Sampling:
    """Return a sampler's run; newer ones take guider, sampler, steps and noise from other nodes."""
    inputs = dict(graph.inputs(name))
    for part in _PARTS:
        link = graph.link(inputs.pop(part, None))
        inputs = dict(graph.inputs(link.node)) | inputs if link is not None else inputs
    positive = inputs.get("positive", inputs.get("conditioning"))
    settings = {
        _setting(key): value
        for key, given in inputs.items()
        if key != "sampler_name" and (value := graph.value(given)) is not None
    }
    return Sampling(
        sampler=str(graph.value(inputs.get("sampler_name")) or ""),
        positives=tuple(_texts(graph, positive)),
        negatives=tuple(_texts(graph, inputs.get("negative"))),
        settings=MappingProxyType(settings),
        model=_model(graph, inputs.get("model")),
    )


def _setting(key: str) -> str:
    name = "_".join(key.lower().split())
    return _NAMES.get(name, name)


def _texts(graph: Graph, given: object) -> Iterator[str]:
    """Yield the texts that a conditioning is made of, each node once, last inputs last."""
    waiting, seen = [given], set[tuple[str, int]]()
    while waiting:
        link = graph.link(waiting.pop())
        if link is None or (link.node, link.output) in seen:
            continue
        seen.add((link.node, link.output))
        if "ZeroOut" in graph.kind(link.node):
            continue
        inputs = graph.inputs(link.node)
        own = [text for key in _TEXTS if (text := graph.value(inputs.get(key)))]
        if own:
            yield from dict.fromkeys(str(text).strip() for text in own)
            continue
        if all(graph.link(inputs.get(side)) for side in _SIDES):
            waiting.append(inputs[_SIDES[link.output]] if link.output < 2 else None)
            continue
        waiting += [v for key, v in reversed([*inputs.items()]) if key not in _ELSEWHERE]


def _model(graph: Graph, given: object) -> str:
    """Return the checkpoint at the far end of a chain of models."""
    seen: set[str] = set()
    while (link := graph.link(given)) is not None and link.node not in seen:
        seen.add(link.node)
        inputs = graph.inputs(link.node)
        for key in _MODELS:
            if isinstance(name := graph.value(inputs.get(key)), str):
                return name
        given = inputs.get("model")
    return ""
