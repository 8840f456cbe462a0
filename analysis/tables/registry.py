"""Every table by the name of its files, in the order of the report."""

from analysis.tables.budget import BUDGET
from analysis.tables.claims import CLAIMS
from analysis.tables.results import RESULTS
from analysis.tables.search import SEARCH
from analysis.tables.spec import Table

TABLES: dict[str, Table] = {
    "claims": CLAIMS,
    "results": RESULTS,
    "search": SEARCH,
    "budget": BUDGET,
}
