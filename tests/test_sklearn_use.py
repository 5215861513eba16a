"""Estimators in the hands of scikit-learn: cloned, cross-validated, searched, piped, pickled."""

import pickle

import numpy as np
import pytest
from sklearn.base import clone
from sklearn.model_selection import GridSearchCV, cross_val_score
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import FunctionTransformer

# Each separates the drawn faces far better than chance, 1/2 or 1/5, and than the mean age.
BETTER = {"age": 0.5, "gender": 0.9, "race": 0.6}


@pytest.fixture(params=["age", "gender", "race"])
def task(request):
    return request.param


@pytest.fixture(scope="module")
def drawn(faces_drawn):
    return faces_drawn(120, seed=11)


def mirror(X):
    return X[:, :, ::-1]


def test_cross_val_score(task, drawn, new_estimator):
    X, labels = drawn
    scores = cross_val_score(new_estimator(task, epochs=12), X, labels[task], cv=2)
    assert scores.shape == (2,)
    assert scores.mean() > BETTER[task]  # R2 of ages, accuracy of labels


def test_grid_search(drawn, new_estimator):
    X, labels = drawn
    search = GridSearchCV(
        new_estimator("gender", epochs=6), {"learning_rate": [1e-7, 0.01]}, cv=2, refit=True
    ).fit(X, labels["gender"])
    assert search.best_params_ == {"learning_rate": 0.01}
    assert search.predict(X[:5]).shape == (5,)


def test_pipeline_and_its_clone(task, drawn, new_estimator):
    X, labels = drawn
    pipeline = make_pipeline(FunctionTransformer(mirror), new_estimator(task, epochs=2))
    fitted = clone(pipeline).fit(X, labels[task])
    alone = new_estimator(task, epochs=2).fit(mirror(X), labels[task])
    np.testing.assert_array_equal(fitted.predict(X), alone.predict(mirror(X)))


def test_pickle(task, trained):
    model = trained[task]
    again = pickle.loads(pickle.dumps(model.estimator))
    np.testing.assert_array_equal(
        again.predict(model.X_test), model.estimator.predict(model.X_test)
    )
    assert again.get_params() == model.estimator.get_params()
