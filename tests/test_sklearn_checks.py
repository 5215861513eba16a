"""The whole list of scikit-learn's checks, each that cannot hold for pictures with its reason.

Of an estimator that takes no table of numbers scikit-learn runs a single check. So the estimators
claim here that they take one: what asks nothing of X has to pass, and what feeds tables fails by
our refusal of them.
"""

import pytest
from sklearn.utils.estimator_checks import parametrize_with_checks

from agr.tasks import TASKS

TABLE = "feeds a table of numbers; X are pictures of shape (n, h, w, 3), or paths"
EXPECTED = {
    "check_all_zero_sample_weights_error": TABLE,
    "check_array_api_input": "asks for SCIPY_ARRAY_API in the environment",
    "check_classifier_data_not_an_array": TABLE,
    "check_classifier_not_supporting_multiclass": TABLE,
    "check_classifiers_classes": TABLE,
    "check_classifiers_one_label": "every label of the task must occur in y",
    "check_classifiers_one_label_sample_weights": "every label of the task must occur in y",
    "check_classifiers_regression_target": "labels are words of the task",
    "check_classifiers_train": TABLE,
    "check_complex_data": TABLE,
    "check_dict_unchanged": TABLE,
    "check_dont_overwrite_parameters": TABLE,
    "check_dtype_object": TABLE,
    "check_estimator_sparse_array": "pictures are dense",
    "check_estimator_sparse_matrix": "pictures are dense",
    "check_estimator_sparse_tag": "pictures are dense",
    "check_estimators_dtypes": TABLE,
    "check_estimators_empty_data_messages": TABLE,
    "check_estimators_fit_returns_self": TABLE,
    "check_estimators_nan_inf": "pictures are uint8, which knows no NaN",
    "check_estimators_overwrite_params": TABLE,
    "check_estimators_partial_fit_n_features": "the labels of a task are known, so no classes=",
    "check_estimators_pickle": TABLE,
    "check_f_contiguous_array_estimator": TABLE,
    "check_fit2d_1feature": TABLE,
    "check_fit2d_1sample": TABLE,
    "check_fit2d_predict1d": TABLE,
    "check_fit_check_is_fitted": TABLE,
    "check_fit_idempotent": TABLE,
    "check_fit_score_takes_y": TABLE,
    "check_methods_sample_order_invariance": TABLE,
    "check_methods_subset_invariance": TABLE,
    "check_n_features_in": "pictures have no features to count",
    "check_n_features_in_after_fitting": "pictures have no features to count",
    "check_pipeline_consistency": TABLE,
    "check_positive_only_tag_during_fit": TABLE,
    "check_readonly_memmap_input": TABLE,
    "check_regressor_data_not_an_array": TABLE,
    "check_regressors_int": TABLE,
    "check_regressors_no_decision_function": TABLE,
    "check_regressors_train": TABLE,
    "check_sample_weight_equivalence_on_dense_data": TABLE,
    "check_sample_weights_list": TABLE,
    "check_sample_weights_not_an_array": TABLE,
    "check_sample_weights_not_overwritten": TABLE,
    "check_sample_weights_pandas_series": TABLE,
    "check_sample_weights_shape": TABLE,
    "check_supervised_y_2d": TABLE,
}


def claiming_tables(task):
    kind = TASKS[task].load_estimator()

    def __sklearn_tags__(self):
        tags = kind.__sklearn_tags__(self)
        tags.input_tags.two_d_array = True
        return tags

    claims = type(kind.__name__, (kind,), {"__sklearn_tags__": __sklearn_tags__})
    return claims(network="tiny", image_size=16, epochs=1)


@parametrize_with_checks(
    [claiming_tables(task) for task in TASKS], expected_failed_checks=lambda estimator: EXPECTED
)
def test_check(estimator, check):
    check(estimator)


@pytest.mark.parametrize("task", TASKS)
def test_tags(task):
    tags = TASKS[task].load_estimator()().__sklearn_tags__()
    assert (tags.input_tags.two_d_array, tags.target_tags.required) == (False, True)
    assert tags.estimator_type == ("regressor" if task == "age" else "classifier")
    assert task == "age" or tags.classifier_tags.multi_class == (task == "race")
