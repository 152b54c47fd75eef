"""Equal lengths, null, clip skip, compel's compositions, T5's lengths, and the page on all that."""

from pathlib import Path

import pytest
import torch
from tests.tiny_models import tiny_sd, tiny_sdxl
from torch import Tensor

from negprompt.encoding.chunking import CHUNKINGS
from negprompt.encoding.compose import MATCHES, blended, conjoined
from negprompt.encoding.condition import condition
from negprompt.encoding.encoders import Encoders
from negprompt.encoding.lengths import T5_LENGTHS, t5_length
from negprompt.encoding.normalising import NORMALISATIONS
from negprompt.encoding.weighting import SCHEMES
from negprompt.errors import RequestError
from negprompt.language import parse
from negprompt.models.families import family_of
from negprompt.policy.plan import plan

SD = tiny_sd()
SDXL = tiny_sdxl()
LONG = ", ".join(["a red cat on a boat"] * 20)


def encoders(pipe: object) -> Encoders:
    return family_of(pipe).encoders(pipe)


def short(match: str, pipe: object = SD) -> Tensor:
    """What is behind the only chunk of a short prompt beside a long negative."""
    made = condition(plan("a cat", [LONG]), encoders(pipe), match=match)
    assert made.positive.embeds.shape == made.negatives[0].embeds.shape == made.null.embeds.shape
    first = encoders(pipe).encode(parse("a cat")).embeds
    assert torch.equal(made.positive.embeds[:, :77], first)
    return made.positive.embeds[:, 77:]


def test_a_shorter_text_is_padded_as_asked() -> None:
    first = encoders(SD).encode(parse("a cat")).embeds
    assert torch.equal(short("pad-empty"), encoders(SD).encode(parse("")).embeds)
    assert not short("zeros").any()
    assert torch.equal(short("repeat"), first[:, -1:].expand(-1, 77, -1))
    # end of text doubles as padding here, so the chunk of end tokens is the empty one
    assert torch.allclose(short("pad-eos"), short("pad-empty"), atol=1e-6)


def test_end_tokens_are_no_tokens_of_the_prompt() -> None:
    made = condition(plan("a cat", [LONG]), encoders(SD), match="pad-eos")
    assert [t.text for t in made.positive.tokens] == ["a", "cat"]


def test_both_encoders_of_sdxl_are_padded() -> None:
    assert short("pad-eos", SDXL).shape == (1, 77, 24)


@pytest.mark.parametrize("scheme", SCHEMES)
@pytest.mark.parametrize("chunks", CHUNKINGS)
def test_every_scheme_encodes_with_every_rule(scheme: str, chunks: str) -> None:
    text = f"a (red cat:1.3), {LONG} (boat:0.7)"
    made = encoders(SDXL).encode(parse(text), scheme, chunks=chunks, normalise="length+mean")
    assert made.embeds.shape == (1, 154, 24)
    assert made.embeds.isfinite().all()


@pytest.mark.parametrize("scheme", SCHEMES)
def test_no_result_depends_on_its_neighbours(scheme: str) -> None:
    text = "a (red:1.4) (cat:0.6)"
    alone = condition(plan(text), encoders(SD), scheme=scheme).positive.embeds
    beside = condition(plan(text, ["(dog:3)", LONG]), encoders(SD), scheme=scheme).positive.embeds
    assert torch.equal(alone, beside[:, :77])


def test_clip_skip_takes_an_earlier_layer_with_the_final_norm() -> None:
    asked = plan("a red cat")
    one, two = (condition(asked, encoders(SD), clip_skip=n).positive.embeds for n in (1, 2))
    assert torch.equal(one, condition(asked, encoders(SD)).positive.embeds)
    ids = SD.tokenizer("a red cat", padding="max_length", return_tensors="pt").input_ids
    with torch.no_grad():
        out = SD.text_encoder(ids, output_hidden_states=True)
        inner = getattr(SD.text_encoder, "text_model", SD.text_encoder)
        wanted = inner.final_layer_norm(out.hidden_states[-2])
    assert torch.equal(two, wanted)
    assert not torch.allclose(one, two)


@pytest.mark.parametrize("skip", [0, 3, -1])
def test_a_clip_skip_beyond_the_layers_is_refused(skip: int) -> None:
    with pytest.raises(RequestError, match="clip skip") as caught:
        condition(plan("a cat"), encoders(SD), clip_skip=skip)
    assert caught.value.code == "value-out-of-range"


def test_clip_skip_says_where_it_does_nothing() -> None:
    made = condition(plan("a cat"), encoders(SDXL), clip_skip=2)
    assert [n.code for n in made.notices] == ["clip-skip-inert"]
    assert torch.equal(
        made.positive.embeds, condition(plan("a cat"), encoders(SDXL)).positive.embeds
    )


@pytest.mark.parametrize("what", ["scheme", "normalise", "chunks", "match"])
def test_an_unknown_name_is_refused(what: str) -> None:
    with pytest.raises(RequestError, match="choose one of"):
        condition(plan("a cat"), encoders(SD), **{what: "no such"})  # type: ignore[arg-type]


def test_compels_and_is_a_row_of_weighed_parts() -> None:
    e, one, two = torch.randn(3, 1, 4, 2)
    long = torch.cat([two, two], dim=1)
    made = conjoined([one, long], [1, 0.5], e)
    assert torch.equal(made[:, :4], one)
    assert torch.allclose(made[:, 8:], (e + two) / 2)


def test_compels_blend_is_a_mean_unless_it_is_not() -> None:
    one, two = torch.randn(2, 1, 4, 2)
    assert torch.allclose(blended([one, two], [1, 3]), one / 4 + two * 0.75)
    assert torch.allclose(blended([one, two], [1, -1], normalise=False), one - two)
    with pytest.raises(RequestError) as caught:
        blended([one, two], [1, -1])
    assert caught.value.code == "blend-weights-cancel"


def test_t5_reads_what_its_family_says() -> None:
    assert t5_length("sd3") == 256
    assert t5_length("sd3", 512) == 512
    for family, tokens, code in (
        ("sd3", 513, "value-out-of-range"),
        ("flux", 0, "value-out-of-range"),
        ("sd1", None, "text-length-unknown"),
    ):
        with pytest.raises(RequestError) as caught:
            t5_length(family, tokens)
        assert caught.value.code == code
    assert all(length.default <= length.most for length in T5_LENGTHS.values())


@pytest.mark.parametrize("name", [*SCHEMES, *NORMALISATIONS, *CHUNKINGS, *MATCHES])
def test_the_page_on_weights_has_every_name(name: str) -> None:
    page = Path(__file__).resolve().parents[2] / "docs" / "weights.md"
    assert f"| `{name}` " in page.read_text("utf-8")
