"""From the spec's training section to a pipeline, and its fits and scores."""

import numpy as np
import pandas as pd
import pytest

from ct_components.errors import ModelError, SpecError
from ct_components.models.build import Features, build_classifier, build_pipeline
from ct_components.models.score import decision_threshold, fit, score

TREES = "sklearn.ensemble.HistGradientBoostingClassifier"
LINEAR = "sklearn.linear_model.LogisticRegression"
FOREST = "sklearn.ensemble.RandomForestClassifier"


@pytest.fixture
def fitted(rows, features):
    """Fits an estimator on the rows."""

    def fitted(estimator=TREES, use=features, seed=0, weight=None, **parameters):
        pipeline = build_pipeline(estimator, parameters, seed, use, weighted=weight is not None)
        frame, positive = rows
        fit(pipeline, frame, positive, weight)
        return pipeline

    return fitted


@pytest.mark.parametrize(
    ("estimator", "message"),
    [
        ("sklearn.ensemble.RandomForrestClassifier", "mean sklearn.ensemble.RandomForestClassifier"),
        ("sklearn.forest.RandomForestClassifier", "cannot be imported: No module named 'sklearn.forest'"),
        ("RandomForestClassifier", "cannot be imported"),
        ("sklearn.linear_model.LinearRegression", "is no scikit-learn classifier"),
        ("sklearn.ensemble.RandomForestRegressor", "is no scikit-learn classifier"),
        ("sklearn.preprocessing.StandardScaler", "is no scikit-learn classifier"),
        ("sklearn.metrics.roc_auc_score", "is no scikit-learn classifier"),
        ("sklearn.model_selection.GridSearchCV", "is no scikit-learn classifier"),
        ("sklearn.base.ClassifierMixin", "is no scikit-learn classifier"),
        ("sklearn.linear_model._base.LinearClassifierMixin", "is no scikit-learn classifier"),
        ("sklearn.ensemble.VotingClassifier", "is built around 'estimators'"),
        ("os.system", "is no scikit-learn classifier"),
        ("datetime.datetime", "is no scikit-learn classifier"),
    ],
)
def test_what_is_no_classifier_is_refused(estimator, message):
    with pytest.raises(SpecError, match=message) as error:
        build_classifier(estimator, {}, 0)
    assert str(error.value).startswith("training.estimator: ")
    assert estimator in str(error.value)


@pytest.mark.parametrize(
    ("parameters", "message"),
    [
        ({"max_itre": 10}, "takes no parameter 'max_itre'; allowed: .*max_iter"),
        ({"self": 1}, "takes no parameter 'self'"),
        ({"max_iter": "many"}, "'max_iter' parameter .* must be an int"),
        ({"max_iter": -1}, "'max_iter' parameter"),
        ({"learning_rate": None}, "'learning_rate' parameter"),
        ({"loss": "hinge"}, "'loss' parameter"),
        ({"categorical_features": ["region"]}, "columns.categorical says which they are"),
    ],
)
def test_a_wrong_parameter_is_refused_before_any_row_is_read(parameters, message):
    with pytest.raises(SpecError, match=message) as error:
        build_classifier(TREES, parameters, 0)
    assert str(error.value).startswith("training.parameters")


def test_an_estimator_given_by_name_is_no_estimator():
    with pytest.raises(SpecError, match="implementing 'fit'"):
        build_classifier("sklearn.ensemble.AdaBoostClassifier", {"estimator": TREES}, 0)


def test_weights_are_refused_where_they_would_not_be_used(features):
    neighbours = "sklearn.neighbors.KNeighborsClassifier"
    with pytest.raises(SpecError, match=f"columns.weight: {neighbours} takes no sample weights"):
        build_pipeline(neighbours, {}, 0, features, weighted=True)


def test_weights_count(fitted, rows):
    frame, positive = rows
    heavy = np.where(positive, 100.0, 1.0)
    assert score(fitted(weight=heavy), frame).mean() > score(fitted(), frame).mean() + 0.2
    assert (score(fitted(weight=np.ones(300)), frame) == score(fitted(), frame)).all()


@pytest.mark.parametrize("estimator", [TREES, FOREST, LINEAR, "sklearn.neural_network.MLPClassifier"])
def test_a_seed_makes_two_fits_equal_to_the_bit(fitted, rows, estimator):
    first, second = (score(fitted(estimator, seed=7), rows[0]) for _ in range(2))
    assert (first == second).all()


def test_another_seed_makes_another_forest(fitted, rows):
    assert (score(fitted(FOREST, seed=1), rows[0]) != score(fitted(FOREST, seed=2), rows[0])).any()


@pytest.mark.parametrize("estimator", [TREES, FOREST, LINEAR])
@pytest.mark.parametrize(
    "use", [Features(["visits", "age"], []), Features([], ["region"])], ids=["numeric", "categorical"]
)
def test_one_kind_of_features_is_enough(fitted, rows, estimator, use):
    assert len(np.unique(score(fitted(estimator, use), rows[0]))) > 1


@pytest.mark.parametrize("estimator", [TREES, FOREST, LINEAR])
def test_neither_the_order_of_columns_nor_further_ones_matter(fitted, rows, estimator):
    model, frame = fitted(estimator), rows[0]
    shuffled = frame[["region", "age", "visits"]].assign(other="x")
    assert (score(model, shuffled) == score(model, frame)).all()


def test_a_missing_column_is_named(fitted, rows):
    with pytest.raises(ModelError, match=r"the champion cannot score 300 rows: .*age"):
        score(fitted(), rows[0].drop(columns="age"), "champion")


@pytest.mark.parametrize("estimator", [TREES, FOREST, LINEAR])
def test_an_unseen_category_is_scored_like_a_missing_one(fitted, rows, estimator):
    model, frame = fitted(estimator), rows[0]
    unseen, missing = (score(model, frame.assign(region=value)) for value in ("atlantis", None))
    assert (unseen == missing).all()


@pytest.mark.parametrize("estimator", [TREES, FOREST, LINEAR])
@pytest.mark.parametrize("kind", ["str", "string", "nan"])
def test_a_null_is_a_null_however_the_rows_spell_it(fitted, rows, estimator, kind):
    """What a server reads from Parquet or JSON holds None, NaN or NA; training holds None."""
    model, frame = fitted(estimator), rows[0]
    spelt = frame.region.fillna(np.nan) if kind == "nan" else frame.region.astype(kind)
    assert (score(model, frame.assign(region=spelt)) == score(model, frame)).all()


@pytest.mark.parametrize("estimator", [TREES, LINEAR])
def test_nulls_that_training_had_none_of_can_be_scored(rows, features, estimator):
    frame, positive = rows
    complete = frame.fillna({"age": 0.0, "region": "north"})
    model = build_pipeline(estimator, {}, 0, features)
    fit(model, complete, positive, None)
    assert np.isfinite(score(model, frame)).all()


@pytest.mark.parametrize(
    ("estimator", "parameters"),
    [(TREES, {}), (TREES, {"max_bins": 15}), (FOREST, {}), (LINEAR, {})],
    ids=["trees", "few bins", "forest", "linear"],
)
def test_more_categories_than_an_estimator_takes(estimator, parameters):
    rng = np.random.default_rng(0)
    codes = rng.integers(0, 600, 3000)
    frame = pd.DataFrame({"code": pd.Series([f"c{code}" for code in codes], dtype=object)})
    frame.loc[::50, "code"] = None
    model = build_pipeline(estimator, parameters, 0, Features([], ["code"]))
    fit(model, frame, codes % 2 == 0, None)
    assert np.isfinite(score(model, frame)).all()


def test_names_that_clash_once_encoded_do_not_matter(rows):
    frame, positive = rows
    frame = frame.rename(columns={"visits": "region_north", "age": "0"})
    model = build_pipeline(LINEAR, {}, 0, Features(["region_north", "0"], ["region"]))
    fit(model, frame, positive, None)
    assert np.isfinite(score(model, frame)).all()


def test_an_estimator_that_cannot_be_fitted_says_why(rows, features):
    model = build_pipeline("sklearn.naive_bayes.MultinomialNB", {}, 0, features)
    with pytest.raises(ModelError, match="MultinomialNB cannot be fitted on 300 rows: Negative values"):
        fit(model, *rows, None)


def test_a_failure_of_any_kind_is_the_estimators(rows, features, monkeypatch):
    def fail(*_):
        raise MemoryError("Unable to allocate 74 GiB")

    model = build_pipeline(LINEAR, {}, 0, features)
    monkeypatch.setattr("sklearn.linear_model.LogisticRegression.fit", fail)
    with pytest.raises(ModelError, match="on 300 rows: MemoryError: Unable to allocate 74 GiB"):
        fit(model, *rows, None)


def test_warnings_of_a_fit_are_returned(rows, features):
    model = build_pipeline(LINEAR, {"max_iter": 1}, 0, features)
    assert any(text.startswith("ConvergenceWarning: ") for text in fit(model, *rows, None))


def test_scores_that_are_no_numbers_are_refused(fitted, rows, monkeypatch):
    model = fitted(LINEAR)
    monkeypatch.setattr(
        "sklearn.linear_model.LogisticRegression.predict_proba", lambda _, x: np.full((len(x), 2), np.nan)
    )
    with pytest.raises(ModelError, match="the challenger gives 300 of 300 scores that are no numbers"):
        score(model, rows[0], "challenger")


@pytest.mark.parametrize("estimator", ["sklearn.svm.LinearSVC", LINEAR])
def test_the_threshold_is_where_the_prediction_turns(fitted, rows, estimator):
    model = fitted(estimator)
    over = score(model, rows[0]) > decision_threshold(model)
    assert (over == model.predict(rows[0])).all()


def test_the_training_frame_is_not_changed(rows, features):
    frame, positive = rows
    before = frame.copy(deep=True)
    fit(build_pipeline(TREES, {}, 0, features), frame, positive, None)
    pd.testing.assert_frame_equal(frame, before)
    assert any(value is None for value in frame.region)
