import numpy as np
import pytest

from agr.datasets import utkface
from agr.errors import DatasetError, ParameterError

GOOD = "26_1_0_20170116171048641.jpg.chip.jpg"


def test_labels_by_name(draw):
    names = [
        "1_0_0_20170109193052283.jpg.chip.jpg",
        "26_1_1_20170116171048641.jpg.chip.jpg",
        "30_0_2_20170116171048641.jpg.chip.jpg",
        "45_1_3_20170116171048641.jpg",
        "sub/116_0_4_20170116171048641.png",
    ]
    root = draw(*names)
    faces = utkface.read(root)
    table = faces.table
    assert faces.paths == [str(root / name) for name in names]
    assert table["age"].tolist() == [1, 26, 30, 45, 116]
    assert table["gender"].tolist() == ["male", "female", "male", "female", "male"]
    assert table["race"].tolist() == ["white", "black", "asian", "indian", "other"]
    assert set(table["source"]) == {"utkface"}
    assert table["hash"].str.len().tolist() == [64] * 5
    assert faces.report.n_found == 5
    assert faces.report.n_dropped == 0


@pytest.mark.parametrize(
    "name",
    [
        "26_1_0_20170116171048641 .jpg.chip.jpg",
        "26_1_0_20170116171048641jpg.chip.jpg",
        "26_1_0_201701161710486410000000.jpg.chip.jpg",
        "26_1_0_20170116171048641.pg.chip.jpg",
        "26_1_0_2.JPG",
    ],
    ids=["stray-blank", "missing-dot", "long-stamp", "misspelt-ending", "short-stamp"],
)
def test_harmless_slips(draw, name):
    table = utkface.read(draw(name)).table
    assert table[["age", "gender", "race"]].to_numpy().tolist() == [[26, "female", "white"]]


@pytest.mark.parametrize(
    "name",
    [
        "61_1_20170109142408075.jpg.chip.jpg",
        "61_3_20170109150557335.jpg.chip.jpg",
        "39_20170116174525125.jpg.chip.jpg",
        "61_2_1_20170109142408075.jpg",
        "61_1_5_20170109142408075.jpg",
        "_1_0_20170109142408075.jpg",
        "-3_1_0_20170109142408075.jpg",
        "1000_1_0_20170109142408075.jpg",
        "26_1_0_.jpg",
        "26_10_20170109142408075.jpg",
        "26 _1_0_20170109142408075.jpg",
        "x26_1_0_20170109142408075.jpg",
        "portrait.jpg",
        "\u0662\u0666_1_0_20170109142408075.jpg",
        "26_1_0_\u0662\u0660\u0661\u0667.jpg",
    ],
    ids=[
        "no-race", "no-race-3", "no-gender-race", "gender-code", "race-code", "no-age",
        "negative", "four-digits", "no-stamp", "joined-codes", "blank-in-age", "prefix", "no-field",
        "arabic-digits", "arabic-stamp",
    ],
)  # fmt: skip
def test_malformed_names_are_left_out_and_named(draw, name):
    faces = utkface.read(draw(GOOD, name))
    assert len(faces) == 1
    assert faces.table["age"].tolist() == [26]
    assert faces.report.n_found == 2
    expected = {"malformed name": (name,), "impossible age": (), "unreadable picture": ()}
    assert faces.report.dropped == expected


@pytest.mark.parametrize("age", [121, 150, 999])
def test_impossible_ages_are_left_out_and_named(draw, age):
    name = f"{age}_1_0_20170109142408075.jpg"
    faces = utkface.read(draw(GOOD, name, "120_1_0_2017.jpg"))
    assert faces.table["age"].tolist() == [120, 26]
    assert faces.report.dropped["impossible age"] == (name,)


def test_unreadable_pictures_are_left_out_and_named(draw):
    root = draw(GOOD)
    bad = "30_0_0_20170116171048641.jpg"
    (root / bad).write_bytes((root / GOOD).read_bytes()[:100])
    faces = utkface.read(root)
    assert faces.table["age"].tolist() == [26]
    assert faces.report.dropped["unreadable picture"] == (bad,)


def test_one_picture_under_two_names_keeps_both(draw):
    root = draw(GOOD)
    (root / "30_1_0_20170116171048641.jpg").write_bytes((root / GOOD).read_bytes())
    faces = utkface.read(root)
    assert faces.table["hash"].nunique() == 1
    assert faces.table["age"].tolist() == [26, 30]
    np.testing.assert_array_equal(faces.duplicate_groups(), [0, 0])
    assert faces.merge_duplicates().table["age"].tolist() == [28]


def test_other_files_are_not_looked_at(draw):
    root = draw(GOOD)
    (root / "26_1_0_1.txt").write_text("?")
    assert utkface.read(root).report.n_found == 1


class TestStrict:
    def test_names_every_bad_entry(self, draw):
        root = draw(GOOD, "39_1_20170116174525125.jpg")
        (root / "30_0_0_2017.jpg").touch()
        with pytest.raises(
            DatasetError,
            match=r"(?s)1 of 3 entries kept.*malformed name: 39_1_.*unreadable.*30_0_0_2017.jpg",
        ):
            utkface.read(root, on_bad="raise")

    def test_clean_folder(self, draw):
        assert len(utkface.read(draw(GOOD), on_bad="raise")) == 1

    def test_unknown_word(self, draw):
        with pytest.raises(ParameterError, match="on_bad must be one of 'skip', 'raise'"):
            utkface.read(draw(GOOD), on_bad="strict")


class TestFolder:
    def test_missing(self, tmp_path):
        with pytest.raises(DatasetError, match="nowhere is not a folder"):
            utkface.read(tmp_path / "nowhere")

    def test_a_file(self, draw):
        with pytest.raises(DatasetError, match="is not a folder"):
            utkface.read(draw(GOOD) / GOOD)

    @pytest.mark.parametrize("names", [[], ["portrait.jpg"]], ids=["empty", "other-names"])
    def test_without_utkface_pictures(self, draw, names):
        with pytest.raises(DatasetError, match="no picture named AGE_GENDER_RACE_TIME"):
            utkface.read(draw(*names))

    def test_with_broken_pictures_only(self, draw):
        root = draw()
        for k in range(3):
            (root / f"26_1_0_{k}.jpg").write_bytes(b"broken")
        with pytest.raises(DatasetError, match="(?s)No picture in .* can be read; first: .*_0.jpg"):
            utkface.read(root)

    @pytest.mark.parametrize("root", ["x" * 100_000, "a\0b"], ids=["long", "nul"])
    def test_impossible_paths(self, root):
        with pytest.raises(DatasetError, match="is not a folder"):
            utkface.read(root)
