"""The training loop: exact after an interruption, and its networks end as their averages."""

from dataclasses import dataclass
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file
from torch import Tensor, nn

from negprompt.world.train import loop, together
from negprompt.world.train.loop import DEVICE, Run, train


@dataclass
class Clock:
    """A stand-in for `time`: one second passes for each batch, so that runs can be compared."""

    seconds: float = 0.0

    def monotonic(self) -> float:
        return self.seconds


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    made = Clock()
    monkeypatch.setattr(loop, "time", made)
    return made


def network() -> nn.Module:
    torch.manual_seed(4)
    return nn.Sequential(nn.Linear(3, 8), nn.Tanh(), nn.LayerNorm(8), nn.Linear(8, 1))


class Lesson:
    """A loss that draws its batch and noise, and may be interrupted once at a step."""

    def __init__(
        self, run: Run, model: nn.Module, clock: Clock, interrupted_at: int | None = None
    ) -> None:
        self.run, self.model, self.clock = run, model, clock
        self.interrupted_at = interrupted_at
        self.steps: list[int] = []
        self.progress: list[float] = []
        self.weights: list[Tensor] = []

    def __call__(self, progress: float, step: int) -> Tensor:
        if step == self.interrupted_at:
            raise KeyboardInterrupt
        self.steps.append(step)
        self.progress.append(progress)
        self.weights.append(next(self.model.parameters()).detach().clone())
        self.clock.seconds += 1
        x = torch.from_numpy(self.run.random(step).normal(size=(self.run.batch, 3))).float()
        noise = torch.randn(self.run.batch, 1) * 0.1
        error: Tensor = (self.model(x) - x.sum(1, keepdim=True) + noise).square().mean()
        return error


def lesson(run: Run, clock: Clock, interrupted_at: int | None = None) -> Lesson:
    """Train a fresh network until the end or the interruption."""
    model = network()
    made = Lesson(run, model, clock, interrupted_at)
    if interrupted_at is None:
        train(run, {"net": model}, made)
    else:
        with pytest.raises(KeyboardInterrupt):
            train(run, {"net": model}, made)
    return made


def test_an_interrupted_run_ends_where_an_uninterrupted_one_does(cache: Path, clock: Clock) -> None:
    whole = Run("whole", 20 / 60, rate=1e-2, decay=0.9, batch=4)
    parts = Run("parts", 20 / 60, rate=1e-2, decay=0.9, batch=4)
    straight = lesson(whole, clock)
    before = lesson(parts, clock, interrupted_at=7)
    again = lesson(parts, clock, interrupted_at=13)
    after = lesson(parts, clock)
    assert straight.steps == list(range(20))
    assert before.steps + again.steps + after.steps == straight.steps
    assert before.progress + again.progress + after.progress == straight.progress
    one, other = (load_file(cache / f"{name}.safetensors") for name in ("whole", "parts"))
    assert one.keys() == other.keys()
    for name, value in one.items():
        assert torch.equal(value, other[name]), name
    for name, value in straight.model.state_dict().items():
        assert torch.equal(value, after.model.state_dict()[name]), name


def test_networks_end_as_their_moving_average(cache: Path, clock: Clock) -> None:
    run = Run("averaged", 12 / 60, rate=1e-2, decay=0.7, batch=4)
    taught = lesson(run, clock)
    held = load_file(cache / "averaged.safetensors")
    expected = taught.weights[0]
    for step, weights in enumerate([*taught.weights[1:], held["net.net.0.weight"]], 1):
        expected = expected.lerp(weights, 1 - min(0.7, (1 + step) / (10 + step)))
    ended = taught.model.state_dict()
    assert torch.allclose(ended["0.weight"], expected, atol=1e-6)
    for name, value in ended.items():
        assert torch.equal(value, held[f"ema.net.{name}"]), name
    assert not torch.equal(ended["0.weight"], held["net.net.0.weight"])


def test_a_finished_run_has_nothing_left_to_do(cache: Path, clock: Clock) -> None:
    run = Run("short", 5 / 60)
    first, second = lesson(run, clock), lesson(run, clock)
    assert (len(first.steps), second.steps) == (5, [])
    assert torch.equal(first.model.state_dict()["0.weight"], second.model.state_dict()["0.weight"])


def test_more_minutes_go_on_and_anew_starts_over(cache: Path, clock: Clock) -> None:
    lesson(Run("longer", 4 / 60), clock)
    assert lesson(Run("longer", 10 / 60), clock).steps == [4, 5, 6, 7, 8, 9]
    assert lesson(Run("longer", 3 / 60, anew=True), clock).steps == [0, 1, 2]


def test_a_long_run_saves_and_reports_on_the_way(
    cache: Path, clock: Clock, capsys: pytest.CaptureFixture[str]
) -> None:
    run = Run("long", 210 / 60, batch=3)
    lesson(run, clock, interrupted_at=190)
    lines = capsys.readouterr().out.splitlines()
    assert len(lines) == 190 // 21
    assert lines[0].startswith("long   9.5%  step 21  images 63  loss ")
    assert not list(cache.glob("*.part"))


def test_it_learns_in_real_time(cache: Path) -> None:
    run = Run("real", 0.02, rate=3e-2, batch=16)
    model = network()

    def loss(_progress: float, step: int) -> Tensor:
        x = torch.from_numpy(run.random(step).normal(size=(run.batch, 3))).float()
        error: Tensor = (model(x) - x.sum(1, keepdim=True)).square().mean()
        return error

    begun = float(loss(0.0, 0).detach())
    train(run, {"net": model}, loss)
    steps, seconds = load_file(cache / "real.safetensors")["clock"].tolist()
    assert steps > 0
    assert seconds >= 1.2
    assert float(loss(0.0, 0).detach()) < begun


def test_the_learning_rate_warms_up_and_ends_at_two_per_cent() -> None:
    run = Run("pace", 1.0, rate=2.0)
    assert run.pace(0.0, 0) == pytest.approx(0.01)
    assert run.pace(0.0, 199) == run.pace(0.0, 5000) == pytest.approx(2.0)
    assert run.pace(0.5, 5000) == pytest.approx(1.02)
    assert run.pace(1.0, 5000) == pytest.approx(0.04)


def test_a_steps_batch_depends_on_seed_and_step() -> None:
    def drawn(seed: int, step: int) -> int:
        return int(Run("x", 1, seed=seed).random(step).integers(2**60))

    assert drawn(0, 5) == drawn(0, 5)
    assert len({drawn(seed, step) for seed in (0, 1, 1000) for step in range(20)}) == 60


def test_alone_a_process_is_the_first_of_one() -> None:
    """`torchrun` sets RANK and WORLD_SIZE; without it nothing is waited for or averaged."""
    done: list[str] = []
    together.first(lambda: done.append("work"))
    assert done == ["work"]
    assert (together.rank(), together.count(), together.agreed(3.5)) == (0, 1, 3.5)
    assert DEVICE.type in {"cpu", "cuda"}
