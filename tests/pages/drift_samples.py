"""Looks at drift as the monitor gives them, and with text that wants to break out."""

from dataclasses import replace

from page_samples import HOSTILE

from ct_components.pages import ColumnSummary, DriftPage, FeatureRow, WindowRows

REFERENCE = WindowRows("2013-01-01T05:00:00+00:00", "2013-03-18T04:00:00+00:00", 67_692)
CURRENT = WindowRows("2013-05-25T04:00:00+00:00", "2013-06-01T04:00:00+00:00", 6_315)


def numbers(name, low, high, counts, edges=(20.0, 40.0, 60.0)):
    """The summary of a numeric column with four bins."""
    rows = sum(counts)
    return ColumnSummary(
        name, "numeric", rows, minimum=low, maximum=high, edges=edges, counts=tuple(counts), mean=30.0
    )


def categories(name, **rows):
    """The summary of a categorical column."""
    return ColumnSummary(name, "categorical", sum(rows.values()), categories=tuple(rows.items()))


TEMPERATURE = FeatureRow(
    "temp",
    "numeric",
    psi=10.926,
    psi_corrected=9.238,
    psi_noise=3.622,
    p_adjusted=0.0207,
    decided_by="psi",
    ks_lower=0.911,
    ks_upper=0.944,
    missing_reference=0.001,
    missing_current=0.0,
    drifted=True,
    reference=numbers("temp", 10.9, 64.0, [400, 500, 90, 10]),
    current=numbers("temp", 48.0, 93.0, [0, 0, 300, 700]),
)
ORIGIN = replace(
    TEMPERATURE,
    name="origin",
    kind="categorical",
    psi=0.526,
    psi_corrected=0.52,
    ks_lower=None,
    ks_upper=None,
    reference=categories("origin", EWR=600, JFK=400),
    current=categories("origin", EWR=200, JFK=500, LGA=300),
)
CALM = FeatureRow("hour", "numeric", 0.005, 0.0, 0.005, 0.886, "psi", 0.009, 0.061, 0.0, 0.0)
DRIFTED = DriftPage(
    model="flight-delay",
    as_of="2013-06-01T04:00:00+00:00",
    timezone="America/New_York",
    champion_version="1",
    verdict="drift",
    reason="drifted_share",
    explanation="2 of 3 features drifted, a share of 0.67, above 0.2: temp; origin.",
    current=CURRENT,
    reference=REFERENCE,
    days=76,
    by_days=True,
    share=2 / 3,
    windows_drifted=1,
    features=(CALM, ORIGIN, TEMPERATURE),
    key="drift-2013-06-01",
)
ONE_CALM = replace(
    DRIFTED,
    verdict="no_drift",
    reason="nothing_drifted",
    explanation="Nothing drifted; nearest is hour with PSI 0.005.",
    share=0.0,
    windows_drifted=0,
    features=(CALM,),
    key=None,
    days=0,
    by_days=False,
)
BROKEN = replace(
    ONE_CALM,
    verdict="broken",
    reason="missing_values",
    explanation="The data are broken, not drifted: temp is missing in 100.0% of rows, before in 0.1%.",
    share=None,
    windows_drifted=None,
    features=(
        CALM,
        replace(
            TEMPERATURE,
            broken="missing far more often",
            missing_current=1.0,
            current=replace(TEMPERATURE.current, minimum=None, maximum=None, counts=(0, 0, 0, 0)),
        ),
    ),
    problems=("distance is gone", "carrier was categorical and is int64"),
)
NO_CHAMPION = DriftPage(
    model="flight-delay",
    as_of="2013-06-01T04:00:00+00:00",
    timezone="America/New_York",
    champion_version=None,
    verdict="insufficient",
    reason="no_champion",
    explanation="flight-delay has no champion yet, so there is nothing to compare with.",
    current=replace(CURRENT, rows=None),
)


def many(count, name="feature"):
    """A look at so many features, every third of which drifted."""
    features = tuple(
        replace(
            TEMPERATURE if i % 3 == 0 else CALM, name=f"{name} {i}", psi=i / 100, psi_corrected=i / 100 - 0.01
        )
        for i in range(count)
    )
    return replace(DRIFTED, features=features, share=1 / 3, weighted=True)


HOSTILE_DRIFT = replace(
    many(200, HOSTILE),
    model=HOSTILE,
    champion_version=HOSTILE,
    explanation=HOSTILE,
    problems=(HOSTILE,) * 60,
    notes=(HOSTILE,),
    features=(
        *many(200, HOSTILE).features,
        replace(
            ORIGIN, name=HOSTILE, broken=HOSTILE, psi_corrected=99.0, current=categories("x", **{HOSTILE: 3})
        ),
    ),
)
