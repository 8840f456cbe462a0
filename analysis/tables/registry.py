"""Every table by the name of its files, in the order of the report."""

from analysis.tables.baseline import BASELINE
from analysis.tables.batch_sizes import BATCH_SIZES
from analysis.tables.claims import CLAIMS
from analysis.tables.pairs import PAIRS
from analysis.tables.spec import Table
from analysis.tables.timing import TIMING

TABLES: dict[str, Table] = {
    "claims": CLAIMS,
    "timing": TIMING,
    "batch_sizes": BATCH_SIZES,
    "differences": BASELINE,
    "pairs": PAIRS,
}
