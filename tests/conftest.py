"""What every test shares: a quiet, offline process, one thread, the folder beside the clone.

The environment is set here, before any test module imports torch, and sub-processes inherit it.
"""

import os
from pathlib import Path

import pytest
from hypothesis import settings

REPOSITORY = Path(__file__).resolve().parents[1]

os.environ["HF_HUB_OFFLINE"] = "1"
os.environ["HF_HUB_DISABLE_PROGRESS_BARS"] = "1"
os.environ["HF_HUB_DISABLE_TELEMETRY"] = "1"
os.environ["MPLBACKEND"] = "Agg"
os.environ["TOKENIZERS_PARALLELISM"] = "false"
os.environ.setdefault("OMP_NUM_THREADS", "1")

# A busy machine is slow, not wrong, so no deadline. The default run draws the same examples each
# time: red then means that the code changed. `--hypothesis-profile=explore` looks for new ones.
settings.register_profile("repeatable", deadline=None, derandomize=True)
settings.register_profile("explore", deadline=None, max_examples=2000)
settings.load_profile("repeatable")


@pytest.fixture(scope="session")
def shared() -> Path:
    """The folder `shared` beside the clone: conformance cases, real style files, reference.

    Absent, its tests skip; with NEGPROMPT_REQUIRE_SHARED=1 they fail.
    """
    folder = REPOSITORY.parent / "shared"
    if folder.is_dir():
        return folder
    missing = f"no folder {folder.name} beside the clone"
    if os.environ.get("NEGPROMPT_REQUIRE_SHARED") == "1":
        pytest.fail(missing)
    pytest.skip(missing)


@pytest.fixture(scope="session", autouse=True)
def _cache(tmp_path_factory: pytest.TempPathFactory) -> None:
    """Keep measurements and the history out of the user's own, here and in processes it starts."""
    os.environ["NEGPROMPT_CACHE"] = str(tmp_path_factory.mktemp("cache"))
    os.environ["NEGPROMPT_DATA"] = str(tmp_path_factory.mktemp("data"))
    os.environ.pop("NEGPROMPT_HISTORY", None)
