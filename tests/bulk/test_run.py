"""Runs over many pictures that are read by the bundled models, interrupted and not."""

import csv
import json
import os
import random
import signal
import subprocess
import sys
import tarfile
import time
from contextlib import suppress
from pathlib import Path

import pytest
from PIL import Image

from agr import Predictor, bulk
from agr.bulk import parts as module
from agr.bulk.formats import COLUMNS
from agr.bulk.parts import Parts
from agr.bulk.progress import watch
from agr.bulk.run import read
from agr.bulk.sources import find
from agr.errors import DatasetError, MissingExtraError, OutputError, ParameterError

ROOT = Path(__file__).parents[2]
finish = Parts.finish
N = 120


@pytest.fixture(scope="module")
def predictor():
    """Give what is quick: one task, and pictures that are faces."""
    return Predictor(["age"], faces="crop", engine="onnxruntime")


@pytest.fixture(scope="module")
def crops(tmp_path_factory):
    """Give a folder with small pictures that all differ, and one that is damaged."""
    folder = tmp_path_factory.mktemp("crops")
    with Image.open(ROOT / "examples/portrait.jpg") as photo:
        for k in range(N):
            photo.crop((k, k // 2, k + 160, k // 2 + 160)).resize((64, 64)).save(
                folder / f"{k:04d}.png"
            )
    (folder / "0007.png").write_bytes(b"damaged")
    return folder


@pytest.fixture(scope="module")
def expected(crops, predictor):
    """Give the rows that a run without any stop makes."""
    rows = [
        {"image": item.name, **predictor.predict([item.picture])[0].to_dict()}
        for item in find([crops])
    ]
    assert len(rows) == N and rows[7]["error"]
    return rows


def read_jsonl(*paths):
    return [json.loads(line) for path in paths for line in path.read_text().splitlines()]


def same(rows, expected):
    """Compare rows; another batch changes the last bits of a number."""
    assert [row["image"] for row in rows] == [row["image"] for row in expected]
    assert [row["age"] for row in rows] == pytest.approx([r["age"] for r in expected], abs=1e-3)
    assert [row["error"] for row in rows] == [row["error"] for row in expected]


class TestPredict:
    def test_folder(self, crops, predictor, expected, tmp_path, monkeypatch):
        monkeypatch.setattr(module, "PICTURES", 50)
        counts = bulk.predict(crops, tmp_path / "out", predictor=predictor, format="jsonl")
        assert counts == bulk.Counts(pictures=N, rows=N, errors=1)
        parts = sorted((tmp_path / "out").glob("part-*"))
        assert [path.name for path in parts] == [f"part-0000{k}.jsonl" for k in range(3)]
        same(read_jsonl(*parts), expected)

    def test_folder_is_one_table(self, crops, predictor, expected, tmp_path, monkeypatch):
        pytest.importorskip("pyarrow", reason="parquet is an extra: agr-faces[parquet]")
        import pyarrow.parquet as pq

        monkeypatch.setattr(module, "PICTURES", 50)
        bulk.predict(crops, tmp_path / "out", predictor=predictor, format="parquet")
        rows = pq.read_table(tmp_path / "out").to_pylist()
        same(sorted(rows, key=lambda row: row["image"]), expected)

    def test_folder_is_csv(self, crops, predictor, tmp_path):
        bulk.predict(crops, tmp_path / "out", predictor=predictor)
        with (tmp_path / "out/part-00000.csv").open() as stream:
            assert len(list(csv.DictReader(stream))) == N

    @pytest.mark.parametrize("form", ["jsonl", "json", "csv", "parquet", "txt"])
    def test_file(self, crops, predictor, expected, tmp_path, form):
        if form == "parquet":
            pytest.importorskip("pyarrow", reason="parquet is an extra: agr-faces[parquet]")
        output = tmp_path / f"out.{form}"
        bulk.predict([crops], output, predictor=predictor)
        assert os.listdir(tmp_path) == [output.name]
        if form == "jsonl":
            same(read_jsonl(output), expected)
        if form == "json":
            same(json.loads(output.read_text()), expected)
        if form == "parquet":
            import pyarrow.parquet as pq

            assert pq.read_table(output)["image"].to_pylist() == [r["image"] for r in expected]
        assert output.stat().st_size > 1000

    @pytest.mark.parametrize("step", ["agr.core.files.put", "shutil.rmtree"])
    def test_end_while_parts_are_joined(
        self, crops, predictor, expected, tmp_path, monkeypatch, step
    ):
        def end(*_):
            raise KeyboardInterrupt

        output = tmp_path / "out.jsonl"
        with monkeypatch.context() as patched:
            patched.setattr(
                Parts, "finish", lambda parts: (finish(parts), patched.setattr(step, end))
            )
            with pytest.raises(KeyboardInterrupt):
                bulk.predict(crops, output, predictor=predictor)
        assert "out.jsonl.parts" in os.listdir(tmp_path)
        bulk.predict(crops, output, predictor=predictor)
        assert os.listdir(tmp_path) == ["out.jsonl"]
        same(read_jsonl(output), expected)

    def test_shards_together_are_everything(self, crops, predictor, expected, tmp_path):
        for k in (1, 2, 3):
            options = {"predictor": predictor, "format": "jsonl", "shard": f"{k}/3"}
            assert bulk.predict(crops, tmp_path, **options).pictures < N
        rows = read_jsonl(*tmp_path.glob("part-*"))
        same(sorted(rows, key=lambda row: row["image"]), expected)

    def test_archives(self, crops, predictor, expected, tmp_path):
        for k in range(3):
            with tarfile.open(tmp_path / f"{k}.tar", "w") as archive:
                for path in sorted(crops.iterdir())[k::3]:
                    archive.add(path, path.name)
        tars = sorted(tmp_path.glob("*.tar"))
        bulk.predict(tars, tmp_path / "out", predictor=predictor, format="jsonl")
        parts = sorted((tmp_path / "out").glob("part-*"))
        assert len(parts) == 3
        rows = [{**row, "image": row["image"][-8:]} for row in read_jsonl(*parts)]
        bare = [{**row, "image": row["image"][-8:]} for row in expected]
        bare[7]["error"] = bare[7]["error"].replace(str(crops), str(tmp_path / "1.tar"))
        same(rows, [row for k in range(3) for row in bare[k::3]])

    def test_many_sources_have_a_short_manifest(self, crops, predictor, tmp_path):
        paths = sorted(crops.iterdir())
        bulk.predict(paths, tmp_path / "out", predictor=predictor)
        manifest = json.loads((tmp_path / "out/_manifest.json").read_text())
        assert manifest["settings"]["sources"][-1].startswith("20 more (")
        with pytest.raises(OutputError, match="sources was"):
            bulk.predict(paths[:-1], tmp_path / "out", predictor=predictor)

    def test_device_is_written_to(self, crops, predictor):
        device = os.stat(os.devnull)
        counts = bulk.predict(crops, os.devnull, predictor=predictor, format="jsonl")
        assert counts == bulk.Counts(N, N, 1)
        assert os.stat(os.devnull).st_ino == device.st_ino

    @pytest.mark.parametrize(
        ("output", "options", "error", "message"),
        [
            ("a.csv", {"shard": "1/2"}, ParameterError, "shard needs a folder as output"),
            ("a", {"shard": "2"}, ParameterError, "shard must be i/n"),
            ("a", {"format": "table"}, ParameterError, "A folder takes csv, jsonl, json or p"),
            ("a", {"format": "cvs"}, ParameterError, "Did you mean 'csv'"),
            ("a.xlsx", {}, ParameterError, "names no known format"),
        ],
        ids=["file", "shard", "table", "format", "ending"],
    )
    def test_wrong(self, crops, predictor, tmp_path, output, options, error, message):
        with pytest.raises(error, match=message):
            bulk.predict(crops, tmp_path / output, predictor=predictor, **options)
        assert os.listdir(tmp_path) == []

    def test_no_pictures(self, predictor, tmp_path):
        (tmp_path / "empty").mkdir()
        with pytest.raises(DatasetError, match="There are no pictures in"):
            bulk.predict(tmp_path / "empty", tmp_path / "out", predictor=predictor)
        assert not (tmp_path / "out").exists()

    def test_parquet_is_lacking(self, crops, predictor, tmp_path, monkeypatch):
        monkeypatch.setitem(sys.modules, "pyarrow", None)
        with pytest.raises(MissingExtraError, match="agr-faces\\[parquet\\]"):
            bulk.predict(crops, tmp_path / "out", predictor=predictor, format="parquet")
        assert os.listdir(tmp_path) == []

    def test_another_model_or_way_is_refused(self, crops, predictor, trained, tmp_path):
        bulk.predict(crops, tmp_path / "out", predictor=predictor)
        other = Predictor(["age"], age=trained["age"].folder, faces="crop", engine="onnxruntime")
        with pytest.raises(OutputError, match=r"models was .* and is"):
            bulk.predict(crops, tmp_path / "out", predictor=other)
        with pytest.raises(OutputError, match=r"format was 'csv' and is 'jsonl'\."):
            bulk.predict(crops, tmp_path / "out", predictor=predictor, format="jsonl")


def test_memory_holds_a_few_pictures_only(crops, predictor, tmp_path):
    """The source is asked for no more than is being read."""
    paths, taken = sorted(crops.iterdir()), 0

    def pictures():
        nonlocal taken
        for item in find(paths):
            taken += 1
            yield item

    ahead = [taken - k for k, _ in enumerate(read(predictor, pictures(), COLUMNS), 1)]
    assert len(ahead) == N
    assert max(ahead) <= 2 * 32


class TestProgress:
    class Terminal:
        """A standard error that says it is a terminal, and keeps what comes."""

        def __init__(self):
            self.text = ""

        def isatty(self):
            return True

        def write(self, text):
            self.text += text

        def flush(self):
            """Nothing is held back."""

    def watched(self, crops, expected, every):
        items = list(find([crops]))
        for item, row in watch(zip(items, [[row] for row in expected], strict=True), every):
            time.sleep(0.002)
            yield item, row

    def test_terminal(self, crops, expected, monkeypatch):
        monkeypatch.setattr(sys, "stderr", terminal := self.Terminal())
        assert len(list(self.watched(crops, expected, lambda: find([crops])))) == N
        assert f"{N}/{N}" in terminal.text
        assert "/s, 1 errors" in terminal.text
        assert "0:00:0" in terminal.text

    def test_pipe(self, crops, expected, capsys):
        assert len(list(self.watched(crops, expected, None))) == N
        assert capsys.readouterr() == ("", "")


# As the command, with parts so small that many are closed.
COMMAND = (
    "from agr.bulk import parts; parts.PICTURES = 9\nfrom agr.cli import app; app(prog_name='agr')"
)


class TestKills:
    """Each run ends by a signal once it has done a little more; the last one may finish."""

    def start(self, environment, *words):
        options = ["--faces", "crop", "--task", "age", "--engine", "onnxruntime"]
        command = [sys.executable, "-c", COMMAND, "predict", *map(str, words), *options]
        return subprocess.Popen(command, env=environment, stderr=subprocess.PIPE, text=True)

    def kill(self, process, folder, n_bytes, number):
        """Send a signal when the folder has grown by so many bytes."""
        before = size(folder)
        until = time.monotonic() + 60
        while size(folder) < before + n_bytes and process.poll() is None:
            assert time.monotonic() < until, "it does not go on"
            time.sleep(0.001)
        process.send_signal(number)
        return process.communicate()[1]

    @pytest.mark.parametrize(
        ("output", "signals"),
        [("out", [signal.SIGKILL] * 2), ("out.csv", [signal.SIGINT])],
        ids=["folder", "file"],
    )
    def test_no_row_is_lost_or_doubled(
        self, environment, crops, expected, tmp_path, output, signals
    ):
        rng = random.Random(output)
        target = tmp_path / output
        folder = target if output == "out" else tmp_path / "out.csv.parts"
        for number in signals:
            process = self.start(environment, crops, "--output", target)
            said = self.kill(process, folder, rng.randrange(500, 2500), number)
            assert process.returncode == {signal.SIGINT: 130}.get(number, -number), said
            if number == signal.SIGINT:
                assert "Stopped. Give the same command again to go on." in said
            assert folder.exists() and not (tmp_path / "out.csv").exists()
        process = self.start(environment, crops, "--output", target)
        said = process.communicate()[1]
        assert process.returncode == 1, said
        assert "Resuming after" in said
        assert f"1 of {N} pictures could not be read." in said
        found = []
        for path in sorted(target.glob("part-*.csv")) or [target]:
            with path.open() as stream:
                found += csv.DictReader(stream)
        rows = [
            {**row, "age": float(row["age"]) if row["age"] else None, "error": row["error"] or None}
            for row in found
        ]
        rounded = [{**row, "age": row["age"] and round(row["age"], 2)} for row in expected]
        assert [row["image"] for row in rows] == [row["image"] for row in expected]
        assert [row["age"] for row in rows] == pytest.approx(
            [row["age"] for row in rounded], abs=0.011
        )
        assert not [name for name in os.listdir(tmp_path) if name != output]


def size(folder):
    total = 0
    for path in folder.glob("*"):
        with suppress(FileNotFoundError):  # it got its name, or was removed, meanwhile
            total += path.stat().st_size
    return total
