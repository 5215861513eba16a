"""Parts, journal and manifest: whatever moment a run ends at, no row is lost or doubled."""

import csv
import json
import os

import pytest

from agr.bulk import parts as module
from agr.bulk.formats import COLUMNS, rows_of
from agr.bulk.parts import Parts
from agr.bulk.sources import ALL, Item, Shard
from agr.core import files
from agr.errors import OutputError
from agr.prediction import Prediction

ITEMS = [Item(f"{k}.png", None) for k in range(25)]
SETTINGS = {"sources": ["photos"], "faces": "crop"}


class EndError(BaseException):
    """Stands for the end of the process: nothing of it is to catch this."""


@pytest.fixture(autouse=True)
def small(monkeypatch):
    monkeypatch.setattr(module, "PICTURES", 10)


def rows(item):
    """Give as many rows as the name's last digit says, one at least; 7 is an error."""
    digit = int(item.name.removesuffix(".png")[-1])
    one = Prediction(error="damaged") if digit == 7 else Prediction(age=digit)
    return list(rows_of(item.name, [one] * max(digit % 4, 1), COLUMNS))


def opened(folder, form="csv", *, shard=ALL, overwrite=False, **changed):
    return Parts(folder, form, COLUMNS, {**SETTINGS, **changed}, shard, overwrite=overwrite)


def run(folder, items=ITEMS, stop=None, **options):
    """Write all that is not done, up to a number of pictures of this run; give their names."""
    done = []
    with opened(folder, **options) as parts:
        left = (item for item in items if item.tar not in parts.finished_tars or not item.tar)
        for item in parts.skip_done(left):
            if stop is not None and len(done) == stop:
                return done
            parts.add(item, rows(item))
            done.append(item.name)
        parts.finish()
    return done


def images(folder, pattern="part-*.csv"):
    found = []
    for path in sorted(folder.glob(pattern)):
        with path.open() as stream:
            found += [row["image"] for row in csv.DictReader(stream)]
    return found


EXPECTED = [row["image"] for item in ITEMS for row in rows(item)]


def test_whole_run(tmp_path):
    folder = tmp_path / "out"
    assert run(folder) == [item.name for item in ITEMS]
    assert images(folder) == EXPECTED
    assert sorted(os.listdir(folder)) == [
        "_manifest.json",
        *(f"part-0000{k}.csv" for k in range(3)),
    ]
    manifest = json.loads((folder / "_manifest.json").read_text())
    assert manifest["complete"]
    assert [part["pictures"] for part in manifest["parts"]] == [10, 10, 5]
    assert (manifest["pictures"], manifest["rows"], manifest["errors"]) == (25, len(EXPECTED), 2)
    assert run(folder) == []


@pytest.mark.parametrize("stop", [0, 1, 9, 10, 11, 24, 25])
def test_goes_on(tmp_path, stop):
    assert len(run(tmp_path, stop=stop)) == min(stop, 25)
    assert run(tmp_path) == [item.name for item in ITEMS[stop:]]
    assert images(tmp_path) == EXPECTED


def test_a_line_that_was_cut_off_is_read_again(tmp_path):
    run(tmp_path, stop=3)
    journal = tmp_path / "_journal.jsonl"
    whole = journal.read_bytes()
    for cut in (1, 2, 40):
        journal.write_bytes(whole[:-cut])
        assert run(tmp_path, stop=0) == []
        assert journal.read_bytes() == b"".join(whole.splitlines(keepends=True)[:-1])
    journal.write_bytes(whole + b"\0" * 100)
    run(tmp_path)
    assert images(tmp_path) == EXPECTED


@pytest.mark.parametrize("call", ["put", "write"])
@pytest.mark.parametrize("before", [True, False], ids=["before", "after"])
@pytest.mark.parametrize("times", [1, 2, 3, 4])
def test_end_while_a_part_is_closed(tmp_path, monkeypatch, call, before, times):
    """The process ends just before or after the part, or the manifest, gets its name."""
    plain, left = getattr(files, call), times

    def ending(path, *content):
        nonlocal left
        left -= 1
        if left == 0 and before:
            raise EndError
        plain(path, *content)
        if left == 0:
            raise EndError

    with monkeypatch.context() as patched:
        patched.setattr(files, call, ending)
        with pytest.raises(EndError):
            run(tmp_path)
    run(tmp_path)
    assert images(tmp_path) == EXPECTED
    assert not [name for name in os.listdir(tmp_path) if name.startswith(".")]


def test_rest_of_a_killed_run_is_removed(tmp_path):
    run(tmp_path, stop=12)
    for name in (".part-00001.csv-0123456789abcdef.part", "part-00001.csv", "part-00009.csv"):
        (tmp_path / name).write_text("half")
    (tmp_path / "notes.txt").write_text("mine")
    run(tmp_path)
    assert images(tmp_path) == EXPECTED
    assert (tmp_path / "notes.txt").read_text() == "mine"
    assert len(os.listdir(tmp_path)) == 5


class TestArchives:
    TARS = [Item(f"{tar}/{k}.png", None, tar) for tar in "abc" for k in range(4)]

    @pytest.mark.parametrize("stop", range(13))
    def test_a_part_holds_one_and_finished_ones_are_not_opened(self, tmp_path, stop):
        def items():
            for item in self.TARS:
                assert item.tar not in finished
                yield item

        def rows(item):
            return list(rows_of(item.name, [Prediction(age=1)], COLUMNS))

        with opened(tmp_path) as parts:
            for item in self.TARS[:stop]:
                parts.add(item, rows(item))
        with opened(tmp_path) as parts:
            finished = parts.finished_tars
            assert finished == set("abc"[: max(stop - 1, 0) // 4])
            left = [item for item in self.TARS if item.tar not in finished]
            for item in parts.skip_done(left):
                parts.add(item, rows(item))
            parts.finish()
        assert images(tmp_path) == [item.name for item in self.TARS]
        assert len(list(tmp_path.glob("part-*"))) == 3


class TestRefuses:
    def test_other_settings(self, tmp_path):
        run(tmp_path, stop=3)
        said = r"sources was 'photos' and is 'a, b'; faces was 'crop' and is 'detect'\. Give a"
        with (
            pytest.raises(OutputError, match=said),
            opened(tmp_path, faces="detect", sources=["a", "b"]),
        ):
            pass
        assert run(tmp_path, stop=0) == []

    @pytest.mark.parametrize("done", [3, 13, 25])
    def test_other_pictures(self, tmp_path, done):
        run(tmp_path, stop=done)
        if done < 25:
            with pytest.raises(
                OutputError, match=r"those of (the journal|part-00000.csv) are no l"
            ):
                run(tmp_path, [Item("new.png", None), *ITEMS])

    def test_fewer_pictures(self, tmp_path):
        run(tmp_path, stop=13)
        with pytest.raises(OutputError, match="those of the journal"):
            run(tmp_path, ITEMS[:12])

    def test_more_pictures_at_the_end_are_read(self, tmp_path):
        run(tmp_path, stop=13)
        more = [*ITEMS, Item("99.png", None)]
        assert run(tmp_path, more)[-1] == "99.png"

    def test_a_folder_with_other_files(self, tmp_path):
        (tmp_path / "part-00000-of-spark.csv").write_text("mine")
        for overwrite in (True, False):
            with pytest.raises(
                OutputError, match=r"holds other files, such as part-00000-of-spark"
            ):
                run(tmp_path, overwrite=overwrite)
        assert os.listdir(tmp_path) == ["part-00000-of-spark.csv"]

    def test_another_run(self, tmp_path):
        pytest.importorskip("fcntl", reason="there are no such locks here")
        with opened(tmp_path), pytest.raises(OutputError, match="Another run is writing into"):
            run(tmp_path)
        assert len(run(tmp_path)) == 25

    def test_a_part_is_missing(self, tmp_path):
        run(tmp_path, stop=23)
        (tmp_path / "part-00001.csv").unlink()
        with pytest.raises(OutputError, match=r"lacks part-00001.csv, which its manifest names"):
            run(tmp_path)

    @pytest.mark.parametrize(
        "text", ["", "[]", "{}", '{"format": 2, "settings": {}}', '{"format": 1, "settings": {}}']
    )
    def test_damaged_manifest(self, tmp_path, text):
        run(tmp_path, stop=3)
        (tmp_path / "_manifest.json").write_text(text)
        with pytest.raises(OutputError, match=r"_manifest.json is damaged or from another agr"):
            run(tmp_path)
        assert len(run(tmp_path, overwrite=True)) == 25


class TestOverwrite:
    @pytest.mark.parametrize("done", [3, 13, 25])
    def test_starts_anew(self, tmp_path, done):
        run(tmp_path, stop=done)
        assert len(run(tmp_path, ITEMS[:11], overwrite=True, faces="detect")) == 11
        assert images(tmp_path) == [row["image"] for item in ITEMS[:11] for row in rows(item)]
        assert sorted(os.listdir(tmp_path)) == [
            "_manifest.json",
            "part-00000.csv",
            "part-00001.csv",
        ]

    def test_that_is_stopped_goes_on(self, tmp_path):
        run(tmp_path)
        run(tmp_path, stop=12, overwrite=True, faces="detect")
        assert len(run(tmp_path, faces="detect")) == 13
        assert images(tmp_path) == EXPECTED


class TestShards:
    def test_share_a_folder(self, tmp_path):
        for number in (1, 2):
            run(tmp_path, ITEMS[number - 1 :: 2], shard=Shard(number, 2))
        assert sorted(images(tmp_path)) == sorted(EXPECTED)
        assert (tmp_path / "part-2-of-2-00001.csv").exists()
        run(tmp_path, ITEMS[1::2][:3], shard=Shard(2, 2), overwrite=True)
        assert images(tmp_path, "part-1*") == [r["image"] for i in ITEMS[::2] for r in rows(i)]
        assert len(list(tmp_path.glob("part-2-*"))) == 1

    @pytest.mark.parametrize("other", [Shard(2, 3), ALL])
    def test_all_are_shares_of_the_same(self, tmp_path, other):
        run(tmp_path, ITEMS[::2], shard=Shard(1, 2))
        with pytest.raises(OutputError, match=rf"shards was '2' and is '{other.count}'"):
            run(tmp_path, shard=other)
        with pytest.raises(OutputError, match="faces was 'crop' and is 'detect'"):
            run(tmp_path, shard=Shard(2, 2), faces="detect")

    def test_two_that_start_at_once(self, tmp_path):
        with opened(tmp_path, shard=Shard(1, 2)):
            assert len(run(tmp_path, ITEMS[:4], shard=Shard(2, 2))) == 4
