"""``negprompt.toml`` in a folder or above it → what holds for every command there.

That is which policies act, and whether the history is kept.
"""

import tomllib
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Final

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from negprompt.errors import PolicyError, shown

NAME: Final = "negprompt.toml"
MOST_BYTES: Final = 100_000


class ProjectFile(BaseModel):
    """What such a file may hold."""

    model_config = ConfigDict(extra="forbid", strict=True)

    policies: list[Annotated[str, Field(min_length=1, max_length=200)]] = []
    policy_folders: list[Annotated[str, Field(min_length=1, max_length=400)]] = []
    history: bool = True


@dataclass(frozen=True, slots=True)
class Project:
    """The policies of a folder by name, and where they are looked for; nothing without a file."""

    file: Path | None = None
    policies: tuple[str, ...] = ()
    folders: tuple[Path, ...] = ()
    history: bool = True
    """Whether what is made there is recorded."""


def found(folder: Path) -> Project:
    """Return what the nearest project file says, in the folder or above it.

    Folders in it are taken from where it stands; ``policies`` beside it is one of them.  Raises
    PolicyError ``project-invalid``.
    """
    place = folder.absolute()
    file = next((one / NAME for one in (place, *place.parents) if (one / NAME).is_file()), None)
    if file is None:
        return Project()
    said = _checked(file)
    beside = file.parent / "policies"
    folders = [file.parent / name for name in said.policy_folders]
    folders += [beside] if beside.is_dir() and beside not in folders else []
    names = (str(file.parent / name) if name.endswith(".toml") else name for name in said.policies)
    return Project(file, tuple(names), tuple(folders), said.history)


def _checked(file: Path) -> ProjectFile:
    try:
        data = file.read_bytes()
        if len(data) > MOST_BYTES:
            raise _invalid(file, f"it has more than {MOST_BYTES} bytes")
        return ProjectFile.model_validate(tomllib.loads(data.decode("utf-8-sig")))
    except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
        raise _invalid(file, str(error)) from None
    except ValidationError as error:
        first = error.errors(include_url=False)[0]
        where = ".".join(str(part) for part in first["loc"])
        raise _invalid(file, f"`{where}`: {first['msg'][:1].lower()}{first['msg'][1:]}") from None


def _invalid(file: Path, said: str) -> PolicyError:
    return PolicyError(
        f"the project file {shown(str(file), 400)} cannot be used: {said}",
        code="project-invalid",
        cure='write policies = ["name", …], policy_folders = ["folder", …] or history = false',
    )
