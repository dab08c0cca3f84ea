"""The words that stand for codes: what a verdict, a reason, an outcome or a metric is called on a page."""

# A symbol besides the colour: no page says anything by colour alone.
SYMBOLS = {
    "promote": "▲",
    "hold": "●",
    "reject": "▼",
    "insufficient": "■",
    "promoted": "▲",
    "retained": "●",
    "failed": "✕",
    "running": "…",
    "succeeded": "✓",
    "pass": "✓",
    "warn": "!",
    "fail": "✕",
    "drift": "▲",
    "drifted": "▲",
    "no_drift": "✓",
    "fire": "▼",
    "fine": "▲",
    "uncertain": "●",
    "broken": "✕",
}

REASONS = {
    "superior": "the challenger is proven better",
    "non_inferior": "the challenger is proven as good, within the margin",
    "first": "a first model that passes floors and baseline",
    "not_proven": "the challenger is not proven better",
    "below_min_improvement": "better, but by less than the gate asks for",
    "no_alpha_left": "earlier challenges of this champion spent all of alpha",
    "worse": "the challenger is proven worse",
    "not_non_inferior": "the challenger may be worse by the margin",
    "behind_anchor": "it may be worse than the last version that was proven better",
    "guardrail": "a guardrail metric may be worse by its margin",
    "slice": "the challenger is proven worse on a slice",
    "floor": "worse than an absolute floor",
    "baseline": "not proven better than the baseline predictor",
    "too_few_clusters": "too few clusters in the holdout",
    "undefined": "the metric has no value for what the challenger says",
    "not_comparable": "the metric has no value for what the champion says",
    "too_few_rows": "too few rows in the holdout",
    "too_few_rows_of_a_class": "too few rows of a class in the holdout",
    "no_variance": "the gain does not vary, so nothing can be proven",
}

DRIFT_REASONS = {
    "schema": "a feature is gone, or of another kind",
    "too_few_rows": "too few rows in the reference or in the current window",
    "missing_values": "a feature is missing far more often than before",
    "unit_change": "a feature looks as if it came in another unit",
    "frozen": "a feature stands still that moved before",
    "drifted_share": "enough features have drifted",
    "not_yet": "features have drifted, but in too few windows so far",
    "below_share": "features have drifted, but too few of them",
    "nothing_drifted": "no feature has drifted",
    "no_champion": "there is no champion yet to compare with",
}

METRICS = {
    "roc_auc": "ROC AUC",
    "roc_auc_ovr": "ROC AUC, one against the rest",
    "average_precision": "average precision",
    "log_loss": "log loss",
    "brier_score": "Brier score",
    "balanced_accuracy": "balanced accuracy",
    "f1": "F1",
    "f1_macro": "F1, mean of the classes",
    "mae": "MAE",
    "rmse": "RMSE",
    "r2": "R²",
}


def reason_text(reason: str) -> str:
    """Returns what a reason means; an unknown one is shown as it is, with spaces.

    >>> reason_text("superior"), reason_text("slice_harmed")
    ('the challenger is proven better', 'slice harmed')
    """
    return REASONS.get(reason, reason.replace("_", " "))


def drift_reason_text(reason: str) -> str:
    """Returns what the reason of a look at drift means.

    >>> drift_reason_text("below_share")
    'features have drifted, but too few of them'
    """
    return DRIFT_REASONS.get(reason, reason.replace("_", " "))


def metric_name(metric: str) -> str:
    """Returns what people call a metric."""
    return METRICS.get(metric, metric)


def symbol(code: str) -> str:
    """Returns the symbol of a verdict or outcome; a plain dot for one that is not known here."""
    return SYMBOLS.get(code, "·")


def tone(code: str | None) -> str:
    """Returns the colour class of a verdict or outcome: good, wait, bad or quiet."""
    good, wait, bad = (
        {"promote", "promoted", "succeeded", "pass", "fine", "no_drift"},
        {"hold", "retained", "warn", "running", "uncertain", "drift", "drifted"},
        {"reject", "failed", "fail", "fire", "broken"},
    )
    return "good" if code in good else "wait" if code in wait else "bad" if code in bad else "quiet"


FILTERS = {
    "reason_text": reason_text,
    "drift_reason_text": drift_reason_text,
    "metric_name": metric_name,
    "symbol": symbol,
    "tone": tone,
}
