"""What happens where the prompt asks for what a layer steers away from."""

import pytest
from tests.policy.house import house

from negprompt.errors import PromptError
from negprompt.policy import plan
from negprompt.policy.concepts import concepts, opposites_of, words_for
from negprompt.policy.lookalikes import key, seen

NAMED = [
    "a watermark", "a WATERMARK", "two watermarks", "a water mark", "a water-mark", "water_mark",
    "w a t e r m a r k", "wаtеrmаrk", "ｗａｔｅｒｍａｒｋ", "w\u0430termark", "water\u200bmark",
    "wa\u0301termark", "w\u200da\u2060t\ufeffermark", "wa\u00adtermark", "(water)(mark)",
    "[wa](term:1.4)ark", "a cat AND a watermark", "[cat:watermark:0.5]", "[watermark::0.9]",
    "[cat|watermark]", "(watermark:0)", "(watermark:0.1)", "[[[[watermark]]]]", "water\\mark",
    "a cat BREAK watermark", "watermark # hidden", "no watermark", "a watermarked photo",
    "𝐰𝐚𝐭𝐞𝐫𝐦𝐚𝐫𝐤", "ⓦⓐⓣⓔⓡⓜⓐⓡⓚ", "ωаtermark", "waterm\u0336ark", "stock watermark",
    "<lora:x:1>watermark",
]  # fmt: skip
UNNAMED = [
    "a cat", "a mark in water", "water, a landmark", "underwater marking", "a mark",
    "a cat AND watermark :-1", "# watermark\na cat", "<lora:watermark:1> a cat", "",
]  # fmt: skip


@pytest.mark.parametrize("prompt", NAMED)
def test_an_enforced_layer_refuses_a_prompt_that_names_it(prompt: str) -> None:
    with pytest.raises(PromptError) as caught:
        plan(prompt, layers=[house("enforced", "watermark")])
    error = caught.value
    assert error.code == "policy-forbids"
    assert house("enforced", "watermark").label in error.message
    assert error.span is not None
    assert prompt[error.span.start : error.span.stop].strip()


@pytest.mark.parametrize("prompt", UNNAMED)
def test_it_lets_others_be(prompt: str) -> None:
    assert plan(prompt, layers=[house("enforced", "watermark")]).negatives


@pytest.mark.parametrize("mode", ["default", "always"])
def test_a_layer_that_binds_nobody_gives_way(mode: str) -> None:
    planned = plan("a blurred cat", layers=[house(mode, "blurry", "text")])
    assert planned.effective_negative == "text"
    (notice,) = planned.notices
    assert notice.code == "policy-gives-way"
    assert "'blurred'" in notice.text


def test_an_enforced_layer_may_leave_it_at_a_notice() -> None:
    planned = plan("a logo", layers=[house("enforced", "logo", on_positive="notice")])
    assert planned.effective_negative == "logo"
    assert [n.code for n in planned.notices] == ["prompt-against-policy"]


@pytest.mark.parametrize(
    ("prompt", "left"),
    [
        ("a cat, watermark, a hat", "a cat, , a hat"),
        ("a (water:1.2)mark on [cat:a watermark:0.5]", "a (:1.2) on [cat:a :0.5]"),
        ("wаtermark", ""),
    ],
)
def test_words_are_stripped_from_the_prompt(prompt: str, left: str) -> None:
    planned = plan(prompt, layers=[house("enforced", "watermark", on_positive="strip")])
    assert planned.wanted == left
    assert [n.code for n in planned.notices][-1] == "prompt-stripped"


def test_what_stripping_brings_together_is_refused() -> None:
    nested = "a water watermark mark"
    with pytest.raises(PromptError) as caught:
        plan(nested, layers=[house("enforced", "watermark", on_positive="strip")])
    assert caught.value.code == "policy-forbids"


def test_the_strictest_of_two_layers_decides() -> None:
    soft = house("always", "logo", on_positive="notice")
    strict = house("enforced", "logo")
    with pytest.raises(PromptError):
        plan("a logo", layers=[soft, strict])


def test_an_owner_only_term_is_named_by_its_layer() -> None:
    secret = house("enforced", "rival logo", visibility="owner", on_positive="notice")
    planned = plan("a cat", ["scarf"], layers=[secret])
    assert planned.effective_negative == f"<{secret.label}> BREAK scarf"
    assert [t.name for t in planned.negatives[0].terms] == [f"<{secret.label}>", "scarf"]


def test_what_looks_alike_is_alike() -> None:
    assert key("Rival\u00a0 Logo") == "rival logo"
    assert seen("a-b").letters == "ab"
    assert key("\u200b\u3164") == ""
    assert key("日本語 abc") == "日本語 abc"


def test_concepts_hold_no_word_of_their_own_antonyms() -> None:
    for concept in concepts().values():
        assert concept.words
        assert len(set(map(key, concept.words))) == len(concept.words), concept.name
        assert not {*map(key, concept.words)} & {*map(key, concept.antonyms)}, concept.name
    assert "out of focus" in words_for("Blurry")
    assert "sharp" in opposites_of("blur")
    assert "blurry" in opposites_of("sharp")
    assert words_for("a thing of no concept") == ("a thing of no concept",)
