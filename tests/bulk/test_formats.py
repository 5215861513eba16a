import csv
import io
import json

import pytest

from agr.bulk.formats import COLUMNS, FACE_COLUMNS, FORMATS, format_of, write_rows
from agr.bulk.layout import lay_out
from agr.errors import ParameterError
from agr.photo.detectors import Detection
from agr.prediction import Face, columns_of

GOOD = {
    **dict.fromkeys(COLUMNS),
    "image": 'a "quoted", name.png',
    "age": 34.25,
    "age_interval": [28.0, 41.5],
    "gender": "female",
    "gender_probabilities": {"female": 0.975, "male": 0.025},
    "race": "other",
    "race_probabilities": {"other": 0.6, "white": 0.4},
    "withheld": {"race": "other is 60.0% likely"},
    "quality": {"size": 40.0, "light": 0.51234},
    "readable": True,
    "error": None,
}
BAD = {**dict.fromkeys(COLUMNS), "image": "b.png", "error": "b.png does not exist"}
PART = {**dict.fromkeys(COLUMNS), "image": "c.png", "age": 5.0, "age_interval": [3.0, 7.0]}


FLAT = [
    "image", "age", "age_low", "age_high", "gender", "gender_female", "gender_male",
    "race", "race_asian", "race_black", "race_indian", "race_other", "race_white",
    "age_withheld", "gender_withheld", "race_withheld", "quality_size", "quality_sharpness",
    "quality_noise", "quality_light", "quality_contrast", "quality_turn", "quality_nod",
    "quality_tilt", "readable", "error",
]  # fmt: skip
FOUND = {
    **GOOD,
    "box": [10.04, -2.0, 110.5, 130.0],
    "score": 0.98765,
    "landmarks": {"left_eye": [40.0, 50.0], "right_eye": [80.0, 50.25]},
    "n_faces": 2,
    "warning": None,
}
PLACES = [
    "left", "top", "right", "bottom", "score", "left_eye_x", "left_eye_y", "right_eye_x",
    "right_eye_y", "nose_x", "nose_y", "mouth_left_x", "mouth_left_y", "mouth_right_x",
    "mouth_right_y", "n_faces", "warning",
]  # fmt: skip


def written(rows, form, columns=COLUMNS):
    stream = io.BytesIO()
    write_rows(iter(rows), form, stream, columns)
    return stream.getvalue()


def read_csv(text):
    return list(csv.DictReader(io.StringIO(text.decode())))


def test_table():
    lines = written([GOOD, BAD, PART], "table").decode().splitlines()
    assert lines[0].split() == ["image", "age", "90", "%", "gender", "race"]
    assert lines[1].endswith("34.2  28 to 42  female 98 %  other 60 %")
    assert lines[2].split(maxsplit=4) == ["b.png", "-", "-", "-", "error: b.png does not exist"]
    assert lines[3].split() == ["c.png", "5.0", "3", "to", "7", "-", "-"]
    assert lines[0].index(" age ") + 1 == lines[1].index("34.2") == lines[3].index("5.0")


def test_json():
    assert json.loads(written([GOOD, BAD], "json")) == [GOOD, BAD]


def test_jsonl():
    lines = written([GOOD, BAD], "jsonl").splitlines()
    assert [json.loads(line) for line in lines] == [GOOD, BAD]


def test_csv():
    """Flat columns with as many digits as are worth reading."""
    exact = {**GOOD, "age": 34.256789, "gender_probabilities": {"female": 2 / 3, "male": 1 / 3}}
    rows = read_csv(written([exact, BAD], "csv"))
    assert list(rows[0]) == FLAT
    assert list(rows[0].values()) == [
        GOOD["image"], "34.26", "28.0", "41.5", "female", "0.6667", "0.3333",
        "other", "", "", "", "0.6", "0.4", "", "", "other is 60.0% likely",
        "40.0", "", "", "0.5123", "", "", "", "", "True", "",
    ]  # fmt: skip
    assert rows[1] == {**dict.fromkeys(FLAT, ""), "image": "b.png", "error": BAD["error"]}


def test_csv_of_faces():
    rows = read_csv(written([FOUND], "csv", FACE_COLUMNS))
    assert list(rows[0]) == ["image", *PLACES, *FLAT[1:]]
    assert [rows[0][name] for name in PLACES] == [
        "10.0", "-2.0", "110.5", "130.0", "0.9877", "40.0", "50.0", "80.0", "50.2",
        *[""] * 6, "2", "",
    ]  # fmt: skip


def test_parquet(tmp_path):
    """The same columns, as they were computed."""
    pytest.importorskip("pyarrow", reason="parquet is an extra: agr-faces[parquet]")
    import pyarrow.parquet as pq

    exact = {**GOOD, "gender_probabilities": {"female": 2 / 3, "male": 1 / 3}}
    (tmp_path / "rows.parquet").write_bytes(written([exact, BAD], "parquet"))
    table = pq.read_table(tmp_path / "rows.parquet")
    assert table.column_names == FLAT
    first, second = table.to_pylist()
    assert (first["age_low"], first["gender_female"], first["race_asian"]) == (28, 2 / 3, None)
    assert (first["readable"], first["quality_light"]) == (True, 0.51234)
    assert second == {**dict.fromkeys(FLAT), "image": "b.png", "error": BAD["error"]}


def test_a_detector_has_no_landmark_without_a_column():
    allowed = {name[:-2] for name in PLACES if name.endswith("_x")}
    for name in allowed:
        assert name in Detection.__doc__
    assert allowed == {name[:-2] for name in PLACES if name.endswith("_y")}


def test_flat_columns_hold_all_that_json_holds():
    """A field that JSON shows cannot be forgotten in a table."""
    fields = {column.place[0] for column in columns_of(FACE_COLUMNS)}
    assert fields == set(FACE_COLUMNS) == {"image", *Face().to_dict()}


def test_parquet_in_parts(tmp_path):
    pytest.importorskip("pyarrow", reason="parquet is an extra: agr-faces[parquet]")
    import pyarrow.parquet as pq

    (tmp_path / "rows.parquet").write_bytes(written([GOOD] * 10_001, "parquet"))
    assert pq.read_table(tmp_path / "rows.parquet").num_rows == 10_001


@pytest.mark.parametrize("form", ["jsonl", "csv"])
def test_rows_are_written_as_they_come(form):
    stream = io.BytesIO()

    def rows():
        yield GOOD
        yield BAD
        assert b"34.25" in stream.getvalue()

    write_rows(rows(), form, stream)
    assert b"b.png" in stream.getvalue()


TEXTS = [name for name, form in FORMATS.items() if form.is_text]


@pytest.mark.parametrize("form", TEXTS)
def test_no_rows(form):
    text = written([], form).decode()
    assert text.split() in (
        [],
        ["[]"],
        [",".join(FLAT)],
        ["image", "age", "90", "%", "gender", "race"],
    )


@pytest.mark.parametrize("form", TEXTS)
def test_any_name_of_a_file(form):
    """A name that is no valid UTF-8 comes from the system with lone surrogates."""
    name = b"caf\xe9.png".decode(errors="surrogateescape")
    found = written([{**GOOD, "image": name}], form)
    assert b"caf\xe9.png" in found or rb"caf\udce9.png" in found


@pytest.mark.parametrize(
    ("name", "shown"),
    [
        ("new\nline.png", r"new\nline.png"),
        ("\x1b[31mred\x9b.png", r"\x1b[31mred\x9b.png"),
        ("a\u2028b\u202egnp.png", r"a\u2028b\u202egnp.png"),
        ("[red]x[/red] :cat:.png", "[red]x[/red] :cat:.png"),
        ("日本語 é.png", "日本語 é.png"),
    ],
    ids=["line", "terminal", "unicode", "markup", "letters"],
)
def test_no_name_breaks_a_row_of_the_table(name, shown):
    lines = written([{**GOOD, "image": name}, {**BAD, "error": f"{name} is no picture"}], "table")
    head, first, second = lines.decode().splitlines()
    assert first.startswith(f"{shown}  34.2")
    assert second.endswith(f"error: {shown} is no picture")


class TestFormatOf:
    @pytest.mark.parametrize(
        ("name", "form"),
        [
            ("a.csv", "csv"),
            ("a.b.JSON", "json"),
            ("a.jsonl", "jsonl"),
            ("a.parquet", "parquet"),
            ("a.txt", "table"),
        ],
        ids=lambda value: value,
    )
    def test_ending(self, tmp_path, name, form):
        assert format_of(tmp_path / name) == form

    @pytest.mark.parametrize("name", ["a.xlsx", "a", ".csv"])
    def test_unknown(self, tmp_path, name):
        with pytest.raises(ParameterError, match="no known format; expected one of .txt, .json,"):
            format_of(tmp_path / name)


class TestTerminal:
    def test_is_ruled_and_folded(self, monkeypatch):
        monkeypatch.setenv("COLUMNS", "40")
        head, *lines = lay_out(["image", "age"], [["x" * 60, "30"]], terminal=True).splitlines()
        assert "\x1b[1mimage" in head
        assert lines[0] == "─" * 40
        assert max(map(len, lines)) == 40
        assert "".join(lines).count("x") == 60

    def test_numbers_stand_to_the_right(self):
        text = lay_out(["group", "n"], [["all", "1000"], ["a=b", "5"]], numbers=["n"])
        assert text == "group     n\nall    1000\na=b       5\n"
