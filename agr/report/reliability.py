"""Pages of spoiled pictures, of challenge ages and of two models beside each other."""

from collections.abc import Sequence

import pandas as pd

from agr.evaluation.tables import Table
from agr.plots.reliability import challenge_curve, robustness_curves
from agr.report.page import Page

DRAWN = ("mae", "accuracy", "coverage", "interval_years", "ece")


def write_robustness(page: Page, tables: Sequence[Table]) -> None:
    """Write what spoiled pictures cost: tables and curves."""
    kinds, long = tables
    page.section(
        "Spoiled pictures",
        [
            "Kinds and strengths follow ImageNet-C (Hendrycks and Dietterich 2019); faces are "
            "scaled to 128 x 128 pixels before.",
            "A change is against the same pictures unspoiled, with the 95 % interval of a paired "
            "bootstrap.",
        ],
    )
    _write(page, kinds)
    for score in DRAWN:
        if any(row["score"] == score for row in long.rows):
            page.plot(f"robustness_{score}", robustness_curves, long.rows, score)
    _write(page, long)
    page.write()


def write_challenge(page: Page, tables: Sequence[Table]) -> None:
    """Write who passes an age check: tables and curves."""
    rows = tables[0].rows
    page.section(
        "Challenge ages",
        [
            "A person passes where the model says at least the challenge age. People whose picture "
            "cannot be read are challenged.",
            "These figures are of these pictures. They certify nothing.",
        ],
    )
    for rule in dict.fromkeys(str(row["by"]) for row in rows):
        page.plot(f"challenge_{rule}", challenge_curve, rows, rule)
    for table in tables:
        _write(page, table)
    page.write()


def _write(page: Page, table: Table) -> None:
    rows = pd.DataFrame(table.rows)
    page.table(table.name, rows, table.caption, most=len(rows))
