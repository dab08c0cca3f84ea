"""Asks a model server to score rows whose scores are known.

Two dialects: the Open Inference Protocol (v2), which KServe's runtimes for MLflow models speak, with the rows
as columns of a data frame; and that of MLflow's own server. KServe's v1 protocol has no column names, which a
pipeline of scikit-learn picks its columns by.
"""

import json
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from ct_components.connections import redact
from ct_components.errors import ModelError, StateError
from ct_components.serving.request import Sample
from ct_components.serving.targets import Dialect

if TYPE_CHECKING:
    import requests

_TIMEOUTS = (5, 30)
_SECONDS = 60
_BYTES = 4 << 20
_PATHS: dict[Dialect, str] = {"v2": "/v2/models/{name}/infer", "mlflow": "/invocations"}


@dataclass(frozen=True)
class Endpoint:
    """Where and how a server is asked."""

    url: str
    dialect: Dialect

    def __str__(self) -> str:
        return redact(self.url.partition("?")[0])


def endpoint(url: str, dialect: Dialect, name: str) -> Endpoint:
    """Returns where to ask. A path in the address is taken as it is; how it ends says how to ask.

    >>> endpoint("http://churn.models.svc.cluster.local", "v2", "churn").url
    'http://churn.models.svc.cluster.local/v2/models/churn/infer'
    >>> endpoint("https://models.example.com/churn/invocations", "v2", "churn").dialect
    'mlflow'
    """
    path = urlsplit(url).path
    if path in {"", "/"}:
        return Endpoint(url.rstrip("/") + _PATHS[dialect].format(name=name), dialect)
    ends: dict[str, Dialect] = {"infer": "v2", "invocations": "mlflow"}
    return Endpoint(url, ends.get(path.rstrip("/").rpartition("/")[2], dialect))


def ask(at: Endpoint, sample: Sample, tolerance: float) -> None:
    """Asks once for the sample's scores.

    Raises:
        ModelError: If a score differs by more than `tolerance`.
        StateError: If there is no answer, or none that can be understood.
    """
    body = _v2_request(sample) if at.dialect == "v2" else _mlflow_request(sample)
    answer = _post(at, body)
    try:
        rows = _v2_rows(answer) if at.dialect == "v2" else list(answer["predictions"])
        if len(rows) != len(sample.scores):
            raise ModelError(f"{at} predicts {len(rows)} rows where {len(sample.scores)} were asked for")
        differences = list(map(_difference, rows, sample.scores))
    except (LookupError, TypeError, ValueError) as error:
        raise StateError(f"{at} answers something else than predictions: {error!r:.200}") from None
    # A score that is no number differs from any, and max() might overlook it.
    wrong = [each for each in differences if not each <= tolerance]
    if wrong:
        raise ModelError(f"{at} predicts scores that differ, by {max(wrong):g}; allowed: {tolerance:g}")


def _difference(row: Any, score: float) -> float:
    """A model without probabilities serves classes: they must fall on the same side as the score did."""
    if isinstance(row, list):
        return abs(float(row[-1]) - score)
    return float(bool(row) != (score > 0))


def _mlflow_request(sample: Sample) -> dict[str, Any]:
    return {"dataframe_split": {"columns": list(sample.columns), "data": [list(row) for row in sample.rows]}}


def _v2_request(sample: Sample) -> dict[str, Any]:
    columns = zip(*sample.rows, strict=True)
    inputs = [_v2_column(name, list(values)) for name, values in zip(sample.columns, columns, strict=True)]
    return {"parameters": {"content_type": "pd"}, "inputs": inputs}


def _v2_column(name: str, values: list[Any]) -> dict[str, Any]:
    column = {"name": name, "shape": [len(values), 1], "data": values}
    if all(isinstance(each, (int, float)) and not isinstance(each, bool) for each in values):
        return {**column, "datatype": "FP64"}
    return {
        **column,
        "datatype": "BYTES",
        "parameters": {"content_type": "str"},
        "data": [str(each) for each in values],
    }


def _v2_rows(answer: dict[str, Any]) -> list[Any]:
    """Returns the rows of the last output, whose data may be flat."""
    output = answer["outputs"][-1]
    flat = list(_flat(output["data"]))
    width = int(output["shape"][1]) if len(output["shape"]) > 1 else 0
    if width < 2:  # noqa: PLR2004 (one value a row is a class)
        return flat
    return [flat[start : start + width] for start in range(0, len(flat), width)]


def _flat(data: Any) -> Any:
    for each in data:
        if isinstance(each, list):
            yield from _flat(each)
        else:
            yield each


def _post(at: Endpoint, body: dict[str, Any]) -> dict[str, Any]:
    import requests

    with requests.Session() as session:
        session.trust_env = False  # neither a proxy nor a .netrc of the environment has to do with a service
        try:
            with session.post(
                at.url, json=body, timeout=_TIMEOUTS, allow_redirects=False, stream=True
            ) as answer:
                content = _bounded(at, answer)
        except requests.RequestException as error:
            raise StateError(f"{at} gives no answer: {_reason(error)}") from None
    if answer.status_code != requests.codes.ok:
        # The last line, which is where a traceback says what is wrong.
        said = redact(content.decode(errors="replace").strip().rpartition("\n")[2])[:200]
        raise StateError(f"{at} answers HTTP {answer.status_code}: {said}")
    try:
        found = json.loads(content)
    except ValueError:
        raise StateError(f"{at} answers something else than JSON") from None
    if not isinstance(found, dict):
        raise StateError(f"{at} answers something else than predictions")
    return found


def _bounded(at: Endpoint, answer: "requests.Response") -> bytes:
    """Reads an answer that may be endless, or drip."""
    until = time.monotonic() + _SECONDS
    content = b""
    for part in answer.iter_content(1 << 16):
        content += part
        if len(content) > _BYTES:
            raise StateError(f"{at} answers more than {_BYTES >> 20} MiB")
        if time.monotonic() > until:
            raise StateError(f"{at} has not answered in full within {_SECONDS} s")
    return content


def _reason(error: "requests.RequestException") -> str:
    """Says why in words of ours: those of requests repeat the address and its query."""
    import requests

    if isinstance(error, requests.ConnectTimeout):
        return f"no connection within {_TIMEOUTS[0]} s"
    if isinstance(error, requests.Timeout):
        return f"none within {_TIMEOUTS[1]} s"
    cause: BaseException | None = error
    while cause:
        if isinstance(cause, OSError) and cause.strerror:
            return cause.strerror.lower()
        cause = cause.__cause__ or cause.__context__
    return type(error).__name__
