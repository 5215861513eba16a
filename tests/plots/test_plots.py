"""The plots say what the numbers are; all pictures here are drawn."""

import math
import sys

import numpy as np
import pytest
from PIL import Image

from agr import plots
from agr.errors import LabelError, MissingExtraError, ParameterError
from agr.evaluation.metrics import summary
from agr.photo.annotate import annotate
from agr.plots import canvas, pictures, results
from agr.prediction import Face

pytest.importorskip("matplotlib", reason="plots are an extra: agr-faces[plots]")

LABELS = ("asian", "black", "white")
TRUTH = np.array(["asian", "asian", "black", "black", "white", "white"])
SAID = np.array(["asian", "black", "black", "black", "white", "asian"])
CHANCES = np.array(
    [[0.8, 0.1, 0.1], [0.3, 0.6, 0.1], [0.1, 0.7, 0.2], [0.2, 0.5, 0.3], [0.1, 0.1, 0.8],
     [0.6, 0.1, 0.3]]
)  # fmt: skip
AGES = np.array([20.0, 40.0, 60.0, 30.0])
SAID_AGES = np.array([22.0, 37.0, 60.0, 31.0])
HISTORY = [
    {"loss": 3.0, "val_loss": 3.5, "mae": 9.0, "val_mae": 9.5},
    {"loss": 2.0, "val_loss": 2.5, "mae": 7.0, "val_mae": 8.0},
    {"loss": 1.0, "val_loss": 2.7, "mae": 6.0, "val_mae": 7.5},
]
TRIALS = [
    {"trial": 1, "status": "completed", "val_loss": 0.5},
    {"trial": 2, "status": "failed", "val_loss": math.nan},
    {"trial": 3, "status": "completed", "val_loss": 0.4},
    {"trial": 4, "status": "completed", "val_loss": 0.6},
]
PHOTO = np.full((60, 80, 3), 90, np.uint8)
FACE = Face(age=33.4, gender="female", race="white", box=(20.0, 15.0, 50.0, 45.0), score=0.9)
CALLS = {
    "age_boxes": (AGES, ["f", "m", "f", "m"]),
    "age_density": (AGES, ["f", "m", "f", "m"]),
    "age_histogram": (AGES,),
    "balance": (TRUTH, np.ones(6)),
    "classification_report": (TRUTH, SAID, LABELS),
    "confusion": (TRUTH, SAID, LABELS),
    "error_histogram": (AGES, SAID_AGES),
    "label_counts": (TRUTH, ["f", "m"] * 3),
    "learning_curve": (HISTORY,),
    "photo": (PHOTO, [FACE]),
    "picture_grid": ([PHOTO] * 3, ["a", "b", "c"]),
    "precision_recall": (TRUTH, CHANCES, LABELS),
    "predicted_ages": (AGES, SAID_AGES),
    "roc": (TRUTH, CHANCES, LABELS),
    "trial_losses": (TRIALS,),
}
WITHOUT_AXES = {"photo", "picture_grid", "classification_report"}


@pytest.fixture
def ax():
    return canvas.new_figure().subplots()


@pytest.fixture
def closing():
    import matplotlib.pyplot as plt

    plt.switch_backend("agg")
    yield
    plt.close("all")


def texts(ax):
    return [text.get_text() for text in ax.texts]


def legend(ax):
    return [text.get_text() for text in ax.get_legend().get_texts()]


class TestEveryPlot:
    def test_all_are_tried(self):
        assert set(CALLS) == set(plots.__all__)

    @pytest.mark.parametrize("name", CALLS)
    def test_draws_on_the_axes_given_and_gives_it_back(self, name, ax):
        assert getattr(plots, name)(*CALLS[name], ax=ax) is ax
        ax.figure.draw_without_rendering()

    @pytest.mark.parametrize("name", CALLS)
    def test_makes_a_figure_where_none_is_given(self, name, closing):
        import matplotlib.pyplot as plt

        drawn = getattr(plots, name)(*CALLS[name])
        assert plt.figure(plt.get_fignums()[-1]) is drawn.figure

    @pytest.mark.parametrize("name", sorted(set(CALLS) - WITHOUT_AXES))
    def test_is_titled_with_units(self, name, ax):
        getattr(plots, name)(*CALLS[name], ax=ax)
        assert ax.get_title(loc="left")
        said = f"{ax.get_xlabel()} {ax.get_ylabel()}"
        assert said.strip()
        if "age" in name and name != "balance":
            assert "(years)" in said

    @pytest.mark.parametrize(
        "name",
        [
            *("age_boxes", "age_density", "age_histogram", "classification_report", "confusion"),
            *("error_histogram", "label_counts", "learning_curve", "predicted_ages"),
        ],
    )
    def test_nothing_to_draw(self, name, closing):
        import matplotlib.pyplot as plt

        nothing = [value if value is LABELS else value[:0] for value in CALLS[name]]
        with pytest.raises(LabelError, match="nothing to draw: at least one"):
            getattr(plots, name)(*nothing)
        assert plt.get_fignums() == []

    @pytest.mark.parametrize("call", [canvas.new_figure, plots.age_histogram], ids=["page", "call"])
    def test_without_matplotlib(self, call, monkeypatch):
        for module in ("matplotlib", "matplotlib.figure", "matplotlib.pyplot"):
            monkeypatch.setitem(sys.modules, module, None)
        with pytest.raises(MissingExtraError) as raised:
            call(*([AGES] if call is plots.age_histogram else []))
        assert str(raised.value) == 'Plots need matplotlib: pip install "agr-faces[plots]"'


class TestPeople:
    def test_bars_are_counts(self, ax):
        plots.label_counts(["b", "a", "b", "b"], ["f", "f", "m", "m"], ax=ax)
        assert [[bar.get_width() for bar in bars] for bars in ax.containers] == [[1, 1], [0, 2]]
        assert legend(ax) == ["f", "m"]
        assert [t.get_text() for t in ax.get_yticklabels()] == ["a", "b"]

    def test_a_bar_a_year(self, ax):
        plots.age_histogram([0, 1, 1, 3], ax=ax)
        assert [bar.get_height() for bar in ax.patches] == [1, 2, 0, 1]
        assert [bar.get_x() + bar.get_width() / 2 for bar in ax.patches] == [0, 1, 2, 3]
        assert legend(ax) == ["median 1 years"]

    def test_each_density_holds_its_whole_group(self, ax):
        ages = np.array([0, 1, 1, 2, 30, 50.0, 70])
        plots.age_density(ages, ["f"] * 4 + ["m"] * 3, ax=ax)
        for line in ax.lines:
            assert np.trapezoid(line.get_ydata(), line.get_xdata()) == pytest.approx(100, abs=0.5)
        peak = ax.lines[0].get_xdata()[ax.lines[0].get_ydata().argmax()]
        assert peak < 2

    def test_density_of_one_person(self, ax):
        plots.age_density([40.0], ["m"], ax=ax)
        (line,) = ax.lines
        assert line.get_xdata()[line.get_ydata().argmax()] == pytest.approx(40, abs=0.1)

    def test_boxes_tell_medians_and_counts(self, ax):
        plots.age_boxes([1, 2, 9, 50, 70], ["f", "f", "f", "m", "m"], ax=ax)
        assert texts(ax) == ["2", "60"]
        assert [t.get_text() for t in ax.get_xticklabels()] == ["f\nn = 3", "m\nn = 2"]

    def test_balance_compares_shares(self, ax):
        plots.balance(["a", "b", "b", "b"], [3, 1, 1, 1], ax=ax)
        shares = [[bar.get_height() for bar in bars] for bars in ax.containers]
        assert shares == [[25, 75], [50, 50]]

    def test_decades_stand_in_their_order(self, ax):
        plots.balance([100, 20, 0, 20], np.ones(4), ax=ax)
        assert [t.get_text() for t in ax.get_xticklabels()] == ["0", "20", "100"]
        assert ax.get_xlabel() == "age from (years)"


class TestLearningCurve:
    @pytest.mark.parametrize("metric", ["loss", "mae"])
    def test_training_and_validation(self, metric, ax):
        plots.learning_curve(HISTORY, metric, ax=ax)
        train, held, best = ax.lines
        assert list(train.get_xdata()) == [1, 2, 3]
        assert list(train.get_ydata()) == [epoch[metric] for epoch in HISTORY]
        assert list(held.get_ydata()) == [epoch[f"val_{metric}"] for epoch in HISTORY]
        assert best.get_xdata()[0] == 2
        assert legend(ax)[-1] == "lowest validation loss: epoch 2"

    def test_without_validation(self, ax):
        plots.learning_curve([{"loss": 3.0}, {"loss": 2.0}], ax=ax)
        assert list(ax.lines[0].get_ydata()) == [3, 2]
        assert legend(ax) == ["training"]

    def test_unknown_metric(self, ax):
        with pytest.raises(ParameterError, match="metric must be one of 'loss', 'mae'; got 'mse'"):
            plots.learning_curve(HISTORY, "mse", ax=ax)


class TestTrials:
    def test_losses_best_and_failures(self, ax):
        plots.trial_losses(TRIALS, ax=ax)
        trials, best, failed = ax.lines
        np.testing.assert_array_equal(trials.get_ydata(), [0.5, math.nan, 0.4, 0.6])
        assert list(best.get_ydata()) == [0.5, 0.5, 0.4, 0.4]
        assert list(failed.get_xdata()) == [2]
        assert legend(ax) == ["trial", "best so far", "failed"]

    def test_nothing_failed(self, ax):
        plots.trial_losses(TRIALS[2:], ax=ax)
        assert legend(ax) == ["trial", "best so far"]


class TestAges:
    def test_mean_absolute_error_is_in_the_title(self, ax):
        plots.predicted_ages(AGES, SAID_AGES, ax=ax)
        assert ax.get_title(loc="left") == "4 ages: mean absolute error 1.50 years"
        assert sum(ax.collections[0].get_array()) == 4
        true = ax.collections[0].get_offsets()[:, 0]
        assert true.max() == pytest.approx(60, abs=1.5)

    def test_errors_and_their_summary(self, ax):
        plots.error_histogram(AGES, SAID_AGES, ax=ax)
        heights = {bar.get_x(): bar.get_height() for bar in ax.patches if bar.get_height()}
        assert heights == {-3: 1, 0: 1, 1: 1, 2: 1}
        (said,) = texts(ax)
        words = said.split("\n")
        assert [line.split()[0] for line in words] == [
            "count", "mean", "std", "min", "25", "50", "75", "max",
        ]  # fmt: skip
        assert words[0].split()[1] == "4"
        for line, value in list(zip(words, summary(SAID_AGES - AGES).values(), strict=True))[1:]:
            assert float(line.split()[-1]) == pytest.approx(value, abs=0.005)

    def test_no_error_at_all(self, ax):
        plots.error_histogram(AGES, AGES, ax=ax)
        assert [bar.get_height() for bar in ax.patches] == [4]


class TestCurves:
    def test_area_by_hand(self, ax):
        """Of the 4 pairs of a male and a female picture, 3 are in order."""
        chances = np.array([0.1, 0.6, 0.4, 0.9])
        truth = ["female", "female", "male", "male"]
        plots.roc(truth, np.stack([1 - chances, chances], 1), ("female", "male"), ax=ax)
        assert legend(ax) == ["male: AUC 0.750", "guessing"]

    def test_average_precision_by_hand(self, ax):
        """Found first at precision 1, then at 2 / 3, for half of the recall each."""
        chances = np.array([0.1, 0.6, 0.4, 0.9])
        truth = ["female", "female", "male", "male"]
        plots.precision_recall(
            truth, np.stack([1 - chances, chances], 1), ("female", "male"), ax=ax
        )
        assert legend(ax) == ["male: AP 0.833 (guessing 0.50)"]

    @pytest.mark.parametrize("name", ["roc", "precision_recall"])
    def test_each_label_against_the_rest(self, name, ax):
        getattr(plots, name)(TRUTH, CHANCES, LABELS, ax=ax)
        assert [line.split(":")[0] for line in legend(ax)][:3] == list(LABELS)
        styles = {(line.get_color(), str(line._unscaled_dash_pattern)) for line in ax.lines[:3]}
        assert len(styles) == 3

    @pytest.mark.parametrize("name", ["roc", "precision_recall"])
    def test_a_label_that_no_picture_has(self, name, ax):
        some = TRUTH != "black"
        getattr(plots, name)(TRUTH[some], CHANCES[some], LABELS, ax=ax)
        assert not any("black" in line for line in legend(ax))
        assert any("white" in line for line in legend(ax))


class TestTables:
    def test_rows_of_the_confusion_are_truths(self, ax):
        plots.confusion(TRUTH, SAID, LABELS, ax=ax)
        assert texts(ax) == [
            "50%\n1", "50%\n1", "0%\n0",
            "0%\n0", "100%\n2", "0%\n0",
            "50%\n1", "0%\n0", "50%\n1",
        ]  # fmt: skip
        assert (ax.get_ylabel(), ax.get_xlabel()) == ("true", "predicted")
        assert "66.7% of 6 right" in ax.get_title(loc="left")

    def test_report(self, ax):
        plots.classification_report(TRUTH, SAID, LABELS, ax=ax)
        assert texts(ax)[:3] == ["0.500", "0.500", "0.500"]  # asian
        assert texts(ax)[3:6] == ["0.667", "1.000", "0.800"]  # black
        assert ax.get_yticklabels()[0].get_text() == "asian  (n = 2)"
        assert results.report_rows(TRUTH, SAID, LABELS)["macro avg"]["recall"] == pytest.approx(
            2 / 3
        )


class TestPictures:
    def test_captions_and_frames(self, ax):
        plots.picture_grid(
            [PHOTO] * 3, ["one", "two", "three"], marked=[False, True, False], columns=2, ax=ax
        )
        assert texts(ax) == ["one", "two", "three"]
        assert len(ax.images) == 3
        (frame,) = ax.patches
        assert frame.get_x() == pytest.approx(ax.images[1].get_extent()[0])
        assert [text.get_weight() for text in ax.texts] == ["normal", "bold", "normal"]

    def test_shapes_are_kept_and_pictures_do_not_overlap(self, ax):
        plots.picture_grid([PHOTO, PHOTO[:, :20], PHOTO], [""] * 3, columns=2, ax=ax)
        boxes = [image.get_extent() for image in ax.images]
        assert [(r - le) / (b - t) for le, r, b, t in boxes] == pytest.approx([4 / 3, 1 / 3, 4 / 3])
        assert boxes[0][1] < boxes[1][0]
        assert boxes[0][2] < boxes[2][3]

    def test_large_pictures_are_shown_small(self, ax):
        plots.picture_grid([np.zeros((900, 600, 3), np.uint8)], [""], ax=ax)
        assert max(ax.images[0].get_array().shape) == pictures.SIDE

    def test_a_row_more_is_higher(self):
        assert pictures.grid_size(8)[1] < pictures.grid_size(9)[1] == pictures.grid_size(16)[1]

    def test_photo_is_the_annotated_one(self, ax):
        plots.photo(Image.fromarray(PHOTO), [FACE, Face(error="no face was found")], ax=ax)
        np.testing.assert_array_equal(ax.images[0].get_array(), np.asarray(annotate(PHOTO, [FACE])))
        assert ax.get_title(loc="left") == "1 face"

    def test_photo_of_one_face(self, ax):
        plots.photo(PHOTO, FACE, ax=ax)
        np.testing.assert_array_equal(ax.images[0].get_array(), np.asarray(annotate(PHOTO, [FACE])))

    def test_photo_fills_its_figure(self):
        for pixels in (PHOTO, PHOTO.transpose(1, 0, 2)):
            figure = plots.photo(pixels, FACE).figure
            figure.draw_without_rendering()
            shown = figure.axes[0].get_window_extent()
            assert shown.width * shown.height > 0.85 * figure.bbox.width * figure.bbox.height
