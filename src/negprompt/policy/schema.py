"""What a policy file may hold: the bytes' border, and the JSON Schema that editors read."""

from datetime import date
from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field

from negprompt.policy.layers import Mode, OnPositive, Rank, Visibility

NAME = r"^[a-z0-9]+(-[a-z0-9]+)*$"
Name = Annotated[str, Field(pattern=NAME, max_length=60)]
Line = Annotated[str, Field(max_length=400)]


class TermEntry(BaseModel):
    """One entry of `[[terms]]`; commas in its text make several terms of it."""

    model_config = ConfigDict(extra="forbid", strict=True, use_attribute_docstrings=True)

    text: Annotated[str, Field(min_length=1, max_length=400)]
    """Words in the file's dialect; brackets may weigh them, nothing else may stand in them."""
    weight: Annotated[float, Field(gt=0, le=3)] = 1.0
    """Multiplies what the brackets say; the product stays above 0 and at most 3."""
    reason: Line = ""
    """Why it is there."""
    evidence: Line = ""
    """What was measured, and the command that measures it again."""


class PolicyFile(BaseModel):
    """A standing negative of negprompt: one layer with its terms."""

    model_config = ConfigDict(
        extra="forbid", strict=True, title="negprompt policy", use_attribute_docstrings=True
    )

    name: Name
    """What `--policy` calls it, and the file's own name; small letters, digits and hyphens."""
    version: Annotated[str, Field(pattern=r"^\d+\.\d+\.\d+$", max_length=40)]
    """Major, minor and patch, such as 1.0.0."""
    layer: Rank
    """Where it stands, low to high: floor, model, domain, brand, user, feedback."""
    mode: Mode
    """default: where no negative is given. always: with any but an empty one. enforced: always."""
    terms: Annotated[list[TermEntry], Field(max_length=300)] = []
    """What it steers away from; `terms = []` says that nothing is recommended."""
    dialect: Literal["a1111", "comfy", "compel", "plain"] = "a1111"
    """The language that the terms are written in."""
    owner: Line = ""
    """Who answers for it."""
    reason: Line = ""
    """What it is for."""
    applies_to: list[Annotated[str, Field(min_length=1, max_length=200)]] = []
    """Families (sd1, sd2, sdxl, sd3, flux) and names of models; all where none is named."""
    visibility: Visibility = "public"
    """owner: files, answers and notices hold its name, version and hash in place of its terms."""
    on_positive: OnPositive | None = None
    """Where the prompt asks for a term: refuse it, strip the words, or give a notice.

    Without it an enforced policy refuses, and any other gives way with a notice.
    """
    least_scale: Annotated[float, Field(ge=1, le=100)] = 1.5
    """An enforced policy refuses a guidance scale below this, at which it could hardly act."""
    expires: date | None = None
    """The last day on which it is meant to act."""
    extends: list[Name] = []
    """Policies whose terms it takes over; a term of its own replaces theirs of the same words."""
    residual: Line = ""
    """What it does not promise: how often the thing was still seen, measured."""


def schema() -> dict[str, Any]:
    """Return the JSON Schema of a policy file, with the docstrings as descriptions."""
    made = PolicyFile.model_json_schema()
    return {"$schema": "https://json-schema.org/draft/2020-12/schema", **made}
