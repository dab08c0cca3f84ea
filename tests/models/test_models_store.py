"""A stored model is loaded from trusted types only, and a crafted one runs nothing."""

import contextlib
import functools
import importlib
import inspect
import json
import os
import pickle
import pkgutil
import subprocess
import warnings
import zipfile

import pytest
import skops.io
import yaml

from ct_components.errors import ModelError
from ct_components.models import store
from ct_components.models.build import build_pipeline
from ct_components.models.score import fit, score

TREES = "sklearn.ensemble.HistGradientBoostingClassifier"


@pytest.fixture
def folder(tmp_path, rows, features):
    """A model's folder as MLflow writes it."""
    import mlflow.sklearn

    model = build_pipeline(TREES, {"max_iter": 5}, 0, features)
    fit(model, *rows, None)
    folder = tmp_path / "model"
    mlflow.sklearn.save_model(
        model, folder, serialization_format="skops",
        skops_trusted_types=store._trusted(store._dumped_types(model), "the model"),
        pip_requirements=[], pyfunc_predict_fn="predict_proba",
    )  # fmt: skip
    return folder


def describe(folder, **flavors):
    """Changes settings of flavours in the MLmodel file."""
    path = folder / "MLmodel"
    content = yaml.safe_load(path.read_text())
    for name, settings in flavors.items():
        content["flavors"].setdefault(name, {}).update(settings)
    path.write_text(yaml.safe_dump(content))


def craft(folder, schema):
    """Puts a schema of one's own into the model file, and trusts all of it in the MLmodel file."""
    with zipfile.ZipFile(folder / "model.skops", "w") as file:
        file.writestr("schema.json", json.dumps({**schema, "protocol": 2, "_skops_version": "0.16.0"}))
    types = skops.io.get_untrusted_types(file=folder / "model.skops")
    describe(folder, sklearn={"skops_trusted_types": types})
    return types


def text(value):
    return {
        "__class__": "str", "__module__": "builtins", "__loader__": "JsonNode", "content": json.dumps(value),
        "is_json": True,
    }  # fmt: skip


def called(module, name, loader, *arguments):
    """A node for which skops calls the named type with arguments when the file is loaded."""
    content = [text(argument) for argument in arguments]
    if loader == "ConstructorFromReduceNode":
        content = {
            "__class__": "tuple", "__module__": "builtins", "__loader__": "TupleNode", "content": content,
        }  # fmt: skip
    return {"__class__": name, "__module__": module, "__loader__": loader, "content": content}


def test_a_stored_model_is_loaded_and_scores_the_same(folder, rows):
    loaded = store.load_model(folder)
    assert score(loaded, rows[0]).std() > 0


@pytest.mark.parametrize(
    ("module", "name", "loader"),
    [
        ("posix", "system", "ConstructorFromReduceNode"),
        ("subprocess", "Popen", "ListNode"),
        ("builtins", "eval", "ConstructorFromReduceNode"),
        ("operator", "methodcaller", "ConstructorFromReduceNode"),
        # Under the name of a package that models come from.
        ("sklearn.utils._testing", "check_output", "ListNode"),
        ("numpy.testing", "runstring", "ConstructorFromReduceNode"),
        ("numpy.f2py.crackfortran", "myeval", "ConstructorFromReduceNode"),
        ("scipy._lib._testutils", "check_output", "ListNode"),
    ],
)
def test_a_crafted_call_is_refused_and_nothing_runs(folder, tmp_path, module, name, loader):
    mark = tmp_path / "it ran"
    arguments = ["touch", str(mark)] if loader == "ListNode" else [f"touch '{mark}'"]
    craft(folder, called(module, name, loader, *arguments))
    with pytest.raises(ModelError, match=f"the MLmodel file in .* holds {module}.{name}; trusted are"):
        store.load_model(folder)
    describe(folder, sklearn={"skops_trusted_types": []})
    with pytest.raises(ModelError, match=f"the model in .* holds {module}.{name}; trusted are"):
        store.load_model(folder)
    assert not mark.exists()


def test_skops_would_have_run_the_crafted_call(folder, tmp_path):
    """The proof that the crafted files above are dangerous: whoever trusts the file's own list runs them."""
    mark = tmp_path / "it ran"
    types = craft(folder, called("sklearn.utils._testing", "check_output", "ListNode", "touch", str(mark)))
    skops.io.load(folder / "model.skops", trusted=types)
    assert mark.exists()


@pytest.mark.parametrize(
    "function", [os.system, functools.partial(os.system, "true"), functools.partial(subprocess.call, "true")]
)
def test_a_dangerous_function_in_a_pipeline_is_refused(folder, function):
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import FunctionTransformer

    skops.io.dump(make_pipeline(FunctionTransformer(function)), folder / "model.skops")
    with pytest.raises(ModelError, match=r"holds .*(posix\.system|subprocess\.call)"):
        store.load_model(folder)


def test_a_dangerous_function_cannot_be_stored_either():
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import FunctionTransformer

    pipeline = make_pipeline(FunctionTransformer(os.system))
    with pytest.raises(ModelError, match=r"the fitted model holds posix\.system"):
        store._trusted(store._dumped_types(pipeline), "the fitted model")


class Trap:
    """Runs a command when it is unpickled."""

    def __init__(self, mark):
        self.mark = mark

    def __reduce__(self):
        return os.system, (f"touch '{self.mark}'",)


def test_a_pickle_is_refused_and_nothing_runs(folder, tmp_path):
    mark = tmp_path / "it ran"
    (folder / "model.skops").write_bytes(pickle.dumps(Trap(mark)))
    with pytest.raises(ModelError, match="cannot be loaded: BadZipFile"):
        store.load_model(folder)
    (folder / "model.skops").rename(folder / "model.pkl")
    with pytest.raises(ModelError, match=r"has no model\.skops; only models in skops's format"):
        store.load_model(folder)
    assert not mark.exists()


@pytest.mark.parametrize("share", [0.0, 0.5, 0.99])
def test_a_truncated_file_is_refused(folder, share):
    path = folder / "model.skops"
    content = path.read_bytes()
    path.write_bytes(content[: int(len(content) * share)])
    with pytest.raises(ModelError, match="cannot be loaded: BadZipFile"):
        store.load_model(folder)


def test_every_byte_matters_or_the_file_is_refused(folder):
    """A byte that was changed anywhere gives a ModelError or a model, never another error."""
    path = folder / "model.skops"
    content = path.read_bytes()
    for place in range(0, len(content), len(content) // 25):
        path.write_bytes(content[:place] + bytes([content[place] ^ 0xFF]) + content[place + 1 :])
        with contextlib.suppress(ModelError):
            store.load_model(folder)


@pytest.mark.parametrize(
    "flavors",
    [
        {"python_function": {"loader_module": "os"}},
        {"python_function": {"code": "code"}},
        {"python_function": {"model_code_path": "model.py"}},
        {"python_function": {"model_path": "other.skops"}},
        {"sklearn": {"serialization_format": "cloudpickle"}},
        {"sklearn": {"pickled_model": "model.pkl"}},
        {"sklearn": {"code": "code"}},
        {"sklearn": {"skops_trusted_types": ["posix.system"]}},
        {"pyspark": {"anything": 1}},
    ],
    ids=str,
)
def test_a_description_that_makes_mlflow_run_something_is_refused(folder, flavors):
    store.check_description(folder)
    describe(folder, **flavors)
    with pytest.raises(ModelError, match="the MLmodel file in "):
        store.check_description(folder)


@pytest.mark.parametrize(
    ("flavor", "key"),
    [("sklearn", "serialization_format"), ("sklearn", "pickled_model"), ("python_function", "loader_module")],
)
def test_a_description_that_leaves_out_how_to_load_is_refused(folder, flavor, key):
    """MLflow takes a model without a format for a pickle, and a file can be a pickle and a zip at once."""
    path = folder / "MLmodel"
    content = yaml.safe_load(path.read_text())
    del content["flavors"][flavor][key]
    path.write_text(yaml.safe_dump(content))
    with pytest.raises(ModelError, match=f"has {flavor}.{key}: None; allowed: "):
        store.check_description(folder)


@pytest.mark.parametrize("flavor", ["sklearn", "python_function"])
def test_a_description_without_a_flavor_is_refused(folder, flavor):
    path = folder / "MLmodel"
    content = yaml.safe_load(path.read_text())
    del content["flavors"][flavor]
    path.write_text(yaml.safe_dump(content))
    with pytest.raises(ModelError, match=f"has {flavor}"):
        store.check_description(folder)


@pytest.mark.parametrize("content", ["", "flavors: [", "flavors: 1", "flavors: {sklearn: 1}", "a: b", "\xff"])
def test_a_damaged_description_is_refused(folder, content):
    (folder / "MLmodel").write_bytes(content.encode("latin-1"))
    with pytest.raises(ModelError, match=r"the MLmodel file in .* (cannot be read|has|lacks)"):
        store.check_description(folder)


def _modules():
    import sklearn

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        for module in pkgutil.walk_packages(sklearn.__path__, "sklearn."):
            if (
                store._TRUSTED_TYPES.pattern.find(module.name.split(".")[1]) >= 0
                and ".tests" not in module.name
            ):
                yield importlib.import_module(module.name)


def test_every_trusted_name_of_scikit_learn_is_a_class_of_its_own():
    """A module also holds what it imports from elsewhere; no such thing may be trusted by accident."""
    trusted = {
        f"{module.__name__}.{name}": found
        for module in _modules()
        for name, found in vars(module).items()
        if store._TRUSTED_TYPES.fullmatch(f"{module.__name__}.{name}")
    }
    assert "sklearn.tree._tree.Tree" in trusted
    del trusted["sklearn.utils.validation.check_array"]
    assert [name for name, found in trusted.items() if not inspect.isclass(found)] == []
    assert [name for name, found in trusted.items() if not found.__module__.startswith("sklearn.")] == []
