"""Metrics noted on a frame of numbers, for those who lay it out or draw it; its CSV has none of them."""

import pandas as pd

from analysis.metrics import USUAL, Metric, Metrics

_ATTRIBUTE = "metrics"


def noted(frame: pd.DataFrame, metrics: Metrics) -> pd.DataFrame:
    """Note on a frame whose numbers it holds."""
    frame.attrs[_ATTRIBUTE] = metrics
    return frame


def metrics_in(frame: pd.DataFrame) -> Metrics:
    """Return the metrics that are noted on a frame; where none are, the usual ones."""
    metrics: Metrics = frame.attrs.get(_ATTRIBUTE, USUAL)
    return metrics


def metric_in(frame: pd.DataFrame) -> Metric:
    """Return the metric of a frame with rows whose column `metric` names one only."""
    return metrics_in(frame)[str(frame["metric"].iloc[0])]
