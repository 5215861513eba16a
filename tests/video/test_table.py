import csv
import json
import os
from types import SimpleNamespace

import numpy as np
import pytest

from agr.video import Frame, Person
from agr.video.table import COLUMNS, Table, run_settings


def frame(number):
    return Frame(number, number / 3, np.zeros((2, 2, 3), np.uint8))


def person(number, age=30.123456789012345):
    return Person(
        id=number,
        age=age,
        age_interval=(20.1, 40.25),
        gender="female",
        gender_probabilities={"female": 2 / 3, "male": 1 / 3},
        race="white",
        race_probabilities={"black": 0.1, "white": 0.9},
        box=(1.5, 2.0, 30.1, 40.9),
        score=0.98765432109876543,
        landmarks={"left_eye": (8.1, 9.2), "right_eye": (20.3, 9.4)},
    )


SEEN = [[person(1)], [], [person(1, 31.5), person(2)], [Person(id=3, box=(0.0, 0.0, 9.0, 9.0))]]
SETTINGS = {"video": "film.mp4", "fps": None}


def parts(folder):
    return sorted(folder.glob("*.part"))


def stop(path, n):
    """Write n frames and stop as an exception would stop it."""
    with pytest.raises(KeyboardInterrupt), Table(path, SETTINGS) as table:
        for number in range(n):
            table.write(frame(number), SEEN[number])
        raise KeyboardInterrupt


def write(path, settings=SETTINGS):
    """Write all frames that are not there yet; gives what was."""
    with Table(path, settings) as table:
        known = list(table.recalled())
        for number in range(len(known), len(SEEN)):
            table.write(frame(number), SEEN[number])
    return known


@pytest.fixture
def path(tmp_path):
    return tmp_path / "rows.csv"


class TestTable:
    def test_rows(self, path, tmp_path):
        assert write(path) == []
        rows = list(csv.DictReader(path.read_text().splitlines()))
        assert list(rows[0]) == list(COLUMNS)
        assert [(row["frame"], row["person"]) for row in rows] == [
            ("0", "1"),
            ("1", ""),
            ("2", "1"),
            ("2", "2"),
            ("3", "3"),
        ]
        assert float(rows[2]["time"]) == 2 / 3
        box = [float(rows[0][side]) for side in ("left", "top", "right", "bottom")]
        assert box == [1.5, 2.0, 30.1, 40.9]
        assert float(rows[0]["gender_male"]) == 1 / 3  # not rounded: a run goes on from it
        assert float(rows[0]["age_high"]) == 40.25
        assert rows[0]["nose_x"] == rows[4]["age"] == rows[4]["race"] == ""
        assert "error" not in rows[0]
        assert parts(tmp_path) == []

    def test_rows_are_there_frame_by_frame(self, path, tmp_path):
        with Table(path, SETTINGS) as table:
            for number in range(len(SEEN)):
                table.write(frame(number), SEEN[number])
                assert parts(tmp_path)[0].read_text().splitlines()[-1].startswith(f"{number},")

    def test_what_is_recalled_is_what_was_written(self, path):
        stop(path, 4)
        # The last frame may lack people, so it is looked at again.
        assert write(path) == list(enumerate(SEEN[:3]))

    @pytest.mark.parametrize("lost", [0, 1, 20, 200])
    @pytest.mark.parametrize("n", range(5))
    def test_goes_on_after_any_stop(self, path, tmp_path, n, lost):
        write(tmp_path / "whole.csv")
        stop(path, n)
        for part in parts(tmp_path):
            part.write_bytes(part.read_bytes()[: part.stat().st_size - lost])
        known = write(path)
        assert len(known) == max(0, n - 1) or lost > 1
        assert path.read_bytes() == (tmp_path / "whole.csv").read_bytes()
        assert parts(tmp_path) == []

    def test_an_earlier_table_stays_until_the_new_one_is_whole(self, path):
        path.write_text("old")
        stop(path, 2)
        assert path.read_text() == "old"
        write(path)
        assert path.read_text() != "old"

    def test_other_settings_begin_anew(self, path, tmp_path):
        stop(path, 3)
        assert write(path, {**SETTINGS, "fps": 5}) == []
        assert len(parts(tmp_path)) == 1
        assert len(write(path)) == 2

    def test_nothing_seen_leaves_nothing(self, path, tmp_path):
        stop(path, 0)
        assert parts(tmp_path) == []

    def test_goes_on_is_told(self, path):
        assert not Table(path, SETTINGS).goes_on
        stop(path, 2)
        assert Table(path, SETTINGS).goes_on


class TestRunSettings:
    def test_file(self, tmp_path, monkeypatch):
        film = tmp_path / "film.mp4"
        film.write_bytes(b"1234")
        first = run_settings(SimpleNamespace(name=str(film), live=False), fps=3)
        monkeypatch.chdir(tmp_path)
        assert run_settings(SimpleNamespace(name="film.mp4", live=False), fps=3) == first
        film.write_bytes(b"12345")
        assert run_settings(SimpleNamespace(name="film.mp4", live=False), fps=3) != first
        assert json.dumps(first)

    def test_models_by_where_they_lie(self, tmp_path):
        film = SimpleNamespace(name=__file__, live=False)
        assert run_settings(film, age=tmp_path)["age"] == str(tmp_path.resolve())

    def test_a_camera_never_shows_the_same_twice(self):
        camera = SimpleNamespace(name="0", live=True)
        assert run_settings(camera) != run_settings(camera)


def test_a_link_in_place_of_the_rows_is_not_written_through(tmp_path):
    other = tmp_path / "other"
    other.write_text("precious")
    table = Table(tmp_path / "x.csv", {"a": 1})
    os.symlink(other, str(table))
    with pytest.raises(OSError, match="symbolic link"), table:
        pass
    assert other.read_text() == "precious"


def test_the_tables_rights_and_link_stay(tmp_path):
    (tmp_path / "real.csv").write_text("old")
    (tmp_path / "real.csv").chmod(0o600)
    (tmp_path / "x.csv").symlink_to("real.csv")
    with Table(tmp_path / "x.csv", {"a": 1}):
        pass
    assert (tmp_path / "x.csv").is_symlink()
    assert (tmp_path / "real.csv").read_text().startswith("frame,")
    assert (tmp_path / "real.csv").stat().st_mode & 0o777 == 0o600
