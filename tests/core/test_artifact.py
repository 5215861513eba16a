"""What a saved model's folder promises: whole or not there, and nothing in it trusted blindly."""

import json
import os
import shutil
import zipfile
from pathlib import Path

import keras
import numpy as np
import pytest

import agr
from agr import Predictor
from agr.age import AgeEstimator
from agr.core import artifact
from agr.engines.engine import Engine
from agr.errors import ArtifactError, ParameterError
from agr.gender import GenderEstimator
from agr.race import RaceEstimator

FILES = ("agr.json", "model.keras", "model.onnx", "README.md")
LEAST = {  # what every manifest says
    "task": "gender",
    "image_size": 16,
    "meaning": {"labels": ["female", "male"]},
    "calibration": {"temperature": 1.0},
    "parameters": {},
    "history": [],
    "notes": {},
}


@pytest.fixture
def model(trained, tmp_path):
    """Give a copy of the saved gender model that a test may spoil."""
    return shutil.copytree(trained["gender"].folder, tmp_path / "model")


def load_both(folder):
    """Load with keras and with ONNX Runtime, and read every other file too."""
    GenderEstimator.load(folder)
    engine = Engine(folder, "gender")
    for name in engine.manifest["files"]:
        artifact.checked_file(folder, engine.manifest, name)


def reseal(folder, **changes):
    """Write the manifest anew, as someone would who can compute digests."""
    manifest = {**json.loads((folder / "agr.json").read_text()), **changes}
    artifact.write_manifest(folder, manifest)


class TestRead:
    def test_whole_model(self, model):
        load_both(model)

    def test_another_task(self, model):
        with pytest.raises(ArtifactError, match="is a model for gender, expected one for race"):
            RaceEstimator.load(model)
        with pytest.raises(ArtifactError, match="is a model for gender, expected one for age"):
            Engine(model, "age")

    def test_newer_format(self, model, monkeypatch):
        monkeypatch.setattr(artifact, "FORMAT", 4)
        reseal(model)
        monkeypatch.undo()
        with pytest.raises(ArtifactError, match="has format 4, this agr reads up to 3: pip inst"):
            load_both(model)

    @pytest.mark.parametrize("place", [0.0, 0.5, 1.0], ids=["start", "middle", "end"])
    @pytest.mark.parametrize("name", FILES)
    def test_changed_byte(self, model, name, place):
        path = model / name
        content = bytearray(path.read_bytes())
        content[int(place * (len(content) - 1))] ^= 1
        path.write_bytes(content)
        with pytest.raises(ArtifactError, match=f"{name} (was changed|is damaged)"):
            load_both(model)

    def test_changed_value(self, model):
        text = (model / "agr.json").read_text()
        (model / "agr.json").write_text(text.replace('"image_size": 16', '"image_size": 32'))
        with pytest.raises(ArtifactError, match="agr.json was changed after it was saved"):
            load_both(model)

    @pytest.mark.parametrize("name", FILES)
    def test_missing_file(self, model, name):
        (model / name).unlink()
        with pytest.raises(ArtifactError, match=f"{name} is missing|has no {name}"):
            load_both(model)

    @pytest.mark.parametrize(
        "text", ["", "[]", "{}", "null", "\N{BROKEN BAR}", '{"format": 1}'], ids=repr
    )
    def test_no_manifest_in_it(self, model, text):
        (model / "agr.json").write_bytes(text.encode("latin-1"))
        with pytest.raises(ArtifactError, match="agr.json is damaged"):
            load_both(model)

    def test_no_folder(self, tmp_path):
        with pytest.raises(ArtifactError, match="is no saved model: it has no agr.json"):
            GenderEstimator.load(tmp_path / "nothing")

    def test_a_file_instead_of_the_folder(self, model):
        with pytest.raises(ArtifactError, match="model.keras is no saved model"):
            GenderEstimator.load(model / "model.keras")


BINS = {"head": "bins", "edges": [0.0, 10.0, 121.0], "centers": [5.0, 40.0]}
HOSTILE = {  # what a stranger seals: the part of the manifest, and values that cannot be
    "format": [0, -1, 4, True, 1.0, "1", None, [1], {}],
    "task": [None, 1, ["gender"], "race"],
    "image_size": [None, True, 0, -16, 15, 1025, 60_000, 10**400, 112.0, "112", [16], float("nan")],
    "meaning": [
        None, [], {}, "labels", {"labels": None}, {"labels": []}, {"labels": ["female"]},
        {"labels": ["female", "female"]}, {"labels": ["male", "female"]}, {"labels": [0, 1]},
        {"labels": ["", "male"]}, {"labels": {"female": 0, "male": 1}}, {"labels": "female"},
        {"labels": [["female"], ["male"]]}, {"labels": ["cat", "dog"]},
        {"labels": ["female", "male", "other"]}, {"head": "quantiles"}, {"head": None},
        {"head": ["bins"]}, {"head": "bins"}, {"head": "regression"}, BINS,
    ],
    "calibration": [
        None, [], 1.0, {"temperature": None}, {"temperature": "1"}, {"temperature": float("nan")},
        {"temperature": float("inf")}, {"temperature": 10**400}, {"temperature": True},
        {"temperature": [1]}, {"rescale": 0}, {"rescale": [1]}, {"min_confidence": "0.9"},
    ],
    "parameters": [None, [], "tiny", 3],
    "history": [None, {}, "none", [1], [None], [[]]],
    "notes": [None, [], 1],
    "report": [[], 1, "good"],
}  # fmt: skip
ERRORS = {"power": 1.0, "ages": [40.0], "errors": [[-1.0, 1.0], [-2.0, 2.0]]}
HOSTILE_AGES = {
    "meaning": [
        {"labels": ["female", "male"]}, {**BINS, "edges": [0.0, float("nan"), 121.0]},
        {**BINS, "edges": [0.0, 10.0]}, {**BINS, "edges": [0.0, 10.0, 10.0]},
        {**BINS, "edges": [121.0, 10.0, 0.0]}, {**BINS, "edges": "0123"}, {**BINS, "edges": None},
        {**BINS, "edges": [0.0, 10.0, float("inf")]}, {**BINS, "edges": [[0], [10], [121]]},
        {**BINS, "centers": [5.0, float("nan")]}, {**BINS, "centers": [5.0]},
        {**BINS, "centers": [5.0, 1e6]}, {**BINS, "centers": {"0": 1}}, {**BINS, "head": "years"},
        {"head": "bins", "edges": [0.0], "centers": []}, {"head": "regression"},
    ],
    "calibration": [
        {}, {"temperature": 1.0}, {"margin": None}, {"margin": float("nan")}, {"margin": [1.0]},
        ERRORS | {"errors": None}, ERRORS | {"errors": []}, ERRORS | {"errors": [[-1.0, 1.0]]},
        ERRORS | {"errors": [[1.0, -1.0], [0.0]]}, ERRORS | {"errors": [[], [0.0]]},
        ERRORS | {"errors": [[float("nan")], [0.0]]}, ERRORS | {"errors": [["a"], [0.0]]},
        ERRORS | {"ages": "40"}, ERRORS | {"ages": [None]}, ERRORS | {"power": -1.0},
        ERRORS | {"power": 1e6}, ERRORS | {"power": None}, ERRORS | {"stretch": 1.1},
        ERRORS | {"middle": 30.0, "stretch": 0},
    ],
}  # fmt: skip


class TestStrangersManifest:
    """Digests guard against damage only: a manifest with right ones may still say anything."""

    def seal(self, folder, **changes):
        manifest = {**json.loads((folder / "agr.json").read_text()), **changes}
        manifest.pop("sha256")
        manifest["sha256"] = artifact._seal(manifest)
        (folder / "agr.json").write_text(json.dumps(manifest))

    @pytest.mark.parametrize(
        ("name", "value"),
        [(name, value) for name, values in HOSTILE.items() for value in values],
        ids=lambda value: repr(value)[:40],
    )
    def test_what_cannot_be_is_refused(self, model, name, value):
        self.seal(model, **{name: value})
        with pytest.raises(ArtifactError):
            GenderEstimator.load(model)
        with pytest.raises(ArtifactError):
            Predictor(["gender"], gender=model)

    @pytest.mark.parametrize(
        ("name", "value"),
        [(name, value) for name, values in HOSTILE_AGES.items() for value in values],
        ids=lambda value: repr(value)[:40],
    )
    def test_what_cannot_be_of_ages_is_refused(self, trained, tmp_path, name, value):
        model = shutil.copytree(trained["age"].folder, tmp_path / "model")
        self.seal(model, **{name: value})
        with pytest.raises(ArtifactError):
            AgeEstimator.load(model)
        with pytest.raises(ArtifactError):
            Predictor(["age"], age=model)

    @pytest.mark.parametrize("name", sorted(set(LEAST) | {"format", "files"}))
    def test_what_lacks_is_refused(self, model, name):
        manifest = json.loads((model / "agr.json").read_text())
        del manifest[name], manifest["sha256"]
        manifest["sha256"] = artifact._seal(manifest)
        (model / "agr.json").write_text(json.dumps(manifest))
        with pytest.raises(ArtifactError):
            artifact.read_manifest(model, "gender")

    @pytest.mark.parametrize(
        "files",
        [
            None, [], {"model.onnx": None}, {"../x": "0" * 64}, {"a/b": "0" * 64}, {"": "0" * 64},
            {"model.onnx": "0" * 63}, {"model.onnx": "Z" * 64}, {"a\0": "0" * 64}, {},
        ],
        ids=repr,
    )  # fmt: skip
    def test_names_and_digests_of_files(self, model, files):
        self.seal(model, files=files)
        with pytest.raises(ArtifactError):
            artifact.read_manifest(model, "gender")

    def test_says_what_was_expected_and_what_came(self, model):
        self.seal(model, image_size=60_000)
        with pytest.raises(
            ArtifactError, match=r"image_size must be a whole number from 16 to 1024, got 60000\."
        ):
            Engine(model, "gender")

    def test_files_that_are_not_listed(self, model):
        (model / ".DS_Store").touch()  # what systems leave behind is no part of the model
        load_both(model)
        (model / "weights.bin").touch()
        with pytest.raises(ArtifactError, match="holds weights.bin, which agr.json does not list"):
            load_both(model)

    def test_nesting(self, model):
        (model / "agr.json").write_text("[" * 200_000)
        with pytest.raises(ArtifactError, match="agr.json is damaged"):
            artifact.read_manifest(model, "gender")
        depth = 900  # json reads it, and fails to write it for the digest
        text = (model / "agr.json").with_name("agr.json")
        text.write_text('{"sha256": "", "format": 1, "notes": ' + "[" * depth + "]" * depth + "}")
        with pytest.raises(ArtifactError, match="agr.json (is damaged|was changed)"):
            artifact.read_manifest(model, "gender")

    @pytest.mark.parametrize("kind", ["folder", "loop", "pipe"])
    def test_no_file_in_its_place(self, model, kind):
        path = model / "agr.json"
        path.unlink()
        if kind == "folder":
            path.mkdir()
        elif kind == "loop":
            path.symlink_to(path)
        else:
            os.mkfifo(path)
        with pytest.raises(ArtifactError, match="is no saved model"):
            artifact.read_manifest(model, "gender")

    @pytest.mark.parametrize("folder", ["", "a\0b", "x" * 5000], ids=["empty", "nul", "long"])
    def test_odd_paths(self, folder):
        with pytest.raises(ArtifactError, match="is no saved model"):
            Predictor(["gender"], gender=folder)

    @pytest.mark.parametrize("task", ["age", "gender", "race"])
    def test_the_packaged_models_are_read(self, task):
        folder = Path(agr.__file__).parent / task / "pretrained"
        assert artifact.read_manifest(folder, task)["format"] <= artifact.FORMAT


class TestCodeInTheModel:
    """A model file with code of its own is refused, although all digests are right."""

    @pytest.fixture
    def ran(self, monkeypatch):
        monkeypatch.setattr(keras.config, "ran", [], raising=False)
        return keras.config.ran

    def test_lambda_layer(self, model, ran):
        inputs = keras.Input((16, 16, 3))
        # Only a lambda is saved with its code; a function is saved by its name.
        layer = keras.layers.Lambda(lambda x: keras.config.ran.append("the code") or x * 2)
        keras.Model(inputs, layer(inputs)).save(model / "model.keras")
        assert ran == ["the code"]
        ran.clear()
        reseal(model)
        with pytest.raises(ArtifactError, match="(?s)cannot be loaded by Keras.*safe_mode"):
            GenderEstimator.load(model)
        assert ran == []

    def test_custom_class(self, model):
        class Own(keras.layers.Layer):
            def call(self, x):
                return x

        inputs = keras.Input((16, 16, 3))
        keras.Model(inputs, Own()(inputs)).save(model / "model.keras")
        reseal(model)
        with pytest.raises(ArtifactError, match="cannot be loaded by Keras"):
            GenderEstimator.load(model)

    def test_no_keras_file(self, model):
        (model / "model.keras").write_bytes(b"PK")
        reseal(model)
        with pytest.raises(ArtifactError, match="cannot be loaded by Keras"):
            GenderEstimator.load(model)


class TestHostileKeras:
    """Whatever Keras raises over a model file is told as a damaged model."""

    def configure(self, folder, change):
        """Alter the network's description inside of model.keras."""
        path = folder / "model.keras"
        with zipfile.ZipFile(path) as archive:
            parts = {name: archive.read(name) for name in archive.namelist()}
        config = json.loads(parts["config.json"])
        parts["config.json"] = change(config) or json.dumps(config)
        with zipfile.ZipFile(path, "w") as archive:
            for name, data in parts.items():
                archive.writestr(name, data)
        reseal(folder)

    @pytest.mark.parametrize(
        "change",
        [
            lambda config: "[" * 100_000,
            lambda config: '{"module": "keras", "class_name": "Dense", "config": ' * 5000,
            lambda config: config.pop("config") and None,
            lambda config: config["config"].update(layers=[None]),
            lambda config: config["config"].update(layers=5),
            lambda config: config.update(module="torch", class_name="TorchModuleWrapper"),
            lambda config: config.update(module=None, class_name=7),
            lambda config: "null",
            lambda config: " ",
        ],
        ids=[
            "deep",
            "deep-objects",
            "no-config",
            "none",
            "number",
            "module",
            "types",
            "null",
            "blank",
        ],
    )
    def test_its_description(self, model, change):
        self.configure(model, change)
        with pytest.raises(ArtifactError, match="model.keras cannot be loaded by Keras"):
            GenderEstimator.load(model)

    def test_another_network(self, model):
        inputs = keras.Input((16, 16, 3))
        outputs = keras.layers.Dense(3)(keras.layers.Flatten()(inputs))
        keras.Model(inputs, outputs).save(model / "model.keras")
        reseal(model)
        with pytest.raises(ArtifactError, match="gives 3 numbers.*says 16 x 16 pixels and 1 or 2"):
            GenderEstimator.load(model)

    def test_what_would_unpack_to_far_more(self, model):
        with zipfile.ZipFile(model / "model.keras", "a", zipfile.ZIP_DEFLATED) as archive:
            archive.writestr("tail", bytes(50_000_000))
        reseal(model)
        with pytest.raises(ArtifactError, match="would unpack to 50,"):
            GenderEstimator.load(model)

    def test_as_the_start_of_a_training(self, model, trained):
        (model / "model.keras").write_bytes(b"PK")
        reseal(model)
        data = trained["gender"]
        estimator = GenderEstimator(
            network="tiny", image_size=16, epochs=1, augmentation="none", weights=str(model)
        )
        with pytest.raises(ArtifactError, match="cannot be loaded by Keras"):
            estimator.fit(data.X, data.y)

    def test_pickled_weights_as_the_start(self, trained, tmp_path):
        np.savez(tmp_path / "w.npz", **{"conv/kernel": np.array([{}], dtype=object)})
        data = trained["gender"]
        estimator = GenderEstimator(
            network="tiny", image_size=16, epochs=1, augmentation="none",
            weights=str(tmp_path / "w.npz"),
        )  # fmt: skip
        with pytest.raises(ParameterError, match="w.npz cannot be read as weights"):
            estimator.fit(data.X, data.y)


class TestWrite:
    def fill(self, folder, word="new"):
        with artifact.writing(folder) as part:
            (part / "model.keras").write_text(word)
            artifact.write_manifest(part, LEAST)

    def test_new_folder_and_its_parents(self, tmp_path):
        self.fill(tmp_path / "a" / "b")
        assert artifact.read_manifest(tmp_path / "a" / "b", "gender")["format"] == artifact.FORMAT
        assert os.listdir(tmp_path / "a") == ["b"]

    def test_others_may_read_it(self, tmp_path):
        self.fill(tmp_path / "m")
        assert (tmp_path / "m").stat().st_mode & 0o777 == 0o755

    def test_empty_folder_is_used(self, tmp_path):
        (tmp_path / "m").mkdir()
        self.fill(tmp_path / "m")
        assert (tmp_path / "m" / "agr.json").is_file()

    def test_old_model_is_replaced_whole(self, tmp_path):
        self.fill(tmp_path / "m", "old")
        (tmp_path / "m" / "extra").touch()
        self.fill(tmp_path / "m")
        assert sorted(os.listdir(tmp_path / "m")) == ["agr.json", "model.keras"]
        assert (tmp_path / "m" / "model.keras").read_text() == "new"
        assert os.listdir(tmp_path) == ["m"]

    @pytest.mark.parametrize("kind", ["folder", "file"])
    def test_what_is_no_model_is_left_alone(self, tmp_path, kind):
        target = tmp_path / "thesis"
        if kind == "folder":
            target.mkdir()
            (target / "chapter").write_text("words")
        else:
            target.write_text("words")
        with pytest.raises(ArtifactError, match="thesis exists and holds no saved model; choose"):
            self.fill(target)
        assert (target / "chapter" if kind == "folder" else target).read_text() == "words"
        assert os.listdir(tmp_path) == ["thesis"]

    @pytest.mark.parametrize("place", ["/proc/x", "/proc/x/y", "words/m"])
    def test_what_cannot_be_written_is_refused(self, tmp_path, monkeypatch, place):
        monkeypatch.chdir(tmp_path)
        (tmp_path / "words").touch()
        with pytest.raises(ArtifactError, match=rf"saved in {place} \(.+\); choose another"):
            artifact.check_output(place)

    def test_what_can_be_written_is_left_as_it_is(self, tmp_path):
        for place in ("a/b/m", "m"):
            artifact.check_output(tmp_path / place)
        assert os.listdir(tmp_path) == []

    def test_estimator_refuses_it_too(self, trained, tmp_path):
        (tmp_path / "words").touch()
        with pytest.raises(ArtifactError, match="holds no saved model"):
            trained["gender"].estimator.save(tmp_path)

    @pytest.mark.parametrize("error", [OSError("disk full"), KeyboardInterrupt], ids=["os", "stop"])
    def test_interrupted_write_leaves_the_old_model(self, tmp_path, error):
        self.fill(tmp_path / "m", "old")
        with pytest.raises((OSError, KeyboardInterrupt)), artifact.writing(tmp_path / "m") as part:
            (part / "model.keras").write_text("half")
            raise error
        artifact.read_manifest(tmp_path / "m", "gender")
        assert (tmp_path / "m" / "model.keras").read_text() == "old"
        assert os.listdir(tmp_path) == ["m"]

    def test_failed_rename_brings_the_old_model_back(self, tmp_path, monkeypatch):
        self.fill(tmp_path / "m", "old")
        rename, calls = os.replace, []

        def fail_second(source, target):
            calls.append(target)
            if len(calls) == 2:
                raise OSError("disk gone")
            rename(source, target)

        monkeypatch.setattr(os, "replace", fail_second)
        with pytest.raises(OSError, match="disk gone"):
            self.fill(tmp_path / "m")
        assert (tmp_path / "m" / "model.keras").read_text() == "old"
        assert os.listdir(tmp_path) == ["m"]

    def test_failing_export_leaves_the_old_model(self, trained, model, monkeypatch):
        def fail(*args):
            raise RuntimeError("no export")

        monkeypatch.setattr("agr.training.networks.export.export_onnx", fail)
        with pytest.raises(RuntimeError, match="no export"):
            trained["gender"].estimator.save(model)
        load_both(model)


def test_rewrite_copies_changes_and_seals(model, tmp_path):
    def change(part, manifest):
        (part / "README.md").write_text("another card")
        manifest["notes"] = {"by": "hand"}

    artifact.rewrite(model, tmp_path / "copy", change, "gender")
    manifest = artifact.read_manifest(tmp_path / "copy", "gender")
    assert manifest["notes"] == {"by": "hand"}
    assert artifact.checked_file(tmp_path / "copy", manifest, "README.md").read_text() == (
        "another card"
    )
    load_both(tmp_path / "copy")
    assert artifact.read_manifest(model, "gender")["notes"] == {}
    images = np.zeros((1, 16, 16, 3), np.uint8)
    np.testing.assert_array_equal(
        Engine(model, "gender")(images), Engine(tmp_path / "copy", "gender")(images)
    )
