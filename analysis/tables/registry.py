"""Every table by the name of its files, in the order of the report."""

from analysis.tables.baseline import BASELINE
from analysis.tables.early_stopping import EARLY_STOPPING
from analysis.tables.pairs import PAIRS
from analysis.tables.spec import Table

TABLES: dict[str, Table] = {
    "differences": BASELINE,
    "pairs": PAIRS,
    "early_stopping": EARLY_STOPPING,
}
