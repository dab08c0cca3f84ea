"""Detectors of drift: one feature, a window of them, a month of windows, and power."""

from calibration.cell import Cell
from calibration.drifts import (
    LOOKS,
    ByDay,
    Categories,
    Month,
    Numbers,
    OneFeature,
    Window,
    far_out,
    missing,
    normal,
    scaled,
    shifted,
    skewed,
)
from calibration.page import Section

_DRIFT_COLUMNS = {
    "test": "test alone",
    "default": "drift",
    "ks": "KS p ≤ 0.05",
    "psi_0.1": "PSI > 0.1",
    "psi_0.2": "PSI > 0.2",
    "insufficient": "insufficient",
}


def sections() -> tuple[Section, ...]:
    """Returns the sections on drift."""
    return (_one_feature(), _days(), _windows(), _months(), _drift_power())


def _one_feature() -> Section:
    kinds = (("normal", normal, "normal numbers"), ("skewed", skewed, "60 % zeros, heavy tail"))
    sizes = {100: 1000, 1000: 2000, 10_000: 2000, 100_000: 1000}
    cells = [
        Cell(f"drift/{name}/{n}", law, n, replications, OneFeature(Numbers(draw, n)), excess=0.2)
        for name, draw, law in kinds
        for n, replications in sizes.items()
    ]
    cells += [
        Cell(f"drift/categories/{n}", "800 categories", n, 1000, OneFeature(Categories(n)), excess=0.2)
        for n in sizes
    ]
    return Section(
        "Drift: one feature, independent rows",
        """Reference and current window have as many rows each, of one law: whatever is called drift is
        not. The test alone is p ≤ 0.05 by the null of rows; drift, by the default settings, is also a
        corrected PSI above 0.2. Beside them what is customary: Kolmogorov-Smirnov for each feature, and
        fixed limits on the uncorrected PSI of the same bins.""",
        _DRIFT_COLUMNS,
        cells,
    )


def _days() -> Section:
    cases = [
        *((n, 90, 0.05, 0.0) for n in (100, 1000, 10_000, 100_000)),
        (10_000, 30, 0.05, 0.0),
        (10_000, 30, 0.05, 0.5),
        (10_000, 90, 0.05, 0.5),
        (10_000, 90, 0.0, 0.0),
    ]
    return Section(
        "Drift: one feature, rows clustered by day",
        """A week against 30 or 90 days of reference, when 5 % of the variance lies between days. The test
        takes the reference's own weeks for what is usual; beside it, the null for independent rows.""",
        {"test": "test alone", "default": "drift", "rows": "null of rows"}
        | {key: _DRIFT_COLUMNS[key] for key in ("ks", "psi_0.1", "psi_0.2", "insufficient")},
        [
            Cell(
                f"drift/days-{days}-{between:g}-{memory:g}/{n}",
                f"{days} days, {100 * between:g} % between days, {_memory(memory)}",
                n,
                2000 if n > 100 else 1000,  # noqa: PLR2004
                OneFeature(ByDay(n, days, between, memory)),
                excess=0.2,
            )
            for n, days, between, memory in cases
        ],
    )


def _memory(memory: float) -> str:
    return f"correlated by {memory:g} with the day before" if memory else "independent of each other"


def _windows() -> Section:
    cells = [
        Cell(f"drift/window/{n}", "10 features of one law", n, 1000, Window(Numbers(normal, n)), excess=0.2)
        for n in (100, 1000, 10_000)
    ]
    return Section(
        "Drift: a window of ten features",
        """The test alone: some feature survives the correction for ten of them. Drift, by the default
        settings: more than a fifth of them do, each with a corrected PSI above 0.2. What is customary:
        any feature at all.""",
        _DRIFT_COLUMNS,
        cells,
    )


def _months() -> Section:
    return Section(
        "Drift: a month of daily windows",
        """Months of 30 windows of one feature, against a reference of 10,000 rows, in which an alarm is
        raised: when one day drifts, and when two of three days do. The test alone is wrong as often as
        30 tests are.""",
        {key: _DRIFT_COLUMNS[key] for key in ("test", "default", "ks", "psi_0.1", "psi_0.2")},
        [
            Cell(
                "drift/month/1000",
                "30 days, independent rows",
                1000,
                1000,
                Month(1000),
                looks=LOOKS,
                excess=0.05,
            )
        ],
    )


def _drift_power() -> Section:
    changes = (
        ("shift-0.1", shifted(0.1), "mean moves by 0.1 deviations"),
        ("shift-0.3", shifted(0.3), "mean moves by 0.3 deviations"),
        ("shift-0.5", shifted(0.5), "mean moves by 0.5 deviations"),
        ("shift-1", shifted(1.0), "mean moves by 1 deviations"),
        ("scale-1.5", scaled(1.5), "the deviation grows by a half"),
        ("far-out-0.05", far_out(0.05), "5 % of values are far out"),
        ("missing-0.05", missing(0.05), "5 % of values are missing"),
    )
    columns = {"default": "drift"} | {k: _DRIFT_COLUMNS[k] for k in ("test", "ks", "psi_0.1", "psi_0.2")}
    return Section(
        "Drift: power",
        """How often a change of a normal feature is called drift. Small shifts are seen by the test and
        ignored by the practical limit: they are there, but not worth a training.""",
        columns,
        [
            Cell(
                f"drift/{name}/{n}",
                "normal numbers",
                n,
                1000,
                OneFeature(Numbers(normal, n, change), nominal=None, what=what),
            )
            for name, change, what in changes
            for n in (1000, 10_000)
        ],
    )
