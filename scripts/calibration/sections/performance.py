"""The performance rule: one look, a year of daily looks, and power."""

from dataclasses import replace

from calibration.cell import Cell
from calibration.gates import ALPHA
from calibration.laws import ALIKE, UNEQUAL, UNRELATED, decisions, ranks
from calibration.page import Section
from calibration.performances import YEAR, FromRows, Looks, OneLook, Proportion, true_area

SIZES = {100: 1000, 1000: 4000, 10_000: 2000, 100_000: 1000}
"""How many holdouts of each number of rows are drawn."""

_LOOK_COLUMNS = {
    "fires": "fires",
    "value": "value below",
    "pessimistic": "pessimistic limit below",
    "insufficient": "insufficient",
}

VARYING = replace(UNEQUAL, strength=1.0)


def sections() -> tuple[Section, ...]:
    """Returns the sections on performance."""
    return (_one_look(), _year(), _performance_power(), _found_out())


def _one_look() -> Section:
    exactly = "exactly at the threshold"
    cells = [
        Cell(
            f"performance/accuracy/unrelated/{n}",
            "accuracy, independent rows",
            n,
            20_000,
            OneLook("accuracy", Proportion(n, 0.88), 0.88, exactly),
        )
        for n in (100, 500, 1000, 10_000, 100_000)
    ]
    cells += [
        Cell(
            f"performance/roc_auc/{law.short}/{n}",
            f"ROC AUC, {law.title}",
            n,
            replications,
            OneLook(
                "roc_auc",
                FromRows("roc_auc", ranks, law, n, clustered),
                true_area(law),
                exactly,
                cluster="day" if clustered else "none",
            ),
            excess=0.2,
        )
        for law, clustered in ((UNRELATED, False), (ALIKE, True))
        for n, replications in SIZES.items()
    ]
    cells += [
        Cell(
            f"performance/accuracy/{told}/10000",
            f"accuracy, {VARYING.title}, {'clustered by day' if clustered else 'declared independent'}",
            10_000,
            2000,
            OneLook(
                "accuracy",
                FromRows("accuracy", decisions, VARYING, 10_000, clustered),
                0.8,
                exactly,
                cluster="day" if clustered else "none",
                nominal=ALPHA if clustered else None,
            ),
            excess=0.2,
        )
        for told, clustered in (("unequal", True), ("unequal-untold", False))
    ]
    return Section(
        "Performance: one look",
        """How often a champion fires that is exactly as good as the threshold asks, at α 0.05. Beside the
        optimistic limit, by which the rule fires: a value below the threshold, and a pessimistic limit
        below it.""",
        _LOOK_COLUMNS,
        cells,
    )


def _year() -> Section:
    at, well = "at the threshold 0.88, days vary by 0.03", "0.90 with the threshold 0.88, days vary by 0.03"
    runs = ", each like the one before"
    cases = (
        ("exact", 0.88, 0.0, 0.0, "exactly at the threshold 0.88"),
        ("varying", 0.88, 0.03, 0.0, at),
        ("correlated", 0.88, 0.03, 0.5, at + runs),
        ("healthy", 0.90, 0.03, 0.0, well),
        ("healthy-correlated", 0.90, 0.03, 0.5, well + runs),
    )
    return Section(
        "Performance: a year of daily looks",
        """How often a champion that is good enough fires on any of 365 days. The rule looks at all days
        since promotion by a confidence sequence, which promises its level as long as no day's expected value,
        given the days before, is beyond the threshold: not where bad days come in
        runs (correlated by 0.5 with the day before). Beside it, limits
        for one look at the last 28 days: each week, and each day.""",
        {"sequence": "sequence", "weekly": "weekly limits", "daily": "daily limits"},
        [
            Cell(
                f"year/{name}/{rows}",
                f"accuracy, {rows:,} rows a day",
                YEAR * rows,
                4000,
                Looks(rows, accuracy, 0.88, between, memory, what),
            )
            for rows in (50, 200, 1000)
            for name, accuracy, between, memory, what in cases
        ],
    )


def _performance_power() -> Section:
    cells = [
        Cell(
            f"performance/drop-{accuracy:g}/{n}",
            "accuracy, independent rows",
            n,
            10_000,
            OneLook("accuracy", Proportion(n, accuracy), 0.88, f"one look, {accuracy:g}", nominal=None),
        )
        for n in (500, 2000, 10_000)
        for accuracy in (0.90, 0.86, 0.84, 0.80)
    ]
    return Section(
        "Performance: power of one look",
        """How often a champion fires whose accuracy is truly this, with the threshold 0.88; of 0.90 it
        should not.""",
        _LOOK_COLUMNS,
        cells,
    )


def _found_out() -> Section:
    return Section(
        "Performance: power of daily looks",
        """A champion of accuracy 0.90 becomes worse on day 180, with the threshold 0.88, and days that
        vary by 0.03: how often it has fired within so many days from then on.""",
        {"sequence": "sequence", "weekly": "weekly limits", "daily": "daily limits"},
        [
            Cell(
                f"year/drop-{accuracy:g}-{within}/{rows}",
                f"accuracy, {rows:,} rows a day",
                YEAR * rows,
                2000,
                Looks(
                    rows,
                    accuracy,
                    0.88,
                    0.03,
                    what=f"0.90 becomes {accuracy:g}, within {within} days",
                    nominal=None,
                    after=180,
                    within=within,
                ),
            )
            for rows in (200,)
            for accuracy in (0.86, 0.84, 0.80)
            for within in (14, 30, 90)
        ],
    )
