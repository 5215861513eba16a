"""Three saved models side by side."""

import copy
import dataclasses
import io
import itertools
import json
import pickle
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from PIL import Image

import agr
from agr import Face, Prediction, Predictor
from agr.errors import ArtifactError, ImageError, ParameterError
from agr.tasks import TASKS


@pytest.fixture(scope="module")
def folders(trained):
    return {task: model.folder for task, model in trained.items()}


@pytest.fixture(scope="module")
def predictor(folders):
    return Predictor(faces="crop", **folders)


@pytest.fixture(scope="module")
def astronaut():
    with Image.open("examples/astronaut.jpg") as image:
        return image.convert("RGB")


@pytest.fixture(scope="module")
def pictures(trained):
    return list(trained["age"].X_test[:6])


def same(one, two):
    """Batches of other sizes may differ in the last digits."""
    for a, b in zip(one.to_dict().values(), two.to_dict().values(), strict=True):
        if isinstance(a, dict):
            assert a == pytest.approx(b, abs=1e-5)
        elif isinstance(a, float | list):
            assert a == pytest.approx(b, abs=1e-3)
        else:
            assert a == b


class TestOne:
    def test_all_fields(self, predictor, pictures):
        found = predictor.predict(pictures[0])
        assert isinstance(found, Prediction)
        low, high = found.age_interval
        assert 0 <= low <= found.age <= high <= 120
        assert found.error is None
        for label, chances in (
            (found.gender, found.gender_probabilities),
            (found.race, found.race_probabilities),
        ):
            assert label == max(chances, key=chances.get)
            assert sum(chances.values()) == pytest.approx(1, abs=1e-5)

    def test_answers_as_the_estimators(self, predictor, trained):
        X = trained["age"].X_test
        found = predictor.predict(list(X))
        ages = trained["age"].estimator.predict(X)
        assert [f.age for f in found] == pytest.approx(list(ages), abs=1e-3)
        assert [f.gender for f in found] == list(trained["gender"].estimator.predict(X))
        proba = trained["race"].estimator.predict_proba(X)
        np.testing.assert_allclose(
            [list(f.race_probabilities.values()) for f in found], proba, atol=1e-5
        )
        y = trained["age"].y_test
        inside = [
            f.age_interval[0] <= a <= f.age_interval[1] for f, a in zip(found, y, strict=True)
        ]
        assert np.mean(inside) == pytest.approx(
            trained["age"].estimator.evaluate(X, y).overall["coverage"], abs=0.02
        )

    def test_kinds_of_input_agree(self, predictor, pictures, tmp_path):
        path = tmp_path / "face.png"
        image = Image.fromarray(pictures[0])
        image.save(path)
        expected = predictor.predict(pictures[0])
        for kind in (path, str(path), path.read_bytes(), io.BytesIO(path.read_bytes()), image):
            assert predictor.predict(kind) == expected
        with path.open("rb") as file:
            assert predictor.predict(file) == expected

    def test_to_dict_is_json(self, predictor, pictures):
        found = predictor.predict(pictures[0])
        plain = json.loads(json.dumps(found.to_dict()))
        assert list(plain) == [field.name for field in dataclasses.fields(Face) if field.metadata]
        assert plain["age_interval"] == list(found.age_interval)
        assert plain["gender"] == found.gender

    def test_frozen(self, predictor, pictures):
        with pytest.raises(dataclasses.FrozenInstanceError):
            predictor.predict(pictures[0]).age = 1

    @pytest.mark.parametrize(
        ("image", "message"),
        [
            ("gone.png", "gone.png does not exist"),
            (b"words", "5 bytes is not a picture in a known format"),
            (np.zeros((8, 8, 3)), "uint8 array.*got float64"),
            (np.zeros((8, 8, 5), np.uint8), r"\(h, w, 3\), got \(8, 8, 5\)"),
            (None, "got NoneType"),
        ],
        ids=["path", "bytes", "float", "channels", "None"],
    )
    def test_unreadable(self, predictor, image, message):
        with pytest.raises(ImageError, match=message):
            predictor.predict(image)


class TestMany:
    def test_whatever_holds_many(self, predictor, pictures, tmp_path):
        paths = [tmp_path / f"{i}.png" for i in range(len(pictures))]
        for path, picture in zip(paths, pictures, strict=True):
            Image.fromarray(picture).save(path)
        expected = predictor.predict(pictures)
        for many in (
            np.stack(pictures),
            (picture for picture in pictures),
            pd.Series([str(path) for path in paths]),
            np.array([str(path) for path in paths]),
            np.array(paths, dtype=object),
        ):
            for one, two in zip(predictor.predict(many), expected, strict=True):
                same(one, two)

    def test_list_and_tuple(self, predictor, pictures):
        expected = [predictor.predict(picture) for picture in pictures]
        for kind in (list, tuple):
            found = predictor.predict(kind(pictures))
            assert isinstance(found, list)
            for one, two in zip(found, expected, strict=True):
                same(one, two)
        assert len({f.age for f in expected}) == 6  # so that the order could be seen to be wrong

    @pytest.mark.parametrize("batch_size", [1, 4, 6, 100])
    def test_batch_size_does_not_matter(self, predictor, pictures, batch_size):
        found = predictor.predict(pictures, batch_size=batch_size)
        for one, two in zip(found, predictor.predict(pictures), strict=True):
            same(one, two)

    def test_no_picture(self, predictor):
        assert predictor.predict([]) == []

    @pytest.mark.parametrize("batch_size", [0, -1])
    def test_no_batch(self, predictor, pictures, batch_size):
        with pytest.raises(
            ParameterError, match=f"batch_size must be at least 1, got {batch_size}"
        ):
            predictor.predict(pictures, batch_size=batch_size)

    @pytest.mark.parametrize("batch_size", [1, 2, 10])
    def test_bad_pictures_among_them(self, predictor, pictures, batch_size):
        mixed = ["gone.png", pictures[0], b"words", pictures[1], pictures[2]]
        found = predictor.predict(mixed, batch_size=batch_size)
        assert found[0] == Face(error="gone.png does not exist; check the path.")
        assert "5 bytes is not a picture" in found[2].error
        for place, picture in ((1, 0), (3, 1), (4, 2)):
            same(found[place], predictor.predict(pictures[picture]))

    def test_only_bad_pictures(self, predictor):
        assert [f.age for f in predictor.predict(["gone.png"] * 3)] == [None] * 3

    def test_stream_is_lazy(self, predictor, pictures):
        taken = []

        def endless():
            for i in itertools.count():
                taken.append(i)
                yield pictures[i % 6]

        stream = predictor.stream(endless(), batch_size=3)
        assert taken == []
        first = next(stream)
        assert taken == [0, 1, 2, 3, 4, 5]  # a batch, and the next one that is being decoded
        same(first, predictor.predict(pictures[0]))
        for i, found in enumerate(itertools.islice(stream, 7), start=1):
            same(found, predictor.predict(pictures[i % 6]))
        assert len(taken) == 12
        stream.close()


class TestTasks:
    @pytest.mark.parametrize("tasks", [["gender"], "gender", ("gender", "gender")], ids=repr)
    def test_others_are_none(self, folders, pictures, predictor, tasks):
        alone = Predictor(tasks, faces="crop", gender=folders["gender"])
        found = alone.predict(pictures[0])
        assert alone.tasks == ("gender",)
        assert (found.age, found.age_interval, found.race, found.race_probabilities) == (None,) * 4
        assert found.gender == predictor.predict(pictures[0]).gender

    def test_models_of_different_sizes(self, new_estimator, folders, pictures, tmp_path, trained):
        race = new_estimator("race", image_size=20, epochs=1)
        race.fit(trained["race"].X[:40], trained["race"].y[:40]).save(tmp_path / "race")
        found = Predictor(
            ["gender", "race"], faces="crop", gender=folders["gender"], race=tmp_path / "race"
        ).predict(pictures)
        np.testing.assert_allclose(
            [list(f.race_probabilities.values()) for f in found],
            race.predict_proba(np.stack(pictures)),
            atol=1e-5,
        )

    @pytest.mark.parametrize(
        ("tasks", "message"),
        [
            (["age", "gendr"], "got 'gendr'. Did you mean 'gender'"),
            ("agee", "Did you mean 'age'"),
            ([], "tasks is empty; choose from age, gender, race"),
        ],
        ids=["one of two", "word", "none"],
    )
    def test_wrong(self, tasks, message):
        with pytest.raises(ParameterError, match=message):
            Predictor(tasks)

    def test_model_for_another_task(self, folders):
        with pytest.raises(ArtifactError, match="is a model for race, expected one for gender"):
            Predictor("gender", gender=folders["race"])

    def test_no_model(self, tmp_path):
        with pytest.raises(ArtifactError, match="is no saved model"):
            Predictor("gender", gender=tmp_path)

    def test_threads(self, folders, pictures, predictor):
        one = Predictor(faces="crop", **folders, threads=1)
        same(one.predict(pictures[0]), predictor.predict(pictures[0]))
        many = Predictor(faces="crop", **folders, threads=4)
        for n in (1, 2, 3, 6):
            for found, alone in zip(
                many.predict(pictures[:n]), map(one.predict, pictures), strict=False
            ):
                same(found, alone)

    @pytest.mark.parametrize("threads", [0, -2])
    def test_no_thread(self, folders, threads):
        with pytest.raises(ParameterError, match="threads must be at least 1"):
            Predictor(faces="crop", **folders, threads=threads)

    def test_unknown_engine(self, folders):
        with pytest.raises(ParameterError, match="engine must be one of 'auto', 'onnxruntime'"):
            Predictor(faces="crop", **folders, engine="tensorrt")

    def test_unknown_device(self, folders):
        with pytest.raises(ParameterError, match="device must be one of .*got 'tpu'"):
            Predictor(faces="crop", **folders, engine="onnxruntime", device="tpu")

    def test_keras_answers_the_same(self, folders, pictures, predictor):
        reader = Predictor(faces="crop", **folders, engine="keras")
        assert reader.engine == "keras"
        for found, expected in zip(
            reader.predict(pictures), predictor.predict(pictures), strict=True
        ):
            same(found, expected)


class TestCopies:
    @pytest.mark.parametrize(
        "again",
        [lambda one: pickle.loads(pickle.dumps(one)), copy.deepcopy],
        ids=["pickle", "copy"],
    )
    def test_opens_the_models_anew(self, folders, pictures, again, monkeypatch):
        monkeypatch.chdir(folders["age"].parent)
        named = {**folders, "age": folders["age"].name}  # a relative path
        first = Predictor(("age", "race"), faces="crop", **named, threads=1, engine="onnxruntime")
        pickled = pickle.dumps(first)
        assert len(pickled) < 2000
        monkeypatch.chdir("/")
        other = again(first)
        assert (other.tasks, other.threads, other.engine) == (("age", "race"), 1, "onnxruntime")
        assert other._engines["age"] is not first._engines["age"]
        same(other.predict(pictures[0]), first.predict(pictures[0]))

    def test_detector_goes_along(self, folders, astronaut):
        first = Predictor(faces="crop", **folders, detector="centerface")
        other = pickle.loads(pickle.dumps(first))
        assert other._detector.framing == first._detector.framing
        assert type(other._detector) is type(first._detector)
        assert other.predict_photo(astronaut) == first.predict_photo(astronaut)


@pytest.mark.parametrize("task", TASKS)
def test_bundled_models(pictures, task):
    if not (Path(agr.__file__).parent / task / "pretrained").is_dir():
        pytest.skip(f"this checkout holds no shipped model for {task}")
    for found in Predictor([task], faces="crop").predict(pictures):
        assert found.error is None
        assert getattr(found, task) is not None


class TestAsked:
    """How sure an answer must be."""

    def test_coverage(self, folders, pictures):
        widths = []
        for coverage in (0.5, 0.85):
            predictor = Predictor("age", faces="crop", age=folders["age"], coverage=coverage)
            found = predictor.predict(pictures)
            widths.append(np.mean([f.age_interval[1] - f.age_interval[0] for f in found]))
        assert 0 < widths[0] < widths[1]

    def test_withheld_by_task(self, folders, pictures, predictor):
        asked = Predictor(
            faces="crop", **folders, min_confidence={"gender": 1.0}, max_interval=1e-6
        )
        for found, plain in zip(asked.predict(pictures), predictor.predict(pictures), strict=True):
            assert (found.age, found.age_interval) == (None, plain.age_interval)
            assert found.race == plain.race
            assert set(found.withheld) >= {"age"} and "race" not in found.withheld
            sure = max(plain.gender_probabilities.values()) >= 1
            assert found.gender == (plain.gender if sure else None)
            assert plain.withheld is None

    def test_one_number_is_for_all_labels(self, folders, pictures):
        found = Predictor(faces="crop", **folders, min_confidence=1.0).predict(pictures[0])
        assert found.age is not None and "age" not in (found.withheld or {})

    def test_copies_ask_the_same(self, folders, pictures):
        asked = Predictor("age", faces="crop", age=folders["age"], coverage=0.5, max_interval=200)
        copy = pickle.loads(pickle.dumps(asked))
        assert copy.predict(pictures[0]).age_interval == asked.predict(pictures[0]).age_interval

    @pytest.mark.parametrize(
        ("options", "message"),
        [
            ({"coverage": 0}, "coverage must lie between 0 and 1"),
            ({"coverage": 1}, "coverage must lie between 0 and 1"),
            ({"coverage": float("nan")}, "coverage must lie between 0 and 1"),
            ({"min_confidence": 90}, "min_confidence must be from 0 to 1, got 90"),
            ({"min_confidence": {"gendr": 0.9}}, "Did you mean 'gender'"),
            ({"min_confidence": {"age": 0.9}}, "max_interval bounds its interval"),
            ({"max_interval": 0}, "max_interval must be a positive number of years"),
        ],
        ids=lambda value: repr(value)[:40],
    )
    def test_wrong(self, options, message):
        with pytest.raises(ParameterError, match=message):
            Predictor(**options)
