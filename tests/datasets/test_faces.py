import numpy as np
import pandas as pd
import pytest
from PIL import Image

from agr.datasets.faces import COLUMNS, PARTS, Faces, ReadReport, Split, make_faces, scan
from agr.errors import DatasetError, ParameterError


def hashed(codes, **columns):
    """Give a table without pictures; equal codes have equal hashes, other codes are far apart."""
    rng = np.random.default_rng(99)
    words = [rng.bytes(32).hex() for _ in range(max(codes) + 1)]
    n = len(codes)
    return make_faces(
        {"path": [f"{i:05d}.png" for i in range(n)], "hash": [words[c] for c in codes], **columns}
    )


@pytest.fixture(scope="module")
def many():
    """Give 2000 rows, without pictures, in uneven strata."""
    rng = np.random.default_rng(5)
    n = 2000
    return hashed(
        list(range(n)),
        age=rng.integers(0, 80, n),
        gender=rng.choice(["female", "male"], n, p=[0.3, 0.7]),
        race=rng.choice(["asian", "black", "white"], n, p=[0.1, 0.2, 0.7]),
    )


class TestReport:
    def test_counts_and_names(self):
        report = ReadReport(9, {"rule": tuple("abcd"), "other": ("e",), "idle": ()})
        assert report.n_dropped == 5
        assert str(report).splitlines() == [
            "4 of 9 entries kept",
            "  4 left out, rule: a, b, c, ...",
            "  1 left out, other: e",
        ]

    def test_three_names_need_no_dots(self):
        assert str(ReadReport(3, {"rule": tuple("abc")})).endswith("rule: a, b, c")

    def test_raises_once_with_all_rules(self):
        report = ReadReport(3, {"rule": ("a",), "other": ("b",)})
        with pytest.raises(DatasetError, match='(?s)rule: a.*other: b.*on_bad="skip"'):
            report.raise_if_dropped()

    def test_nothing_dropped(self):
        ReadReport(3, {"rule": ()}).raise_if_dropped()


class TestMakeFaces:
    def test_missing_columns_are_missing_values(self):
        table = make_faces({"path": ["a", "b"]}).table
        assert tuple(table.columns) == COLUMNS
        assert table["age"].isna().all()
        assert table["age"].dtype == float
        for column in COLUMNS[2:]:
            assert table[column].tolist() == [None, None]

    def test_missing_cells(self):
        gender = ["female", np.nan, pd.NA, None]
        table = make_faces({"path": list("abcd"), "age": [1, None, "3", 4.5], "gender": gender})
        assert table.table["gender"].tolist() == ["female", None, None, None]
        np.testing.assert_array_equal(table.table["age"], [1, np.nan, 3, 4.5])

    def test_rows_are_numbered_anew_and_other_columns_left_out(self):
        frame = pd.DataFrame({"path": ["a", "b"], "age": [1, 2], "x": [0, 0]}, index=[7, 3])
        faces = make_faces(frame)
        assert faces.table.index.tolist() == [0, 1]
        assert faces.table["age"].tolist() == [1.0, 2.0]
        assert "x" not in faces.table

    def test_report_is_kept(self):
        report = ReadReport(1)
        assert make_faces({"path": ["a"]}, report).report is report


class TestFaces:
    def test_length_and_paths(self):
        faces = make_faces({"path": ["b", "a"]})
        assert len(faces) == 2
        assert faces.paths == ["b", "a"]

    def test_labelled_leaves_missing_labels_out(self):
        faces = make_faces(
            {"path": list("abc"), "age": [1, None, 3], "gender": ["male", "female", None]}
        )
        paths, ages = faces.labelled("age")
        assert paths == ["a", "c"]
        assert ages.dtype == float
        assert ages.tolist() == [1, 3]
        paths, genders = faces.labelled("gender")
        assert paths == ["a", "b"]
        assert genders.dtype.kind == "U"
        assert genders.tolist() == ["male", "female"]
        assert faces.labelled("race")[0] == []

    @pytest.mark.parametrize(
        ("rows", "expected"),
        [([2, 0], ["c", "a"]), (np.array([True, False, True]), ["a", "c"]), ([], [])],
        ids=["positions", "mask", "none"],
    )
    def test_take(self, rows, expected):
        taken = make_faces({"path": list("abc")}).take(rows)
        assert taken.paths == expected
        assert taken.table.index.tolist() == list(range(len(expected)))

    def test_at_least(self):
        faces = make_faces({"path": list("abcd"), "age": [8.9, 9, None, 40]})
        assert faces.at_least(9).paths == ["b", "d"]

    def test_groups(self):
        table = pd.DataFrame(
            {
                "path": list("abcde"),
                "age": [0, 2.9, 3, 61, np.nan],
                "gender": ["male", None, "male", "female", "male"],
            }
        )
        groups = make_faces(table).groups()
        assert list(groups["age"]) == ["000-002", "000-002", "003-012", "061+", "unknown"]
        assert list(groups["gender"]) == ["male", "unknown", "male", "female", "male"]
        assert list(groups["race"]) == ["unknown"] * 5


class TestUndersample:
    def test_to_the_smallest_group(self, many):
        small = many.undersample(["gender", "race"], random_state=1).table
        counts = small.groupby(["gender", "race"]).size()
        smallest = many.table.groupby(["gender", "race"]).size().min()
        assert counts.tolist() == [smallest] * 6
        assert small["path"].is_monotonic_increasing

    def test_limit(self, many):
        counts = many.undersample(["race"], limit=250).table["race"].value_counts()
        everyone = many.table["race"].value_counts()
        assert counts.to_dict() == everyone.clip(upper=250).to_dict()
        assert everyone.min() < 250 < everyone.max()

    def test_seeded(self, many):
        first = many.undersample(["race"], random_state=1).paths
        assert first == many.undersample(["race"], random_state=1).paths
        assert first != many.undersample(["race"], random_state=2).paths

    def test_is_a_draw_from_the_whole_group(self, many):
        places = many.undersample(["race"], limit=100).table["path"].str[:5].astype(int)
        assert places.max() > 1800

    def test_unlabelled_rows_are_left_out(self):
        faces = make_faces({"path": list("abc"), "gender": ["male", None, "female"]})
        assert faces.undersample(["gender"]).paths == ["a", "c"]


class TestHashes:
    def test_only_missing_ones_are_filled(self, tmp_path, picture):
        Image.fromarray(picture(0)).save(tmp_path / "a.png")
        faces = make_faces({"path": [tmp_path / "a.png", "no such file"], "hash": [None, "ff"]})
        hashes = faces.with_hashes().table["hash"].tolist()
        assert len(hashes[0]) == 64
        assert hashes[1] == "ff"
        assert faces.table["hash"].tolist() == [None, "ff"]

    def test_nothing_to_do(self, faces):
        assert faces.with_hashes() is faces

    def test_unreadable(self, tmp_path):
        faces = make_faces({"path": [tmp_path / "x.png", tmp_path / "y.png"]})
        with pytest.raises(DatasetError, match="2 pictures cannot be read, first: .*x.png does"):
            faces.with_hashes()

    def test_scan(self, tmp_path, picture):
        Image.fromarray(picture(0)).save(tmp_path / "a.png")
        (tmp_path / "b.png").write_text("?")
        good, bad = str(tmp_path / "a.png"), str(tmp_path / "b.png")
        hashes, errors = scan([bad, good, bad])
        assert hashes[0] is hashes[2] is None
        assert len(hashes[1]) == 64
        assert list(errors) == [bad]
        assert "not a picture" in errors[bad]


class TestDuplicates:
    def test_groups_are_the_originals(self, faces):
        groups = faces.duplicate_groups()
        originals = faces.table["original"]
        first = originals.map({o: i for i, o in reversed(list(enumerate(originals)))})
        np.testing.assert_array_equal(groups, first)

    def test_no_faces(self):
        empty = make_faces({"path": []})
        assert empty.duplicate_groups().shape == (0,)
        assert len(empty.merge_duplicates()) == 0
        assert [len(part) for part in empty.split()] == [0, 0, 0]

    def test_merge_keeps_one_of_each(self, faces):
        merged = faces.merge_duplicates()
        assert merged.paths == faces.paths[:100]
        assert len(faces) == 120

    def test_merge_takes_the_consensus(self):
        faces = hashed(
            [0, 1, 0, 0, 1, 2],
            age=[20, 30, 26, 21, 40, 50],
            gender=["male", "male", "female", "female", "female", "male"],
            race=["asian", None, "black", "black", "white", None],
        )
        merged = faces.merge_duplicates().table
        assert merged["path"].tolist() == ["00000.png", "00001.png", "00005.png"]
        assert merged["age"].tolist() == [21, 35, 50]
        assert merged["gender"].tolist() == ["female", None, "male"]  # the second is a tie
        assert merged["race"].tolist() == ["black", "white", None]

    def test_merge_ignores_missing_ages(self):
        faces = hashed([0, 0, 1, 1], age=[None, 8, None, None])
        merged = faces.merge_duplicates().table["age"]
        np.testing.assert_array_equal(merged, [8, np.nan])

    def test_merge_alters_nothing(self):
        faces = hashed([0, 0], age=[10, 20], gender=["male", "female"])
        before = faces.table.copy()
        faces.merge_duplicates()
        pd.testing.assert_frame_equal(faces.table, before)


class TestSplit:
    def test_everyone_is_in_one_part(self, faces):
        parts = faces.split()
        together = [path for part in parts for path in part.paths]
        assert sorted(together) == sorted(faces.paths)

    @pytest.mark.parametrize("seed", range(5))
    def test_no_duplicate_across_sides(self, faces, seed):
        parts = faces.split(validation=0.3, test=0.3, random_state=seed)
        sides = [set(part.table["original"]) for part in parts]
        assert not sides[0] & sides[1]
        assert not sides[0] & sides[2]
        assert not sides[1] & sides[2]
        # Copies do differ in name and some in bytes: without the rule they would be torn apart.
        assert sum(part.table["original"].duplicated().sum() for part in parts) == 20

    def test_seeded(self, many):
        first, again, other = (many.split(random_state=seed) for seed in (1, 1, 2))
        for part in range(3):
            pd.testing.assert_frame_equal(first[part].table, again[part].table)
        assert first.test.paths != other.test.paths

    def test_independent_of_row_order(self, faces):
        shuffled = faces.take(np.random.default_rng(0).permutation(len(faces)))
        for part, other in zip(faces.split(), shuffled.split(), strict=True):
            assert part.paths == other.paths

    def test_independent_of_the_global_seed(self, many):
        np.random.seed(0)
        first = many.split().test.paths
        np.random.seed(1)
        assert many.split().test.paths == first

    @pytest.mark.parametrize(
        ("validation", "test"), [(0.1, 0.2), (0.25, 0.25), (0.0, 0.5), (0.3, 0.0), (0.0, 0.0)]
    )
    def test_sizes(self, many, validation, test):
        parts = many.split(validation=validation, test=test)
        sizes = [len(part) for part in parts]
        expected = [2000 * (1 - validation - test), 2000 * validation, 2000 * test]
        np.testing.assert_allclose(sizes, expected, atol=1)

    def test_every_stratum_has_its_share(self, many):
        def counts(faces):
            table = faces.table
            return table.groupby([table["gender"], table["race"], table["age"] // 10]).size()

        everyone = counts(many)
        for share, part in zip((0.76, 0.08, 0.16), many.split(), strict=True):
            got = counts(part).reindex(everyone.index, fill_value=0)
            assert (got - share * everyone).abs().max() < 2

    def test_missing_labels_are_a_stratum(self):
        gender = ["male"] * 200 + [None] * 200
        faces = hashed(list(range(400)), age=[20.0, None] * 200, gender=gender)
        parts = faces.split(validation=0.2, test=0.2)
        assert [len(part) for part in parts] == [240, 80, 80]
        for part in parts[1:]:
            assert abs(part.table["age"].isna().sum() - 40) <= 2
            assert abs(part.table["gender"].isna().sum() - 40) <= 2

    @pytest.mark.parametrize(
        ("validation", "test"),
        [(-0.1, 0.2), (0.1, -0.2), (0.5, 0.5), (0.1, 1.0)],
        ids=["negative", "negative-test", "all", "test-all"],
    )
    def test_impossible_shares(self, many, validation, test):
        with pytest.raises(ParameterError, match=f"less than 1; got {validation} and {test}"):
            many.split(validation=validation, test=test)


class TestCsv:
    def test_round_trip(self, faces, tmp_path):
        root = tmp_path.parent
        parts = faces.split()
        parts.write_csv(tmp_path / "split.csv", root)
        again = Split.read_csv(tmp_path / "split.csv", root)
        for part, other in zip(parts, again, strict=True):
            expected = part.table.drop(columns="original")
            pd.testing.assert_frame_equal(
                other.table[list(COLUMNS[1:])], expected[list(COLUMNS[1:])]
            )
            assert len(part) > 0

    def test_paths_are_relative_with_slashes(self, tmp_path):
        inside = tmp_path / "old" / "sub"
        faces = make_faces({"path": [inside / "a.png"], "hash": ["00" * 32]})
        none = faces.take([])
        Split(faces, none, none).write_csv(tmp_path / "split.csv", tmp_path / "old")
        assert pd.read_csv(tmp_path / "split.csv")["path"].tolist() == ["sub/a.png"]
        moved = Split.read_csv(tmp_path / "split.csv", tmp_path / "new")
        assert moved.train.paths == [str(tmp_path / "new" / "sub" / "a.png")]

    def test_missing_values_and_digits_survive(self, tmp_path):
        number = "0" * 60 + "1e10"  # would become a number if read as one
        faces = make_faces(
            {"path": ["a.png", "b.png"], "hash": [number, None], "gender": [None, "male"]}
        )
        none = faces.take([])
        Split(none, faces, none).write_csv(tmp_path / "s.csv", ".")
        table = Split.read_csv(tmp_path / "s.csv", ".").validation.table
        assert table["hash"].tolist() == [number, None]
        assert table["gender"].tolist() == [None, "male"]
        assert table["race"].tolist() == [None, None]
        assert table["age"].isna().all()

    def test_parts_by_name(self, tmp_path):
        rows = {"part": PARTS, "path": ["a", "b", "c"]}
        pd.DataFrame(rows).iloc[::-1].to_csv(tmp_path / "s.csv", index=False)
        split = Split.read_csv(tmp_path / "s.csv", "")
        assert [part.paths for part in split] == [["a"], ["b"], ["c"]]

    def test_other_csv(self, tmp_path):
        pd.DataFrame({"path": ["a"]}).to_csv(tmp_path / "s.csv", index=False)
        with pytest.raises(DatasetError, match=r"s.csv lacks the columns \['part'\] of a split"):
            Split.read_csv(tmp_path / "s.csv", tmp_path)

    def test_unknown_part(self, tmp_path):
        pd.DataFrame({"part": ["train", "Test"], "path": ["a", "b"]}).to_csv(tmp_path / "s.csv")
        with pytest.raises(DatasetError, match="got 'Test'. Did you mean 'test'"):
            Split.read_csv(tmp_path / "s.csv", tmp_path)


def test_faces_is_frozen():
    with pytest.raises(AttributeError):
        Faces(pd.DataFrame()).table = None
