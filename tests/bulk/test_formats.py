import csv
import io
import json

import pytest

from agr.bulk.formats import COLUMNS, FORMS, write_rows

GOOD = {
    "image": 'a "quoted", name.png',
    "age": 34.25,
    "age_interval": [28.0, 41.5],
    "gender": "female",
    "gender_probabilities": {"female": 0.975, "male": 0.025},
    "race": "other",
    "race_probabilities": {"other": 0.6, "white": 0.4},
    "error": None,
}
BAD = {**dict.fromkeys(COLUMNS), "image": "b.png", "error": "b.png does not exist"}
PART = {**dict.fromkeys(COLUMNS), "image": "c.png", "age": 5.0, "age_interval": [3.0, 7.0]}


def written(rows, form):
    stream = io.BytesIO()
    write_rows(iter(rows), form, stream)
    return stream.getvalue()


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
    rows = list(csv.DictReader(io.StringIO(written([GOOD, BAD], "csv").decode())))
    assert list(rows[0]) == list(COLUMNS)
    assert rows[0]["image"] == GOOD["image"]
    assert float(rows[0]["age"]) == 34.25
    assert json.loads(rows[0]["race_probabilities"]) == GOOD["race_probabilities"]
    assert json.loads(rows[0]["age_interval"]) == GOOD["age_interval"]
    assert rows[1]["age"] == ""
    assert rows[1]["error"] == BAD["error"]


def test_parquet(tmp_path):
    pytest.importorskip("pyarrow", reason="parquet is an extra: agr-faces[parquet]")
    import pyarrow.parquet as pq

    (tmp_path / "rows.parquet").write_bytes(written([GOOD, BAD], "parquet"))
    rows = pq.read_table(tmp_path / "rows.parquet").to_pylist()
    assert rows[1] == BAD
    assert rows[0]["age_interval"] == GOOD["age_interval"]
    assert dict(rows[0]["gender_probabilities"]) == GOOD["gender_probabilities"]


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


@pytest.mark.parametrize("form", FORMS)
def test_no_rows(form):
    text = written([], form).decode()
    assert text.split() in (
        [],
        ["[]"],
        [",".join(COLUMNS)],
        ["image", "age", "90", "%", "gender", "race"],
    )


@pytest.mark.parametrize("form", FORMS)
def test_any_name_of_a_file(form):
    """A name that is no valid UTF-8 comes from the system with lone surrogates."""
    name = b"caf\xe9.png".decode(errors="surrogateescape")
    found = written([{**GOOD, "image": name}], form)
    assert b"caf\xe9.png" in found or rb"caf\udce9.png" in found
