"""Loading holds the collector off, and leaves it as it was."""

import gc
import subprocess
import sys
from collections.abc import Iterator

import pytest

from negprompt.models.uncollected import uncollected


@pytest.fixture(autouse=True)
def _collector() -> Iterator[None]:
    gc.enable()
    yield
    gc.unfreeze()
    gc.enable()


def test_the_collector_is_off_within_and_on_after() -> None:
    with uncollected():
        assert not gc.isenabled()
        with uncollected():
            assert not gc.isenabled()
        assert not gc.isenabled()
    assert gc.isenabled()


def test_it_is_on_again_after_an_error() -> None:
    with pytest.raises(KeyError), uncollected():
        raise KeyError
    assert gc.isenabled()


def test_who_holds_it_off_keeps_it_off() -> None:
    gc.disable()
    with uncollected():
        pass
    assert not gc.isenabled()


def test_nothing_stays_frozen_and_what_was_frozen_does() -> None:
    with uncollected():
        pass
    assert gc.get_freeze_count() == 0
    gc.freeze()
    with uncollected():
        pass
    assert gc.get_freeze_count() > 0


@pytest.mark.slow
def test_a_model_comes_in_without_a_single_look_through_what_it_brings() -> None:
    code = """
import gc
from negprompt.engine import loaded
before = sum(one["collections"] for one in gc.get_stats())
loaded("pocket")
assert len(gc.get_objects()) > 200_000
print(sum(one["collections"] for one in gc.get_stats()) - before)
"""
    ran = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert int(ran.stdout) < 10
