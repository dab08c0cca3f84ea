"""The gate: each limit, thirty challenges, verdicts and power."""

from dataclasses import replace

from calibration.cell import Cell
from calibration.comparisons import LOOKS, TAIL, Level, Reign, Subject
from calibration.gates import (
    ALPHA,
    FIRST,
    EqualModels,
    HarmlessSlices,
    Judged,
    Power,
    UselessModel,
    Verdicts,
    WorseByTheMargin,
)
from calibration.laws import (
    ALIKE,
    CALM,
    CORRELATED,
    LOPSIDED,
    STORMY,
    UNEQUAL,
    UNEQUAL_10,
    UNEQUAL_30,
    UNEQUAL_90,
    UNRELATED,
    classes,
    decisions,
    near_perfect,
    numbers,
    probabilities,
    ranks,
)
from calibration.page import Section
from ct_components.statistics.metrics import Task
from ct_components.statistics.settings import Reason

SIZES = {100: 1000, 1000: 4000, 10_000: 2000, 100_000: 1000}
"""How many holdouts of each number of rows are drawn."""

CHAMPIONS = 1600


def sections() -> tuple[Section, ...]:
    """Returns the gate's sections."""
    return (_clustered(), _other_metrics(), _independent(), _reigns(), _gates(), _power())


def _clustered() -> Section:
    cells = [
        Cell(
            f"gate/roc_auc/{law.short}/{n}",
            law.title,
            n,
            replications,
            Level(Subject("roc_auc", ranks, law), n),
            excess=0.2,
        )
        for law in (UNRELATED, ALIKE, UNEQUAL, STORMY)
        for n, replications in SIZES.items()
    ]
    cells += [
        Cell(
            f"gate/roc_auc/{law.short}/10000",
            law.title,
            10_000,
            1000,
            Level(Subject("roc_auc", ranks, law), 10_000),
            excess=0.2,
        )
        for law in (UNEQUAL_10, UNEQUAL_30, UNEQUAL_90, LOPSIDED, CORRELATED)
    ]
    return Section(
        "Gate: gain in ROC AUC, rows clustered by day",
        """How often one limit proves an equal model better. A holdout is read from both sides, so that it
        makes two trials. Beside the exact law for unequal days: Student's t with the number of days
        less one, Obuchowski's sums of placement values by day, and DeLong's error, for which all rows
        are independent.""",
        {
            "limit": "limit",
            "t": "t(G − 1)",
            "obuchowski": "Obuchowski's sums",
            "rows": "DeLong by row",
            "insufficient": "insufficient",
        },
        cells,
    )


_METRICS = (
    ("log_loss", probabilities, Task.BINARY),
    ("brier_score", probabilities, Task.BINARY),
    ("accuracy", probabilities, Task.BINARY),
    ("balanced_accuracy", probabilities, Task.BINARY),
    ("f1", probabilities, Task.BINARY),
    ("precision", probabilities, Task.BINARY),
    ("recall", probabilities, Task.BINARY),
    ("average_precision", ranks, Task.BINARY),
    ("log_loss", classes, Task.MULTICLASS),
    ("roc_auc_ovr", classes, Task.MULTICLASS),
    ("f1_macro", classes, Task.MULTICLASS),
    ("mae", numbers, Task.REGRESSION),
    ("rmse", numbers, Task.REGRESSION),
    ("r2", numbers, Task.REGRESSION),
)


def _other_metrics() -> Section:
    cells = []
    for metric, draw, task in _METRICS:
        sizes = SIZES if task is Task.REGRESSION and metric == "mae" else {10_000: 1000}
        for law in (ALIKE, UNEQUAL):
            for n, replications in sizes.items():
                cells.append(
                    Cell(
                        f"gate/{task}-{metric}/{law.short}/{n}",
                        f"{metric} ({task}), {law.title}",
                        n,
                        replications,
                        Level(Subject(metric, draw, law, task), n),
                        excess=0.2,
                    )
                )
    return Section(
        "Gate: other metrics, rows clustered by day",
        """The same for gains in other metrics; those in losses are relative. Beside it: Student's t with
        the number of days less one, and percentiles of 1,000 resamples of days.""",
        {
            "limit": "limit",
            "t": "t(G − 1)",
            "percentiles": "percentile bootstrap",
            "insufficient": "insufficient",
        },
        cells,
    )


def _independent() -> Section:
    perfect = replace(UNRELATED, title="near-perfect models, independent rows", short="near-perfect")
    subjects = (
        ("roc_auc", ranks, Task.BINARY, UNRELATED, SIZES),
        ("accuracy", decisions, Task.BINARY, UNRELATED, SIZES | {100: 10_000}),
        ("accuracy", near_perfect, Task.BINARY, perfect, {100: 10_000, 1000: 4000}),
        ("f1", probabilities, Task.BINARY, UNRELATED, {1000: 2000, 10_000: 2000, 100_000: 1000}),
        ("log_loss", probabilities, Task.BINARY, UNRELATED, {1000: 1000, 10_000: 1000, 100_000: 1000}),
        ("average_precision", ranks, Task.BINARY, UNRELATED, {1000: 1000}),
        ("log_loss", classes, Task.MULTICLASS, UNRELATED, {1000: 1000}),
        ("mae", numbers, Task.REGRESSION, UNRELATED, {100: 1000, 1000: 1000, 10_000: 1000}),
    )
    return Section(
        "Gate: rows declared independent",
        """With `cluster: none`, on rows that are independent: ROC AUC by DeLong, accuracy by Tango, others
        by a bootstrap or a jackknife. Beside it, for accuracy, Wald's limit. Of the decisions of near-perfect
        models 1 % is wrong.""",
        {"limit": "limit", "wald": "Wald", "insufficient": "insufficient"},
        [
            Cell(
                f"rows/{task}-{metric}/{law.short}/{n}",
                f"{metric} ({task}), {law.title}",
                n,
                replications,
                Level(Subject(metric, draw, law, task, clustered=False), n),
                excess=0.2,
            )
            for metric, draw, task, law, sizes in subjects
            for n, replications in sizes.items()
        ],
    )


def _reigns() -> Section:
    cases = (
        (Subject("roc_auc", ranks, ALIKE), 1400),
        (Subject("roc_auc", ranks, UNEQUAL), 1400),
        (Subject("roc_auc", ranks, STORMY), 4200),
        (Subject("roc_auc", ranks, LOPSIDED), 4200),
        (Subject("log_loss", probabilities, ALIKE), 1400),
        (Subject("log_loss", probabilities, UNEQUAL), 1400),
    )
    return Section(
        "Gate: thirty challenges of one champion",
        f"""Each challenge has a holdout of its own, and no challenger is better: every champion displaced
        is so by mistake. α is 0.05 for the whole reign. Each reign is read from both sides. The first
        lines are of the same holdouts one by one, far out in the tail: α 0.0304 is spent by the first
        challenge, {TAIL[3]:g} by each of thirty, {TAIL[4]:g} by the tenth.""",
        {
            "limit": "limit",
            "t": "t(G − 1)",
            "obuchowski": "Obuchowski's sums",
            "rows": "DeLong by row",
            "percentiles": "percentile bootstrap",
        },
        [
            Cell(
                f"reign/{subject.metric}/{subject.law.short}/{n}",
                f"{subject.metric}, {subject.law.title}",
                n,
                CHAMPIONS,
                Reign(subject, n),
                looks=LOOKS,
                excess=0.3,
            )
            for subject, n in cases
        ],
    )


def _gates() -> Section:
    better, worse, first = (Reason.SUPERIOR,), (Reason.WORSE,), (Reason.FIRST,)
    equal, useless = "an equal model is promoted at its first challenge", "a useless first model is promoted"
    inferior = "a model worse by the margin is promoted as non-inferior"
    cells = [
        _verdict("equal", EqualModels(ALIKE, 2800), better, equal, FIRST),
        _verdict("equal", EqualModels(UNEQUAL, 2800), better, equal, FIRST),
        _verdict("equal-default", EqualModels(ALIKE, 2800, 0.01), better, f"{equal}, by 0.01", FIRST),
        _verdict("worse", EqualModels(ALIKE, 2800), worse, "an equal model is called worse", FIRST),
        _verdict("useless", UselessModel(ALIKE, 2800), first, useless, ALPHA),
        _verdict("useless", UselessModel(UNEQUAL, 2800), first, useless, ALPHA),
        _verdict(
            "non-inferior", WorseByTheMargin(ALIKE, 10_000), (Reason.NON_INFERIOR, *better), inferior, FIRST
        ),
        _verdict(
            "slices",
            HarmlessSlices(ALIKE, 20_000),
            (Reason.SLICE,),
            "one of 20 slices is called harmed",
            ALPHA,
            replications=1000,
        ),
    ]
    return Section(
        "Gate: verdicts",
        """What the gate as a whole decides on holdouts of 14 days. A first challenge spends 0.0304 of α 0.05,
        a first model has no champion and the whole α.""",
        {"wrong": "measured", "insufficient": "insufficient"},
        cells,
    )


def _verdict(
    name: str,
    draw: Judged,
    wrong: tuple[Reason, ...],
    what: str,
    nominal: float,
    replications: int = 2000,
) -> Cell:
    study = Verdicts(draw, wrong, what, nominal)
    name = f"verdict/{name}/{draw.law.short}/{draw.n}"
    return Cell(name, draw.law.title, draw.n, replications, study, excess=0.2)


def _power() -> Section:
    cases = [
        *((CALM, n, 1000, gain) for n in (1000, 10_000) for gain in (0.01, 0.02, 0.05)),
        (CALM, 100_000, 1000, 0.02),
        *((ALIKE, 10_000, 1000, gain) for gain in (0.02, 0.05, 0.1)),
        *((UNEQUAL, 10_000, 1000, gain) for gain in (0.05, 0.1)),
    ]
    return Section(
        "Gate: power",
        """How often a model is promoted whose ROC AUC is truly higher, from 0.76 on a day of mean
        strength: at its champion's first challenge and at the tenth, which has 0.0003 to spend. On calm
        days a model's strength varies by a tenth, on the others by a half and more: no number of rows
        makes up for 14 days.""",
        {"wrong": "promoted"},
        [
            Cell(
                f"power/{law.short}/{gain:g}/{n}",
                law.title,
                n,
                replications,
                Power(law, n, gain),
            )
            for law, n, replications, gain in cases
        ],
    )
