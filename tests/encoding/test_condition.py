"""Texts into conditions: equal to diffusers where it can say the same, lengths, null, notices."""

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from tests.tiny_models import tiny_sd, tiny_sdxl, tokenizer

from negprompt.encoding.condition import condition
from negprompt.encoding.encoders import Encoders
from negprompt.encoding.tokens import tokenize
from negprompt.encoding.types import Encoded
from negprompt.errors import PromptError
from negprompt.language import parse
from negprompt.models.families import family_of
from negprompt.policy.learned import words_of
from negprompt.policy.plan import plan

SD = tiny_sd()
SDXL = tiny_sdxl()
LONG = ", ".join(["a red cat on a boat"] * 20)


def encoders(pipe: object) -> Encoders:
    return family_of(pipe).encoders(pipe)


def encode(text: str, scheme: str = "a1111") -> Encoded:
    return encoders(SD).encode(parse(text), scheme)


@pytest.mark.parametrize("text", ["", "a cat", "a red cat, watermark: é (", LONG[:150]])
def test_sd_encodes_as_diffusers_does(text: str) -> None:
    plain = text.replace("(", "\\(")
    with torch.no_grad():
        wanted, _ = SD.encode_prompt(text, "cpu", 1, do_classifier_free_guidance=False)
    made = encode(plain)
    assert torch.equal(made.embeds, wanted)
    assert made.pooled is None


@pytest.mark.parametrize("text", ["", "a red cat on a boat"])
def test_sdxl_encodes_as_diffusers_does(text: str) -> None:
    with torch.no_grad():
        p, n, pooled, pooled_n = SDXL.encode_prompt(text, device="cpu")
    made = condition(plan(text), encoders(SDXL), null="zeros")
    assert made.positive.pooled is not None
    assert made.null.pooled is not None
    assert torch.equal(made.positive.embeds, p)
    assert torch.equal(made.positive.pooled, pooled)
    assert torch.equal(made.null.embeds, n)
    assert torch.equal(made.null.pooled, pooled_n)


def test_sdxls_null_is_zeros_where_no_negative_is_given() -> None:
    assert family_of(SDXL).null(SDXL) == "zeros"
    assert family_of(SD).null(SD) == "empty"


def test_all_embeddings_of_a_run_have_one_length() -> None:
    made = condition(plan("a cat", [LONG, ""]), encoders(SD))
    assert made.chunks == 2
    everything = [made.positive, *made.negatives, made.null]
    assert {tuple(e.embeds.shape) for e in everything} == {(1, 154, 16)}
    empty = encode("").embeds
    assert torch.equal(made.positive.embeds[:, 77:], empty)
    assert torch.equal(made.null.embeds, torch.cat([empty, empty], dim=1))


def test_a_chunk_is_encoded_alone() -> None:
    both = encode("a cat BREAK a dog")
    assert torch.equal(both.embeds[:, :77], encode("a cat").embeds)
    assert torch.equal(both.embeds[:, 77:], encode("a dog").embeds)
    assert [t.chunk for t in both.tokens] == [0, 0, 1, 1]


def test_chunks_can_be_had_without_encoding() -> None:
    (chunks,) = encoders(SD).chunks(parse("a cat BREAK a dog"))
    assert [[t.text for t in chunk.tokens] for chunk in chunks] == [["a", "cat"], ["a", "dog"]]


def test_pooled_comes_from_the_first_chunk_unweighted() -> None:
    sdxl = encoders(SDXL)
    first = sdxl.encode(parse("a cat")).pooled
    both = sdxl.encode(parse("a (cat:1.5) BREAK a dog")).pooled
    assert first is not None
    assert both is not None
    assert torch.equal(first, both)


@pytest.mark.parametrize("scheme", ["a1111", "comfy"])
def test_a_weight_acts_in_its_own_chunk_only(scheme: str) -> None:
    plain, weighted = encode("a cat BREAK a dog"), encode("a cat BREAK a (dog:1.5)", scheme)
    assert torch.equal(plain.embeds[:, :77], weighted.embeds[:, :77])
    assert not torch.allclose(plain.embeds[:, 77:], weighted.embeds[:, 77:])


def test_comfys_scheme_moves_the_weighted_token_alone() -> None:
    plain, weighted, empty = encode("a cat"), encode("a (cat:2)", "comfy"), encode("")
    wanted = plain.embeds.clone()
    wanted[:, 2] = empty.embeds[:, 2] + 2 * (plain.embeds[:, 2] - empty.embeds[:, 2])
    assert torch.allclose(weighted.embeds, wanted, atol=1e-6)


def test_tokens_know_where_they_stood() -> None:
    source = r"a ((red) cat:1.2), \(x\)"
    made = encode(source)
    at = {t.text: source[t.span.start : t.span.stop] for t in made.tokens}
    weight = {t.text: t.weight for t in made.tokens}
    assert (at["red"], at["cat"], at["x"]) == ("red", "cat", "x")
    assert (weight["red"], weight["cat"], weight["x"]) == pytest.approx((1.32, 1.2, 1.0))


def test_a_word_that_was_never_learned_is_named_once_a_side() -> None:
    known = {"a", "cat", "blurry"}
    made = condition(plan("a Cat wombat", ["blurry, (wombat:1.2), wombat 7"]), encoders(SD),
                     vocabulary=known)  # fmt: skip
    assert [n.code for n in made.notices] == ["term-unknown"] * 3
    assert ["wombat" in n.text for n in made.notices] == [True, True, False]
    assert condition(plan("wombat"), encoders(SD)).notices == ()


def test_words() -> None:
    text = "A well-lit Cat's 'dog' extra_digits 8k (x:1.5) Ünï"
    words = ["a", "well", "lit", "cat", "dog", "extra", "digits", "8k", "x", "1", "5", "ünï"]
    assert words_of(text) == words


characters = st.text(st.characters(exclude_categories=["Cs"]))
syntax = st.text(st.sampled_from("a ,()[]:1.\\é"))


@pytest.mark.parametrize("dialect", ["a1111", "comfy"])
@given(source=characters | syntax)
def test_a_token_stands_where_it_says(dialect: str, source: str) -> None:
    prompt = parse(source, dialect)
    for token in tokenize(prompt, tokenizer()):
        if token is not None:
            assert 0 <= token.span.start <= token.span.stop <= len(source)
            assert set(token.text) <= set(source[token.span.start : token.span.stop])


def test_a_prompt_beyond_reason_is_refused_with_its_place() -> None:
    with pytest.raises(PromptError) as caught:
        encode("cat " * 4000)
    assert caught.value.code == "prompt-too-long"
    assert caught.value.span is not None


def test_weights_beyond_the_numbers_are_refused() -> None:
    with pytest.raises(PromptError) as caught:
        encode("a (cat:" + "9" * 60 + ")", "comfy")
    assert caught.value.code == "weight-too-large"
