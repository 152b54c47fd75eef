"""The suite ``negatives`` on a model → what each negative did, on paired seeds, with intervals."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from negprompt.measure.arms import Bench, Setting, seen
from negprompt.measure.statistics import Pairs, mcnemar, pairs
from negprompt.measure.suite import Row, rows
from negprompt.world.judge import Reading

if TYPE_CHECKING:
    from negprompt.measure.memory import Readings

FULL, QUICK = 64, 8
"""Paired seeds a row, and those of the quick bench."""


@dataclass(frozen=True, slots=True)
class Finding:
    """What one negative did."""

    row: Row
    pairs: Pairs
    """Presence of the row's concepts, picture by picture."""
    subject: Pairs
    """Whether the subject was the prompt's."""
    colour: Pairs
    """Whether the colour was the prompt's."""

    @property
    def counted(self) -> bool:
        """Whether the row says something; see ``Row.counts``."""
        return self.row.counts(self.pairs.without.rate)

    @property
    def p_value(self) -> float:
        """McNemar's exact two-sided p for no change of presence."""
        return mcnemar(self.pairs.lost, self.pairs.gained)


@dataclass(frozen=True, slots=True)
class Report:
    """Findings of a suite by one judge."""

    scale: float
    n: int
    """Paired seeds a row."""
    findings: tuple[Finding, ...]

    @property
    def counted(self) -> tuple[Finding, ...]:
        """The findings that count."""
        return tuple(finding for finding in self.findings if finding.counted)

    @property
    def named(self) -> tuple[Finding, ...]:
        """Those of them that are in the summary: training named what their negatives say."""
        return tuple(finding for finding in self.counted if finding.row.is_named)

    def summary(self) -> dict[str, float | None]:
        """Means over the counted rows that training named; None where there is none.

        ``without`` and ``with`` are presence, ``subject_change`` and ``colour_change`` the rate of
        the right subject and colour with the negative less that without.
        """
        return {
            "without": _mean([f.pairs.without.rate for f in self.named]),
            "with": _mean([f.pairs.steered.rate for f in self.named]),
            "subject_change": _mean([_difference(f.subject) for f in self.named]),
            "colour_change": _mean([_difference(f.colour) for f in self.named]),
        }

    def to_json(self) -> dict[str, Any]:
        """What ``bench --json`` prints."""
        return {
            "scale": self.scale,
            "n": self.n,
            "rows": [_row_json(finding) for finding in self.findings],
            "summary": self.summary(),
        }


def negatives(
    bench: Bench, judge: str, setting: Setting, on_finding: Callable[[Finding], None]
) -> Report:
    """Measure every row; ``judge`` is the one whose word counts.

    Rows with one prompt share the pictures without a negative. ``on_finding`` is told each row as
    it is finished.
    """
    bare: dict[str, Readings] = {}
    findings = []
    for row in rows():
        if row.prompt not in bare:
            bare[row.prompt] = bench.arm(row.prompt, None, setting)
        steered = bench.arm(row.prompt, row.negative, setting)
        findings.append(finding(row, bare[row.prompt][judge], steered[judge]))
        on_finding(findings[-1])
    return Report(setting.scale, setting.n, tuple(findings))


def pictures(setting: Setting) -> int:
    """How many pictures the suite takes."""
    return setting.n * (len(rows()) + len({row.prompt for row in rows()}))


def finding(row: Row, without: Reading, steered: Reading) -> Finding:
    """Compare two arms on the same seeds."""

    def right(factor: str, name: str) -> Pairs:
        labels = (reading.label(factor) for reading in (without, steered))
        return pairs(*([label == name for label in arm] for arm in labels))

    present = pairs(*(seen(reading, *row.concepts).tolist() for reading in (without, steered)))
    return Finding(row, present, right("subject", row.subject), right("colour", row.colour))


def _row_json(found: Finding) -> dict[str, Any]:
    row = found.row
    return {
        "kind": row.kind,
        "concept": row.concept,
        "prompt": row.prompt,
        "negative": row.negative,
        "naming_rate": row.naming_rate,
        "counted": found.counted,
        "without": found.pairs.without.to_json(),
        "with": found.pairs.steered.to_json(),
    }


def _difference(counted: Pairs) -> float:
    return counted.steered.rate - counted.without.rate


def _mean(values: Sequence[float]) -> float | None:
    return float(np.mean(values)) if values else None
