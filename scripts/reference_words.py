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
exit task: it runs whatever happened before. `promote_challenger` runs only if the verdict is promote.
"""
STAGES_END = """\
A pod may use more CPU than it asks for, and no more memory than the second figure. The single return value of
a KFP component is its output `Output`. A stage can be [used alone](../how-to/use-one-stage-alone.md) and
[replaced](../how-to/replace-a-stage.md).
"""
LEDGER = """\
The ledger is a few SQL tables that record every run, its stages, its verdict and every change of champion. On
a laptop it is an SQLite file in the [state folder](state-folder.md); elsewhere it is the database that
[`KFP_CT_LEDGER_URL`](environment.md) names. Times are stored in UTC.

`kfp-ct history --json` prints the same as JSON, with the verdict and the stages of each run inside it.
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
    "schema_version.version": "version of these tables; the program refuses another",
    "run_id": "pipeline run",
    "model": "model's name",
    "key": "trigger's key; with the model unique, so that one key has one run",
    "reason": "why it ran: schedule, drift, performance or manual",
    "verdicts.reason": "stable word for why the verdict is what it is",
    "as_of": "instant that the run pretends is now",
    "state": "running, succeeded or failed",
    "outcome": "promoted, retained or failed; empty while it runs",
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
    "promotions.run_id": "run that promoted it; empty where a person moved the alias",
    "kind": "promotion, or external where a person moved the alias",
    "projected_at": "when MLflow's alias was seen to follow; empty where a crash came between",
}
TABLES = {
    "schema_version": "Which version of these tables the database holds.",
    "runs": "One row a pipeline run, written by `begin_run` and closed by `notify`.",
    "stage_outcomes": "How each stage of a run ended. A retry replaces what its earlier attempt wrote.",
    "verdicts": "One row a judgement, written by `evaluate_challenger`.",
    "promotions": "Every change of champion. The row with a model's highest sequence is its champion.",
}
