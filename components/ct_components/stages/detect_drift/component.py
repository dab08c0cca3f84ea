"""The KFP component `detect_drift`."""

from kfp import dsl

from ct_components.component import component


@component()
def detect_drift(
    reference: dsl.Input[dsl.Artifact],
    current: dsl.Input[dsl.Dataset],
    page: dsl.Output[dsl.HTML],
    report: dsl.Output[dsl.Artifact],
    metrics: dsl.Output[dsl.Metrics],
    settings: str = "{}",
    features: str = "[]",
    timezone: str = "UTC",
    name: str = "rows",
) -> str:
    """Compares rows with a reference profile, without model, registry or ledger; broken data are a verdict.

    Args:
        reference: A profile, from `validate_data`; with its daily profiles, days say what is usual.
        current: The rows to judge: a Parquet file.
        page: The verdict with its sentence, and each feature.
        report: The same as JSON.
        metrics: Drifted share and limit, features, rows.
        settings: The limits: JSON as in the spec's section triggers.drift; windows must be "1 of 1".
        features: The columns to compare, as a JSON list; [] takes all numbers and categories of the
            reference, which may include a target.
        timezone: IANA name of the zone whose calendar days count.
        name: What the page calls the rows.

    Returns:
        The verdict: drift, no_drift, insufficient or broken.
    """
    from ct_components.stage import stage
    from ct_components.stages.detect_drift import detect

    with stage("detect_drift"):
        asked = detect.Asked(settings, features, timezone, name)
        found = detect.run(reference.path, current.path, asked, page.path, report.path)
        metrics.metadata.update(found.metrics)
    return found.verdict
