import numpy as np
import pandas as pd
import pytest

from ct_components.models.build import Features


def pytest_configure(config):
    """What MLflow is warned of, and what it warns of as it is imported, is not ours to mend."""
    config.addinivalue_line("filterwarnings", "ignore::Warning:mlflow.*")
    config.addinivalue_line("filterwarnings", "ignore:.*Any type hint is inferred as AnyType")


@pytest.fixture(scope="session", autouse=True)
def one_thread():
    """On small data threads mostly wait for one another, and wait long where other tests run beside."""
    from threadpoolctl import threadpool_limits

    with threadpool_limits(1):
        yield


@pytest.fixture
def rows():
    """300 rows of two overlapping classes, with nulls: frame, and whether each is positive."""
    rng, n = np.random.default_rng(0), 300
    positive = rng.random(n) < 0.4
    region = np.array(["north", "south", None], dtype=object)[rng.integers(0, 3, n)]
    frame = pd.DataFrame(
        {
            "visits": rng.normal(size=n) + positive,
            "age": np.where(rng.random(n) < 0.1, np.nan, rng.normal(size=n)),
            "region": pd.Series(region, dtype=object),
        }
    )
    return frame, positive


@pytest.fixture(scope="session")
def features():
    return Features(["visits", "age"], ["region"])
