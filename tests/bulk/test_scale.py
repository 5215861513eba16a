"""The figures of docs/scale.md are those that were measured."""

import csv
from pathlib import Path

ROOT = Path(__file__).parents[2]
TEXT = (ROOT / "docs/scale.md").read_text()


def measured(name):
    with (ROOT / "benchmarks/results" / name).open() as stream:
        return list(csv.DictReader(stream))


def test_costs():
    rows = [row for row in measured("scale.csv") if row["source"] in ("folder", "list", "tars")]
    for row in rows:
        rates = (row["pictures_per_second"], row["pictures_per_processor_second"])
        cells = [
            f"`{row['faces']}`",
            f"{int(row['pictures']):,}",
            *(f"{float(r):.0f}" for r in rates),
        ]
        assert f"| {' | '.join(cells)} | {row['memory_mib']} |" in TEXT
    assert max(int(row["memory_mib"]) for row in rows) < 300


def test_kills():
    rows = measured("kills.csv")
    assert len(rows) == 4
    for row in rows:
        name, kind = row["output"].split()
        assert int(row["kills"]) == 20
        cells = [f"`{name}` {kind}", "20", f"{int(row['pictures']):,}", "0", "0"]
        assert f"| {' | '.join(cells)} |" in TEXT
        assert row["rows_lost"] == row["rows_doubled"] == row["files_left_over"] == "0"
