"""The performance monitor: does the champion still predict as well as it must?

Either the source's labelled rows since promotion are scored with the champion (`performance_rows`), or what a
scoring service wrote to the ledger is taken (`performance_ledger`). Both come to one sample of each watched
metric, which `statistics.performance` judges against threshold and baseline. Only what fires starts anything.
"""

import logging
from dataclasses import replace

from ct_components.connections import LEDGER_URL
from ct_components.errors import DataError, SpecError, StateError
from ct_components.monitoring.look import INSUFFICIENT, NO_CHAMPION, Look, Watching, fired_key
from ct_components.monitoring.performance_champion import Champion, find_baseline
from ct_components.monitoring.performance_ledger import keep_values, measure_metrics
from ct_components.monitoring.performance_reign import Reign
from ct_components.monitoring.performance_report import MONITOR, Decision, Seen, page_of, report_of, table_of
from ct_components.monitoring.performance_rows import Measured, measure_rows, scored_days
from ct_components.spec import ModelSpec, PerformanceTrigger
from ct_components.statistics.performance import Baseline, Performance, Verdict, Watched, judge, overall
from ct_components.statistics.performance.daily import is_mean
from ct_components.statistics.performance.evidence import Evidence, comparable, watched_as

BROKEN = "broken"
TABLE = "daily_values.csv"
_SETTINGS = {"alpha", "min_samples", "min_per_class", "min_clusters", "cluster", "looks"}
_DAYS_OF_LIMITS = 800
"""Of the chart: each day's limit looks at all days before it."""

logger = logging.getLogger("kfp-ct")


def performance_settings(spec: ModelSpec) -> Performance:
    """Returns the statistics' settings that a model spec asks for.

    Raises:
        SpecError: If the spec watches no performance, or a setting lies outside its range.
    """
    trigger = _trigger(spec)
    return Performance(
        {name: Watched(**watched.model_dump()) for name, watched in trigger.metrics.items()},
        task=spec.task,
        **trigger.model_dump(include=_SETTINGS),
    )


def look_at_performance(watching: Watching, *, keep: bool = True) -> Look:
    """Looks at the champion's performance on matured days since its promotion.

    Args:
        watching: What the look starts from.
        keep: Whether rows' daily values are written to the ledger, if there is one: the new and the changed
            ones, so that it does not matter how often one looks.

    Returns:
        The look. Without a champion, matured day, row or label it is insufficient; where rows, labels or
        stored values are none that the champion can be judged on, it is broken.

    Raises:
        SpecError: If the spec watches no performance, or a setting lies outside its range.
        SourceError: If the source cannot be read.
        ModelError: If the champion cannot be loaded.
        StateError: If stored metrics are asked for without a ledger, or MLflow refuses.
        Unreachable: If MLflow or the ledger does not answer.
    """
    performance = performance_settings(watching.spec)
    if watching.champion is None:
        return _look(watching, Seen(), Decision(INSUFFICIENT, NO_CHAMPION, watching.no_champion))
    champion = Champion(watching, watching.champion)
    seen = Seen(reign=champion.reign)
    if champion.reign.matured.is_empty:
        return _look(watching, seen, Decision(INSUFFICIENT, "no_matured_days", _not_matured(champion.reign)))
    try:
        seen = _measure(champion, performance, seen, keep=keep)
        nothing = _nothing(watching.spec, seen)
        if nothing:
            return _look(watching, seen, nothing)
        seen = _judge(champion, performance, seen)
    except DataError as error:
        return _look(watching, seen, Decision(BROKEN, "broken_data", f"The data are broken: {error}"))
    gravest = overall(seen.judgements)
    logger.info("%s: %s", gravest.verdict, gravest.explanation)
    return _look(watching, seen, Decision(gravest.verdict.value, gravest.reason.value, gravest.explanation))


def _measure(champion: Champion, performance: Performance, seen: Seen, *, keep: bool) -> Seen:
    watching, reign = champion.watching, champion.reign
    spec, ledger, version = watching.spec, watching.ledger, champion.version.number
    if _trigger(spec).measure == "metrics":
        if ledger is None:
            raise StateError(
                f"triggers.performance.measure is 'metrics', and {LEDGER_URL} is not set; "
                "allowed: with a ledger that a scoring service writes to, or measure: rows"
            )
        return replace(seen, measured=measure_metrics(ledger, spec.model, version, performance, reign))
    ids = spec.columns.id if not performance.clustered else None
    days = scored_days(champion.scorer, spec.source, reign.matured, ids)
    found = measure_rows(days, champion.scorer, performance, reign.day(reign.current.start))
    if ledger and keep:
        keep_values(ledger, spec.model, version, found.metrics, reign)
    return replace(seen, measured=found.metrics, since=found.since, window=found.window)


def _nothing(spec: ModelSpec, seen: Seen) -> Decision | None:
    """Returns what to say where there is nothing to judge."""
    assert seen.reign is not None
    return _nothing_since(spec, seen, seen.reign) or _nothing_now(seen, seen.reign)


def _nothing_since(spec: ModelSpec, seen: Seen, reign: Reign) -> Decision | None:
    when = reign.matured.text(reign.timezone)
    if seen.since is None:
        if any(metric.values for metric in seen.measured.values()):
            return None
        names = ", ".join(seen.measured)
        return Decision(
            INSUFFICIENT, "no_metrics", f"The ledger has no daily value of {names} for the champion, {when}."
        )
    if not seen.since.rows:
        return Decision(INSUFFICIENT, "no_rows", f"The source has no rows, {when}.")
    if not seen.since.labelled:
        return Decision(
            INSUFFICIENT,
            "no_labels",
            f"None of {seen.since.rows} rows has a label in {spec.columns.target!r}, {when}, although the "
            f"label delay of {spec.source.label_delay} has passed.",
        )
    return None


def _nothing_now(seen: Seen, reign: Reign) -> Decision | None:
    """Old evidence alone asks for no run: it would have no rows of now to learn from."""
    if any(metric.window.n for metric in seen.measured.values()):
        return None
    when = reign.current.text(reign.timezone)
    return Decision(INSUFFICIENT, "nothing_current", f"Nothing was measured in the current window, {when}.")


def _not_matured(reign: Reign) -> str:
    return (
        f"No whole day since the promotion ({reign.promoted_text}) has matured: "
        "a day counts once it is over and its labels have had their delay."
    )


def _judge(champion: Champion, performance: Performance, seen: Seen) -> Seen:
    compared = find_baseline(champion, performance)
    coverage = seen.window.share if seen.window else None
    judgements, limits = [], {}
    for name, metric in seen.measured.items():
        baseline = _as_watched(performance, name, metric, compared.metrics.get(name, Baseline()))
        window, since = metric.window, metric.since
        judged = judge(performance, name, window=window, since=since, baseline=baseline, coverage=coverage)
        judgements.append(judged)
        limits[name] = _limits(performance, name, metric, baseline)
    return replace(seen, judgements=tuple(judgements), limits=limits, compared=compared)


def _as_watched(performance: Performance, name: str, metric: Measured, baseline: Baseline) -> Baseline:
    """Returns the baseline in the way that is watched: unknown there is unknown, and no broken data."""
    if is_mean(performance.metric_named(name)):
        return baseline
    pooled = watched_as(performance, name, metric.window).pooled
    return Baseline(of_rows=baseline.of_rows) if pooled else Baseline(of_days=baseline.of_days)


def _limits(
    performance: Performance, name: str, metric: Measured, baseline: Baseline
) -> tuple[float | None, ...]:
    """Returns for each daily value the limit that daily looks had after it; none where one look decides.

    A limit that proves nothing yet is the best possible value; there is none to show.
    """
    window, since = (watched_as(performance, name, each) for each in (metric.window, metric.since))
    known = comparable(performance, name, window, baseline)
    evidence = Evidence(performance, name, window, since, known)
    whole = evidence.sequence
    if whole is None:
        return ()
    found: list[float | None] = []
    bets = 0
    for place, value in enumerate(metric.values):
        bets += value.value is not None and value.n > 0
        if place < len(metric.values) - _DAYS_OF_LIMITS:
            found.append(None)
            continue
        until = replace(whole, distances=whole.distances[:bets], bets=whole.bets[:bets])
        limit = until.limit(evidence.alpha)
        found.append(None if limit == whole.bound else limit)
    return tuple(found)


def _trigger(spec: ModelSpec) -> PerformanceTrigger:
    if spec.triggers.performance is None:
        raise SpecError(
            "triggers.performance is null, so nothing is watched; allowed: {}, which takes all defaults, "
            "or what is watched"
        )
    return spec.triggers.performance


def _look(watching: Watching, seen: Seen, decision: Decision) -> Look:
    trigger = _trigger(watching.spec)
    window = seen.reign.current if seen.reign else watching.current
    fires = decision.verdict == Verdict.FIRE
    return Look(
        model=watching.spec.model,
        monitor=MONITOR,
        champion_version=watching.champion.number if watching.champion else None,
        as_of=watching.as_of,
        window=window,
        verdict=decision.verdict,
        reason=decision.reason,
        explanation=decision.explanation,
        fires=fires,
        broken=decision.verdict == BROKEN,
        drifted=None,
        share=None,
        key=fired_key(MONITOR, window, watching.timezone) if fires else None,
        report=report_of(watching, trigger, seen, decision, window),
        page=page_of(watching, trigger, seen, decision, window),
        attachments={TABLE: table_of(seen)} if seen.judgements else {},
    )
