import pytest

from agr.datasets import fairface
from agr.errors import DatasetError, ParameterError

HEADER = "file,age,gender,race,service_test"
ROWS = (
    "val/1.jpg,0-2,Male,White,True",
    "val/2.jpg,3-9,Female,Black,False",
    "val/3.jpg,10-19,Male,Latino_Hispanic,True",
    "val/4.jpg,20-29,Female,East Asian,True",
    "val/5.jpg,30-39,Male,Southeast Asian,True",
    "val/6.jpg,60-69,Female,Indian,True",
    "val/7.jpg,more than 70,Male,Middle Eastern,True",
)
FILES = [row.split(",")[0] for row in ROWS]


def write(folder, *rows, header=HEADER):
    path = folder / "fairface_label_val.csv"
    path.write_text("\n".join([header, *rows]) + "\n", encoding="utf-8")
    return path


def test_words(draw):
    root = draw(*FILES)
    faces = fairface.read(write(root, *ROWS))
    table = faces.table
    assert faces.paths == [str(root / file) for file in FILES]
    assert table["age"].isna().all()
    assert table["gender"].tolist() == ["male", "female"] * 3 + ["male"]
    races = ["white", "black", "other", "asian", "asian", "indian", "other"]
    assert table["race"].tolist() == races
    assert table["age_bin"].tolist() == [row.split(",")[1] for row in ROWS]
    assert set(table["source"]) == {"fairface"}
    assert table["hash"].str.len().tolist() == [64] * 7
    assert faces.report.n_dropped == 0


@pytest.mark.parametrize("age_bin", fairface.AGE_BINS)
def test_every_bin(tmp_path, age_bin):
    path = write(tmp_path, f"a.jpg,{age_bin},Male,White,True")
    assert fairface.read(path, check_images=False).table["age_bin"].tolist() == [age_bin]


def test_root(draw):
    root = draw("padding/val/1.jpg")
    faces = fairface.read(write(root, ROWS[0]), root / "padding")
    assert faces.paths == [str(root / "padding/val/1.jpg")]


def test_pictures_need_not_be_looked_at(tmp_path):
    table = fairface.read(write(tmp_path, *ROWS), check_images=False).table
    assert len(table) == 7
    assert table["hash"].tolist() == [None] * 7


@pytest.mark.parametrize(
    ("rule", "row"),
    [
        ("unknown age", "bad.jpg,70+,Male,White,True"),
        ("unknown age", "bad.jpg,25,Male,White,True"),
        ("unknown age", "bad.jpg,,Male,White,True"),
        ("unknown gender", "bad.jpg,0-2,M,White,True"),
        ("unknown gender", "bad.jpg,0-2,,White,True"),
        ("unknown race", "bad.jpg,0-2,Male,Asian,True"),
        ("unknown race", "bad.jpg,0-2,Male,,True"),
    ],
    ids=["bin", "years", "no-bin", "gender", "no-gender", "race", "no-race"],
)
def test_unknown_words_are_left_out_and_named(tmp_path, rule, row):
    faces = fairface.read(write(tmp_path, ROWS[0], row, ROWS[6]), check_images=False)
    assert faces.table["age_bin"].tolist() == ["0-2", "more than 70"]
    assert faces.report.dropped[rule] == ("bad.jpg",)
    assert faces.report.n_dropped == 1


def test_bins_stay_with_their_pictures(draw):
    root = draw(FILES[0], FILES[3], FILES[6])
    (root / FILES[2]).write_text("?")
    faces = fairface.read(write(root, *ROWS))
    assert faces.table["age_bin"].tolist() == ["0-2", "20-29", "more than 70"]
    assert faces.table["race"].tolist() == ["white", "asian", "other"]
    lost = (FILES[1], FILES[2], FILES[4], FILES[5])
    assert faces.report.dropped["missing or unreadable picture"] == lost
    assert faces.take([2, 0]).table["age_bin"].tolist() == ["more than 70", "0-2"]


def test_row_without_path(tmp_path):
    faces = fairface.read(write(tmp_path, ROWS[0], ",0-2,Male,White,True"), check_images=False)
    assert faces.report.dropped["no path"] == ("row 1",)


class TestStrict:
    def test_raises_with_the_allowed_words(self, tmp_path):
        path = write(tmp_path, ROWS[0], "bad.jpg,0-2,Male,Indain,True")
        with pytest.raises(DatasetError, match="(?s)race: bad.jpg.*Did you mean 'indian'"):
            fairface.read(path, check_images=False, on_bad="raise")

    def test_clean_file(self, tmp_path):
        faces = fairface.read(write(tmp_path, *ROWS), check_images=False, on_bad="raise")
        assert len(faces) == 7

    def test_unknown_word(self, tmp_path):
        with pytest.raises(ParameterError, match="on_bad must be one of"):
            fairface.read(write(tmp_path, *ROWS), on_bad="warn")


class TestFile:
    def test_missing_columns(self, tmp_path):
        path = write(tmp_path, "a.jpg,0-2,Male", header="file,age,sex")
        with pytest.raises(
            DatasetError,
            match=r"lacks gender, race; expected .* file, age, gender, race, got file, age, sex",
        ):
            fairface.read(path)

    def test_missing(self, tmp_path):
        with pytest.raises(DatasetError, match="no.csv does not exist"):
            fairface.read(tmp_path / "no.csv")

    def test_empty(self, tmp_path):
        (tmp_path / "e.csv").touch()
        with pytest.raises(DatasetError, match="e.csv cannot be read as a csv file"):
            fairface.read(tmp_path / "e.csv")

    def test_no_rows(self, tmp_path):
        with pytest.raises(DatasetError, match="No entry is good: 0 of 0"):
            fairface.read(write(tmp_path))

    def test_wrong_root(self, tmp_path):
        with pytest.raises(DatasetError, match="(?s)No entry is good: 0 of 7.*1.jpg does not exi"):
            fairface.read(write(tmp_path, *ROWS))
