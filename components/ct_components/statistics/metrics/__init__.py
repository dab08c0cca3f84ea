"""Metrics: what is measured of a model, for each task, with a direction of its own.

================  ==============================================================================
module            holds
================  ==============================================================================
`predicted`       one model's answers: scores, probabilities or numbers, and what it decides
`metric`          what every metric can say: its value, without each cluster, and a gain
`classification`  metrics of decisions and probabilities
`ranking`         areas under curves
`regression`      errors of numbers
`catalogue`       each task's metrics by name, its default, and its baseline predictor
================  ==============================================================================
"""

from ct_components.statistics.metrics.catalogue import Task, baseline, metric_named, metrics_of
from ct_components.statistics.metrics.metric import Additive, Metric
from ct_components.statistics.metrics.predicted import Predicted

__all__ = ["Additive", "Metric", "Predicted", "Task", "baseline", "metric_named", "metrics_of"]
