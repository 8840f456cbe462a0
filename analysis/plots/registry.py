"""Every figure by the name of its files, in the order of the report."""

from analysis.plots.differences import DIFFERENCES
from analysis.plots.early_stopping import EARLY_STOPPING
from analysis.plots.learning_curves import ACCURACY_CURVES, LOSS_CURVES
from analysis.plots.spec import Plot

PLOTS: dict[str, Plot] = {
    "differences": DIFFERENCES,
    "learning_curves": LOSS_CURVES,
    "accuracy_curves": ACCURACY_CURVES,
    "early_stopping": EARLY_STOPPING,
}
