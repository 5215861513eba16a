"""The networks by name: size, options, starts, what learns; two of them trained and saved."""

import inspect
import json
import urllib.error

import keras
import numpy as np
import pytest
from PIL import Image, ImageEnhance

from agr.engines.engine import Engine
from agr.errors import DownloadError, ParameterError
from agr.gender import GenderEstimator
from agr.tasks import TASKS
from agr.training.loop import _generators
from agr.training.networks import applications, starts
from agr.training.networks import build as networks
from agr.training.networks.registry import BACKBONES
from agr.training.parameters import check_parameters

APPLICATION = "mobilenet_v3_small"  # the quickest of them


def build(network, image_size=32, *, weights=None, last_layer=("years", 1), **more):
    return networks.build(
        network,
        image_size,
        weights=weights,
        dropout=0.1,
        last_layer=last_layer,
        task="gender",
        **more,
    )


def names(model):
    return [layer.name for layer in model.layers]


class TestAll:
    @pytest.mark.parametrize("network", BACKBONES)
    def test_size_and_parameters_are_as_listed(self, network):
        backbone = BACKBONES[network]
        layers = f"last:{backbone.n_layers}"
        model = build(network, networks.native_size(network), trainable=layers)
        assert model.input_shape == (None, *[backbone.native_size] * 2, 3)
        assert model.input.dtype == "uint8"
        assert model.output_shape == (None, 1)
        assert model.count_params() == backbone.n_parameters
        with pytest.raises(ParameterError, match=f"the trunk has {backbone.n_layers} layers"):
            networks.freeze(model, f"last:{backbone.n_layers + 1}")

    @pytest.mark.parametrize("network", BACKBONES)
    def test_starts(self, network):
        packaged = (starts.PACKAGED / f"{network}.npz").is_file()
        assert packaged == (BACKBONES[network].start == "auto")
        if BACKBONES[network] not in applications.BACKBONES:
            assert BACKBONES[network].start != "imagenet"

    def test_too_small_a_picture(self):
        with pytest.raises(ParameterError, match="xception needs an image_size of at least 71"):
            build("xception", 70)

    @pytest.mark.parametrize("network", ["conv_cycles", "imdb_wiki"])
    @pytest.mark.parametrize("size", [16, 33])
    def test_other_sizes(self, network, size):
        assert build(network, size).output_shape == (None, 1)


class TestImdbWiki:
    """The totals that were published."""

    def test_age(self):
        assert BACKBONES["imdb_wiki"].n_parameters == 31_716_033  # counted above

    def test_gender(self):
        (stage,) = TASKS["gender"].load_recipes()["imdb_wiki"].stages
        estimator = GenderEstimator(**stage)
        model = networks.build(
            estimator.network,
            networks.native_size(estimator.network),
            weights=None,
            dropout=estimator.dropout,
            last_layer=estimator.last_layer(),
            task="gender",
            options=estimator.network_options,
        )
        assert model.count_params() == 63_074_753


class TestOptions:
    @pytest.mark.parametrize("cycles", [3, 6])
    def test_cycles(self, cycles):
        model = build("conv_cycles", options={"cycles": cycles, "dense": [8]})
        convolutions = [x for x in model.layers if isinstance(x, keras.layers.Conv2D)]
        assert [x.filters for x in convolutions] == [32 * 2**i for i in range(cycles)]
        assert "dense1 dropout1 logits" in " ".join(names(model))

    def test_activation(self):
        for activation in ("relu", "leaky_relu"):
            model = build("conv_cycles", options={"activation": activation})
            for name in ("conv1", "conv4", "dense1", "dense2"):
                assert model.get_layer(name).activation.__name__ == activation

    @pytest.mark.parametrize(("pooling", "n"), [("average", 576), ("flatten", 4 * 576)])
    def test_pooling(self, pooling, n):
        model = build(APPLICATION, 64, options={"pooling": pooling, "dense": []})
        assert model.get_layer("logits").kernel.shape == (n, 1)

    @pytest.mark.parametrize(
        ("network", "options", "message"),
        [
            ("conv_cycles", {"cycle": 3}, "one of 'cycles', 'activation', 'dense'; got 'cycle'"),
            (
                "tiny",
                {"cycles": 6},
                "tiny has no options, so .* must not hold 'cycles'",
            ),
            ("conv_cycles", {"dropout": 0.5}, "a name in network_options must be one of"),
            ("conv_cycles", {"cycles": 2}, "must be one of 3, 4, 5, 6; got 2"),
            ("conv_cycles", {"activation": "leaky"}, "Did you mean 'leaky_relu'"),
            ("conv_cycles", {"dense": [0]}, r"whole numbers of at least 1, got \[0\]"),
            ("conv_cycles", {"dense": 8}, "whole numbers of at least 1, got 8"),
            (APPLICATION, {"pooling": "max"}, "must be one of 'average', 'flatten'"),
        ],
        ids=lambda v: str(v)[:24],
    )
    def test_bad_ones(self, network, options, message):
        with pytest.raises(ParameterError, match=message):
            build(network, options=options)


class TestColor:
    def test_grayscale_sees_no_colour(self):
        x = np.random.default_rng(0).integers(0, 256, (2, 32, 32, 3), dtype=np.uint8)
        gray = np.stack([np.asarray(Image.fromarray(i).convert("L").convert("RGB")) for i in x])
        model = build("tiny", color="grayscale", last_layer=("softmax", 3))
        np.testing.assert_allclose(model(x), model(gray), atol=1e-3)
        model = build("tiny", last_layer=("softmax", 3))
        assert not np.allclose(model(x), model(gray), atol=1e-3)

    def test_packaged_start_fits(self):
        model = build("face_mobilenet", weights="auto", color="grayscale")
        assert model.get_layer("stem").kernel.shape == (3, 3, 3, 32)

    def test_unknown(self, new_estimator):
        with pytest.raises(ParameterError, match="Did you mean 'grayscale'"):
            check_parameters(new_estimator("gender", color="greyscale"))


class TestPreprocessing:
    """What a trunk gets when the picture is (255, 0, 0) everywhere."""

    @pytest.mark.parametrize(
        ("network", "expected"),
        [
            ("vgg16", (-103.939, -116.779, 255 - 123.68)),
            ("xception", (1, -1, -1)),
            (APPLICATION, (255, 0, 0)),
        ],
    )
    def test_as_keras_does_it(self, network, expected):
        from agr.training.networks.applications import TRUNKS

        inputs = keras.Input((1, 1, 3), dtype="uint8")
        model = keras.Model(inputs, TRUNKS[network][1](inputs))
        found = model(np.array([[[[255, 0, 0]]]], dtype=np.uint8))
        np.testing.assert_allclose(np.ravel(found), expected, rtol=1e-5)


class TestTrainable:
    def learning(self, model):
        return [x.name for x in model.layers if x.trainable and x.trainable_weights]

    def test_head_and_all(self):
        assert self.learning(build("tiny", trainable="head")) == ["logits"]
        assert self.learning(build("conv_cycles", trainable="head")) == [
            "dense1",
            "dense2",
            "logits",
        ]
        assert len(self.learning(build("tiny", trainable="all"))) == 7

    def test_layers_of_a_plain_network(self):
        trunk = names(build("tiny"))
        n = trunk.index("norm3")
        expected = ["norm3", "logits"]
        assert self.learning(build("tiny", trainable=f"from:{n}")) == expected
        n_last = trunk.index("logits") - n
        assert self.learning(build("tiny", trainable=f"last:{n_last}")) == expected

    def test_layers_of_an_application_are_numbered_as_keras_does(self):
        trunk = starts.find_trunk(build(APPLICATION, trainable="from:52"))
        again = keras.applications.MobileNetV3Small(
            include_top=False, weights=None, input_shape=(32, 32, 3)
        )
        # Not the names, which Keras counts up from one network to the next.
        assert [type(x) for x in trunk.layers] == [type(x) for x in again.layers]
        assert [x.trainable for x in trunk.layers] == [i >= 52 for i in range(len(trunk.layers))]

    @pytest.mark.parametrize("value", ["last", "last:-1", "from:x", "heads", "head:3", None, 3])
    def test_unknown(self, value):
        with pytest.raises(ParameterError, match="'all', 'head', 'last:N' or 'from:N', got"):
            build("tiny", trainable=value)

    def test_more_layers_than_there_are(self):
        with pytest.raises(ParameterError, match="'last:99', but the trunk has 13 layers"):
            build("tiny", trainable="last:99")

    def test_what_is_frozen_stays(self, new_estimator, faces_drawn):
        X, y = faces_drawn(40)
        start = new_estimator("gender", epochs=1, weights=None)
        start.fit(X, y["gender"])
        before = start.model_.get_layer("norm1").get_weights()
        head = new_estimator("gender", epochs=2, weights=None, trainable="head")
        head.fit(X, y["gender"])
        fresh = networks.build(
            "tiny",
            16,
            weights=None,
            dropout=0,
            last_layer=("sigmoid", 1),
            task="gender",
        )
        # Neither the scale nor the running mean of a frozen normalization moves.
        for found, new, moved in zip(
            head.model_.get_layer("norm1").get_weights(),
            fresh.get_layer("norm1").get_weights(),
            before,
            strict=True,
        ):
            np.testing.assert_array_equal(found, new)
            assert not np.allclose(moved, new)


class TestImagenet:
    @pytest.fixture
    def trunk(self):
        return keras.applications.MobileNetV3Small(
            include_top=False, weights=None, input_shape=(32, 32, 3)
        )

    def same(self, model, trunk):
        found = starts.find_trunk(model)
        for one, two in zip(found.get_weights(), trunk.get_weights(), strict=True):
            np.testing.assert_array_equal(one, two)

    def test_download(self, trunk, tmp_path, monkeypatch):
        trunk.save_weights(tmp_path / "kept.weights.h5")
        asked = []

        def get_file(name, origin, **kwargs):
            asked.append(origin)
            return str(tmp_path / "kept.weights.h5")

        monkeypatch.setattr("keras.src.utils.file_utils.get_file", get_file)
        self.same(build(APPLICATION, weights="imagenet"), trunk)
        assert "no_top" in asked[0]

    def test_offline(self, tmp_path, monkeypatch):
        def fail(*arguments):
            raise urllib.error.URLError("no network")

        monkeypatch.setattr("keras.src.utils.file_utils.urlretrieve", fail)
        monkeypatch.setattr("keras.src.backend.config._KERAS_DIR", str(tmp_path))
        message = (
            f"ImageNet weights of {APPLICATION} cannot be downloaded: URL fetch failure on "
            r"https://\S+h5: .*no network.*weights='FILE.h5'; weights=None starts from random"
        )
        with pytest.raises(DownloadError, match=message):
            build(APPLICATION, weights="imagenet")

    def test_file(self, trunk, tmp_path):
        trunk.save_weights(tmp_path / "mine.weights.h5")
        self.same(build(APPLICATION, weights=tmp_path / "mine.weights.h5"), trunk)

    @pytest.mark.parametrize("kind", ["another network", "no weights"])
    def test_wrong_file(self, tmp_path, kind):
        path = tmp_path / "other.weights.h5"
        if kind == "no weights":
            path.write_bytes(b"no weights")
        else:
            build("tiny").save_weights(path)
        with pytest.raises(ParameterError, match="other.weights.h5 holds no weights for"):
            build(APPLICATION, weights=path)

    def test_not_for_other_networks(self):
        message = "no ImageNet weights for tiny; weights='imagenet' is for vgg16, resnet50"
        with pytest.raises(ParameterError, match=message):
            build("tiny", weights="imagenet")


def portraits(n, seed=0):
    """Give n versions of the example's face; what is called male is mirrored and darker."""
    from agr.core.images import read_image

    rng = np.random.default_rng(seed)
    face = Image.fromarray(read_image("examples/astronaut.jpg")).resize((40, 40))
    pictures, labels = [], []
    for i in range(n):
        dark = i % 2
        picture = ImageEnhance.Brightness(face).enhance(rng.uniform(0.9, 1.1) - 0.5 * dark)
        pictures.append(np.asarray(picture.rotate(rng.uniform(-10, 10))))
        labels.append(("female", "male")[dark])
    return np.stack(pictures), np.array(labels)


class TestTraining:
    """From real pictures to a saved model that answers alike everywhere."""

    @pytest.mark.parametrize(
        ("network", "parameters"),
        [
            (
                "conv_cycles",
                {
                    "network_options": {"cycles": 3, "activation": "leaky_relu", "dense": [16, 8]},
                    "color": "grayscale",
                },
            ),
            (APPLICATION, {"batch_size": 8}),
        ],
        ids=["conv_cycles", "application"],
    )
    def test_fit_save_load_export(self, new_estimator, tmp_path, network, parameters):
        X, y = portraits(48)
        estimator = new_estimator(
            "gender", network=network, image_size=32, epochs=10, weights=None, **parameters
        )
        estimator.fit(X, y)
        losses = [epoch["loss"] for epoch in estimator.history_]
        assert losses[-1] < 0.8 * losses[0]
        estimator.save(tmp_path / "m")
        resized = np.stack([np.asarray(Image.fromarray(x).resize((32, 32))) for x in X])
        expected = estimator.model_(resized).numpy()  # predict would trace each network anew
        loaded = type(estimator).load(tmp_path / "m")
        assert loaded.get_params() == estimator.get_params()
        np.testing.assert_allclose(loaded.model_(resized), expected, atol=1e-6)
        engine = Engine(tmp_path / "m", "gender")
        np.testing.assert_allclose(engine(resized), expected, atol=1e-4)
        start = build(
            network,
            weights=str(tmp_path / "m"),
            last_layer=("sigmoid", 1),
            options=parameters.get("network_options"),
            color=parameters.get("color", "rgb"),
        )
        np.testing.assert_allclose(start(resized), expected, atol=1e-6)
        stored = json.loads((tmp_path / "m" / "agr.json").read_text())["parameters"]
        assert stored["network_options"] == parameters.get("network_options")

    def test_dropout_inside_a_trunk_is_part_of_the_state(self):
        outer = keras.Input((4,))
        inner = keras.Input((4,))
        trunk = keras.Model(inner, keras.layers.Dropout(0.5, name="inside")(inner))
        model = keras.Model(outer, keras.layers.Dropout(0.5)(trunk(outer)))
        assert len(_generators(model)) == 2


def test_estimators_know_the_same_networks(new_estimator):
    for task in ("age", "gender", "race"):
        parameters = inspect.signature(type(new_estimator(task))).parameters
        found = {n: parameters[n].default for n in ("network_options", "trainable", "color")}
        assert found == {"network_options": None, "trainable": "all", "color": "rgb"}
