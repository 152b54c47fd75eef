"""T5: one text of a bounded length, its tokens those of the whole, weights by place."""

from functools import cache
from typing import Any

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from tests.policy.house import house
from tests.tiny_models import WORDS, t5, t5_tokenizer, tiny_flux, tiny_sd3

from negprompt.encoding.condition import condition
from negprompt.encoding.encoders import Encoders
from negprompt.encoding.t5 import T5Encoder
from negprompt.encoding.tokens import Chunk
from negprompt.encoding.weighting import SCHEMES
from negprompt.errors import RequestError
from negprompt.language import parse
from negprompt.models.families import family_of
from negprompt.policy.plan import plan


@cache
def encoder(length: int = 16) -> T5Encoder:
    torch.manual_seed(0)
    return T5Encoder(t5_tokenizer(), t5(32), length, 32)


@cache
def encoders(make: Any = tiny_flux) -> Encoders:
    pipe = make()
    return family_of(pipe).encoders(pipe)


LONG = ", ".join(["a red cat on a boat"] * 90)


@torch.no_grad()
def test_a_text_is_encoded_as_diffusers_encodes_it() -> None:
    pipe = tiny_flux()
    wanted, pooled, _ = pipe.encode_prompt("a cat, blurry")
    made = family_of(pipe).encoders(pipe).encode(parse("a cat, blurry"))
    assert torch.equal(made.whole, wanted)
    assert torch.equal(made.pooled, pooled)  # type: ignore[arg-type]
    pipe = tiny_sd3()
    wanted, _, pooled, _ = pipe.encode_prompt(
        "a cat", None, None, do_classifier_free_guidance=False
    )
    made = family_of(pipe).encoders(pipe).encode(parse("a cat"))
    assert (made.lengths, made.whole.shape) == ((77, 256), (1, 333, 32))
    assert torch.allclose(made.whole, wanted, atol=1e-5)
    assert torch.allclose(made.pooled, pooled, atol=1e-6)  # type: ignore[arg-type]


def test_nothing_stands_before_the_text_and_one_token_ends_it() -> None:
    tokens = encoder().tokens(parse("a cat"))
    ids = Chunk(tokens).ids(encoder().limits)
    assert ids[: len(tokens) + 1] == [token.id for token in tokens] + [1]
    assert (len(ids), set(ids[len(tokens) + 1 :])) == (16, {0})
    assert len(Chunk(tokens).weights(encoder().limits)) == 16


words = st.sampled_from([word for line in WORDS[1:2] + WORDS[3:] for word in line.split()])
weights = st.sampled_from([0.0, 0.5, 1.0, 1.3, -1.0])


@given(st.lists(st.tuples(words, weights), min_size=1, max_size=5))
def test_brackets_change_weights_and_no_tokens(terms: list[tuple[str, float]]) -> None:
    text = ", ".join(f"({word}:{weight})" for word, weight in terms)
    plain = ", ".join(word for word, _ in terms)
    bracketed, bare = (encoder().tokens(parse(t)) for t in (text, plain))
    assert [t.id for t in bracketed] == [t.id for t in bare]
    marked = [t for t in bracketed if t.text.strip(" ,")]
    for token in marked:
        assert text[token.span.start : token.span.stop].strip() == token.text.strip()
        assert any(token.text.strip() in word and token.weight == w for word, w in terms)


def test_a_break_is_a_space() -> None:
    broken, plain = (encoder().tokens(parse(t)) for t in ("cat BREAK dog", "cat dog"))
    assert [t.id for t in broken] == [t.id for t in plain]
    assert {t.weight for t in broken} == {1.0}


def test_names_of_inversions_are_not_read() -> None:
    called = encoder().tokens(parse("cat embedding:zz dog", "comfy"))
    assert [t.text.strip() for t in called if t.text.strip()] == ["cat", "dog"]


@pytest.mark.parametrize("scheme", SCHEMES)
def test_every_scheme_weighs_t5(scheme: str) -> None:
    made = encoders().encode(parse("a (cat:1.4), (blurry:0.6)"), scheme)
    plain = encoders().encode(parse("a cat, blurry"), scheme)
    assert made.embeds.isfinite().all()
    assert torch.equal(made.embeds, plain.embeds) == (scheme == "ignore")
    assert torch.equal(made.pooled, plain.pooled)  # type: ignore[arg-type]


def test_comfys_formula_acts_on_the_tokens_of_a_word() -> None:
    plain, empty = (encoders().encode(parse(t)).embeds for t in ("a cat", ""))
    weighted = encoders().encode(parse("a (cat:2)"), "comfy").embeds
    tokens = encoders().encode(parse("a (cat:2)")).tokens
    places = [place for place, token in enumerate(tokens) if token.weight == 2]
    assert places
    wanted = plain.clone()
    wanted[:, places] = empty[:, places] + 2 * (plain - empty)[:, places]
    assert torch.allclose(weighted, wanted, atol=1e-5)


@pytest.mark.parametrize(("make", "does"), [(tiny_flux, "nothing"), (tiny_sd3, "CLIP only")])
def test_what_falls_past_is_told(make: Any, does: str) -> None:
    made = condition(plan("a cat", [LONG]), encoders(make))
    (notice,) = made.notices
    assert notice.code == "text-cut"
    assert does in notice.text
    assert condition(plan("a cat", ["blurry"]), encoders(make)).notices == ()


@pytest.mark.parametrize("make", [tiny_flux, tiny_sd3])
def test_an_enforced_term_that_t5_would_not_read_refuses(make: Any) -> None:
    layer = house("enforced", *[f"blurry {n}" for n in range(200)], "watermark")
    with pytest.raises(RequestError) as caught:
        condition(plan("a cat", layers=(layer,)), encoders(make))
    assert caught.value.code == "enforced-inert"


@pytest.mark.parametrize("make", [tiny_flux, tiny_sd3])
def test_everything_has_one_length(make: Any) -> None:
    layer = house("always", "watermark")
    long = ", ".join(["a red cat on a boat"] * 20)
    made = condition(plan("a cat", ["blurry", long], layers=(layer,)), encoders(make))
    every = (made.positive, *made.negatives, made.null)
    assert len({e.lengths for e in every}) == len({e.whole.shape for e in every}) == 1


@pytest.mark.parametrize("make", [tiny_flux, tiny_sd3])
def test_compels_joints_join_t5_too(make: Any) -> None:
    both = encoders(make).encode(parse('("a cat", "a dog").and()', "compel"))
    one = encoders(make).encode(parse("a cat", "compel"))
    assert both.lengths == tuple(2 * length for length in one.lengths)
    mixed = encoders(make).encode(parse('("a cat", "a dog").blend(1, 1)', "compel"))
    other = encoders(make).encode(parse("a dog", "compel"))
    assert torch.allclose(mixed.whole, (one.whole + other.whole) / 2, atol=1e-5)
