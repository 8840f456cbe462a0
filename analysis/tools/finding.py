"""How far what range tests suggest lies from the learning rates that searches found."""

import math
from dataclasses import dataclass

import numpy as np

from analysis.lr_finder import all_rates
from analysis.lr_finder.suggestions import RULES, compute_suggestions
from analysis.records import StudyRecords
from analysis.statistics.agreement import Estimate
from analysis.statistics.tests import welch
from harness.records.range_test import RangeTests


@dataclass(frozen=True, kw_only=True)
class Suggested:
    """What one rule suggests for one arm, beside what its searches found."""

    arm: str
    rule: str
    suggested: float
    """Learning rate, geometric mean over tests."""
    found: float
    """Likewise over searches."""
    tests: int
    """Range tests that suggest a rate, at least 2."""
    searches: int
    """Whole searches, at least 2."""
    ratio: Estimate
    """Of `suggested` to `found`; its interval is Welch's of the logarithms."""


def suggested(study: StudyRecords, tests: RangeTests) -> list[Suggested]:
    """Return one row an arm and rule, of arms with two searches and two range tests or more to compare."""
    curves, rows = compute_suggestions(tests), []
    for arm, rates in all_rates(study, tests.settings).items():
        found = [math.log(rate) for rate in rates]
        for rule in RULES:
            own = np.log(curves.loc[curves["arm"] == arm, rule].dropna()).tolist()
            gap = welch(own, found)
            if gap is not None:
                ends = gap.mean, gap.mean - gap.half_width(0.95), gap.mean + gap.half_width(0.95)
                rows.append(
                    Suggested(
                        arm=arm,
                        rule=rule,
                        suggested=math.exp(float(np.mean(own))),
                        found=math.exp(float(np.mean(found))),
                        tests=len(own),
                        searches=len(found),
                        ratio=Estimate(*map(math.exp, ends)),
                    )
                )
    return rows
