"""The same images again, whatever became of the files around them."""

import hashlib
from dataclasses import replace
from datetime import date
from pathlib import Path

import pytest
import torch
from PIL import Image
from tests.history.conftest import BRAND, SECRET

from negprompt.engine import Generation, Request, run, save
from negprompt.errors import OutputError
from negprompt.history import looking
from negprompt.history.opening import History
from negprompt.history.recording import record
from negprompt.history.replaying import replay
from negprompt.models.choices import Loading


def again(history: History, made: Generation, out: Path) -> bool:
    """Record a run, replay it, and compare what is saved of both, byte for byte."""
    paths = save(made, out / "first")
    then = looking.run(history, record(history, made, paths, command="generate"))
    replayed = replay(history, then)
    assert replayed.changed == ()
    files = save(replayed.made, out / "second", metadata=then.metadata)
    return all(replayed.same) and [path.read_bytes() for path in files] == [
        path.read_bytes() for path in paths
    ]


def test_it_is_the_same_bit_for_bit(history: History, made: Generation, tmp_path: Path) -> None:
    assert again(history, made, tmp_path)


def test_a_batch_of_more_than_one_call_too(history: History, model: str, tmp_path: Path) -> None:
    made = run(Request(prompt="a cat", negative=("scarf",), model=model, steps=2, count=9))
    assert again(history, made, tmp_path)


def test_what_it_started_from_may_be_gone(history: History, model: str, tmp_path: Path) -> None:
    start = tmp_path / "start.png"
    Image.new("RGB", (64, 64), "orange").save(start)
    request = Request(prompt="a cat", model=model, steps=4, image=str(start), strength=0.5)
    made = run(request)
    paths = save(made, tmp_path / "out")
    number = record(history, made, paths, command="generate")
    start.unlink()
    then = looking.run(history, number)
    assert then.inputs.keys() == {"image"}
    assert replay(history, then).same == (True,)
    history.store.path(then.inputs["image"]).unlink()
    with pytest.raises(OutputError, match="is missing") as told:
        replay(history, then)
    assert told.value.code == "run-unreadable"


def test_it_runs_from_any_folder(
    history: History, model: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(Path(model).parent)
    beside = Loading(text_encoder="model")
    made = run(Request(prompt="a cat", model="model", steps=2, loading=beside))
    paths = save(made, tmp_path / "first")
    then = looking.run(history, record(history, made, paths, command="generate"))
    monkeypatch.chdir(tmp_path)
    (file,) = save(replay(history, then).made, tmp_path / "second")
    assert file.read_bytes() == paths[0].read_bytes()


def test_a_policy_acts_as_on_the_day(history: History, model: str, tmp_path: Path) -> None:
    spent = replace(BRAND, expires="2020-01-01")  # not enforced, so left out today
    request = Request(prompt="a cat", model=model, steps=2, policies=(spent,))
    made = run(replace(request, today=date(2019, 12, 31)))
    assert "rival logo" in made.plan.effective_negative
    assert run(request).plan.effective_negative == ""
    assert again(history, made, tmp_path)


def test_another_picture_is_told(history: History, made: Generation, tmp_path: Path) -> None:
    paths = save(made, tmp_path)
    strange = Image.new("RGB", made.images[1].size)
    other = replace(made, images=(made.images[0], strange))
    then = looking.run(history, record(history, other, paths, command="generate"))
    older = replace(then, versions=then.versions | {"torch": "1.0"})
    replayed = replay(history, older)
    assert replayed.same == (True, False)
    assert replayed.changed == (f"torch was 1.0, is {then.versions['torch']}",)


def test_it_takes_as_many_threads_as_then(
    history: History, made: Generation, tmp_path: Path
) -> None:
    then = looking.run(history, record(history, made, save(made, tmp_path), command="generate"))
    seen: list[int] = []
    threads = then.versions["threads"]
    torch.set_num_threads(threads + 1)
    try:
        replay(history, then, on_step=lambda done, total: seen.append(torch.get_num_threads()))
        assert set(seen) == {threads}
        assert torch.get_num_threads() == threads + 1
    finally:
        torch.set_num_threads(threads)


def test_policies_are_kept_whole(history: History, made: Generation, tmp_path: Path) -> None:
    then = looking.run(history, record(history, made, save(made, tmp_path), command="generate"))
    assert replay(history, then).made.request.policies == (BRAND, SECRET)
    digest = hashlib.sha256(b"another").hexdigest()
    with pytest.raises(OutputError) as told:
        replay(history, replace(then, layers=(digest,)))
    assert told.value.code == "run-unreadable"
