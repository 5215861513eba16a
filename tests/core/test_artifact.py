"""What a saved model's folder promises: whole or not there, and nothing in it trusted blindly."""

import json
import os
import shutil

import keras
import numpy as np
import pytest

from agr.core import artifact
from agr.core.engine import Engine
from agr.errors import ArtifactError
from agr.gender import GenderEstimator
from agr.race import RaceEstimator

FILES = ("agr.json", "model.keras", "model.onnx", "README.md")


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
        monkeypatch.setattr(artifact, "FORMAT", 2)
        reseal(model)
        monkeypatch.undo()
        with pytest.raises(ArtifactError, match="has format 2, this agr reads up to 1: pip inst"):
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


class TestWrite:
    def fill(self, folder, word="new"):
        with artifact.writing(folder) as part:
            (part / "model.keras").write_text(word)
            artifact.write_manifest(part, {"task": "gender"})

    def test_new_folder_and_its_parents(self, tmp_path):
        self.fill(tmp_path / "a" / "b")
        assert artifact.read_manifest(tmp_path / "a" / "b", "gender")["format"] == 1
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
