"""Reading the rows of both windows, and writing each as one dataset with its fingerprint.

Nothing is split at random: a row's instant alone decides where it goes.
"""

import json
from typing import Any

from ct_components.datasets import DatasetInfo, WindowOfSource, dataset_schema
from ct_components.errors import SpecError
from ct_components.spec import Columns, Source, parse_section
from ct_components.storage import atomic_path, list_files, prune_partitions
from ct_components.windows import Windows


def run(
    source: str, columns: str, also: str, windows: str, training_path: str, holdout_path: str
) -> dict[str, Any]:
    """Fetches the training and the holdout rows, by column and in streams.

    Both datasets have one schema: timestamp, id, target, weight, numeric and categorical features, then the
    columns of `also`. Rows keep the order in which they are stored.

    Args:
        source: the spec's source section, as JSON, its references resolved.
        columns: the spec's columns section, as JSON.
        also: further raw columns, such as those that only the champion needs: a JSON list of names.
        windows: from `Windows.to_json`.
        training_path: file to write the training rows to.
        holdout_path: file to write the holdout rows to.

    Returns:
        A JSON-safe summary: ``training`` and ``holdout`` (`DatasetInfo.to_dict`); ``partial``, whether the
        source begins later than the training window; ``training_span``, first and last
        timestamp of the training rows; ``files``, the number read for each window.

    Raises:
        SpecError: an argument is not allowed.
        SourceError: files are missing or corrupt, lack a column, or have no rows in a window. Neither dataset
            is written then.
    """
    place = parse_section(Source, source, "source")
    section = parse_section(Columns, columns, "columns")
    plan = Windows.from_json(windows)
    files = list_files(place.uri)
    training, holdout = (
        WindowOfSource(name, window, prune_partitions(files, window, place.timezone), files, place)
        for name, window in (("training", plan.training), ("holdout", plan.holdout))
    )
    for part in (training, holdout):
        part.check_files()
    names = _names(place, section, _also(also))
    schema = dataset_schema(sorted({*training.files, *holdout.files}), names, place.timestamp)
    # Both or neither: the first dataset takes its place only when the second is written.
    with atomic_path(training_path) as training_file, atomic_path(holdout_path) as holdout_file:
        learned = training.write(schema, training_file)
        judged = holdout.write(schema, holdout_file)
    return {
        "training": _known(learned),
        "holdout": _known(judged),
        "partial": training.is_partial(),
        "training_span": [learned.first, learned.last],
        "files": {part.name: len(part.files) for part in (training, holdout)},
    }


def _also(text: str) -> list[str]:
    try:
        names = json.loads(text or "[]")
    except ValueError:
        names = None
    if not isinstance(names, list) or not all(isinstance(name, str) and name for name in names):
        raise SpecError(f"also: got {text[:200]!r}; allowed: a JSON list of column names")
    return names


def _names(source: Source, columns: Columns, also: list[str]) -> list[str]:
    single = [source.timestamp, columns.id, columns.target, columns.weight]
    named = [name for name in single if name is not None]
    return list(dict.fromkeys([*named, *columns.numeric, *columns.categorical, *also]))


def _known(info: DatasetInfo) -> dict[str, Any]:
    """KFP's backend takes no null in an artifact's metadata."""
    return {name: value for name, value in info.to_dict().items() if value is not None}
