"""Files of styles, as A1111, Fooocus, InvokeAI, the AI Horde and SD.Next keep them ⇄ Styles.

Read is every form; written are A1111's CSV, Fooocus' and InvokeAI's JSON.  What a file holds and a
style does not, and what a tool would read otherwise than the style says, is listed.
"""

import csv
import io
import json
import math
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType
from typing import Any, Final, NamedTuple

from negprompt.errors import PolicyError, shown
from negprompt.policy.styles import PLACE, Style

MOST_BYTES: Final = 20_000_000
_POSITIVE: Final = ("prompt", "positive_prompt", "text")
_NEGATIVE: Final = ("negative_prompt", "negative")
_NAMELESS: Final = "has no name"
_ROW: Final = frozenset({"name", _NAMELESS, *_POSITIVE, *_NEGATIVE})


@dataclass(frozen=True, slots=True)
class Loss:
    """Something that is not kept, and the styles that it is about."""

    what: str
    styles: tuple[str, ...]


class Imported(NamedTuple):
    """The styles of a file, in which tool's form it is, and what is not kept."""

    kind: str
    styles: tuple[Style, ...]
    lost: tuple[Loss, ...]


class Exported(NamedTuple):
    """A file's text, and what the tool would read otherwise."""

    text: str
    lost: tuple[Loss, ...]


def read(file: Path) -> Imported:
    """Return the styles of a file.

    Raises PolicyError ``styles-unreadable`` where it is no file of styles.
    """
    text = _text(file)
    if file.suffix.lower() == ".csv":
        return _csv(file, text)
    try:
        found = json.loads(text)
    except (ValueError, RecursionError) as error:
        raise _unreadable(file, f"it is no JSON: {error}") from None
    rows = list(_rows(file, found))
    kinds = {kind for kind, _ in rows}
    made = [(_style(row), row) for _, row in rows]
    lost: dict[str, list[str]] = {}
    for style, row in made:
        for what in _odd(row):
            lost.setdefault(what, []).append(style.name)
    return Imported(
        " and ".join(sorted(kinds)) or "fooocus", tuple(style for style, _ in made), _losses(lost)
    )


def write(styles: Sequence[Style], kind: str) -> Exported:
    """Return styles as the file of a tool of WRITERS.

    Raises PolicyError ``styles-kind-unknown``.
    """
    if kind not in WRITERS:
        raise PolicyError(
            f"styles are not written for {shown(kind)}",
            code="styles-kind-unknown",
            cure=f"choose one of: {', '.join(WRITERS)}",
        )
    lost: dict[str, list[str]] = {}
    for style in styles:
        for what in _misread(style, kind):
            lost.setdefault(what, []).append(style.name)
    return Exported(WRITERS[kind](styles), _losses(lost))


def _text(file: Path) -> str:
    try:
        data = file.read_bytes()
    except OSError as error:
        raise _unreadable(file, error.strerror or str(error)) from None
    if len(data) > MOST_BYTES:
        raise _unreadable(file, f"it has more than {MOST_BYTES} bytes")
    try:
        return data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise _unreadable(file, f"it is not UTF-8 at byte {error.start}") from None


def _csv(file: Path, text: str) -> Imported:
    """Return the styles of A1111's file; rows that A1111 skips are skipped and listed."""
    reader = csv.DictReader(io.StringIO(text, newline=""), skipinitialspace=True)
    styles: list[Style] = []
    lost: dict[str, list[str]] = {}
    try:
        for row in reader:
            name = row.get("name") or ""
            if row.get(None):
                lost.setdefault("more columns than the first line names", []).append(name)
            if not name or name.startswith("#"):
                said = "no name" if not name else "a name that begins with #: A1111 skips it"
                lost.setdefault(f"a row with {said}", []).append(name or f"row {reader.line_num}")
                continue
            styles.append(_style(row))
            for column in row:
                if column and column not in _ROW and row[column]:
                    lost.setdefault(f"the column {column}", []).append(name)
    except csv.Error as error:
        raise _unreadable(file, str(error)) from None
    if "name" not in (reader.fieldnames or ()):
        raise _unreadable(file, "its first line has no column `name`")
    return Imported("a1111", tuple(styles), _losses(lost))


def _rows(file: Path, found: Any) -> Iterator[tuple[str, dict[str, Any]]]:
    """Yield the rows of a JSON file, each with the tool whose form it has."""
    if isinstance(found, dict) and "default_prompt_negative" in found:
        kept = {n: v for n, v in found.items() if not n.startswith("default_prompt")}
        sides = found.get("default_prompt"), found["default_prompt_negative"]
        yield (
            "fooocus-preset",
            {**kept, "name": file.stem, "prompt": sides[0], "negative": sides[1]},
        )
        return
    if isinstance(found, dict) and all(isinstance(row, dict) for row in found.values()):
        found = [{"name": name, **row} for name, row in found.items()]
    if not isinstance(found, list):
        raise _unreadable(file, "it is neither a list nor an object of styles")
    for number, row in enumerate(found, 1):
        if not isinstance(row, dict):
            raise _unreadable(file, f"its entry {number} is no object")
        yield _sorted(row, number)


def _sorted(row: dict[str, Any], number: int) -> tuple[str, dict[str, Any]]:
    """Return which tool's form a row has, and the row in Fooocus' form."""
    named = row if row.get("name") else row | {"name": f"style {number}", _NAMELESS: True}
    if isinstance(row.get("preset_data"), dict):
        inner = row["preset_data"]
        rest = {key: value for key, value in named.items() if key not in ("preset_data", "type")}
        return "invokeai", rest | inner
    prompt = row.get("prompt")
    if isinstance(prompt, str) and ("{p}" in prompt or "###" in prompt):
        positive, _, negative = prompt.partition("###")
        sides = {
            "prompt": positive.replace("{p}", PLACE),
            "negative": negative.replace("{np}", PLACE),
        }
        return "ai-horde", named | sides
    if "positive_prompt" in row:
        return "invokeai", named
    return ("sdnext" if "negative" in row else "fooocus"), named


def _style(row: Mapping[Any, Any]) -> Style:
    others = {str(key): value for key, value in row.items() if key and key not in _ROW and value}
    return Style(
        _given(row, ("name",)), _given(row, _POSITIVE), _given(row, _NEGATIVE),
        MappingProxyType(others),
    )  # fmt: skip


def _given(row: Mapping[Any, Any], names: Sequence[str]) -> str:
    """Return the first text under some names; what is none (null, NaN, a number) is ""."""
    return next((row[name] for name in names if isinstance(row.get(name), str)), "")


def _odd(row: Mapping[str, Any]) -> Iterator[str]:
    """Yield what of a row is no text where a text should be."""
    if _NAMELESS in row:
        yield "no name, called by its place"
    for name in (*_POSITIVE, *_NEGATIVE):
        value = row.get(name)
        if name in row and not isinstance(value, str):
            nan = isinstance(value, float) and math.isnan(value)
            said = "null" if value is None else "NaN" if nan else type(value).__name__
            yield f"`{name}` is {said}, read as empty"


def _misread(style: Style, kind: str) -> Iterator[str]:
    """Yield what a tool would make of a style that the style does not say."""
    for side, text in (("prompt", style.positive), ("negative", style.negative)):
        if kind == "invokeai" and text != text.strip():
            yield f"InvokeAI takes the spaces around the {side} away"
        if kind == "invokeai" and text.count(PLACE) > 1:
            yield f"InvokeAI fills only the first {PLACE} of the {side}"
    if kind == "fooocus" and PLACE in style.negative:
        yield f"Fooocus puts no text in the place of {PLACE} in a negative"
    if kind == "a1111" and (style.name.startswith("#") or not style.name):
        yield "A1111 skips a style without a name, or with one that begins with #"
    if style.settings:
        yield f"settings: {', '.join(style.settings)}"


def _losses(found: Mapping[str, Sequence[str]]) -> tuple[Loss, ...]:
    return tuple(Loss(what, tuple(names)) for what, names in found.items())


def _unreadable(file: Path, why: str) -> PolicyError:
    return PolicyError(
        f"{shown(str(file), 400)} is no file of styles: {why}",
        code="styles-unreadable",
        cure="give a styles.csv of A1111, or a JSON file of Fooocus, InvokeAI, SD.Next, the AI "
        "Horde or an SDXL styler",
    )


def _to_csv(styles: Sequence[Style]) -> str:
    made = io.StringIO(newline="")
    writer = csv.writer(made, quoting=csv.QUOTE_ALL)
    writer.writerow(("name", "prompt", "negative_prompt"))
    writer.writerows(style.templates for style in styles)
    return made.getvalue()


def _to_json(styles: Sequence[Style], *names: str) -> str:
    rows = [dict(zip(names, style.templates, strict=True)) for style in styles]
    return json.dumps(rows, indent=2, ensure_ascii=False) + "\n"


WRITERS: Final[Mapping[str, Callable[[Sequence[Style]], str]]] = MappingProxyType(
    {
        "a1111": _to_csv,
        "fooocus": lambda styles: _to_json(styles, "name", "prompt", "negative_prompt"),
        "invokeai": lambda styles: _to_json(styles, "name", "positive_prompt", "negative_prompt"),
    }
)
"""The tools that files are written for."""
