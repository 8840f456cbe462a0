"""Every figure by the name of its files, in the order of the report."""

from analysis.plots.differences import DIFFERENCES
from analysis.plots.spec import Plot

PLOTS: dict[str, Plot] = {
    "differences": DIFFERENCES,
}
