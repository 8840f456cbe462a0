"""Decide the claims a study declared before its data. Verdicts are computed here; prose only quotes them.

`decide` has the claims followed through the looks of the plan (`following`), each kind measured (`kinds`),
and rules. What all kinds share:

1. n counts *replicates* of what a claim names (`analysis.replicates`): whole searches with their confirm
   runs where arms search and the study repeats its searches, otherwise confirm seeds. With one search a
   ruling is about the configurations that it chose, and says so (`Verdict.scope`). Replicates beyond the
   plan rule nothing.
2. The test follows from the design, before the data: Student's paired t where all arms share their seeds,
   Welch's otherwise; exact binomial tests of counts. Variances are never pooled over arms.
3. Two families, each with an error of `ALPHA` for the whole study: differences, by Holm's procedure over
   all declared claims that can be tested, and equivalence, by Holm's over those with a region (two one-
   sided tests). At several looks each p is divided by its look's weight, and the smallest so far counts. A
   test by sign flips could decide nothing with 5 seeds: its smallest p is .0625.
4. A claim that says several things at once (`best`, `equal`, `optimum`, `monotone`) is supported only if
   each of them holds at that level, which needs no further correction (Berger 1982); it is contradicted
   where any of them fails after Bonferroni's.
5. *equivalent* goes before *supported* and *contradicted* at a look: a difference can be real and too small
   to matter. Of an `equal` claim that is what *supported* means.
6. Intervals are drawn together at Bonferroni's level. Holm's procedure, which rules, is sharper: where an
   interval holds what it excludes, the reason says so.
7. *inconclusive*: everything else, with what these replicates would have shown. So is a difference where
   the arm behind chose a rate at the edge of its range: a wider range may mend it.
8. *not yet*: the replicates of the next look have not ended. Nothing is ruled between looks.
9. *not testable*: no arm, metric or region of that name; granted budgets that differ (`analysis.budget`); a
   loss or time without a value; a single replicate; runs that are equal to the last digit; a difference
   that is the same non-zero number for every seed; counts so small that no outcome has a p below `ALPHA`;
   times of runs that shared a machine or come from several sessions.
10. A claim on several data sets is ruled as `analysis.claims.datasets` says; all stay one family.
11. A replicate that is *missing* may have been anything from chance level to the best seen: p-values are
    the largest over both. A diverged accuracy of classes counts as chance; no other metric has such a
    level, so that there a run that diverged or is missing voids the comparison.
"""

from analysis.claims.ahead import leaders
from analysis.claims.decide import decide
from analysis.claims.evidence import Grounds
from analysis.claims.kinds import KINDS
from analysis.claims.parts import Comparison, Flag
from analysis.claims.verdict import ALPHA, Ruling, Verdict

__all__ = [
    "ALPHA",
    "KINDS",
    "Comparison",
    "Flag",
    "Grounds",
    "Ruling",
    "Verdict",
    "decide",
    "leaders",
]
