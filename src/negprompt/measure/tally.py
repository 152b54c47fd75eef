"""A bench's report → lines of plain text."""

from negprompt.measure.bench import Finding, Report
from negprompt.measure.page import number, shown

HEADING = f"{'':2}{'kind':9} {'negative':38} {'without':>15} {'with':>15}  {'p':>7}"


def line(found: Finding) -> str:
    """One row; a star where it counts, o where it must not change. ``p`` is McNemar's."""
    row, counted = found.row, found.pairs
    mark = ("*" if row.is_named else "o") if found.counted else " "
    rates = f"{shown(counted.without):>15} {shown(counted.steered):>15}"
    return f"{mark:2}{row.kind:9} {row.negative:38} {rates}  {found.p_value:7.2g}"


def summary(report: Report) -> list[str]:
    """What the counted rows say together, and the named row of which most is left."""
    rates = {name: "none" if v is None else number(v) for name, v in report.summary().items()}
    counted, named = report.counted, report.named
    lines = [
        f"{report.n} paired seeds a row, scale {report.scale:g}",
        f"{len(counted)} rows count, of which training named {len(named)} (*)",
        f"presence {rates['without']} without, {rates['with']} with",
        f"right subject changes by {rates['subject_change']}, colour by {rates['colour_change']}",
    ]
    if named:
        most = max(named, key=lambda f: f.pairs.steered.rate / f.pairs.without.rate)
        before, after = most.pairs.without.rate, most.pairs.steered.rate
        lines.append(f"most is left of {most.row.concept}: {number(after)} of {number(before)}")
    return lines
