"""What a person sees of a training."""

import sys

import pytest

from agr.errors import ParameterError


@pytest.fixture
def few(faces_drawn):
    X, labels = faces_drawn(40, seed=6)
    return X, labels["gender"]


def test_lines_of_the_epochs(few, new_estimator, capsys):
    new_estimator("gender", epochs=3).fit(*few, verbose=True)
    said = capsys.readouterr()
    assert said.out == ""
    for epoch in (1, 2, 3):
        assert f"epoch {epoch}/3  loss" in said.err.replace("\n", " ").replace("val_", "")
    assert "val_accuracy" in said.err


@pytest.mark.parametrize(("terminal", "speaks"), [(True, True), (False, False)], ids=str)
def test_auto_shows_it_where_somebody_sees_it(
    few, new_estimator, capsys, monkeypatch, terminal, speaks
):
    monkeypatch.setattr(sys.stderr, "isatty", lambda: terminal)
    new_estimator("gender", epochs=1).fit(*few).partial_fit(*few)
    assert (capsys.readouterr().err != "") == speaks


def test_is_silent_when_told(few, new_estimator, capsys, monkeypatch):
    monkeypatch.setattr(sys.stderr, "isatty", lambda: True)
    new_estimator("gender", epochs=1).fit(*few, verbose=False)
    assert capsys.readouterr().err == ""


def test_a_resumed_training_goes_on_counting(few, new_estimator, capsys, tmp_path):
    class Stop(Exception):
        pass

    import keras

    def stop(epoch, logs):
        if epoch == 1:
            raise Stop

    callback = keras.callbacks.LambdaCallback(on_epoch_begin=stop)
    with pytest.raises(Stop):
        new_estimator("gender", epochs=3).fit(*few, checkpoint_dir=tmp_path, callbacks=[callback])
    new_estimator("gender", epochs=3).fit(*few, checkpoint_dir=tmp_path, verbose=True)
    said = capsys.readouterr().err
    assert "epoch 1/3" not in said
    assert "epoch 2/3" in said


def test_unknown(few, new_estimator):
    with pytest.raises(ParameterError, match="verbose must be True, False or 'auto', got 'yes'"):
        new_estimator("gender", epochs=1).fit(*few, verbose="yes")
