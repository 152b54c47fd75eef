"""TOML files → Layers: found by name in folders, checked, `extends` followed.

Every mistake is told with the file, the line and a cure.
"""

import re
import tomllib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from importlib.resources import files
from pathlib import Path
from typing import Any, Final

from pydantic import ValidationError

from negprompt.errors import NegpromptError, PolicyError, Span, shown
from negprompt.language import Close, Open, Segment, Text, parse, unfold
from negprompt.policy.layers import Layer, LayerTerm
from negprompt.policy.lookalikes import key
from negprompt.policy.schema import NAME, PolicyFile, TermEntry
from negprompt.policy.terms import terms_of

FOLDER: Final = "policies"
"""The folder of the working directory that is looked into by itself."""
MOST_BYTES: Final = 1_000_000
MOST_WEIGHT: Final = 3.0
_OWNERS: Final = re.compile(r"""^\s*["']?visibility["']?\s*=\s*["']+owner""", re.MULTILINE)


def own_folders(given: Sequence[Path] = ()) -> tuple[Path, ...]:
    """Return where a user's own policies are: given folders, then ``policies/`` where there is one.

    A folder that stands there twice is looked into once.
    """
    places = (*given, *([Path(FOLDER)] if Path(FOLDER).is_dir() else []))
    return tuple({place.absolute(): place for place in reversed(places)}.values())[::-1]


def folders(given: Sequence[Path] = ()) -> tuple[Path, ...]:
    """Return where policies are looked for, in order: the user's own, then those that ship."""
    return (*own_folders(given), Path(str(files("negprompt.policy") / "packs")))


def listed(places: Sequence[Path]) -> dict[str, Path]:
    """Return the file of every policy in some folders; of two with one name the first.

    Raises PolicyError ``policy-folder`` for a folder that is none.
    """
    found: dict[str, Path] = {}
    for place in places:
        if not place.is_dir():
            raise PolicyError(
                f"there is no folder {shown(str(place))}",
                code="policy-folder",
                cure="give a folder that holds policies as NAME.toml",
            )
        for file in sorted(place.glob("*.toml")):
            found.setdefault(file.stem, file)
    return found


def load(
    names: Sequence[str], places: Sequence[Path] = (), *, whole: bool = False
) -> tuple[Layer, ...]:
    """Return the layers of policies by name, or by the path of a ``.toml`` file.

    Raises PolicyError ``policy-unknown`` and what ``read`` raises.
    """
    known = listed(folders(places))
    return tuple(read(_file(name, known), known, whole=whole) for name in names)


def file_of(name: str, places: Sequence[Path] = ()) -> Path:
    """Return the file of a policy that can be read. Raises as ``load`` does."""
    known = listed(folders(places))
    file = _file(name, known)
    read(file, known)
    return file


def read(file: Path, known: dict[str, Path] | None = None, *, whole: bool = False) -> Layer:
    """Return the layer of one file; ``known`` has the files that it may extend.

    Raises PolicyError ``policy-unreadable``, ``policy-invalid``, ``policy-term-syntax``,
    ``policy-extends-itself`` and ``policy-unknown``.  What is wrong with a file that only its owner
    may see is said where it is asked for ``whole``: the words to blame may be its terms.
    """
    try:
        return _read(file, known if known is not None else listed((file.parent,)), ())
    except PolicyError as error:
        if whole or error.source is None or not _OWNERS.search(error.source):
            raise
        raise PolicyError(
            f"{_named(file)} cannot be used, and it is for its owner alone",
            code=error.code,
            cure="its owner is told what is wrong by `negprompt policy check`",
        ) from None


def _file(name: str, known: dict[str, Path]) -> Path:
    if name.endswith(".toml"):
        return Path(name)
    if name in known:
        return known[name]
    near = ", ".join(known) or "none; they are looked for in policies/ as NAME.toml"
    raise PolicyError(
        f"there is no policy {shown(name)}", code="policy-unknown", cure=f"choose one of: {near}"
    )


@dataclass(frozen=True, slots=True)
class _Source:
    """A file and its text, for mistakes to point into."""

    file: Path
    text: str

    def mistake(
        self, loc: Sequence[int | str], said: str, cure: str, *, code: str = "policy-invalid"
    ) -> PolicyError:
        """Return an error at the place of a key."""
        number = _place(self.text, loc)
        return PolicyError(
            f"{_named(self.file)}, line {number + 1}: {said}",
            code=code,
            cure=cure,
            source=self.text,
            span=_line(self.text, number),
        )


def _read(file: Path, known: dict[str, Path], above: tuple[str, ...]) -> Layer:
    source = _Source(file, _text(file))
    checked = _checked(source)
    if checked.name != file.stem:
        raise source.mistake(("name",), f"it calls itself {shown(checked.name)}", _renamed(file))
    if checked.name in above:
        chain = " → ".join((*above, checked.name))
        raise PolicyError(
            f"{_named(file)} extends itself: {chain}",
            code="policy-extends-itself",
            cure="take one of them out of `extends`",
        )
    terms: dict[str, LayerTerm] = {}
    hidden = checked.visibility == "owner"
    for name in checked.extends:
        base = _read(_file(name, known), known, (*above, checked.name))
        terms |= {term.key: term for term in base.terms}
        hidden = hidden or base.is_hidden
    for place, entry in enumerate(checked.terms):
        terms |= {t.key: t for t in _terms(source, place, entry, checked.dialect)}
    if not terms and "terms" not in checked.model_fields_set:
        raise source.mistake(("terms",), "it has no terms", "add [[terms]] with a text")
    return _layer(checked, tuple(terms.values()), hidden=hidden)


def _text(file: Path) -> str:
    try:
        if file.stat().st_size > MOST_BYTES:
            reason = f"it has more than {MOST_BYTES} bytes"
        else:
            return file.read_bytes().decode("utf-8-sig")
    except OSError as error:
        reason = error.strerror or str(error)
    except UnicodeDecodeError as error:
        reason = f"it is not UTF-8 at byte {error.start}"
    raise PolicyError(
        f"the policy {shown(str(file))} cannot be read: {reason}",
        code="policy-unreadable",
        cure="give a readable TOML file in UTF-8",
    )


def _checked(source: _Source) -> PolicyFile:
    """Return the file's content. Raises PolicyError for the first thing that is wrong."""
    try:
        return PolicyFile.model_validate(tomllib.loads(source.text))
    except tomllib.TOMLDecodeError as error:
        place = re.search(r"at line (\d+), column (\d+)", str(error))
        line = int(place[1]) if place else source.text.count("\n") + 1
        said = re.sub(r" \(at .*\)$", "", str(error))
        raise PolicyError(
            f"{_named(source.file)}, line {line}: {said}",
            code="policy-unreadable",
            cure="mend the TOML",
            source=source.text,
            span=_line(source.text, line - 1),
        ) from None
    except ValidationError as error:
        first = error.errors(include_url=False)[0]
        raise source.mistake(first["loc"], *_said(first)) from None


def _said(error: Any) -> tuple[str, str]:
    """Return what is wrong and the cure, in our words where pydantic's are about Python."""
    name = ".".join(str(part) for part in error["loc"] if isinstance(part, str)) or "the file"
    kind, value = error["type"], shown(error["input"])
    if kind == "missing":
        return f"`{name}` is missing", f"add it; see `negprompt policy schema` for {name}"
    if kind == "extra_forbidden":
        allowed = TermEntry if error["loc"][0] == "terms" else PolicyFile
        return f"there is no key `{name}`", f"use: {', '.join(allowed.model_fields)}"
    return f"`{name}` is {value}", error["msg"][:1].lower() + error["msg"][1:]


def _place(source: str, loc: Sequence[int | str]) -> int:
    """Return the line, from 0, on which a key stands; that of its table where it does not."""
    lines = source.split("\n")
    top = next((n for n, line in enumerate(lines) if re.match(r"\s*\[", line)), len(lines))
    if not loc or loc[0] != "terms" or len(loc) == 1:
        return _key_line(lines, loc[0] if loc else "", 0, top) or 0
    tables = [n for n, line in enumerate(lines) if re.match(r"\s*\[\[\s*terms\s*\]\]", line)]
    index = loc[1] if isinstance(loc[1], int) else 0
    if index >= len(tables):
        return _key_line(lines, "terms", 0, len(lines)) or 0
    start = tables[index]
    stop = tables[index + 1] if index + 1 < len(tables) else len(lines)
    return _key_line(lines, loc[2] if len(loc) > 2 else "", start, stop) or start


def _key_line(lines: Sequence[str], name: int | str, start: int, stop: int) -> int | None:
    written = re.compile(rf'\s*"?{re.escape(str(name))}"?\s*=')
    return next((n for n in range(start, min(stop, len(lines))) if written.match(lines[n])), None)


def _line(source: str, number: int) -> Span:
    lines = source.split("\n")
    number = min(number, len(lines) - 1)
    start = sum(len(line) + 1 for line in lines[:number])
    return Span(start, start + len(lines[number]))


def _terms(source: _Source, place: int, entry: TermEntry, dialect: str) -> Iterator[LayerTerm]:
    """Yield the terms of one entry.

    Raises PolicyError ``policy-term-syntax`` where it is more than weighted words: what acts by
    step, divides, calls or comments would not always act.
    """
    loc = ("terms", place, "text")
    try:
        segments = weighted_words(entry.text, dialect)
    except NegpromptError as error:
        cure = error.cure
        raise source.mistake(loc, error.message, cure, code="policy-term-syntax") from None
    found = terms_of(segments)
    for term in found:
        weight = term.weight * entry.weight
        if not 0 < weight <= MOST_WEIGHT:
            said = f"{shown(term.text)} weighs {weight:g}"
            raise source.mistake(loc, said, "keep weights above 0 and at most 3")
        words = " ".join(term.text.split())
        yield LayerTerm(words, weight, entry.reason, entry.evidence)


def weighted_words(text: str, dialect: str) -> tuple[Segment, ...]:
    """Return the weighted words that an entry's text is.

    Raises PolicyError ``policy-term-syntax`` for anything else in it, PromptError where it cannot
    be read.
    """

    def refuse(said: str, cure: str) -> PolicyError:
        return PolicyError(f"{shown(text)} {said}", code="policy-term-syntax", cure=cure)

    prompt = parse(text, dialect)
    whole = unfold(text, dialect, steps=2, side="negative")
    plain = all(isinstance(node, Text | Open | Close) for node in prompt.nodes)
    always = {tuple(a.prompt.weighted()) for part in whole.parts for a in part.stretches}
    if not (plain and text.isprintable() and always == {tuple(prompt.weighted())}):
        raise refuse("holds more than weighted words", "write words, commas and weights only")
    found = terms_of(prompt.segments())
    if not found or not all(key(term.text) for term in found):
        raise refuse("has a term without words", "write some")
    alone = [term.text for segment in prompt.segments() for term in terms_of((segment,))]
    if alone != [term.text for term in found]:
        raise refuse("weighs parts of one term differently", "weigh whole terms")
    return prompt.segments()


def _layer(checked: PolicyFile, terms: tuple[LayerTerm, ...], *, hidden: bool) -> Layer:
    """Return what a file says; one that extends what only an owner may see is the owner's, too."""
    usual = "refuse" if checked.mode == "enforced" else "notice"
    return Layer(
        name=checked.name,
        version=checked.version,
        rank=checked.layer,
        mode=checked.mode,
        terms=terms,
        dialect=checked.dialect,
        owner=checked.owner,
        reason=checked.reason,
        applies_to=tuple(checked.applies_to),
        visibility="owner" if hidden else "public",
        on_positive=checked.on_positive or usual,  # type: ignore[arg-type]
        least_scale=checked.least_scale,
        expires=checked.expires.isoformat() if checked.expires else None,
        residual=checked.residual,
    )


def _named(file: Path) -> str:
    return f"the policy {shown(str(file), 400)}"


def _renamed(file: Path) -> str:
    if re.fullmatch(NAME, file.stem):
        return f"write name = {shown(file.stem)}, or rename the file"
    return "rename the file: small letters, digits and hyphens"
