from datetime import date
from pathlib import Path

import numpy as np
import pytest
from scipy.io import savemat

from agr.datasets import imdb_wiki, matlab
from agr.errors import DatasetError, ParameterError

NAN = float("nan")


def serial(year, month, day):
    """Count the days as Matlab does: datenum(2000, 1, 1) is 730486."""
    return float(date(year, month, day).toordinal() + 366)


GOOD = {
    "dob": serial(1960, 3, 1),
    "photo_taken": 2000,
    "full_path": "01/good.jpg",
    "gender": 1.0,
    "face_score": 3.5,
    "second_face_score": NAN,
}


@pytest.fixture
def quick(monkeypatch):
    """Read in this process, which takes no second a file; what is damaged is read as users do."""

    def read_here(path, names, numbers):
        told, fields = matlab._read(str(path), names, numbers)
        return told["name"], told["places"], fields

    monkeypatch.setattr(imdb_wiki, "read_struct", read_here)


def entry(**changes):
    return {**GOOD, **changes}


def write(path, *entries, struct="imdb", without=(), **more):
    fields = {}
    for field in GOOD:
        values = [e[field] for e in entries]
        if field == "full_path":
            cells = np.empty((1, len(values)), dtype=object)
            cells[0, :] = values
            fields[field] = cells
        else:
            dtype = np.uint16 if field == "photo_taken" else float
            fields[field] = np.array([values], dtype=dtype)
    kept = {field: values for field, values in fields.items() if field not in without}
    savemat(path, {struct: {**kept, **more}}, do_compression=True)
    return path


def read(path, *entries, **options):
    return imdb_wiki.read(write(path / "imdb.mat", *entries), check_images=False, **options)


class TestTable:
    @pytest.mark.parametrize("struct", ["imdb", "wiki"])
    def test_columns(self, draw, struct):
        root = draw("01/a.jpg", "02/b.jpg")
        path = write(
            root / "any.mat",
            entry(full_path="02/b.jpg", gender=0.0),
            entry(full_path="01/a.jpg", dob=serial(1980, 12, 31)),
            struct=struct,
        )
        faces = imdb_wiki.read(path)
        assert faces.paths == [str(root / "02/b.jpg"), str(root / "01/a.jpg")]
        assert faces.table["age"].tolist() == [40, 19]
        assert faces.table["gender"].tolist() == ["female", "male"]
        assert faces.table["race"].tolist() == [None, None]
        assert faces.table["source"].tolist() == [struct] * 2
        assert faces.table["hash"].str.len().tolist() == [64, 64]
        assert faces.report.n_found == 2
        assert faces.report.n_dropped == 0

    def test_one_entry(self, tmp_path):
        assert read(tmp_path, entry()).table["age"].tolist() == [40]

    def test_root(self, draw):
        root = draw("pictures/01/good.jpg")
        path = write(root / "imdb.mat", entry())
        faces = imdb_wiki.read(path, root / "pictures")
        assert faces.paths == [str(root / "pictures/01/good.jpg")]

    def test_pictures_need_not_be_looked_at(self, tmp_path):
        table = read(tmp_path, entry()).table
        assert table["path"].tolist() == [str(tmp_path / "01/good.jpg")]
        assert table["hash"].tolist() == [None]

    def test_other_fields_do_no_harm(self, tmp_path):
        path = write(tmp_path / "wiki.mat", entry(), struct="wiki", name="someone")
        assert len(imdb_wiki.read(path, check_images=False)) == 1


class TestAge:
    @pytest.mark.parametrize(
        ("born", "age"),
        [
            ((1960, 1, 1), 40),
            ((1960, 6, 30), 40),
            ((1960, 7, 1), 40),
            ((1960, 7, 2), 39),
            ((1960, 12, 31), 39),
            ((1960, 2, 29), 40),
            ((1959, 12, 31), 40),
        ],
        ids=lambda value: "-".join(map(str, value)) if isinstance(value, tuple) else None,
    )
    def test_birthdays_around_mid_year(self, born, age):
        dob = np.array([serial(*born), serial(*born) + 0.75])  # a time of day changes nothing
        ages = imdb_wiki.ages_at_mid_year(dob, np.array([2000.0, 2000.0]))
        assert ages.tolist() == [age, age]

    def test_agrees_with_the_calendar(self):
        rng = np.random.default_rng(0)
        days = rng.integers(date(1850, 1, 1).toordinal(), date(2000, 1, 1).toordinal(), 500)
        births = [date.fromordinal(int(day)) for day in days]
        expected = [2010 - b.year - ((b.month, b.day) > (7, 1)) for b in births]
        ages = imdb_wiki.ages_at_mid_year(days + 366.0, np.full(500, 2010.0))
        assert ages.tolist() == expected

    def test_ends_of_the_calendar(self):
        ends = np.array([366.0, 367.0, serial(9999, 12, 31), serial(9999, 12, 31) + 1])
        ages = imdb_wiki.ages_at_mid_year(ends, np.array([9.0, 9.0, 10_000, 10_000]))
        np.testing.assert_array_equal(ages, [NAN, 8, 0, NAN])


@pytest.mark.usefixtures("quick")
class TestRules:
    RULES = (
        "impossible birth date",
        "unknown gender",
        "no face or a low face score",
        "second face",
        "age outside range",
        "no path",
    )

    @pytest.mark.parametrize(
        ("rule", "changes"),
        [
            (0, {"dob": NAN}),
            (0, {"dob": 47.0}),
            (0, {"dob": -5.0}),
            (0, {"dob": float("inf")}),
            (0, {"dob": 5e9}),
            (0, {"dob": serial(2000, 7, 2)}),
            (0, {"dob": serial(2011, 1, 1)}),
            (0, {"photo_taken": 0}),
            (1, {"gender": NAN}),
            (1, {"gender": 2.0}),
            (2, {"face_score": float("-inf")}),
            (2, {"face_score": NAN}),
            (2, {"face_score": 1.0}),
            (3, {"second_face_score": 0.1}),
            (3, {"second_face_score": -2.0}),
            (4, {"dob": serial(1992, 1, 1)}),
            (4, {"dob": serial(1900, 1, 1)}),
        ],
        ids=[
            "dob-nan", "dob-year-0", "dob-negative", "dob-infinite", "dob-huge", "dob-after-photo",
            "dob-years-after", "no-year", "gender-nan", "gender-code", "no-face", "score-nan",
            "score-at-bound", "second-face", "weak-second-face", "8-years", "100-years",
        ],
    )  # fmt: skip
    def test_each_rule_leaves_its_entries_out(self, tmp_path, rule, changes):
        faces = read(tmp_path, entry(full_path="bad.jpg", **changes), entry())
        assert faces.paths == [str(tmp_path / "01/good.jpg")]
        expected = dict.fromkeys(self.RULES, ())
        assert faces.report.dropped == {**expected, self.RULES[rule]: ("bad.jpg",)}

    def test_first_rule_counts_each_entry_once(self, tmp_path):
        changes = {}
        steps = [
            {"dob": serial(1999, 1, 1)},
            {"second_face_score": 1.0},
            {"face_score": float("-inf")},
            {"gender": NAN},
            {"dob": NAN},
        ]
        entries = [entry()]
        for i, step in enumerate(steps):
            changes.update(step)
            entries.append(entry(full_path=f"{i}.jpg", **changes))
        dropped = read(tmp_path, *entries).report.dropped
        assert list(dropped) == list(self.RULES)
        assert list(dropped.values()) == [("4.jpg",), ("3.jpg",), ("2.jpg",), ("1.jpg",),
                                          ("0.jpg",), ()]  # fmt: skip

    def test_bounds_are_inclusive_and_may_be_moved(self, tmp_path):
        births = [1901, 1900, 1991, 1992, 1999]
        entries = [entry(dob=serial(year, 1, 1)) for year in births]
        assert read(tmp_path, *entries).table["age"].tolist() == [99, 9]
        wide = read(tmp_path, *entries, min_age=0, max_age=120)
        assert wide.table["age"].tolist() == [99, 100, 9, 8, 1]

    def test_face_score_may_be_moved(self, tmp_path):
        entries = [entry(face_score=score) for score in (0.5, 1.5, 4.0)]
        assert len(read(tmp_path, *entries)) == 2
        assert len(read(tmp_path, *entries, min_face_score=0)) == 3
        assert len(read(tmp_path, *entries, min_face_score=2)) == 1

    def test_blank_path(self, tmp_path):
        faces = read(tmp_path, entry(), entry(full_path=""))
        assert len(faces) == 1
        assert faces.report.dropped["no path"] == ("entry 1",)

    def test_missing_and_broken_pictures(self, draw):
        root = draw("01/good.jpg")
        (root / "broken.jpg").write_text("?")
        entries = [entry(full_path="gone.jpg"), entry(), entry(full_path="broken.jpg")]
        faces = imdb_wiki.read(write(root / "imdb.mat", *entries))
        assert faces.paths == [str(root / "01/good.jpg")]
        assert faces.report.dropped["missing or unreadable picture"] == ("gone.jpg", "broken.jpg")

    def test_pictures_of_dropped_entries_are_not_read(self, draw):
        root = draw("01/good.jpg")
        path = write(root / "imdb.mat", entry(), entry(full_path="gone.jpg", gender=NAN))
        assert imdb_wiki.read(path).report.dropped["missing or unreadable picture"] == ()


@pytest.mark.usefixtures("quick")
class TestStrict:
    def test_bad_entries_raise(self, tmp_path):
        entries = [entry(), entry(full_path="a.jpg", dob=NAN), entry(full_path="b.jpg", gender=NAN)]
        with pytest.raises(
            DatasetError, match='(?s)1 of 3.*birth date: a.jpg.*gender: b.jpg.*on_bad="skip"'
        ):
            read(tmp_path, *entries, on_bad="raise")

    def test_what_the_thresholds_leave_out_does_not(self, tmp_path):
        entries = [
            entry(),
            entry(face_score=0.0),
            entry(second_face_score=2.0),
            entry(dob=serial(1999, 1, 1)),
        ]
        faces = read(tmp_path, *entries, on_bad="raise")
        assert len(faces) == 1
        assert faces.report.n_dropped == 3

    def test_missing_pictures_raise(self, tmp_path):
        with pytest.raises(DatasetError, match="(?s)picture: 01/good.jpg.*good.jpg does not exist"):
            imdb_wiki.read(write(tmp_path / "imdb.mat", entry()), on_bad="raise")

    def test_unknown_word(self, tmp_path):
        with pytest.raises(ParameterError, match="on_bad must be one of"):
            read(tmp_path, entry(), on_bad="ignore")


class TestFile:
    def test_nothing_good(self, tmp_path):
        path = write(tmp_path / "imdb.mat", entry())
        with pytest.raises(DatasetError, match="(?s)No entry is good: 0 of 1.*does not exist"):
            imdb_wiki.read(path)

    def test_missing(self, tmp_path):
        with pytest.raises(DatasetError, match="imdb.mat does not exist"):
            imdb_wiki.read(tmp_path / "imdb.mat")

    @pytest.mark.parametrize("content", [b"", b"not a Matlab file" * 20], ids=["empty", "text"])
    def test_other_content(self, tmp_path, content):
        (tmp_path / "imdb.mat").write_bytes(content)
        with pytest.raises(DatasetError, match="cannot be read as a Matlab file"):
            imdb_wiki.read(tmp_path / "imdb.mat")

    def test_truncated_anywhere(self, tmp_path):
        path = write(tmp_path / "imdb.mat", entry())
        whole = path.read_bytes()
        for length in range(0, len(whole), len(whole) // 6):
            path.write_bytes(whole[:length])
            with pytest.raises(DatasetError):
                imdb_wiki.read(path, check_images=False)

    def test_version_7_3(self, tmp_path):
        header = b"MATLAB 7.3 MAT-file".ljust(124) + b"\x00\x02IM"
        (tmp_path / "imdb.mat").write_bytes(header + b"\0" * 400)
        with pytest.raises(DatasetError, match="version 5 to 7.2"):
            imdb_wiki.read(tmp_path / "imdb.mat")

    def test_other_struct(self, tmp_path):
        path = write(tmp_path / "imdb.mat", entry(), struct="celeb")
        with pytest.raises(DatasetError, match="holds celeb; expected the struct 'imdb' or 'wiki'"):
            imdb_wiki.read(path)

    def test_no_struct(self, tmp_path):
        savemat(tmp_path / "imdb.mat", {"imdb": np.arange(3)})
        with pytest.raises(DatasetError, match="holds imdb; expected the struct"):
            imdb_wiki.read(tmp_path / "imdb.mat")

    def test_missing_fields(self, tmp_path):
        path = write(tmp_path / "imdb.mat", entry(), without=("gender", "dob"))
        with pytest.raises(DatasetError, match="'imdb' lacks dob, gender; expected the file"):
            imdb_wiki.read(path)

    def test_fields_of_other_length(self, tmp_path):
        path = write(
            tmp_path / "imdb.mat", entry(), entry(), without=("dob",), dob=np.array([[7e5] * 3])
        )
        with pytest.raises(DatasetError, match="differ in length.*'dob': 3"):
            imdb_wiki.read(path)

    def test_text_for_numbers(self, tmp_path):
        path = write(tmp_path / "imdb.mat", entry(), without=("dob",), dob="1960-01-01")
        with pytest.raises(DatasetError, match="a field of 'imdb' is no number"):
            imdb_wiki.read(path)

    @pytest.mark.parametrize("shape", [(2, 2), (3, 2, 1)], ids=str)
    def test_fields_of_two_dimensions(self, tmp_path, shape):
        fields = {field: np.ones(shape) for field in GOOD if field != "full_path"}
        cells = np.empty(shape, dtype=object)
        cells[:] = "a.jpg"
        savemat(tmp_path / "imdb.mat", {"imdb": {"full_path": cells, **fields}})
        with pytest.raises(DatasetError, match="differ in length.*'full_path': [23]x2"):
            imdb_wiki.read(tmp_path / "imdb.mat", check_images=False)

    def test_an_impossible_path(self):
        with pytest.raises(DatasetError, match="does not exist or is no file"):
            imdb_wiki.read("x" * 100_000)


def test_what_crashes_the_reader_ends_in_an_error(tmp_path):
    """Damage that ends the interpreter: found by altering bytes of this very file."""
    path = write(tmp_path / "imdb.mat", *[entry(full_path=f"{k}.jpg") for k in range(3)])
    crash = tmp_path / "crash.py"
    crash.write_text(Path(matlab.__file__).read_text().replace(
        "    contents = loadmat(", "    os.kill(os.getpid(), 11)\n    contents = loadmat("
    ))  # fmt: skip
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(matlab, "__file__", str(crash))
        with pytest.raises(DatasetError, match=r"it crashed the reader with signal 11\."):
            imdb_wiki.read(path, check_images=False)
    assert len(imdb_wiki.read(path, check_images=False)) == 3
