"""The bench's arms: prompts, what is true of them, and rows of the table."""

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from negprompt.engine import Request
from negprompt.errors import RequestError
from negprompt.guidance.rules import RULES, Branches, Step, cfg
from negprompt.measure.protocol.cases import ARMS, SPOTS, Arm
from negprompt.measure.protocol.methods import Method, Push, baselines, makers_of, matched, rows_of
from negprompt.measure.protocol.run import Suite, arms_of, pictures
from negprompt.measure.protocol.target import scenes
from negprompt.world.captions import vocabulary
from negprompt.world.factors import CONCEPTS

each_arm = pytest.mark.parametrize("arm", ARMS.values(), ids=ARMS)


def test_the_arms_are_those_of_the_protocol() -> None:
    assert list(ARMS) == ["bias", "overlap", "irrelevant", "quality", "style", "several", "long",
                          "containment", "reverse", "few"]  # fmt: skip
    assert {name for name, arm in ARMS.items() if arm.large} == {
        "bias", "irrelevant", "overlap", "quality", "style"
    }  # fmt: skip


@each_arm
def test_an_arm_has_prompts_for_both_suites_and_none_is_in_both(arm: Arm) -> None:
    finals = arm.cases(64 if arm.large else 32, finals=True)
    screening = arm.cases(10, finals=False)
    for made in (finals, screening):
        assert len({(c.prompt, c.negative, c.targets) for c in made}) == len(made)
    assert not {(c.prompt, *c.targets) for c in finals} & {
        (c.prompt, *c.targets) for c in screening
    }
    assert arm.cases(10, finals=False) == screening
    with pytest.raises(ValueError, match="spots"):
        arm.cases(len(SPOTS) * len(ARMS), finals=True)


@each_arm
def test_the_world_has_scenes_of_every_case_without_what_it_refuses(arm: Arm) -> None:
    for case in arm.cases(10, finals=False):
        Request(prompt=case.prompt, negative=(case.negative,))
        for scene in scenes(case, 3, 0):
            for target in (t for t in case.targets if t in CONCEPTS):
                assert not scene.has(target)
            assert all(getattr(scene, factor) == name for factor, name in case.pins.items())
        assert set(case.prompt.replace(",", "").split()) <= vocabulary()
        assert case.antonym is None or set(case.antonym.replace(",", "").split()) <= vocabulary()


def test_what_arms_are_about() -> None:
    several = ARMS["several"].cases(32, finals=True)
    assert {len(case.targets) for case in several} == {2, 3, 4}
    assert all(len(c.negative.split(", ")) == 20 for c in ARMS["long"].cases(8, finals=True))
    for case in ARMS["irrelevant"].cases(64, finals=True):
        (name,) = case.targets
        assert not {case.pins["subject"], case.pins["place"]} & set(CONCEPTS[name].only)
    assert all(f", {c.negative}" in c.prompt for c in ARMS["containment"].cases(32, finals=True))
    pairs = [c for c in ARMS["overlap"].cases(64, finals=True) if c.solids]
    for case in pairs:
        assert case.solids is not None
        assert f"{case.solids[1].colour} circle" == case.negative
        assert all(scene.solids == case.solids for scene in scenes(case, 2, 0))
    assert ARMS["few"].steps == 4


def test_every_table_has_the_baselines() -> None:
    names = [method.name for method in baselines(2.0)]
    assert names == ["no negative", "cfg 2", "cfg 4", "cfg 7", "reject", "antonym"]
    assert [m.name for m in rows_of(2.0, {"cfg": cfg, "mine:rule": cfg})][6:] == ["mine:rule"]


def test_sizes_are_as_written() -> None:
    finals, screening = Suite(name="finals"), Suite(name="screening")
    assert (finals.extent("bias").prompts, finals.extent("bias").seeds) == (64, 16)
    assert (finals.extent("long").prompts, finals.extent("long").seeds) == (32, 8)
    assert {(part.arm, part.seeds, len(part.cases)) for part in screening.parts()} == {
        (name, 4, 10) for name in ARMS
    }
    page = (Path(__file__).parents[2] / "docs" / "bench.md").read_text("utf-8")
    for suite in (finals, screening):
        assert all(f"{number:,}" in page for number in pictures(suite, 0))
    assert pictures(Suite(name="screening", arms=("bias",), quick=True), 0) == (112, 4800)


@given(st.floats(1, 20), st.floats(-1, 1))
def test_plain_guidance_is_matched_to_itself(scale: float, toward: float) -> None:
    """``a = s + (1 - s)·toward``: of a rule that is plain guidance the matched scale is its own."""
    push = Push(scale + (1 - scale) * toward, toward, 1.0)
    assert push.scale == pytest.approx(scale + (1 - scale) * toward)
    if toward < 0.95:
        found = matched(Method("mine", scale, rule="mine"), push)
        assert found.scale == pytest.approx(scale, abs=0.006)
        assert found.negative
    assert not matched(Method("cfg 2", 2.0), push).negative


def test_the_push_of_plain_guidance_is_known() -> None:
    import torch

    generator = torch.Generator().manual_seed(0)
    p, n, u = (torch.randn(2, 4, 8, 8, generator=generator) for _ in range(3))
    push, none = Push(), Push()
    rule = push.watch(cfg)(3.0, weights=(1.0,))
    step = Step(0, 1, 0.0)
    assert rule.needs(step, None).null
    guided, _ = rule(Branches(p, (n,), u), step)
    assert torch.equal(guided, n + 3.0 * (p - n))
    assert push.scale == pytest.approx(3 - 2 * push.toward, abs=1e-4)
    none.watch(cfg)(3.0)(Branches(p, (u,), u), step)
    assert none.scale == pytest.approx(3.0, abs=1e-4)


@pytest.mark.parametrize(
    ("names", "own", "code"),
    [
        (["nothing"], [], "rule-unknown"),
        ([], ["no_such_module:rule"], "rule-not-found"),
        ([], ["negprompt.guidance.rules:RULES"], "rule-not-found"),
        ([], ["builtins:len"], "rule-invalid"),
        ([], ["builtins:dict"], "rule-invalid"),
    ],
)
def test_a_rule_that_is_none_is_told(names: list[str], own: list[str], code: str) -> None:
    with pytest.raises(RequestError) as told:
        makers_of(names, own)
    assert told.value.code == code


def test_rules_by_name() -> None:
    assert makers_of(["cfg"], []) == {"cfg": RULES["cfg"]}


def test_an_arm_that_is_none_is_told() -> None:
    assert arms_of("bias, few") == ("bias", "few")
    with pytest.raises(RequestError, match="choose one of"):
        arms_of("bias,nothing")
