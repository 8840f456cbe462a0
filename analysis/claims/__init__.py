"""Decide the claims a study declared before its data. Verdicts are computed here; prose only quotes them.

`decide` has each claim measured (`KINDS`), corrects for the number of claims, and rules. What all kinds
share:

1. Values are those of completed runs of the confirm phase (of a grid: of the search), paired over the seeds
   that both sides share. Tests are Student's t on one number a seed, and exact binomial tests of counts.
2. Each claim has one p-value: the smallest level at which anything would be concluded from it. The p-values
   of the study's testable claims are Holm-adjusted, and each claim is ruled at the level of its own step,
   at which its interval is drawn. Dunnett's and Games and Howell's tests are for independent groups and
   would throw the pairing away. The paired max-T test needs the correlations of the differences; with these
   estimated from 5 seeds it errs in 10 % of studies of six equal arms (400 simulated), where Holm's
   procedure errs in 5 %. A test by sign flips could decide nothing with 5 seeds: its smallest p is .0625.
3. A claim that says several things at once (`best`, `equal`, `optimum`) is supported only if each of them
   holds at that level, which needs no further correction (Berger 1982); it is contradicted where any of
   them fails after Bonferroni's.
4. *equivalent*: the interval lies inside the region of equivalence, fixed beforehand. This goes before
   *supported* and *contradicted*: a difference can be real and too small to matter. Of an `equal` claim
   that is what *supported* means.
5. *inconclusive*: everything else, with what these seeds would have shown and how many seeds it would take.
   So is a difference where the arm behind chose a rate at the edge of its range: a wider range may mend it.
6. *not testable*: no arm, metric or region of that name; granted budgets that differ (`analysis.budget`); a
   diverged run, which voids its arm's mean; a single seed; a difference that is the same non-zero number
   for every seed; counts so small that no outcome has a p below `ALPHA`; times of runs that shared a
   machine.
"""

from analysis.claims.ahead import leaders
from analysis.claims.decide import KINDS, decide
from analysis.claims.evidence import Grounds
from analysis.claims.verdict import ALPHA, METRICS, Comparison, Flag, Metric, Ruling, Verdict

__all__ = [
    "ALPHA",
    "KINDS",
    "METRICS",
    "Comparison",
    "Flag",
    "Grounds",
    "Metric",
    "Ruling",
    "Verdict",
    "decide",
    "leaders",
]
