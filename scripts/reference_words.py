"""What the generated pages of docs/reference say beside what the program says itself."""

CLI = """\
Retrain a model when it is needed, and promote it only when it is proven better.

`kfp-ct --help` and the help of each verb say the same as this page; `kfp-ct --version` prints the version.
[Exit codes](exit-codes.md) and [environment variables](environment.md) have pages of their own.
"""
MODEL_SPEC = """\
One model is one YAML file. It is validated in full when it is loaded: unknown keys, wrong types and
contradictions are refused with file, key, line, value and what is allowed, all problems at once.
`kfp-ct schema` prints the JSON schema that this page is made from; an editor with a YAML language server
completes the file from it.

Durations are a whole number and a unit: `m` minutes, `h` hours, `d` days, `w` weeks. Days and weeks are
calendar days on the clock of `source.timezone`, so a day before midnight is midnight even when the clocks
change.

`${NAME}` in `source.uri` is replaced from the environment when a run begins. Nothing else is replaced.

Values that are each allowed may contradict one another, and are refused together: a column with two roles; no
feature at all; a rule without a limit, or with one that makes no sense for its column's role; `random_state`
among the parameters, which `seed` sets; a holdout too short to hold `gates.min_clusters` days, since every
verdict would be insufficient.
"""
EXITS = """\
`kfp-ct` and every stage end with these codes. A local run ends with the code of the first stage that failed.
[Recover](../how-to/recover.md) says what to do at each of them.
"""
EXITS_END = """\
*Retried* says whether a stage that ends so is tried again by itself, where the stage allows retries. Bad
input gives the same answer however often it is tried.

An error is one message on standard error. It names the role, the value, and what was allowed or available.
Only a bug prints a traceback.
"""
STAGES = """\
Each stage is a KFP component in a folder of its own; its README lists every input and output. `notify` is the
exit task: it runs whatever happened before. `promote_challenger` and `deploy_model` run only if the verdict
is promote.
"""
STAGES_END = """\
A pod may use more CPU than it asks for, and no more memory than the second figure. The single return value of
a KFP component is its output `Output`. A stage can be [used alone](../how-to/use-one-stage-alone.md) and
[replaced](../how-to/replace-a-stage.md).
"""
LEDGER = """\
The ledger is a few SQL tables that record every trigger, run, stage, verdict and change of champion, every
version that waits for a person, every look of a monitor, and the metrics of models in production. On a
laptop it is an SQLite file in the [state folder](state-folder.md); elsewhere it is the database that
[`KFP_CT_LEDGER_URL`](environment.md) names: SQLite, or PostgreSQL with
`pip install 'kfp-continuous-training[postgresql]'`. Times are stored in UTC, without a zone.

`kfp-ct history --json` prints the same as JSON, with the verdict and the stages of each run inside it, and
without the reports of the looks.

Whoever opens a ledger first after an upgrade brings its tables up to date, in one transaction; its database
user must be allowed to create tables. `ct_alembic_version`, which alembic keeps, holds the revision. A ledger
of a newer version is refused by name, and so is a database whose tables of these names are others.
"""

# Codes that belong to no error of ours.
OTHER_CODES = {
    0: "Done. A verdict of hold, reject or insufficient is a result like any other, and ends with 0.",
    1: "A bug, with its traceback.",
    2: "A misuse of the command line: an unknown verb or option, or a missing argument.",
    130: "Interrupted with Ctrl-C.",
}
# What the columns of the ledger hold, by their name; `table.column` where a name means two things.
MEANINGS = {
    "schema_version.version": "version of these tables; a program without migrations refuses another than 1",
    "run_id": "pipeline run",
    "model": "model's name",
    "key": "trigger's key; with the model unique, so that one key has one run. That of a further attempt "
    "ends in `@` and its number, and a run that lost its key to another has `duplicate-` and its own id",
    "reason": "why it ran: schedule, drift, performance or manual",
    "verdicts.reason": "stable word for why the verdict is what it is",
    "as_of": "instant that the run pretends is now",
    "state": "running, succeeded or failed",
    "outcome": "promoted, retained, failed, or duplicate where another run holds the key; empty while it "
    "runs",
    "stage_outcomes.outcome": "succeeded or failed",
    "message": "what came of the run, in one sentence",
    "stage_outcomes.message": "error's message; empty for a stage that succeeded",
    "champion_version": "champion that was pinned when the run began; empty for a first model",
    "mlflow_run_id": "MLflow run of this pipeline run",
    "spec": "model spec with its references resolved",
    "windows": "training window, holdout, as-of and time zone",
    "created_at": "when the run began",
    "promotions.created_at": "when the version became champion",
    "finished_at": "when it ended",
    "started_at": "when it started",
    "stage": "stage's name",
    "exit_code": "[exit code](exit-codes.md) of the stage's last attempt",
    "challenger_version": "version that was judged",
    "challenge": "which challenge of this champion it was, from 1",
    "verdict": "promote, hold, reject or insufficient",
    "explanation": "verdict in one sentence with its numbers",
    "challenger_score": "challenger's metric on the holdout",
    "champion_score": "champion's metric on the same rows",
    "gain": "challenger less champion",
    "lower": "one-sided lower limit of the gain",
    "judged_at": "when it was judged",
    "report": "the whole judgement, as `verdict.json` holds it",
    "sequence": "number of this promotion of the model, from 1",
    "version": "version that became champion",
    "previous_version": "champion before it; empty for the first",
    "promotions.run_id": "run whose verdict it follows; empty where a person alone decided",
    "kind": "promotion by a run, manual by a person, rollback, or external where a person moved the alias",
    "projected_at": "when MLflow's alias was seen to follow; empty where a crash came between",
    "promotions.reason": "the verdict's reason; empty where there was none",
    "promotions.note": "what the person said who promoted, or rolled back",
    "promotions.windows": "windows of the run; empty where a person alone decided",
    "serving_state": "deploying, served or failed; empty where nothing is told to serve it",
    "serving_message": "what came of serving it",
    "served_at": "when `serving_state` was set",
    "candidates.version": "version that won",
    "candidates.run_id": "run that judged it",
    "expected": "champion that it was judged against; empty for a first model",
    "candidates.created_at": "since when it waits",
    "candidates.decided_at": "when it was decided; empty while it waits",
    "candidates.decision": "promoted, rejected, or void since another version became champion; empty while "
    "it waits",
    "candidates.note": "why, in words",
    "models.created_at": "when the ledger first heard of the model",
    "triggers.key": "what makes two reasons the same one",
    "attempt": "from 1; more than one only by `--force`",
    "run_key": "key that the run claims in `ct_runs`, with the model unique: key, and attempt if above 1",
    "triggers.reason": "why it is to run: schedule, drift, performance or manual",
    "origin": "how it came: flags, cloudevent, alertmanager or monitor; pipeline or clone for a run that did "
    "not pass the door",
    "run_arguments": "parameters of the pipeline, except its key",
    "pipeline": "pipeline that is to run",
    "triggers.as_of": "instant that the run is to pretend is now; empty is the instant of its start",
    "window_start": "where the window begins that a monitor looked at",
    "window_end": "where it ends",
    "note": "free text of whoever asked",
    "force": "whether a key that had its run was to have another",
    "cloned_from": "run that a clone copies",
    "triggers.state": "submitting, submitted, suppressed or refused",
    "decision": "run, refused, or why it was suppressed: cooldown, in_flight, budget or breaker",
    "triggers.explanation": "decision in one sentence, and how a run ended that did not say so itself",
    "run_name": "name of the run in KFP, which follows from model and run_key",
    "triggers.run_id": "its run; the one that claimed the key, once one did",
    "run_outcome": "what came of a run that ended without a word; empty where `ct_runs` says it",
    "lease_until": "until when a submitter has the trigger to itself; empty unless submitting",
    "tries": "how often it was judged or taken up",
    "triggers.created_at": "when it first came",
    "decided_at": "when it was last judged or taken up",
    "submitted_at": "when its run was first known",
    "ended_at": "when `run_outcome` was set",
    "id": "number in the order of writing",
    "monitor": "drift or performance",
    "looks.champion_version": "champion that was looked at; empty without one",
    "looks.as_of": "instant that the look pretends is now",
    "looks.verdict": "what the look came to",
    "looks.key": "key of the event that it sent; empty if it sent none",
    "drifted": "whether this look, alone, saw drift; empty where it could not tell",
    "share": "share of the features that drifted",
    "looks.reason": "stable word for why the verdict is what it is",
    "looks.report": "the whole judgement",
    "report_uri": "where the page of the look is",
    "looked_at": "when it was taken",
    "model_metrics.version": "number of the model version that was measured",
    "metric": "metric's name, as the model spec names it",
    "day": "day of the rows, on the model's own clock",
    "value": "the metric; null where it is not defined on that day's rows. NaN and infinity are refused",
    "n": "labelled rows that it was measured on, 0 or more",
    "source": "who measured it; empty by default",
    "written_at": "when it was written; the present by default",
}
TABLES = {
    "schema_version": "Which version of these tables the database holds.",
    "runs": "One row a pipeline run, written by `begin_run` and closed by `notify`.",
    "stage_outcomes": "How each stage of a run ended. A retry replaces what its earlier attempt wrote.",
    "verdicts": "One row a judgement, written by `evaluate_challenger`.",
    "promotions": "Every change of champion. The row with a model's highest sequence is its champion.",
    "candidates": (
        "Versions that won and wait in staging for [`kfp-ct promote`](cli.md#promote), where "
        "`registry.promotion` is manual, and those whose verdict came to nothing, because another version "
        "became champion meanwhile."
    ),
    "models": "Every model that the ledger has heard of. A decision about a model locks its row.",
    "triggers": (
        "Every reason to train, with what was decided. A key that was suppressed or refused and comes again "
        "is judged again in its row. The run of a trigger is the row of `ct_runs` with its model and run_key."
    ),
    "looks": "Every look of a monitor, whether it fired or not.",
    "model_metrics": """\
How good a model version was on one day, as whoever scores in production measured it. Rows are added and
never changed: of several for one version, metric and day, the one written last counts, and of those the one
with the highest id. So a day that is measured again, when more labels came, is written again as a whole.

[`kfp-ct metrics`](cli.md#metrics) writes here, and so may any program that knows SQL. These six columns are
enough:

```sql
INSERT INTO ct_model_metrics (model, version, metric, day, value, n)
VALUES ('flight-delay', '3', 'roc_auc', '2013-06-01', 0.71, 912);
```

On PostgreSQL its user needs no more than `GRANT INSERT ON ct_model_metrics TO scorer` and
`GRANT USAGE ON SEQUENCE ct_model_metrics_id_seq TO scorer`.""",
}
