"""What is known of a search: a row a trial, a line after each, and the table."""

import csv
import json
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

from agr.training.tuning.space import Space

COLUMNS = ("trial", "status", "val_loss", "epochs", "seconds", "error")


class Progress:
    """Follows the trials of an oracle."""

    def __init__(
        self,
        oracle: Any,
        space: Space,
        plan: tuple[int, int],
        *,
        epochs: int,
        workers: int,
        table: Path | None,
        say: Callable[[str], None],
    ) -> None:
        self._oracle, self._space, self._plan = oracle, space, plan
        self._epochs, self._workers, self._table, self.say = epochs, workers, table, say
        self._said = len(oracle.end_order)
        if self._said:
            self._write(self.rows())  # a stop may have come before the last trial's row
            say(f"going on: {self._said} of {plan[0]} trials have ended")

    def rows(self) -> list[dict[str, Any]]:
        """Give all trials, in the order of their numbers."""
        trials = sorted(self._oracle.trials.values(), key=lambda trial: int(trial.trial_id))
        return [self._row(trial) for trial in trials]

    def update(self) -> None:
        """Say what has ended since the last call, and write the table anew."""
        ended = list(self._oracle.end_order)
        if len(ended) == self._said:
            return
        rows = {row["trial"]: row for row in self.rows()}
        self._write(list(rows.values()))
        for n in range(self._said + 1, len(ended) + 1):
            done = [rows[int(earlier) + 1] for earlier in ended[:n]]
            self.say(f"{self._told(done)}; {self._left(ended[:n])}")
        self._said = len(ended)

    def _write(self, rows: list[dict[str, Any]]) -> None:
        if self._table is not None:
            write_table(rows, self._table)

    def _told(self, done: list[dict[str, Any]]) -> str:
        row = done[-1]
        name = f"trial {row['trial']} ({len(done)} of {self._plan[0]} ended)"
        if row["status"] == "failed":
            return f"{name} failed: {row['error']}"
        best = min((r for r in done if r["status"] == "completed"), key=lambda r: r["val_loss"])
        return (
            f"{name}: val_loss {row['val_loss']:.4f} in {row['seconds']:.0f} s, "
            f"best {best['val_loss']:.4f} of trial {best['trial']}"
        )

    def _left(self, ended: list[str]) -> str:
        epochs, seconds = 0, 0.0
        for trial_id in ended:
            trial = self._oracle.trials[trial_id]
            epochs += trial.hyperparameters.values.get("tuner/epochs", self._epochs)
            seconds += _result(trial).get("seconds", 0)
        left = max(0, self._plan[1] - epochs) * seconds / epochs / self._workers
        return f"about {duration(left)} left"

    def _row(self, trial: Any) -> dict[str, Any]:
        completed = trial.status == "COMPLETED"
        result = _result(trial)
        return {
            "trial": int(trial.trial_id) + 1,
            "status": trial.status.lower(),
            "val_loss": float(trial.score) if completed else float("nan"),
            "epochs": result.get("epochs", 0),
            "seconds": result.get("seconds", 0.0),
            "error": result.get("error", ""),
            "params": self._space(trial.hyperparameters),
        }


def _result(trial: Any) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(trial.message or "{}")
    return found


def duration(seconds: float) -> str:
    """Write a time roughly, for example "50 s", "12 min" or "3 h 20 min"."""
    if seconds < 90:
        return f"{seconds:.0f} s"
    minutes = round(seconds / 60)
    return f"{minutes} min" if minutes < 90 else f"{minutes // 60} h {minutes % 60} min"


def write_table(rows: list[dict[str, Any]], path: Path) -> None:
    """Write trials as CSV, a line each, with a column for every parameter."""
    part = path.with_name(f"{path.name}.part")
    with part.open("w", newline="") as stream:
        writer = csv.DictWriter(stream, [*COLUMNS, *rows[0]["params"]], extrasaction="ignore")
        writer.writeheader()
        writer.writerows({**row, **row["params"]} for row in rows)
    os.replace(part, path)
