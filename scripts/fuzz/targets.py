"""What is attacked: each target makes a case from a seed and gives it to agr as a user would.

A target may raise errors of agr, and nothing else.
"""

import io
import json
import os
import random
import shutil
import time
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import mutations
import numpy as np
import pictures

from agr.errors import AgrError, ImageError

Attempt = Callable[[random.Random], None]
GENDERS = ["female", "male"]


def make_pictures(scratch: Path) -> Attempt:
    """Damaged pictures, as bytes and as files, alone and as photos."""
    from agr.core.images import read_image, read_photo

    seeds = pictures.draw()

    def attempt(rng: random.Random) -> None:
        data = mutations.damage(rng, rng.choice(seeds))
        source: Any = data
        if rng.random() < 0.3:
            source = scratch / f"face{rng.choice(('.jpg', '.png', '.tif', ''))}"
            source.write_bytes(data)
        errors = [_raised(read_image, source), _raised(read_photo, source, rng.choice((16, 640)))]
        for error in sorted(filter(None, errors), key=lambda error: isinstance(error, AgrError)):
            raise error  # a foreign one, if there is any

    return attempt


def make_names(scratch: Path) -> Attempt:
    """Names of UTKFace pictures, some of them damaged, and broken pictures under good names."""
    from agr.datasets import utkface

    seeds = [data for data in pictures.draw() if data[:3] in (b"\xff\xd8\xff", b"\x89PN")]

    def attempt(rng: random.Random) -> None:
        _empty(scratch)
        for k in range(3):
            name = f"{rng.choice((0, 26, 120, 121, 999))}_{rng.randrange(2)}_{rng.randrange(6)}_{k}"
            if rng.random() < 0.7:
                name = mutations.damage(rng, name.encode()).decode("latin-1")
            data = rng.choice(seeds)
            if rng.random() < 0.3:
                data = mutations.damage(rng, data)
            try:
                (scratch / f"{name[:200]}.jpg".replace("/", "_")).write_bytes(data)
            except (OSError, ValueError):  # the system takes no such name
                continue
        faces = utkface.read(scratch, on_bad=rng.choice(("skip", "raise")))
        assert faces.table["age"].between(0, 120).all()

    return attempt


def make_mat(scratch: Path) -> Attempt:
    """Damaged files of IMDB-WIKI."""
    from scipy.io import savemat

    from agr.datasets import imdb_wiki

    n = 6
    cells = np.empty((1, n), dtype=object)
    cells[0, :] = [f"{k}.jpg" for k in range(n)]
    numbers = {"dob": 7e5, "photo_taken": 2000, "gender": 1, "face_score": 3}
    fields = {name: np.full((1, n), float(value)) for name, value in numbers.items()}
    fields |= {"second_face_score": np.full((1, n), np.nan), "full_path": cells}
    seeds = []
    for compressed in (True, False):
        stream = io.BytesIO()
        savemat(stream, {"imdb": fields}, do_compression=compressed)
        seeds.append(stream.getvalue())

    def attempt(rng: random.Random) -> None:
        path = scratch / "imdb.mat"
        path.write_bytes(mutations.damage(rng, rng.choice((seeds[0], seeds[1], seeds[1]))))
        imdb_wiki.read(path, check_images=False)

    return attempt


def make_csv(scratch: Path) -> Attempt:
    """Tables of one's own and of FairFace with cells, lines and bytes that do not belong."""
    from agr.datasets import fairface, table

    heads = ("path,age,gender,race", "file,age,gender,race,service_test")
    lines = dict(zip(heads, ("a.jpg,26,female,white", "a.jpg,20-29,Male,Indian,True"), strict=True))

    def attempt(rng: random.Random) -> None:
        head = rng.choice(heads)
        rows = [lines[head].split(",") for _ in range(4)]
        for _ in range(rng.choice((1, 3))):
            row = rng.choice(rows)
            row[rng.randrange(len(row))] = rng.choice(mutations.WORDS)
        text = "\n".join([head, *(",".join(row) for row in rows)])
        data = text.encode("utf-8", "surrogatepass")
        if rng.random() < 0.6:
            data = mutations.damage(rng, data)
        path = scratch / "mine.csv"
        path.write_bytes(data)
        (table if head == heads[0] else fairface).read(path, check_images=rng.random() < 0.1)

    return attempt


def make_parquet(scratch: Path) -> Attempt:
    """Damaged Parquet tables."""
    import pandas as pd

    from agr.datasets import table

    columns = {"path": ["a.jpg", "b.jpg"] * 8, "age": [3, 40] * 8, "gender": GENDERS * 8}
    seeds = []
    for compression in (None, "snappy"):
        stream = io.BytesIO()
        pd.DataFrame(columns).to_parquet(stream, compression=compression)
        seeds.append(stream.getvalue())

    def attempt(rng: random.Random) -> None:
        path = scratch / "mine.parquet"
        path.write_bytes(mutations.damage(rng, rng.choice(seeds)))
        table.read(path, check_images=False)

    return attempt


def make_manifests(scratch: Path) -> Attempt:
    """Sealed models whose agr.json says what no model of ours does."""
    from agr import Predictor
    from agr.core import artifact

    manifest = _model(scratch)
    face = np.zeros((16, 16, 3), np.uint8)

    def attempt(rng: random.Random) -> None:
        told = mutations.disturb(rng, manifest)
        text = json.dumps(told)
        if isinstance(told, dict) and rng.random() < 0.9:
            told.pop("sha256", None)
            told = {**told, "sha256": artifact._seal(told)}
            text = json.dumps(told)
        data = text.encode()
        if rng.random() < 0.1:
            deep = rng.choice((b"[", b'{"a":', b"[["))
            data = rng.choice((mutations.damage(rng, data), deep * 50_000))
        (scratch / "agr.json").write_bytes(data)
        found = Predictor(["gender"], gender=scratch).predict(face)
        assert found.gender in GENDERS

    return attempt


def make_networks(scratch: Path) -> Attempt:
    """Sealed models with a damaged network."""
    from agr import Predictor
    from agr.core import artifact

    manifest = _model(scratch)
    seed = (scratch / "model.onnx").read_bytes()
    face = np.zeros((16, 16, 3), np.uint8)

    def attempt(rng: random.Random) -> None:
        (scratch / "model.onnx").write_bytes(mutations.damage(rng, seed))
        artifact.write_manifest(scratch, manifest)
        found = Predictor(["gender"], gender=scratch).predict(face)
        assert 0.9 < sum(found.gender_probabilities.values()) < 1.1

    return attempt


def make_keras(scratch: Path) -> Attempt:
    """Sealed models with a damaged model.keras."""
    import keras

    from agr.core import artifact
    from agr.gender import GenderEstimator

    manifest = _model(scratch)
    inputs = keras.Input((16, 16, 3))
    outputs = keras.layers.Dense(2, "softmax")(keras.layers.Flatten()(inputs))
    keras.Model(inputs, outputs).save(scratch / "model.keras")
    seed = (scratch / "model.keras").read_bytes()
    with zipfile.ZipFile(scratch / "model.keras") as archive:
        parts = {name: archive.read(name) for name in archive.namelist()}

    def attempt(rng: random.Random) -> None:
        path = scratch / "model.keras"
        if rng.random() < 0.3:
            path.write_bytes(mutations.damage(rng, seed))
        else:
            changed = dict(parts)
            if rng.random() < 0.7:
                config = mutations.disturb(rng, json.loads(parts["config.json"]))
                changed["config.json"] = json.dumps(config).encode()
            else:
                name = rng.choice(list(parts))
                changed[name] = mutations.damage(rng, parts[name])
            with zipfile.ZipFile(path, "w") as archive:
                for name, data in changed.items():
                    archive.writestr(name, data)
        artifact.write_manifest(scratch, manifest)
        GenderEstimator.load(scratch)

    return attempt


def make_arguments(scratch: Path) -> Attempt:
    """Command lines of words that belong, and of words that do not."""
    from typer.testing import CliRunner

    from agr.cli import app

    (scratch / "face.png").write_bytes(
        next(data for data in pictures.draw() if data[:3] == b"\x89PN")
    )
    (scratch / "broken.jpg").write_bytes(b"\xff\xd8\xff")
    (scratch / "empty").mkdir()
    (scratch / "mine.csv").write_text("path,age\nface.png,3\n")
    places = [str(path) for path in sorted(scratch.iterdir())]
    places += [str(scratch / "nothing"), "", "\0", "x" * 5000]
    options = (
        "--format", "--faces", "--tasks", "--age", "--gender", "--race", "--detector", "--table",
        "--fps", "--help", "--version", "--no-such", "-o", "--", "--part", "--model", "--split",
    )  # fmt: skip
    words = ("json", "csv", "parquet", "crop", "detect", "age", "gender", "mtcnn", "0", "-1", "nan")
    commands = ("predict", "annotate", "video", "evaluate", "networks", "explore", "", "nothing")
    runner = CliRunner()

    def attempt(rng: random.Random) -> None:
        line = [rng.choice(commands)]
        for _ in range(rng.randrange(6)):
            line.append(rng.choice(rng.choice((places, places, options, words, mutations.WORDS))))
        if rng.random() < 0.5:
            line += ["--output", str(scratch / rng.choice(("out.csv", "out.png", "empty", "no/o")))]
        result = runner.invoke(app, [word for word in line if "\ud800" not in word])
        error = result.exception
        if error is not None and not isinstance(error, SystemExit):
            raise error
        for path in scratch.glob("out.*"):
            shutil.rmtree(path) if path.is_dir() else path.unlink()

    return attempt


def make_requests(scratch: Path) -> Attempt:
    """Damaged pictures in requests, and bodies, types, queries and names that do not belong."""
    from fastapi.testclient import TestClient

    from agr import Predictor
    from agr.serve.app import create_app
    from agr.serve.settings import Settings

    _model(scratch)
    app = create_app(Settings(), Predictor(["gender"], gender=scratch))
    client = TestClient(app, raise_server_exceptions=True)
    client.__enter__()
    seeds = pictures.draw()
    place = next(path for path, found in client.get("/openapi.json").json()["paths"].items()
                 if "post" in found)  # fmt: skip
    types = ("image/png", "multipart/form-data", "multipart/form-data; boundary=x", "", "a/b; c",
             "application/json", "multipart/form-data; boundary=" + "y" * 300)  # fmt: skip

    def attempt(rng: random.Random) -> None:
        data = rng.choice(seeds)
        if rng.random() < 0.7:
            data = mutations.damage(rng, data)
        query = {rng.choice(("faces", "tasks", "a")): rng.choice(("crop", "detect", "x", "\0", ""))}
        if rng.random() < 0.5:
            name = rng.choice(("a.jpg", "\u0662", "x" * 300, '"', "a\r\nb", "", "../../etc"))
            files = [(rng.choice(("images", "image", "a")), (name, data, rng.choice(types)))]
            reply = client.post(place, params=query, files=files * rng.choice((1, 2, 40)))
        else:
            body = mutations.damage(rng, b'--x\r\nContent-Disposition: form-data; name="images"; '
                                    b'filename="a"\r\n\r\n' + data + b"\r\n--x--\r\n")  # fmt: skip
            headers = {"Content-Type": rng.choice(types)}
            reply = client.post(place, params=query, content=body, headers=headers)
        assert reply.status_code < 500, f"{reply.status_code}: {reply.text[:200]}"

    return attempt


def make_faults(scratch: Path) -> Attempt:
    """Break on purpose in each way that is a finding, for the test of this harness."""

    def attempt(rng: random.Random) -> None:
        way = rng.choice(("none", "ours", "foreign", "crash", "slow"))
        if way == "ours":
            raise ImageError("no finding")
        if way == "foreign":
            raise KeyError("a finding")
        if way == "crash":
            os.abort()
        end = time.process_time() + 2.2
        while way == "slow" and time.process_time() < end:
            pass

    return attempt


# Share of the cases, in thousandths: slow targets get fewer.
TARGETS: dict[str, tuple[Callable[[Path], Attempt], int]] = {
    "pictures": (make_pictures, 600),
    "names": (make_names, 60),
    "mat": (make_mat, 2),
    "csv": (make_csv, 100),
    "parquet": (make_parquet, 80),
    "manifests": (make_manifests, 90),
    "networks": (make_networks, 40),
    "keras": (make_keras, 5),
    "arguments": (make_arguments, 5),
    "requests": (make_requests, 18),
    "faults": (make_faults, 0),
}


def _raised(call: Callable[..., Any], *arguments: Any) -> Exception | None:
    """Give the error of a call."""
    try:
        call(*arguments)
    except Exception as error:
        return error
    return None


def _empty(folder: Path) -> None:
    for path in folder.iterdir():
        path.unlink()


def _model(folder: Path) -> dict[str, Any]:
    """Save the smallest model of gender; gives its agr.json."""
    import onnx

    from agr.core import artifact

    node, helper, numpy_helper = onnx.helper.make_node, onnx.helper, onnx.numpy_helper
    nodes = [
        node("Cast", ["image"], ["x"], to=onnx.TensorProto.FLOAT),
        node("ReduceMean", ["x"], ["m"], axes=[1, 2], keepdims=0),
        node("Gemm", ["m", "w", "b"], ["z"]),
        node("Softmax", ["z"], ["found"]),
    ]
    weights = [
        numpy_helper.from_array(np.full((3, 2), 0.01, np.float32), "w"),
        numpy_helper.from_array(np.array([0, 1], np.float32), "b"),
    ]
    image = helper.make_tensor_value_info("image", onnx.TensorProto.UINT8, (None, 16, 16, 3))
    found = helper.make_tensor_value_info("found", onnx.TensorProto.FLOAT, (None, 2))
    graph = helper.make_graph(nodes, "g", [image], [found], weights)
    opset = [helper.make_opsetid("", 17)]
    onnx.save(helper.make_model(graph, opset_imports=opset, ir_version=8), folder / "model.onnx")
    artifact.write_manifest(
        folder,
        {
            "task": "gender",
            "image_size": 16,
            "meaning": {"labels": GENDERS},
            "calibration": {"temperature": 1.0},
            "parameters": {"network": "tiny", "epochs": 3},
            "history": [{"loss": 0.5}],
            "notes": {"data": "none"},
            "report": {"overall": {"accuracy": 0.5}},
        },
    )
    manifest: dict[str, Any] = json.loads((folder / "agr.json").read_text())
    return manifest
