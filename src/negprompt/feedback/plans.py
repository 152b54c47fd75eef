"""A file that says what a picture was asked with → a draft.

It is what ``negprompt plan --json`` prints, or less: ``{"positive": "a cat", "negative": "text"}``.
"""

from collections.abc import Iterator
from typing import Annotated

from pydantic import AliasChoices, BaseModel, ConfigDict, Field, ValidationError

from negprompt.errors import NegpromptError, RequestError, shown
from negprompt.feedback.draft import TYPED, Draft, Held
from negprompt.policy.plan import plan


class _Term(BaseModel):
    model_config = ConfigDict(extra="ignore")

    term: Annotated[str, Field(validation_alias=AliasChoices("term", "text"))]
    weight: float = 1.0
    layer: str = TYPED
    status: str = "acts"
    mode: str = ""


class _Plan(BaseModel):
    model_config = ConfigDict(extra="ignore")

    positive: Annotated[str, Field(validation_alias=AliasChoices("positive", "prompt"))] = ""
    negative: Annotated[
        str | list[str] | None, Field(validation_alias=AliasChoices("negative", "raw_negative"))
    ] = None
    terms: list[_Term | str] | None = None
    scale: Annotated[float | None, Field(validation_alias=AliasChoices("scale", "cfg"))] = None
    dialect: str = "a1111"
    protected: list[str] = []


def read_plan(text: str) -> Draft:
    """Return the draft that a JSON text describes.

    Without ``terms`` they are read out of the negative.  Rows that stand for terms which only a
    policy's owner may see (``<name@version#hash>``) are left out, and so are those that do not act.
    Raises RequestError ``plan-unreadable``.
    """
    try:
        read = _Plan.model_validate_json(text)
    except ValidationError as error:
        first = error.errors()[0]
        where = ".".join(map(str, first["loc"])) or "the file"
        raise _unreadable(f"{where}: {first['msg']}") from error
    typed = [read.negative] if isinstance(read.negative, str) else read.negative or []
    negative = tuple(text for text in typed if text.strip()) or None
    return Draft(
        positive=read.positive,
        negative=negative,
        held=tuple(_held(read, negative or ())),
        scale=read.scale,
        dialect=read.dialect,
        protected=tuple(read.protected),
    )


def _held(read: _Plan, negative: tuple[str, ...]) -> Iterator[Held]:
    if read.terms is None:
        try:
            planned = plan(read.positive, negative, dialect=read.dialect)
        except NegpromptError as error:
            raise _unreadable(str(error)) from error
        for branch in planned.negatives:
            yield from (Held(term.text, term.weight) for term in branch.terms)
        return
    for row in read.terms:
        if isinstance(row, str):
            yield Held(row, 1.0)
        elif row.status == "acts" and not (row.term.startswith("<") and row.term.endswith(">")):
            yield Held(row.term, row.weight, row.layer, row.mode == "enforced")


def _unreadable(why: str) -> RequestError:
    return RequestError(
        f"the plan cannot be read: {shown(why, 200)}",
        code="plan-unreadable",
        cure="give what `negprompt plan … --json` prints",
    )
