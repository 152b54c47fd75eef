"""Generate, look, strengthen, retry: what changes between tries, when they end, what is kept."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given as for_all
from hypothesis import settings as few
from hypothesis import strategies as st
from PIL import Image
from tests.policy.house import house
from tests.policy.test_merge_laws import layers
from tests.tiny_models import tiny_sd

from negprompt.engine import Request
from negprompt.engine.save import parameters
from negprompt.errors import RequestError
from negprompt.measure import check as checking
from negprompt.measure.check import Checked, check, residual, strengthened, unread, watched
from negprompt.measure.probes import Probe, probe
from negprompt.models.load import Model, load
from negprompt.policy import Layer

TEXTS = st.sampled_from([None, "", "blurry", "Blurry, (hat:1.4)", "text, (logo:0.7), [neon]"])


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> Model:
    """A tiny Stable Diffusion 1.5, loaded."""
    folder = tmp_path_factory.mktemp("tiny") / "model"
    tiny_sd().save_pretrained(folder)
    return load(str(folder))


def asked(**settings: Any) -> Request:
    given: dict[str, Any] = {"prompt": "a cat", "negative": ("scarf",), "steps": 2}
    return Request(**(given | settings))


def saying(*said: float | None, of: str = "scarf") -> Probe:
    """A probe that says this of a term, picture after picture, the last for all that follow."""
    left = iter(said)
    last: list[float | None] = [None]

    def ask(images: Sequence[Image.Image], term: str) -> list[float | None]:
        if term != of:
            return [0.0] * len(images)
        last[0] = next(left, last[0])
        return [last[0]] * len(images)

    return Probe("told", ask)


def looked(model: Model, who: Probe, request: Request | None = None, **settings: Any) -> Checked:
    (only,) = check(request or asked(), who, model=model, **settings)
    return only


def effective(checked: Checked) -> list[str]:
    return [look.made.plan.effective_negative for look in checked.tries]


def test_what_is_found_weighs_more_until_it_is_gone(model: Model) -> None:
    checked = looked(model, saying(0.9, 0.7, 0.2), asked(negative=("scarf, hat",)))
    assert effective(checked) == [
        "scarf, hat", "(scarf:1.3) BREAK scarf, hat", "(scarf:1.69) BREAK scarf, hat"
    ]  # fmt: skip
    assert [bool(look.found) for look in checked.tries] == [True, True, False]
    assert checked.kept == 2
    assert checked.best.is_clean
    assert {look.made.seeds for look in checked.tries} == {(0,)}
    pixels = [look.made.images[0].tobytes() for look in checked.tries]
    assert len(set(pixels)) == 3
    kept = parameters(checked.best.made, 0)
    assert kept.negative == "(scarf:1.69) BREAK scarf, hat"
    assert kept.fields["Raw negative prompt"] == "scarf, hat"


def test_no_term_gets_heavier_than_the_bound(model: Model) -> None:
    checked = looked(model, saying(0.9), tries=20)
    assert [look.found[0][0].weight for look in checked.tries] == pytest.approx([1, 1.3, 1.69, 2])
    heavy = looked(model, saying(0.9), asked(negative=("(scarf:2.5)",)), tries=20)
    assert effective(heavy) == ["(scarf:2.5)"]


def test_the_least_is_kept_the_earliest_of_equals(model: Model) -> None:
    assert looked(model, saying(0.9, 0.6, 0.8), tries=3).kept == 1
    assert looked(model, saying(0.9), tries=3).kept == 0


def test_tries_are_counted(model: Model) -> None:
    checked = looked(model, saying(0.9), tries=2)
    assert len(checked.tries) == 2
    assert not checked.best.is_clean
    found = residual([checked, looked(model, saying(0.1)), looked(model, saying(0.9, 0.1))])
    assert (found.first.rate, found.last.rate) == (2 / 3, 1 / 3)
    assert found.n == 3
    assert found.passes == (2 + 1 + 2) * 4


def test_the_last_try_may_take_another_seed(model: Model) -> None:
    seeds = [
        [look.made.seeds[0] for look in one.tries]
        for one in check(asked(seed=5, count=2), saying(0.9), model=model, tries=3, reseed=True)
    ]
    assert seeds == [[5, 5, 7], [6, 6, 8]]


def test_where_weights_change_nothing_it_does_not_go_on(model: Model) -> None:
    idle = asked(negative=None, policies=(house("always", "scarf"),), cfg=1)
    assert len(looked(model, saying(0.9), idle, tries=9).tries) == 2
    again = looked(model, saying(0.9), idle, tries=9, reseed=True)
    assert [look.made.seeds[0] for look in again.tries] == [0, 0, 1]


def test_a_probe_that_says_nothing_leaves_it_open(model: Model) -> None:
    who = saying(None)
    checked = looked(model, who)
    assert len(checked.tries) == 1
    assert not checked.best.is_clean
    (notice,) = unread([checked], who)
    assert notice.code == "check-unread"
    assert "scarf" in notice.text
    both = looked(model, saying(None), asked(negative=("scarf, hat",)))
    assert both.best.is_clean  # of the hat it says something
    assert both.best.unread == ("scarf",)


def test_terms_of_policies_are_looked_for(model: Model) -> None:
    floor, brand = house("default", "scarf"), house("enforced", "logo")
    request = asked(negative=None, policies=(floor, brand))
    checked = looked(model, saying(0.9, 0.1), request)
    assert effective(checked) == ["logo, scarf", "logo, (scarf:1.3)"]
    origins = {term.text: term.origins for term in checked.best.made.plan.standing}
    assert [one.partition("@")[0] for one in origins["scarf"]] == ["house-default", "retry-1"]
    opted_out = replace(request, negative=("",))
    checked = looked(model, saying(0.9, 0.1, of="logo"), opted_out)
    assert effective(checked) == ["logo", "(logo:1.3)"]


def test_words_that_only_their_owner_may_see_stay_hidden(model: Model) -> None:
    request = asked(negative=("hat",), policies=(house("always", "scarf", visibility="owner"),))
    checked = looked(model, saying(0.9, 0.1), request)
    (found,) = checked.tries[0].found
    assert found[0].name.startswith("<house-always@1.0.0#")
    assert len(checked.tries) == 2
    for look in checked.tries:
        for words in (look.made.plan.effective_negative, str(parameters(look.made, 0))):
            assert "scarf" not in words
    weights = [look.made.plan.standing[0].weight for look in checked.tries]
    assert weights == pytest.approx([1, 1.3])


@pytest.mark.parametrize(
    ("settings", "more", "code"),
    [
        ({"negative": None}, {}, "check-nothing"),
        ({"negative": ("",)}, {}, "check-nothing"),
        ({"negative": ("(scarf:-1)",)}, {}, "check-nothing"),
        ({}, {"tries": 0}, "value-out-of-range"),
        ({}, {"tries": 21}, "value-out-of-range"),
    ],
)
def test_what_cannot_be_checked_is_told(
    model: Model, settings: dict[str, Any], more: dict[str, Any], code: str
) -> None:
    with pytest.raises(RequestError) as caught:
        looked(model, saying(0.9), asked(**settings), **more)
    assert caught.value.code == code


@few(max_examples=30)
@for_all(layers(), TEXTS, st.data())
def test_strengthening_adds_no_term_and_weakens_none(
    some: list[Layer], text: str | None, data: st.DataObject
) -> None:
    request = asked(negative=None if text is None else (text,), policies=tuple(some))
    before = watched(request.planned())
    found = [term for term in before if data.draw(st.booleans())]
    after = watched(strengthened(request, [term.heavier for term in found]).planned())
    assert {term.key for term in after} == {term.key for term in before}
    weights = {term.key: term.weight for term in after}
    for term in before:
        wanted = term.heavier if term in found else term
        assert weights[term.key] == pytest.approx(wanted.weight)
    assert all(term.heavier.weight <= max(checking.HEAVIEST, term.weight) for term in before)


@pytest.mark.slow
def test_on_the_pocket_model_tries_leave_less(
    pocket_checks: Callable[[], Iterator[Checked]],
) -> None:
    found = residual(list(pocket_checks()))
    assert found.first.rate > found.last.rate


@pytest.fixture
def pocket_checks() -> Callable[[], Iterator[Checked]]:
    """The first seeds of the second command in docs/commands.md."""
    judge = probe("judge")
    assert judge is not None
    request = Request(
        prompt="a person in a town", negative=("hat, noise, text",), cfg=2, seed=1000, count=16
    )
    return lambda: check(request, judge)
