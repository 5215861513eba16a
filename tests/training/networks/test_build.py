import numpy as np
import pytest

from agr.errors import ArtifactError, ParameterError
from agr.training.networks import build as networks
from agr.training.networks import starts
from agr.training.networks.last_layer import divide_logits

X = np.random.default_rng(0).integers(0, 256, (3, 32, 32, 3), dtype=np.uint8)


def answers(model):
    return model(X).numpy()


class TestBuild:
    @pytest.mark.parametrize("size", [16, 31, 50])
    def test_other_sizes(self, build, size):
        assert build(image_size=size).output_shape == (None, 3)

    def test_probabilities(self, build):
        np.testing.assert_allclose(answers(build()).sum(axis=1), 1, atol=1e-6)

    def test_years_start_near_forty(self, build):
        model = build(n_outputs=1)
        assert model.output_shape == (None, 1)
        assert model.layers[-1].name == "years"
        model.get_layer("logits").set_weights([np.zeros((32, 1)), np.array([0.5])])
        np.testing.assert_allclose(answers(model), 50)

    def test_unknown_network(self, build):
        with pytest.raises(ParameterError, match="got 'tinny'. Did you mean 'tiny'"):
            build("tinny")
        with pytest.raises(ParameterError, match="network must be one of"):
            networks.native_size("resnet")


class TestWeights:
    """The start of a training: packaged, from a file, or random."""

    @pytest.fixture
    def start(self, build, tmp_path):
        """Write the weights of one tiny network in the form of the packaged ones."""
        model = build()
        path = tmp_path / "start.npz"
        variables = {
            f"{layer.name}/{v.name}": v.numpy() for layer in model.layers for v in layer.weights
        }
        np.savez(path, **variables)
        return model, path

    def test_packaged_ones(self, build):
        with np.load(starts.PACKAGED / "face_mobilenet.npz") as stored:
            kernel = stored["stem/kernel"]
        model, random = (build("face_mobilenet", 32, weights=w) for w in ("auto", None))
        found = model.get_layer("stem").get_weights()[0]
        np.testing.assert_allclose(found, kernel.astype(np.float32))
        assert not np.allclose(random.get_layer("stem").get_weights()[0], kernel)

    def test_packaged_ones_fill_every_layer_of_the_trunk(self, build):
        model = build("face_mobilenet", 32)
        with np.load(starts.PACKAGED / "face_mobilenet.npz") as stored:
            for layer in model.layers:
                if layer.weights and layer.name != "logits":
                    for variable in layer.weights:
                        key = f"{layer.name}/{variable.name}"
                        assert stored[key].shape == tuple(variable.shape)

    def test_auto_without_packaged_ones_is_random(self, build):
        assert not np.allclose(answers(build(weights="auto")), answers(build(weights="auto")))

    @pytest.mark.parametrize("kind", [str, lambda p: p], ids=["str", "Path"])
    def test_file(self, build, start, kind):
        model, path = start
        np.testing.assert_array_equal(answers(build(weights=kind(path))), answers(model))

    def test_file_with_another_head_gives_the_trunk(self, build, start):
        model, path = start
        with np.load(path) as stored:
            np.savez(path, **{k: v for k, v in stored.items() if not k.startswith("logits")})
        other = build(weights=path, n_outputs=5)
        for one, two in zip(
            model.get_layer("conv2").get_weights(),
            other.get_layer("conv2").get_weights(),
            strict=True,
        ):
            np.testing.assert_array_equal(one, two)

    def test_file_with_the_head_of_another_task(self, build, start):
        """What `start` saved with three labels can start a network with five."""
        model, path = start
        other = build(weights=path, n_outputs=5)
        np.testing.assert_array_equal(
            model.get_layer("conv2").get_weights()[0], other.get_layer("conv2").get_weights()[0]
        )

    def test_missing_file(self, build):
        with pytest.raises(ParameterError, match="None, a file with .*there is no 'gone.npz'"):
            build(weights="gone.npz")

    def test_file_for_another_network(self, build, start):
        with pytest.raises(ParameterError, match="start.npz holds no weights, .* for 27 layers"):
            build("face_mobilenet", 32, weights=start[1])

    def test_file_with_a_part_of_the_network(self, build, start, tmp_path):
        with np.load(start[1]) as file:
            np.savez(tmp_path / "part.npz", **{k: v for k, v in file.items() if "conv1" in k})
        with pytest.raises(ParameterError, match="no weights, .* for 5 layers .*, first norm1"):
            build(weights=tmp_path / "part.npz")

    @pytest.mark.parametrize("content", [b"no weights", b"PK\x03\x04 cut off"], ids=["any", "zip"])
    def test_no_weights_file(self, build, tmp_path, content):
        (tmp_path / "model.h5").write_bytes(content)
        with pytest.raises(ParameterError, match="model.h5 holds no weights"):
            build(weights=tmp_path / "model.h5")


class TestTemperature:
    def test_divides_the_logits(self, build):
        model = build()
        before = np.log(answers(model))
        divide_logits(model, 2.5)
        after = np.log(answers(model))
        np.testing.assert_allclose(
            after - after[:, :1], (before - before[:, :1]) / 2.5, rtol=1e-3, atol=1e-5
        )


class TestSavedModelAsStart:
    """``weights`` may be the folder of a saved model."""

    def test_head_and_trunk_are_taken_over(self, trained):
        saved = trained["gender"]
        size = saved.estimator.image_size_
        model = networks.build(
            "tiny",
            size,
            weights=str(saved.folder),
            dropout=0.0,
            last_layer=("sigmoid", 1),
            task="gender",
        )
        images = np.zeros((1, size, size, 3), dtype=np.uint8)
        expected = saved.estimator.model_(images).numpy()
        np.testing.assert_allclose(model(images).numpy(), expected, atol=1e-6)

    def test_another_network_is_refused(self, build, trained):
        with pytest.raises(ParameterError, match="holds another network than this one"):
            build(weights=str(trained["gender"].folder), n_outputs=3)

    def test_another_task_is_refused(self, build, trained):
        with pytest.raises(ArtifactError, match="is a model for age, expected one for gender"):
            build(weights=str(trained["age"].folder))
