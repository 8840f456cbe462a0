"""Every table by the name of its files, in the order of the report."""

from analysis.tables.baseline import BASELINE
from analysis.tables.pairs import PAIRS
from analysis.tables.spec import Table

TABLES: dict[str, Table] = {
    "differences": BASELINE,
    "pairs": PAIRS,
}
