"""The KFP component `begin_run`."""

from typing import NamedTuple

from kfp import dsl

from ct_components.component import component


@component()
def begin_run(
    spec: str,
    run_id: str,
    resolved: dsl.Output[dsl.Artifact],
    as_of: str = "",
    reason: str = "manual",
    key: str = "",
    hyperparameters: str = "",
    run_name: str = "",
) -> NamedTuple(
    "Plan",
    [
        ("context", str),
        ("source", str),
        ("columns", str),
        ("also", str),
        ("windows", str),
        ("validation", str),
        ("training", str),
        ("gates", str),
        ("registry", str),
        ("serving", str),
    ],
):
    """Resolves a model spec for one instant, pins the champion, and claims the trigger's key.

    Everything that later stages derive from the clock, the environment or the registry is decided here,
    once, so that a retry of any of them sees the same.

    Args:
        spec: The model spec: inline JSON or YAML, or the path or file:// URI of its file.
        run_id: The pipeline run's id; pass dsl.PIPELINE_JOB_ID_PLACEHOLDER.
        resolved: The resolved spec, windows and context, as JSON.
        as_of: The instant that the run pretends is now: a date in the spec's zone, or ISO 8601; "" is now.
        reason: Why it runs: schedule, drift, performance or manual.
        key: The trigger's key; of two runs with one key the second ends as a duplicate. "" makes one.
        hyperparameters: A JSON object that overrides training.parameters for this run.
        run_name: What KFP shows the run as; pass dsl.PIPELINE_JOB_NAME_PLACEHOLDER, by which a clone is told
            from a trigger that was submitted twice.

    Returns:
        context: Which run this is; every later stage takes it.
        source: The spec's source section, its references resolved; JSON, as all that follow.
        columns: The spec's columns section.
        also: Columns to read beside these, since the champion takes them.
        windows: Training window, holdout, as-of and time zone.
        validation: The spec's validation section.
        training: The spec's training section, with this run's hyperparameters.
        gates: The spec's gates section.
        registry: The spec's registry section.
        serving: The spec's serving section.
    """
    from ct_components.stage import Context, stage
    from ct_components.stages.begin_run.begin import Request, begin

    with stage("begin_run", Context(run_id=run_id)):
        return begin(Request(spec, run_id, as_of, reason, key, hyperparameters, run_name), resolved.path)
