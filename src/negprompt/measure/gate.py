"""A file with a prompt, its negative and what is expected → whether it holds, for use in CI.

A file is TOML with expectations of its own, or a text as A1111 writes it (the prompt, then
``Negative prompt: …``), of which it is expected that no term brings what it names and that nothing
the prompt names falls.
"""

import tomllib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final, Literal

from negprompt.engine import Request
from negprompt.errors import OutputError, RequestError, shown
from negprompt.measure.ablate.findings import SEEN_FROM
from negprompt.measure.ablate.gallery import Gallery, Reader
from negprompt.measure.ablate.question import MARGIN, Arm, Question
from negprompt.measure.arms import batches
from negprompt.measure.probes import Probe
from negprompt.measure.probes.asking import words
from negprompt.measure.standing import spelled_out_each
from negprompt.measure.statistics import Interval, Pairs, change, pairs
from negprompt.metadata import infotext
from negprompt.policy import Layer

Outcome = Literal["holds", "fails", "open"]
SETTINGS: Final = {
    "prompt": (str, list), "negative": (str, list), "model": (str,), "probe": (str,),
    "seeds": (int,), "seed": (int,), "cfg": (int, float), "steps": (int,), "expect": (list,),
    "dialect": (str,), "scheme": (str,), "normalise": (str,), "chunks": (str,), "match": (str,),
    "clip_skip": (int,), "null": (str,), "embeddings": (str,),
}  # fmt: skip
READING: Final = ("dialect", "scheme", "normalise", "chunks", "match", "clip_skip", "null")
"""How the texts are read and encoded: fields of a Request as they are."""
LIMITS: Final = ("at_most", "at_least", "change_at_most", "change_at_least")


@dataclass(frozen=True, slots=True)
class Expectation:
    """What should be true of one thing; each limit is a share, None for no limit."""

    thing: str
    at_most: float | None = None
    """Of the pictures with the negative."""
    at_least: float | None = None
    change_at_most: float | None = None
    """Rate with the negative - rate without."""
    change_at_least: float | None = None


@dataclass(frozen=True, slots=True)
class Gate:
    """What a file asks for."""

    question: Question
    probe: str
    expectations: tuple[Expectation, ...]
    """None of its own for a text: see ``harmless``."""


@dataclass(frozen=True, slots=True)
class Finding:
    """One limit, and whether it holds."""

    thing: str
    limit: str
    """As in ``change_at_most 0.1``."""
    measured: Interval
    n: int
    outcome: Outcome
    """``holds`` where the whole 95 % interval keeps to the limit, ``fails`` where all of it is
    beyond, else ``open``."""


def read(path: Path, policies: tuple[Layer, ...] = (), *, dialect: str | None = None) -> Gate:
    """What a file asks for, of its negative with what ``policies`` add.

    Its texts are in ``dialect``, by default in the one that it names itself.  Raises OutputError
    ``gate-unreadable``; RequestError ``gate-key-unknown``, ``gate-value`` and what a Request and
    ``spelled_out_each`` raise.
    """
    try:
        text = path.read_text("utf-8")
        table: dict[str, Any] = tomllib.loads(text) if path.suffix == ".toml" else _from_text(text)
    except (OSError, ValueError) as error:
        raise OutputError(
            f"{shown(str(path))} cannot be read: {error}",
            code="gate-unreadable",
            cure="give a TOML file, or a text with a line that starts with Negative prompt:",
        ) from error
    for key, value in table.items():
        _known(key, SETTINGS)
        if not isinstance(value, SETTINGS[key]) or isinstance(value, bool):
            raise _wrong(key, value)
    if dialect is not None:
        table["dialect"] = dialect
    prompts, negative = _texts(table, "prompt"), _texts(table, "negative")
    base = Request(
        prompt=prompts[0] if prompts else "", negative=negative or None,
        model=table.get("model", "pocket"), cfg=table.get("cfg"), steps=table.get("steps"),
        seed=table.get("seed", 0), policies=policies,
        embeddings=Path(table["embeddings"]) if "embeddings" in table else None,
        **{name: table[name] for name in READING if name in table},
    )  # fmt: skip
    each = spelled_out_each(base, prompts)
    default = "judge" if base.model == "pocket" else "none"
    texts = tuple(one.prompt for one in each)
    question = Question(texts, each[0] if each else base, table.get("seeds", 32))
    expected = tuple(_expectation(one) for one in table.get("expect", ()))
    return Gate(question, table.get("probe", default), expected)


def check(gate: Gate, gallery: Gallery, probe: Probe | None) -> tuple[Finding, ...]:
    """Make the pictures without and with the negative and hold them against the file.

    Raises RequestError ``probe-needed`` without a probe, ``gate-thing-unknown`` where the probe
    abstains on a thing that the file names.
    """
    if probe is None:
        raise RequestError(
            "without a probe nobody can say whether it holds",
            code="probe-needed",
            cure='name one: probe = "…" in the file',
        )
    expected = gate.expectations or harmless(gate.question, probe)
    things = list(dict.fromkeys(one.thing for one in expected))
    counted = _counted(gate.question, gallery, Reader(probe, gallery.folder), things)
    found = []
    for one in expected:
        pair = counted[one.thing]
        if pair is None and gate.expectations:
            raise RequestError(
                f"the probe {probe.name} abstains on {shown(one.thing)}",
                code="gate-thing-unknown",
                cure="expect something that it knows, or name another probe",
            )
        if pair is not None:
            found += list(_findings(one, pair))
    return tuple(found)


def harmless(question: Question, probe: Probe) -> tuple[Expectation, ...]:
    """What is expected where a file says nothing: the negative does no harm beyond ten points."""
    said = (words(prompt, question.base.dialect) for prompt in question.prompts)
    kept = dict.fromkeys(thing for text in said for thing in probe.keeps(text))
    named = dict.fromkeys(term.text for term in question.terms)
    return (
        *(Expectation(thing, change_at_most=MARGIN) for thing in named),
        *(Expectation(thing, change_at_least=-MARGIN) for thing in kept),
    )


def _counted(
    question: Question, gallery: Gallery, reader: Reader, things: Sequence[str]
) -> dict[str, Pairs | None]:
    """Pairs without and with the negative, by thing; None where the probe abstains."""
    seen: dict[str, list[list[bool]]] = {thing: [[], []] for thing in things}
    for first, count in batches(question.base.seed, question.seeds):
        for prompt in question.prompts:
            said = [
                reader.answers(gallery.batch(request), things)
                for request in _requests(question, prompt, first, count)
            ]
            for thing in things:
                for p, q in zip(said[0][thing], said[1][thing], strict=True):
                    if p is not None and q is not None:
                        seen[thing][0].append(p > SEEN_FROM)
                        seen[thing][1].append(q > SEEN_FROM)
    return {thing: pairs(*arms) if arms[0] else None for thing, arms in seen.items()}


def _requests(question: Question, prompt: str, first: int, count: int) -> Iterator[Request]:
    arms: tuple[Arm, Arm] = (question.none, question.full)
    for arm in arms:
        yield arm.request(question.base, prompt, first, count)


def _findings(expected: Expectation, counted: Pairs) -> Iterator[Finding]:
    for name in LIMITS:
        limit = getattr(expected, name)
        if limit is None:
            continue
        measured = change(counted) if name.startswith("change") else counted.steered
        most = name.endswith("most")
        kept = measured.hi <= limit if most else measured.lo >= limit
        broken = measured.lo > limit if most else measured.hi < limit
        outcome: Outcome = "holds" if kept else "fails" if broken else "open"
        yield Finding(expected.thing, f"{name} {limit:g}", measured, counted.n, outcome)


def _expectation(table: Any) -> Expectation:
    if not isinstance(table, dict):
        raise _wrong("expect", table)
    for key, value in table.items():
        _known(key, ("thing", *LIMITS))
        right = isinstance(value, str) if key == "thing" else _share(value)
        if not right:
            raise _wrong(key, value)
    if "thing" not in table or len(table) < 2:
        raise _wrong("expect", table)
    return Expectation(**table)


def _share(value: object) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool) and -1 <= value <= 1


def _texts(table: Mapping[str, Any], key: str) -> tuple[str, ...]:
    value = table.get(key, ())
    texts = (value,) if isinstance(value, str) else tuple(value)
    for text in texts:
        if not isinstance(text, str):
            raise _wrong(key, text)
    return texts


def _from_text(text: str) -> dict[str, Any]:
    read = infotext.read(text)
    if not read.negative:
        raise ValueError("there is no line that starts with Negative prompt:")
    return {"prompt": read.positive, "negative": read.negative}


def _known(key: str, names: Mapping[str, Any] | Sequence[str]) -> None:
    if key not in names:
        raise RequestError(
            f"there is no {shown(key)} in a gate file",
            code="gate-key-unknown",
            cure=f"use {', '.join(names)}",
        )


def _wrong(key: str, value: object) -> RequestError:
    return RequestError(
        f"{key} is {shown(value)}",
        code="gate-value",
        cure="see docs/ablate.md for what a gate file holds",
    )
