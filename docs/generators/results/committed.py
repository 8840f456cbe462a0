"""Where the committed studies lie, and what the page reads of one."""

import json
from pathlib import Path
from typing import Any

import pandas as pd

REPOSITORY = Path(__file__).parents[3]
REFERENCE = REPOSITORY / "results/reference"


def claims_file(study: str) -> dict[str, Any]:
    """Return what `claims.json` of a study holds."""
    path = REFERENCE / study / "report/claims.json"
    held: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
    return held


def table_of(study: str, table: str) -> pd.DataFrame | None:
    """Return a table of a study's report; None where it has none of that name."""
    path = REFERENCE / study / f"report/tables/{table}.csv"
    return pd.read_csv(path) if path.exists() else None
