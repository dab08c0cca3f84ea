"""Every classifier of scikit-learn is either built, stored and loaded, or refused with a reason."""

import warnings

import pytest

from ct_components.errors import ModelError, SpecError
from ct_components.models import store
from ct_components.models.build import Features, build_pipeline
from ct_components.models.score import decision_threshold, fit, score


def _all():
    from sklearn.utils import all_estimators

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        found = all_estimators("classifier")
    # Private modules have a public name, except that this one moved.
    return {name: f"{cls.__module__}.{name}" for name, cls in found}


BUILT_AROUND_OTHERS = {
    "ClassifierChain",
    "FixedThresholdClassifier",
    "MultiOutputClassifier",
    "OneVsOneClassifier",
    "OneVsRestClassifier",
    "OutputCodeClassifier",
    "SelfTrainingClassifier",
    "StackingClassifier",
    "TunedThresholdClassifierCV",
    "VotingClassifier",
}
COUNTS_ONLY = {"CategoricalNB", "ComplementNB", "MultinomialNB"}
# Its covariances are singular where columns depend on each other, as those of one category do.
NEEDS_INDEPENDENT_COLUMNS = {"QuadraticDiscriminantAnalysis"}
CLASSIFIERS = _all()


@pytest.fixture
def reload(tmp_path):
    """Stores a fitted model as MLflow does, and loads it as the stages do."""
    import mlflow.sklearn

    def reload(model):
        types = store._trusted(store._dumped_types(model), "the model")
        mlflow.sklearn.save_model(
            model, tmp_path / "model", serialization_format="skops",
            skops_trusted_types=types, pip_requirements=store.serving_requirements(),
        )  # fmt: skip
        return store.load_model(tmp_path / "model")

    return reload


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore::FutureWarning", "ignore::UserWarning")
@pytest.mark.parametrize(
    "name", sorted(set(CLASSIFIERS) - BUILT_AROUND_OTHERS - COUNTS_ONLY - NEEDS_INDEPENDENT_COLUMNS)
)
def test_a_classifier_is_built_fitted_stored_and_loaded(name, rows, features, reload):
    frame, positive = rows
    model = build_pipeline(CLASSIFIERS[name], {}, 0, features)
    fit(model, frame, positive, None)
    loaded = reload(model)
    assert (score(loaded, frame) == score(model, frame)).all()
    assert decision_threshold(loaded) == decision_threshold(model)


@pytest.mark.parametrize("name", sorted(BUILT_AROUND_OTHERS))
def test_a_classifier_that_is_built_around_another_is_refused(name, features):
    with pytest.raises(SpecError, match=r"built around|implementing 'fit'|is no scikit-learn classifier"):
        build_pipeline(CLASSIFIERS[name], {}, 0, features)


@pytest.mark.parametrize("name", sorted(COUNTS_ONLY | NEEDS_INDEPENDENT_COLUMNS))
def test_a_classifier_that_does_not_suit_the_columns_is_refused_in_its_own_words(name, rows, features):
    model = build_pipeline(CLASSIFIERS[name], {}, 0, features)
    with pytest.raises(ModelError, match=r"cannot be fitted on 300 rows: (Negative values|The covariance)"):
        fit(model, *rows, None)


@pytest.mark.parametrize(
    ("name", "parameters"),
    [
        ("KNeighborsClassifier", {"algorithm": "ball_tree", "metric": "manhattan"}),
        ("GradientBoostingClassifier", {"loss": "exponential"}),
        ("CalibratedClassifierCV", {"method": "isotonic", "ensemble": False}),
        ("CalibratedClassifierCV", {"method": "temperature"}),
        ("MLPClassifier", {"solver": "sgd", "max_iter": 5}),
        ("SGDClassifier", {"loss": "modified_huber", "early_stopping": True}),
        ("LogisticRegressionCV", {"scoring": "roc_auc", "l1_ratios": [0.0]}),
        ("HistGradientBoostingClassifier", {"early_stopping": True}),
        ("HistGradientBoostingClassifier", {"early_stopping": True, "scoring": "roc_auc"}),
    ],
    ids=str,
)
@pytest.mark.filterwarnings("ignore::FutureWarning", "ignore::UserWarning")
def test_parameters_that_change_what_is_stored(name, parameters, rows, features, reload):
    frame, positive = rows
    model = build_pipeline(CLASSIFIERS[name], parameters, 0, features)
    fit(model, frame, positive, None)
    assert (score(reload(model), frame) == score(model, frame)).all()


def test_a_quadratic_discriminant_suits_numbers(rows):
    frame, positive = rows
    model = build_pipeline(CLASSIFIERS["QuadraticDiscriminantAnalysis"], {}, 0, Features(["visits"], []))
    fit(model, frame, positive, None)
    assert score(model, frame).std() > 0
