"""Daily values in the ledger: those that a scoring service wrote, and those that this monitor measured."""

from collections.abc import Mapping
from datetime import UTC, date, datetime
from typing import TYPE_CHECKING

import numpy as np

from ct_components.monitoring.performance_reign import Reign
from ct_components.monitoring.performance_rows import Measured
from ct_components.statistics.performance import DailyValue, Performance, sample_days
from ct_components.statistics.performance.maturing import in_charge, latest_rows

if TYPE_CHECKING:
    from collections.abc import Sequence

    from ct_components.ledger import Ledger, MetricRecord
    from ct_components.statistics.arrays import Array

SOURCE = "monitor"
"""Who wrote the values that are measured here."""


def measure_metrics(
    ledger: "Ledger", model: str, version: str, performance: Performance, reign: Reign
) -> dict[str, Measured]:
    """Returns what stored daily values say of each watched metric.

    Of each day the value written last counts, and only days that the version was in charge of, and whose
    label delay has passed.

    Raises:
        DataError: If a value is none that a metric can have.
    """
    records = ledger.metrics(model, version=version)
    return {
        name: _measured([each for each in records if each.metric == name], name, version, performance, reign)
        for name in performance.metrics
    }


def keep_values(
    ledger: "Ledger", model: str, version: str, measured: Mapping[str, Measured], reign: Reign
) -> None:
    """Writes the daily values that are new, or differ from what this monitor wrote before.

    A day that has no value any more, as later labels joined the days differently, loses what it had. What
    somebody else wrote stays as it is.
    """
    from ct_components.ledger import MetricRecord

    first, end = reign.day(reign.matured.start), reign.day(reign.matured.end)
    stored = {
        (each.metric, each.day): each
        for each in ledger.metrics(model, version=version)
        if each.metric in measured and first <= np.datetime64(each.day) < end
    }
    found = {
        (name, date.fromisoformat(value.last)): (value.value, value.n)
        for name, metric in measured.items()
        for value in metric.values
    }
    gone = dict.fromkeys(stored.keys() - found.keys(), (None, 0))
    changed = {key: value for key, value in {**found, **gone}.items() if _differs(stored.get(key), *value)}
    now = datetime.now(UTC)
    if changed:
        ledger.add_metrics(
            [
                MetricRecord(model, version, name, day, value, n, SOURCE, now)
                for (name, day), (value, n) in sorted(changed.items())
            ]
        )


def _differs(stored: "MetricRecord | None", value: float | None, n: int) -> bool:
    if stored is None:
        return value is not None
    return stored.source == SOURCE and (stored.value, stored.n) != (value, n)


def _measured(
    records: "Sequence[MetricRecord]", name: str, version: str, performance: Performance, reign: Reign
) -> Measured:
    metric, clustered = performance.metric_named(name), performance.clustered
    rows = _counted(records, version, reign)
    days = np.array([row.day for row in rows], dtype="datetime64[D]")
    values = np.array([row.value for row in rows], dtype=object)
    counts = np.array([row.n for row in rows], dtype=np.int64)
    recent = days >= reign.day(reign.current.start)
    return Measured(
        window=sample_days(metric, _plain(values[recent]), counts[recent], clustered=clustered),
        since=sample_days(metric, _plain(values), counts, clustered=clustered),
        values=tuple(DailyValue(str(row.day), str(row.day), row.n, row.value) for row in rows),
    )


def _counted(records: "Sequence[MetricRecord]", version: str, reign: Reign) -> "list[MetricRecord]":
    """Returns the rows that count, in order of days."""
    if not records:
        return []
    versions = [each.version for each in records]
    written = [each.written_at.timestamp() for each in records]
    days = np.array([each.day for each in records], dtype="datetime64[D]")
    places = latest_rows(versions, days, written)
    latest, days = [records[place] for place in places], days[places]
    reigned = in_charge(
        days, [each.version for each in latest], champion=version, promoted=reign.clock(reign.promoted)
    )
    counts = reigned & (days < reign.day(reign.matured.end))
    return [each for each, counted in zip(latest, counts, strict=True) if counted]


def _plain(values: "Array") -> "Array":
    """Returns numbers as such where none is missing; else None stays None, and is left out."""
    return values if any(each is None for each in values) else values.astype(np.float64)
