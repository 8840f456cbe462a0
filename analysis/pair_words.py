"""Differences between arms in words: how much, by which intervals, and what a reader must know of them."""

from collections.abc import Sequence

import pandas as pd

from analysis.claims import ALPHA, Grounds
from analysis.design import counted_in_words, design_of
from analysis.metrics import Metric
from analysis.records import StudyRecords
from analysis.render import numbers
from analysis.replicates import chance_level, is_accuracy, replicates


def amount(difference: float | None, high: float | None, metric: Metric) -> str:
    """Return a difference with its sign and the half-width of its interval, in the readers' unit.

    Args:
        difference: In the metric's unit; None or NaN gives the mark for an absent value.
        high: Upper end of its interval, if it has one.
        metric: Of the study.
    """
    if not numbers.is_present(difference):
        return numbers.ABSENT
    half_width = high - difference if numbers.is_present(high) else None
    text = numbers.with_uncertainty(difference, half_width, scale=metric.scale, decimals=metric.decimals)
    if set(text.split()[0]) <= set("-0."):
        return text.removeprefix("-")  # rounded to nothing: no side to name
    return text if difference < 0 else f"+{text}"


def method(frame: pd.DataFrame, records: StudyRecords) -> str:
    """Return how the intervals of a family were made and what p is, with n, family and level."""
    tested = frame[frame["reason"] == ""]
    if tested.empty:
        return "No pair of arms can be tested, so no difference has an interval."
    n, levels = numbers.span(tested["n"]), numbers.span(100 * tested["level"], "{:.4g}".format)
    design = design_of(records)
    how = (
        f"the paired t-interval over the n seeds that both arms share (n = {n}; a seed fixes "
        f"{records.seed_fixes})"
        if design.seeds_are_common
        else f"Welch's t-interval over the {counted_in_words(records)} of each arm; n counts those of the "
        f"arm with fewer ({n})"
    )
    return (
        f"Mean ± half-width of {how}. The family is {_family(tested)}; all intervals are drawn at "
        f"{levels} % (Bonferroni), so that they hold together at {100 * (1 - ALPHA):g} %; p is Holm's, which "
        "is sharper."
    )


def _family(tested: pd.DataFrame) -> str:
    metrics = tested["metric"].value_counts()
    each = f" of each of {len(metrics)} metrics" if len(metrics) > 1 else ""
    pairs = " or ".join(str(count) for count in sorted(set(metrics)))
    return f"the {pairs} pairs that can be tested{each}" if pairs != "1" else f"one pair{each}"


def cautions(grounds: Grounds, frame: pd.DataFrame) -> list[str]:
    """Return what a reader must know before believing the differences of a frame."""
    records = grounds.records
    arms = [arm for arm in records.arms if arm in {*frame["arm"], *frame["than"]}]
    sentences = []
    metrics = _metrics(records, frame)
    void = [arm for arm in arms for metric in metrics if replicates(records, arm, metric).is_voided]
    void = list(dict.fromkeys(void))
    if void:
        of_what = " of losses" if records.metrics.has_accuracy else ""
        sentences.append(
            f"No difference{of_what} is formed with {_names(void)}: a confirm run diverged, which voids the "
            "mean."
        )
    sentences += _chance_in_words(records, arms, frame)
    sentences += _untested_in_words(frame, void)
    if grounds.unequal_budgets:
        reasons = "; ".join(grounds.unequal_budgets)
        sentences.append(f"Budgets are unequal ({reasons}): a difference may be one of tuning.")
    edged = [arm for arm, edge in grounds.edges(arms).items() if edge]
    if edged:
        sentences.append(
            f"Chosen rates at an edge of their range, which a wider one may change: those of {_names(edged)}."
        )
    return sentences


def _metrics(records: StudyRecords, frame: pd.DataFrame) -> list[str]:
    """Return the metrics of a frame of differences; a figure's is of the headline alone."""
    return list(dict.fromkeys(frame["metric"])) if "metric" in frame else [records.metrics.headline.name]


def _chance_in_words(records: StudyRecords, arms: Sequence[str], frame: pd.DataFrame) -> list[str]:
    """Return what stands for diverged and missing replicates of accuracies."""
    metrics = [m for m in _metrics(records, frame) if is_accuracy(m) and chance_level(records, m) is not None]
    own = [replicates(records, arm, metric) for arm in arms for metric in metrics]
    diverged = [each.arm for each in own if each.count("diverged")]
    missing = [each.arm for each in own if each.count("missing")]
    sentences = []
    if diverged:
        sentences.append(f"A diverged accuracy counts as chance: {_names(diverged)}.")
    if missing:
        sentences.append(
            "A missing replicate may have been anything from chance to the best seen, and intervals hold "
            f"both: {_names(missing)}."
        )
    return sentences


def _untested_in_words(frame: pd.DataFrame, void: Sequence[str]) -> list[str]:
    """Return how many pairs have no interval for want of seeds or of variation."""
    rows = frame[(frame["reason"] != "") & ~frame["arm"].isin(void) & ~frame["than"].isin(void)]
    few, constant = int((rows["n"] < 2).sum()), int((rows["n"] >= 2).sum())
    sentences = []
    if few:
        sentences.append(f"Without an interval, for fewer than two completed replicates: {few}.")
    if constant:
        sentences.append(f"Without an interval, for the same difference in every replicate: {constant}.")
    return sentences


def _names(arms: Sequence[str]) -> str:
    return " and ".join([", ".join(arms[:-1]), arms[-1]] if len(arms) > 1 else arms)
