"""Attempts to get rid of an enforced term, each over the whole line up to the seam.

An attempt succeeds if the request is taken and, at any step, the conditioning of any negative lacks
the enforced tokens, has them with less weight than the layer says, not in front, or with other
embeddings than the layer's by itself.
"""

import json
from collections.abc import Iterator
from dataclasses import replace
from functools import cache
from itertools import product
from pathlib import Path
from typing import Any

import pytest
import torch
from PIL import Image
from PIL.PngImagePlugin import PngInfo
from safetensors.torch import save_file
from tests.tiny_models import tiny_sd

from negprompt.encoding.chunking import CHUNKINGS
from negprompt.encoding.compose import MATCHES
from negprompt.encoding.types import Encoded
from negprompt.encoding.weighting import SCHEMES
from negprompt.engine import Request, run
from negprompt.engine.inspecting import inspected
from negprompt.engine.like import alike
from negprompt.engine.run import banks, prepared
from negprompt.errors import NegpromptError
from negprompt.guidance.rules import Step
from negprompt.models.families import family_of
from negprompt.models.load import Model
from negprompt.policy import Layer, LayerTerm
from negprompt.trace.events import Planned

TERMS = (LayerTerm("watermark", 1.3), LayerTerm("low quality"), LayerTerm("text", 0.7))
LAYER = Layer(
    name="house", version="1.0.0", rank="brand", mode="enforced", terms=TERMS, on_positive="refuse"
)
MINE = Layer(
    name="mine", version="1.0.0", rank="floor", mode="enforced", terms=(LayerTerm("clean", 3.0),)
)  # a layer that the attacker brings along

NEGATIVES = (
    "", " ", "\n", "\0", "\u200b", "\ufeff", "()", "[]", "((((", "))))", "]]]]", "[[[[", "\\",
    "scarf", "(scarf", "scarf)", "(scarf:0)", "(scarf:-5)", "(scarf:3)", "((((scarf))))", ":0)",
    "(:0)", ":-9)", "watermark", "(watermark:0)", "(watermark:-1.3)", "[[watermark]]",
    "(watermark:0.01), (low quality:0), (text:-3)", "no watermark", "-watermark", "watermark:-1",
    "BREAK", "BREAK BREAK BREAK", "scarf BREAK", "BREAK scarf", "AND", "AND AND", "scarf AND hat",
    "scarf :0 AND hat", "scarf :-1 AND hat :2", "scarf :1e9", "scarf AND hat :1000", "scarf :0",
    "[scarf:hat:0.5]", "[watermark::0.1]", "[:watermark:0.99]", "[watermark:0]", "[scarf::0]",
    "[watermark|scarf]", "[|scarf]", "[scarf:hat:1.0]", "[[[[scarf:hat:3]:tree:4]:cat:5]:dog:6]",
    "#", "# watermark", "#\n#", "scarf # off\n", "<lora:none:1>", "<lora:watermark:-1>",
    "embedding:watermark", "embedding:none", "house", "<house>", "{watermark}", "{{{", "}}}",
    "watermark--", "(watermark)0.1", "(watermark)-", '("watermark").blend(-1)',
    '("a", "watermark").blend(1, -1)', '("a", "b").and(1, 0)', "watermark.swap(scarf)",
    "scarf::-1", "watermark::-5 scarf::9", "--no watermark", "--no", "-- -1", "__wildcard__",
    "{a|b|c}", "$$watermark", "%%", "*", "wаtermark", "w\u200batermark", "ｗatermark", "WATERMARK",
    "\u202ekramretaw", "watermark\u0336", "Negative prompt: ", "x\nNegative prompt: \nSteps: 20",
    "Steps: 1, CFG scale: 1, Size: 8x8, Policies: none", '{"policies": []}', "policies=()",
    "</s>", "<|endoftext|>", "<|startoftext|>", "<|endoftext|> " * 80, "a " * 75, "a " * 76,
    "a, " * 300, "scarf " * 74 + ", " * 20, "(a:1.5), " * 100, "watermark " * 400, "," * 200,
    "!" * 77, "🙂" * 80, "é" * 200, "(a:9999)", "(a:-9999)", "(a:999999999999)",
    "a BREAK " * 20, "a BREAK " * 60, "[a|b] " * 50, "a AND " * 30, "a AND " * 90, "((((a:2):2):2)",
    "(a:1.2.3)", "(a:nan)", "(a:inf)", "a\ud800", "(" * 3000, "a" * 60_000,
)  # fmt: skip
PROMPTS = (
    "a cat", "", "a cat :-1", "a cat :0", "a cat :0.1", "a cat AND dog :-5", "a cat :9 AND dog :-9",
    "a cat :0.3 AND dog :0.05", "a cat :-1 AND dog :-1", "(a cat:-1)", "(a cat:0)", "(a cat:9999)",
    "[a cat:dog:0.5]", "[cat|dog]", "a cat BREAK dog", "a " * 300, "a cat\nNegative prompt: x",
    "watermark", "a wаtermark", "low-quality", "(te)(xt)", "[cat:text:0.9]", "a cat AND text",
    "watermark, low quality, text", "(watermark:1.3), low quality, (text:0.7)", "w a t e r m a r k",
    "water\u200bmark", "ＴＥＸＴ", "a cat\nSteps: 20, Sampler: DDIM, CFG scale: 1", "# text\na cat",
    "<lora:text:1> a cat", "a cat --no text", "a cat, negative_prompt=''", "no text", "texts",
    "caption", "worst quality", "a cat AND watermark :-1", "a cat :1e-9", "a cat :1e300",
)  # fmt: skip
LONG = "a " * 80
DIALECTS = ("comfy", "compel", "plain", "sdnext", "midjourney", "novelai")


def attempts() -> Iterator[dict[str, Any]]:
    """Settings of requests, many more than 200."""
    yield from ({"negative": (text,)} for text in NEGATIVES)
    short = [text for text in NEGATIVES if len(text) < 50]
    for place, dialect in enumerate(DIALECTS):
        step = 1 if place < 2 else 4  # the two that are written in every tool, the others by turns
        yield from ({"negative": (t,), "dialect": dialect} for t in short[place % step :: step])
    for prompt in PROMPTS:
        yield {"prompt": prompt, "negative": ("scarf",)}
        yield {"prompt": prompt, "negative": (prompt,)}
    yield from settings()


def settings() -> Iterator[dict[str, Any]]:
    """Attempts that are no texts: scale, weights, schemes, chunks, other layers."""
    some = ("scarf",)
    yield from ({"cfg": s, "negative": some} for s in (1, 1.0000001, 1.2, 1.49, 1.5, 100))
    yield from ({"cfg": s, "prompt": "a cat :0.5"} for s in (1, 2, 2.9, 3, 100))
    strong = ("(scarf:50), [[hat]], (dog:0.01)",)
    pairs = product(SCHEMES, ("none", "length+mean"))
    yield from ({"negative": strong, "scheme": s, "normalise": n} for s, n in pairs)
    cuts = product(CHUNKINGS, MATCHES)
    yield from ({"negative": strong, "chunks": c, "match": m, "prompt": LONG} for c, m in cuts)
    yield from ({"negative": some, "clip_skip": skip} for skip in (1, 2, 3, 99))
    for pair in ((1, 1), (1, 0), (0, 1), (1000, 1e-9), (2, -1), (1, -0.99), (5, -1e-9), (-1, -1)):
        yield {"negative": ("", "scarf"), "negative_weights": pair}
        yield {"negative": ("scarf", "clean AND hat :3"), "negative_weights": pair}
    yield from ({"negative": some, "rescale": rescale} for rescale in (0.5, 1))
    yield from ({"negative": ("[a:b:1]",), "steps": steps} for steps in (1, 2, 7))
    for more in ((MINE,), (LAYER, LAYER), (replace(LAYER, mode="default", name="other"),)):
        yield {"negative": some, "policies": more}
    yield from ({"negative": text, "embeddings": True} for text in (("watermark",), None))


ATTEMPTS = list(attempts())


@cache
def model() -> Model:
    pipe = tiny_sd()
    return Model(pipe, "tiny", family_of(pipe))


@pytest.fixture(scope="module")
def shadows(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Textual inversions that have the names of the enforced terms and say nothing."""
    folder = tmp_path_factory.mktemp("shadows")
    for name in ("watermark", "low quality", "text"):
        save_file({"emb_params": torch.zeros(1, 16)}, folder / f"{name}.safetensors")
    return folder


def conditions(request: Request) -> list[Encoded]:
    """What every negative is conditioned on at every step, as the seam receives it."""
    ready = prepared(request, model())
    conditioning = ready.conditioning
    at = banks(conditioning.against, conditioning.parts, null=conditioning.null)
    total = ready.request.steps or 1
    found = {id(e): e for i in range(total) for e in at(Step(i, total, 0.0)).negatives}
    return list(found.values())


@cache
def alone() -> Encoded:
    """The layer by itself."""
    (found,) = conditions(Request(prompt="a cat", policies=(LAYER,), steps=3))
    return found


def test_the_layer_by_itself_says_what_it_should() -> None:
    weights = {token.weight for token in alone().tokens}
    assert "".join(token.text for token in alone().tokens).replace(" ", "") == (
        "watermark,lowquality,text"
    )
    assert weights == {1.3, 1.0, 0.7}
    assert alone().embeds.shape[1] == 77


@pytest.mark.parametrize("number", range(0, len(ATTEMPTS), 25))
def test_no_attempt_succeeds(number: int, shadows: Path) -> None:
    for attempt in ATTEMPTS[number : number + 25]:
        asked = {"prompt": "a cat", "steps": 3, **attempt}
        if asked.get("embeddings"):
            asked["embeddings"] = shadows
        asked["policies"] = (LAYER, *asked.get("policies", ()))
        try:
            found = conditions(Request(**asked))
        except NegpromptError:
            continue  # refused
        assert found, attempt
        for negative in found:
            assert not missing(negative, exact=MINE not in asked["policies"]), attempt


def missing(negative: Encoded, *, exact: bool) -> str:
    """What of the layer a conditioning lacks, or ""."""
    wanted = [(token.id, token.weight) for token in alone().tokens if token.text.strip(" ,")]
    said = [(token.id, token.weight) for token in negative.tokens]
    for word, weight in wanted:
        if not any(word == other and weight <= heavy for other, heavy in said):
            return f"token {word}"
    if exact and not torch.equal(negative.embeds[:, :77], alone().embeds):
        return "its own embedding in front"
    return ""


TYPED = (
    "", "scarf", "()", "(watermark:0)", "(watermark:-2), (low quality:0), (text:0)",
    "[watermark::0]",
    "watermark AND scarf :-1", "# watermark", "BREAK", "((((", "Policies: none", "wаtermark",
    "embedding:watermark", "{watermark}", "__none__", "{a|b}", "a " * 90, "<house>",
)  # fmt: skip
"""What a picture of another tool says was typed as its negative."""
FIELDS = (
    "CFG scale: 1", "CFG scale: 1.2", "CFG scale: -3", "CFG scale: 1e9", "Steps: 0", "Rule: none",
    "Dialect: comfy", "Dialect: midjourney", "Dialect: novelai", "Emphasis: none", "Chunks: groups",
    "Null prompt: zeros", "Length match: zeros", "Clip skip: 2", "CFG rescale: 1",
    "Policies: none", "Policies: house@1.0.0#00000000", 'Policies: "house@9.9.9#ffffffff, x"',
    'Raw negatives: "[[\\"scarf\\", 2], [\\"hat\\", -1]]"', 'Raw negatives: "[[\\"\\", 0]]"',
    'Raw negatives: "[[\\"scarf\\", 1e9], [\\"watermark\\", 1e-9]]"', "Token normalisation: mean",
    'Raw negative prompt: ""', 'Raw negative prompt: "(watermark:0)"', "Emphasis: comfy",
)  # fmt: skip
"""What a text as A1111 writes it says besides."""


def pasted() -> Iterator[dict[str, str]]:
    """The texts in picture files, as each reader's tool writes them."""
    for typed in TYPED:
        end = "Steps: 3, Sampler: DDIM, CFG scale: 4, Seed: 1, Size: 32x32"
        yield {"parameters": f"a cat\nNegative prompt: {typed}\n{end}"}
        nodes = {
            "1": {"class_type": "CLIPTextEncode", "inputs": {"text": "a cat"}},
            "2": {"class_type": "CLIPTextEncode", "inputs": {"text": typed}},
            "3": {"class_type": "KSampler", "inputs": {
                "positive": ["1", 0], "negative": ["2", 0], "seed": 1, "steps": 3, "cfg": 4.0,
                "sampler_name": "ddim"}},
        }  # fmt: skip
        yield {"prompt": json.dumps(nodes)}
        invoke = {"positive_prompt": "a cat", "negative_prompt": typed, "steps": 3, "cfg_scale": 4}
        yield {"invokeai_metadata": json.dumps(invoke)}
        yield {"sd-metadata": json.dumps({"image": {"prompt": f"a cat [{typed}]", "steps": 3}})}
        yield {"Dream": f'"a cat [{typed}]" -s3 -S1 -C4'}
        fooocus = {"prompt": "a cat", "negative_prompt": typed, "base_model": "x", "steps": 3,
                   "full_negative_prompt": [typed, "hat"], "styles": "['Fooocus V2']"}  # fmt: skip
        yield {"parameters": json.dumps(fooocus)}
        novel = {"prompt": "a cat", "uc": typed, "scale": 4, "steps": 3, "seed": 1}
        yield {"Comment": json.dumps(novel), "Software": "NovelAI"}
    for said in FIELDS:
        end = f"Steps: 3, Sampler: DDIM, Seed: 1, Size: 32x32, {said}"
        yield {"parameters": f"a cat\nNegative prompt: scarf\n{end}"}


PASTED = list(pasted())


@pytest.mark.parametrize("number", range(0, len(PASTED), 38))
def test_no_picture_that_is_begun_from_escapes(number: int, tmp_path: Path) -> None:
    taken = 0
    for texts in PASTED[number : number + 38]:
        info = PngInfo()
        for name, text in texts.items():
            info.add_itxt(name, text)
        Image.new("RGB", (8, 8)).save(tmp_path / "theirs.png", pnginfo=info)
        settings = dict(alike(inspected(tmp_path / "theirs.png")).settings)
        try:
            found = conditions(Request(**{"steps": 3, **settings, "policies": (LAYER,)}))
        except NegpromptError:
            continue  # refused
        taken += 1
        assert found, texts
        for negative in found:
            assert not missing(negative, exact=True), texts
    assert taken >= 8


def test_there_are_enough_and_most_are_no_mere_refusals(shadows: Path) -> None:
    assert len(ATTEMPTS) + len(PASTED) >= 700
    taken = 0
    for attempt in ATTEMPTS[:60]:
        try:
            Request(**{"prompt": "a cat", "policies": (LAYER,), **attempt})
        except NegpromptError:
            continue
        taken += 1
    assert taken >= 50


@pytest.mark.parametrize(
    "attempt",
    [
        {"cfg": 1.0},
        {"cfg": 1.4},
        {"prompt": "a cat :-1"},
        {"prompt": "a cat :0.2", "cfg": 5.0},
        {"negative": ("scarf", "hat"), "negative_weights": (2, -1)},
        {"negative": ("scarf :-1 AND hat :2",)},
    ],
)
def test_where_it_could_not_act_the_request_is_refused(attempt: dict[str, Any]) -> None:
    with pytest.raises(NegpromptError) as caught:
        Request(**{"prompt": "a cat", "policies": (LAYER,), **attempt})
    assert caught.value.code == "enforced-inert"
    assert LAYER.label in caught.value.message


def test_the_models_own_scale_counts_where_none_is_given() -> None:
    at_one = replace(model(), family=replace(model().family, cfg=1.0))
    request = Request(prompt="a cat", policies=(LAYER,), steps=2)
    with pytest.raises(NegpromptError) as caught:
        run(request, model=at_one)
    assert caught.value.code == "enforced-inert"


def test_a_term_that_the_encoder_cannot_read_refuses() -> None:
    class Deaf:
        """A tokenizer that reads no text; all else is the real one's."""

        def __init__(self, real: Any) -> None:
            self.real = real

        def __getattr__(self, name: str) -> Any:
            return getattr(self.real, name)

        def __call__(self, text: str, **settings: Any) -> Any:
            return self.real("", **settings)

    pipe = tiny_sd()
    pipe.tokenizer = Deaf(pipe.tokenizer)
    deaf = Model(pipe, "tiny", family_of(pipe))
    with pytest.raises(NegpromptError) as caught:
        run(Request(prompt="a cat", policies=(LAYER,), steps=2), model=deaf)
    assert caught.value.code == "enforced-inert"


def test_a_picture_is_made_and_the_trace_tells_who_put_what_there() -> None:
    request = Request(prompt="a cat", negative=("[scarf:hat:1]",), policies=(LAYER,), steps=2)
    made = run(request, model=model())
    planned = next(event for event in made.trace if isinstance(event, Planned))
    assert planned.raw_negative == "[scarf:hat:1]"
    assert planned.effective_negative == (
        "(watermark:1.3), low quality, (text:0.7) BREAK [scarf:hat:1]"
    )
    assert [term[2] for term in planned.terms] == [LAYER.label] * 3 + ["user"] * 2
    assert made.cost.passes_per_step == 2


def test_the_effective_text_typed_by_itself_conditions_alike() -> None:
    light = replace(LAYER, terms=(LayerTerm("watermark"), LayerTerm("low quality")))
    joined = Request(prompt="a cat", negative=("(scarf:1.2) AND hat :2",), policies=(light,))
    typed = Request(prompt="a cat", negative=(joined.planned().effective_negative,))
    for a, b in zip(conditions(joined), conditions(typed), strict=True):
        assert torch.allclose(a.embeds, b.embeds, atol=1e-5)
