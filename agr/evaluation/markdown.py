"""A report as Markdown: for model cards, pull requests and ``agr evaluate --format markdown``."""

import math
from collections.abc import Iterable, Sequence

from agr.evaluation.groups import ALL, LEAST, Report

FEW = r"\*"  # marks groups that are too small to compare


def report_markdown(report: Report, metrics: Sequence[str] | None = None) -> str:
    """Write the worst groups beside the means, then all groups and what lies between them.

    Parameters
    ----------
    report : Report
        Scores.
    metrics : sequence of str, optional
        Which; default: all. The first has its interval in every row.

    Returns
    -------
    str
        Tables with a heading of the third level each; ends with a line end.
    """
    names = [name for name in metrics or report.overall if name in report.overall]
    parts = [f"### Every mean, and the group where it is worst\n\n{_summary(report, names)}"]
    if report.by_group:
        parts.append(f"### Groups\n\n{_groups(report, [ALL, *report.by_group], names)}")
    if report.intersections:
        parts.append(f"### Intersections\n\n{_groups(report, [*report.intersections], names)}")
    if report.by_group:
        parts.append(f"### Difference and ratio between groups\n\n{_differences(report, names)}")
    return "\n".join(parts)


def markdown_table(heads: Iterable[str], rows: Iterable[Iterable[str]]) -> str:
    """Write a table; ends with a line end."""
    lines = [list(heads), *map(list, rows)]
    lines.insert(1, ["---"] * len(lines[0]))
    return "".join(f"| {' | '.join(cells)} |\n" for cells in lines)


def number(value: float) -> str:
    """Write a score; one that is not defined is a dash.

    Examples
    --------
    >>> number(0.93214), number(-12.3456), number(float("nan"))
    ('0.932', '-12.35', '-')
    """
    if math.isnan(value):
        return "-"
    return f"{value:.3f}" if abs(value) < 10 else f"{value:.2f}"


def interval(ends: tuple[float, float] | None) -> str:
    """Write an interval; empty where there is none."""
    if ends is None or math.isnan(ends[0]):
        return ""
    return f"{number(ends[0])} to {number(ends[1])}"


def _summary(report: Report, names: list[str]) -> str:
    rows = []
    for name in names:
        row = [name, number(report.overall[name]), _interval(report, ALL, name)]
        worst = report.worst.get(name)
        if worst is None:
            rows.append([*row, "", "", "", ""])
        else:
            scores = report.scores_of(worst)
            there = [number(scores[name]), _interval(report, worst, name)]
            rows.append([*row, worst, str(int(scores["n"])), *there])
    heads = ("score", "all", "95 % interval", "worst in", "n", "score there", "95 % interval")
    return markdown_table(heads, rows)


def _groups(report: Report, groups: list[str], names: list[str]) -> str:
    rows = []
    for group in groups:
        scores = report.scores_of(group)
        n = int(scores["n"])
        cells = [number(scores[name]) for name in names]
        cells.insert(1, _interval(report, group, names[0]))
        rows.append([group, f"{n}{FEW if n < LEAST else ''}", *cells])
    notes = []
    if any(report.scores_of(group)["n"] < LEAST for group in groups):
        notes.append(f"{FEW} fewer than {LEAST} pictures: uncertain, and compared with no other.")
    if any(math.isnan(report.scores_of(group)[name]) for group in groups for name in names):
        notes.append(
            "A dash: not defined. F1 needs a picture of its label, and F1 and balanced accuracy "
            "need two labels in the group."
        )
    table = markdown_table(("group", "n", names[0], "95 % interval", *names[1:]), rows)
    return table + "".join(f"\n{note}\n" for note in notes)


def _differences(report: Report, names: list[str]) -> str:
    rows = []
    for column, differences in report.difference.items():
        ratios = report.ratio[column]
        cells = [_pair(differences[name], ratios[name]) for name in names]
        rows.append([column or "groups", *cells])
    note = (
        "\nLargest minus smallest score of the groups, and the smallest divided by the largest in "
        f"brackets, over groups of at least {LEAST} pictures.\n"
    )
    return markdown_table(("between", *names), rows) + note


def _pair(difference: float, ratio: float) -> str:
    return number(difference) + ("" if math.isnan(ratio) else f" ({ratio:.2f})")


def _interval(report: Report, group: str, name: str) -> str:
    return interval(report.intervals.get(group, {}).get(name))
