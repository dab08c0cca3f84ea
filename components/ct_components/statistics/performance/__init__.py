"""Is the champion still good enough? Decided on matured rows, by limits and not by the measured value.

============  ====================================================================================
module        answers
============  ====================================================================================
`settings`    what is watched, from where on it is too bad, and the words for verdicts and reasons
`maturing`    which predictions have had time for their labels, and belong to the present champion?
`daily`       what is a day's value, and what is it compared with?
`samples`     how good is a metric, and how sure, from rows or from stored daily values?
`wilson`      a proportion of independent rows
`area`        a ROC AUC of independent rows
`sequence`    a limit that holds however often one looks
`evidence`    everything that the checks look at
`checks`      one small callable for each reason to decide
`monitor`     fire, fine, uncertain or insufficient?
============  ====================================================================================
"""

from ct_components.statistics.performance.daily import Baseline, DailyValue, daily_values
from ct_components.statistics.performance.monitor import Judgement, judge, overall
from ct_components.statistics.performance.samples import Sample, sample_days, sample_rows
from ct_components.statistics.performance.settings import Looks, Performance, Reason, Verdict, Watched

__all__ = [
    "Baseline",
    "DailyValue",
    "Judgement",
    "Looks",
    "Performance",
    "Reason",
    "Sample",
    "Verdict",
    "Watched",
    "daily_values",
    "judge",
    "overall",
    "sample_days",
    "sample_rows",
]
