import contextlib
import gzip
import sys

import numpy as np
import pandas as pd
import pytest

from agr.datasets import read_any, table
from agr.errors import DatasetError, MissingExtraError, ParameterError
from agr.gender.labels import LABELS as GENDERS
from agr.race.labels import LABELS as RACES


def read(cells, **options):
    return table.read(pd.DataFrame(cells), check_images=False, **options)


@pytest.fixture
def csv(tmp_path):
    """Give a function that writes lines as a csv file."""

    def write(*lines, encoding="utf-8"):
        path = tmp_path / "mine.csv"
        path.write_text("\n".join(lines) + "\n", encoding=encoding)
        return path

    return write


class TestSources:
    def test_csv(self, draw, csv):
        root = draw("a.png", "sub/b.png")
        path = csv("path,age,gender,race", "a.png,20,female,asian", "sub/b.png,30.5,male,white")
        faces = table.read(path)
        assert faces.paths == [str(root / "a.png"), str(root / "sub/b.png")]
        assert faces.table["age"].tolist() == [20, 30.5]
        assert faces.table["gender"].tolist() == ["female", "male"]
        assert faces.table["race"].tolist() == ["asian", "white"]
        assert faces.table["source"].tolist() == ["mine", "mine"]
        assert faces.table["hash"].str.len().tolist() == [64, 64]
        assert faces.report.n_found == 2

    def test_csv_with_byte_order_mark(self, csv):
        path = csv("path,age", "a.png,20", encoding="utf-8-sig")
        assert len(table.read(str(path), check_images=False)) == 1

    @pytest.mark.parametrize("separator", [",", ";", "\t", "|"], ids=["comma", *"sbt"])
    def test_separators(self, csv, separator):
        path = csv(separator.join(["path", "age", '"a,b,c,d"']), separator.join("x5 ")[:-1] + "z")
        assert table.read(path, check_images=False).table["age"].tolist() == [5]

    def test_no_separator_at_all(self, csv):
        with pytest.raises(DatasetError, match="no column of labels; its columns are 'path'"):
            table.read(csv("path", "a"))

    def test_packed(self, tmp_path):
        """Its bytes tell no separator, such as those of the name that gzip keeps."""
        with (
            (tmp_path / "t.csv.gz").open("wb") as stream,
            gzip.GzipFile(";;;;", "wb", fileobj=stream, mtime=0) as packed,
        ):
            packed.write(b"path,age\na,5\n")
        assert len(table.read(tmp_path / "t.csv.gz", check_images=False)) == 1

    def test_frame(self):
        frame = pd.DataFrame({"path": ["a", "b"], "age": [1, 2]}, index=[5, 2])
        before = frame.copy()
        faces = table.read(frame, check_images=False)
        assert faces.paths == ["a", "b"]
        assert faces.table["source"].tolist() == ["table", "table"]
        pd.testing.assert_frame_equal(frame, before)

    @pytest.mark.parametrize("ending", ["parquet", "pq"])
    def test_parquet(self, tmp_path, ending):
        pytest.importorskip("pyarrow")
        path = tmp_path / f"mine.{ending}"
        pd.DataFrame({"path": ["a"], "age": [7], "gender": ["male"]}).to_parquet(path)
        faces = table.read(path, check_images=False)
        assert faces.paths == [str(tmp_path / "a")]
        assert faces.table["age"].tolist() == [7]
        assert faces.table["source"].tolist() == ["mine"]

    def test_broken_parquet(self, tmp_path):
        pytest.importorskip("pyarrow")
        (tmp_path / "mine.parquet").write_text("?")
        with pytest.raises(DatasetError, match="cannot be read as a parquet file"):
            table.read(tmp_path / "mine.parquet")

    def test_parquet_without_pyarrow(self, tmp_path, monkeypatch):
        monkeypatch.setitem(sys.modules, "pyarrow", None)
        with pytest.raises(MissingExtraError, match=r'pip install "agr-faces\[parquet\]"'):
            table.read(tmp_path / "mine.parquet")

    @pytest.mark.parametrize("source", [None, 3, {"path": ["a"]}], ids=["none", "int", "dict"])
    def test_other_types(self, source):
        with pytest.raises(DatasetError, match="or a DataFrame, got .*" + type(source).__name__):
            table.read(source)

    def test_missing_file(self, tmp_path):
        with pytest.raises(DatasetError, match="no.csv does not exist"):
            table.read(tmp_path / "no.csv")

    def test_addresses_are_not_fetched(self):
        with pytest.raises(DatasetError, match="does not exist"):
            table.read("http://localhost:9/faces.csv")

    @pytest.mark.parametrize("long", ["one", "all"])
    def test_longer_rows_are_refused(self, csv, long):
        # pandas would make the first column an index and shift the others under wrong names.
        path = csv("path,age", "a,1" if long == "one" else "a,1,2", "b,2,3")
        with pytest.raises(DatasetError, match="cannot be read as a csv file"):
            table.read(path, check_images=False)


class TestColumns:
    def test_own_names(self):
        table = {"file": ["a"], "years": [5], "sex": ["male"], "ethnicity": ["black"], "x": [1]}
        names = {"path": "file", "age": "years", "gender": "sex", "race": "ethnicity"}
        faces = read(table, columns=names)
        row = faces.table.iloc[0]
        assert row[["path", "age", "gender", "race"]].tolist() == ["a", 5, "male", "black"]

    @pytest.mark.parametrize("label", ["age", "gender", "race"])
    def test_one_label_is_enough(self, label):
        values = {"age": 5, "gender": "male", "race": "other"}
        row = read({"path": ["a"], label: [values[label]]}).table.iloc[0]
        assert row[label] == values[label]
        assert row[[other for other in values if other != label]].isna().all()

    def test_none_leaves_a_column_out(self):
        faces = read({"path": ["a"], "age": [5], "gender": ["?"]}, columns={"gender": None})
        assert faces.table["gender"].tolist() == [None]

    def test_no_path_column(self):
        with pytest.raises(
            DatasetError,
            match=r"no column 'path'; its columns are 'paths', 'age'. Did you mean 'paths'.* "
            "Needed are 'path' and at least one of 'age', 'gender' and 'race'.* --column path=file",
        ):
            read({"paths": ["a"], "age": [5]})

    def test_chosen_column_is_lacking(self):
        with pytest.raises(DatasetError, match="no column 'sex'; .* Did you mean 'sex '"):
            read({"path": ["a"], "age": [5], "sex ": ["male"]}, columns={"gender": "sex"})

    @pytest.mark.parametrize("name", ["Age", "AGE"])
    def test_default_column_in_other_case_is_not_overlooked(self, name):
        with pytest.raises(DatasetError, match=f"no column 'age'; its columns are .*{name}"):
            read({"path": ["a"], "gender": ["male"], name: [5]})
        faces = read({"path": ["a"], name: [5]}, columns={"age": name})
        assert faces.table["age"].tolist() == [5]

    def test_a_name_that_is_none_of_ours(self):
        with pytest.raises(ParameterError, match="got 'sex'"):
            read({"path": ["a"], "age": [5]}, columns={"sex": "gender"})
        with pytest.raises(ParameterError, match="Did you mean 'gender'"):
            read({"path": ["a"], "age": [5]}, columns={"gendr": "sex"})

    def test_no_label_column(self):
        with pytest.raises(DatasetError, match="no column of labels; its columns are 'path', 'x'"):
            read({"path": ["a"], "x": [1]})

    def test_column_twice(self):
        frame = pd.DataFrame([["a", 1, 2]], columns=["path", "age", "age"])
        with pytest.raises(DatasetError, match="2 columns called 'age'"):
            table.read(frame)


class TestLabels:
    @pytest.mark.parametrize("word", [w for g in GENDERS for w in (g, g.upper(), f" {g.title()} ")])
    def test_genders(self, word):
        assert read({"path": ["a"], "gender": [word]}).table["gender"][0] == word.strip().lower()

    @pytest.mark.parametrize("word", [w for r in RACES for w in (r, r.upper(), f" {r.title()} ")])
    def test_races(self, word):
        assert read({"path": ["a"], "race": [word]}).table["race"][0] == word.strip().lower()

    @pytest.mark.parametrize("word", ["m", "f", "man", "woman", "0", 1, "mal", "asian", "nan "])
    def test_words_are_not_guessed(self, word):
        faces = read({"path": ["bad", "good"], "gender": [word, "male"]})
        assert faces.paths == ["good"]
        assert faces.report.dropped["unknown gender"] == ("bad",)

    def test_own_words(self):
        table = {"path": [*"abc"], "gender": ["M", " f", "male"], "race": ["Caucasian", "x", None]}
        faces = read(table, labels={"m": "male", "F": "Female", "caucasian": "white"})
        assert faces.table["gender"].tolist() == ["male", "male"]
        assert faces.table["race"].tolist() == ["white", None]
        assert faces.report.dropped["unknown race"] == ("b",)

    @pytest.mark.parametrize("kind", [int, float, str], ids=lambda kind: kind.__name__)
    def test_codes_of_two_columns(self, kind):
        codes = pd.Series([0, 1]).astype(kind)
        words = [("0", "male"), ("1", "female"), ("0", "white"), ("1", "black")]
        faces = read({"path": ["a", "b"], "gender": codes, "race": codes}, labels=words)
        assert faces.table["gender"].tolist() == ["male", "female"]
        assert faces.table["race"].tolist() == ["white", "black"]

    def test_codes_with_gaps(self):
        faces = read({"path": ["a", "b"], "gender": [1, None]}, labels={"1": "male"})
        assert faces.table["gender"].tolist() == ["male", None]

    def test_own_words_that_cannot_be(self):
        table = {"path": ["a"], "gender": ["m"]}
        with pytest.raises(ParameterError, match="got 'mal'. Did you mean 'male'"):
            read(table, labels={"m": "mal"})
        with pytest.raises(ParameterError, match="'M' means male or female, not both"):
            read(table, labels=[("m", "male"), ("M", "female")])

    def test_unknown_words_tell_how_to_name_them(self):
        with pytest.raises(DatasetError, match="got 'm'. Say what a word means with --label WORD="):
            read({"path": ["a"], "gender": ["m"]})

    def test_unknown_race(self):
        faces = read({"path": ["bad", "good"], "race": ["caucasian", "white"]})
        assert faces.paths == ["good"]
        assert faces.report.dropped["unknown race"] == ("bad",)

    @pytest.mark.parametrize(
        "blank", [None, np.nan, pd.NA, "", "   "], ids=["none", "nan", "na", "empty", "spaces"]
    )
    def test_blank_cells_are_missing_labels(self, blank):
        columns = {"path": ["a"], "age": [blank], "gender": [blank], "race": [blank]}
        faces = read(columns)
        assert faces.table[["age", "gender", "race"]].isna().all(axis=None)
        assert faces.report.n_dropped == 0

    def test_blank_cells_in_csv(self, csv):
        faces = table.read(csv("path,age,gender", "a,,male", "b,3,"), check_images=False)
        np.testing.assert_array_equal(faces.table["age"], [np.nan, 3])
        assert faces.table["gender"].tolist() == ["male", None]

    @pytest.mark.parametrize("age", [0, 120, 45.5, "30", " 7 ", np.int8(4)], ids=repr)
    def test_ages(self, age):
        assert read({"path": ["a"], "age": [age]}).table["age"].tolist() == [float(age)]

    @pytest.mark.parametrize(
        "age", [-1, -0.5, 120.5, 1900, float("inf"), "old", "20-29", "25,5", True], ids=repr
    )
    def test_impossible_ages(self, age):
        frame = pd.DataFrame({"path": ["bad", "good"], "age": pd.Series([age, 5], dtype=object)})
        faces = table.read(frame, check_images=False)
        assert faces.paths == ["good"]
        assert faces.table["age"].tolist() == [5]
        assert faces.report.dropped["impossible age"] == ("bad",)

    @pytest.mark.parametrize("kind", ["category", "string", "object"])
    def test_kinds_of_column(self, kind):
        columns = {"path": ["a", "b"], "age": ["5", "6"], "gender": ["male", None]}
        faces = table.read(pd.DataFrame(columns).astype(kind), check_images=False)
        assert faces.table["age"].tolist() == [5, 6]
        assert faces.table["gender"].tolist() == ["male", None]

    def test_whole_number_column_with_gaps(self):
        ages = pd.array([5, None], dtype="Int64")
        np.testing.assert_array_equal(
            read({"path": ["a", "b"], "age": ages}).table["age"], [5, np.nan]
        )

    def test_each_row_is_counted_once(self):
        columns = {"path": ["a", "b", "c"], "age": [-1, 5, 6], "gender": ["x", "y", "male"]}
        report = read(columns).report
        assert report.dropped["impossible age"] == ("a",)
        assert report.dropped["unknown gender"] == ("b",)
        assert str(report).startswith("1 of 3 entries kept")


class TestPictures:
    def test_root(self, draw, csv):
        root = draw("in/a.png")
        path = csv("path,age", "a.png,3")
        assert table.read(path, root=root / "in").paths == [str(root / "in/a.png")]

    def test_absolute_paths_are_kept(self, draw):
        root = draw("a.png")
        frame = pd.DataFrame({"path": [root / "a.png"], "age": [3]})
        assert table.read(frame, root=root / "elsewhere").paths == [str(root / "a.png")]

    def test_missing_and_broken_ones(self, draw):
        root = draw("a.png", "c.png")
        (root / "b.png").write_text("?")
        names = ["a.png", "b.png", "gone.png", "c.png"]
        frame = pd.DataFrame({"path": names, "age": [1, 2, 3, 4]})
        faces = table.read(frame, root=root)
        assert faces.table["age"].tolist() == [1, 4]
        dropped = faces.report.dropped["missing or unreadable picture"]
        assert dropped == ("b.png", "gone.png")
        again = table.read(frame.iloc[[0, 3]], root=root)
        assert faces.table["hash"].tolist() == again.table["hash"].tolist()
        assert faces.table["hash"].nunique() == 2

    def test_blank_path(self):
        faces = read({"path": ["a", None, " "], "age": [1, 2, 3]})
        assert faces.paths == ["a"]
        assert faces.report.dropped["no path"] == ("row 1", "row 2")

    def test_name(self):
        faces = read({"path": ["a"], "age": [1]}, name="passports")
        assert faces.table["source"].tolist() == ["passports"]


class TestStrict:
    def test_bad_rows_raise_once(self):
        columns = {"path": ["a", "b", "c"], "age": [-1, 5, 6], "gender": ["male", "m", "male"]}
        with pytest.raises(
            DatasetError,
            match="(?s)1 of 3.*age: a.*gender: b.*one of 'female', 'male'; got 'm'.*on_bad=",
        ):
            read(columns, on_bad="raise")

    def test_clean_table(self):
        assert len(read({"path": ["a"], "age": [None]}, on_bad="raise")) == 1

    def test_unknown_word(self):
        with pytest.raises(ParameterError, match="on_bad must be one of 'skip', 'raise'"):
            read({"path": ["a"], "age": [1]}, on_bad="rise")

    def test_nothing_good(self):
        with pytest.raises(DatasetError, match="(?s)No entry is good: 0 of 2.*got 'm'"):
            read({"path": ["a", "b"], "gender": ["m", "f"]})


class TestDamagedParquet:
    @pytest.fixture
    def parquet(self, tmp_path):
        pytest.importorskip("pyarrow", reason="parquet is an extra: agr-faces[parquet]")
        path = tmp_path / "mine.parquet"
        columns = {"path": ["one.jpg", "two.jpg"], "age": [3, 4], "gender": ["female", "male"]}
        pd.DataFrame(columns).to_parquet(path, compression=None)
        return path

    @pytest.mark.parametrize("text", [b"two.jpg", b"female"], ids=["path", "gender"])
    def test_text_that_is_no_utf_8(self, parquet, text):
        damaged = parquet.read_bytes().replace(text, text[:2] + b"\xff" + text[3:])
        parquet.write_bytes(damaged)
        # Old versions of pyarrow refuse the whole file.
        with pytest.raises(DatasetError, match="no UTF-8|cannot be read as a parquet file"):
            table.read(parquet, check_images=False)

    @pytest.mark.parametrize(
        "told",
        [
            '{"columns": [{"name": "path", "field_name": "path"}]',
            '{"columns": [7]',
            '{"columns": 7',
        ],
        ids=["no-type", "number", "no-list"],
    )
    def test_what_pandas_says_of_its_columns(self, parquet, told):
        import pyarrow.parquet as pq

        about = f'{told}, "index_columns": [], "column_indexes": [{{"name": null}}]}}'
        held = pq.read_table(parquet).replace_schema_metadata({"pandas": about})
        pq.write_table(held, parquet)
        with pytest.raises(DatasetError, match="cannot be read as a parquet file"):
            table.read(parquet, check_images=False)

    def test_any_byte(self, parquet):
        whole = parquet.read_bytes()
        for place in range(0, len(whole), 41):
            parquet.write_bytes(whole[:place] + b"\xff" + whole[place + 1 :])
            with contextlib.suppress(DatasetError):
                table.read(parquet, check_images=False)


def test_boolean_ages_are_refused():
    with pytest.raises(DatasetError, match="(?s)No entry is good.*impossible age: a.jpg, b.jpg"):
        read({"path": ["a.jpg", "b.jpg"], "age": [True, False]})


@pytest.mark.parametrize("name", ["x" * 100_000 + ".csv", "a\0b.csv", "a\0b.parquet"], ids=len)
def test_impossible_paths(name):
    with pytest.raises(DatasetError, match="cannot be read|does not exist"):
        table.read(name)
    with pytest.raises(DatasetError, match="not there"):
        read_any(name)
