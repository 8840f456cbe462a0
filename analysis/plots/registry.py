"""Every figure by the name of its files, in the order of the report."""

from analysis.plots.batch_sizes import BATCH_SIZES
from analysis.plots.differences import DIFFERENCES
from analysis.plots.spec import Plot
from analysis.plots.timing import TIMING

PLOTS: dict[str, Plot] = {
    "timing": TIMING,
    "batch_sizes": BATCH_SIZES,
    "differences": DIFFERENCES,
}
