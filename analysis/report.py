"""`python -m analysis.report RESULTS_DIR ...`: write the report again, from the journal and manifest alone.

The same journal and manifest give the same bytes of everything below `report/` and of both parquet files:
nothing here asks for the time, the machine or the folder's place.
"""

import json
import sys
from pathlib import Path
from typing import Any

from analysis import claims, command, document
from analysis.load import StudyRecords, load_study
from analysis.output import write_file, write_parquet
from analysis.plots.rendering import render_figures, write_figures
from analysis.tables.rendering import render_tables, write_tables


def write_report(path: Path) -> Path:
    """Write the whole report of one results folder and both parquet files.

    Args:
        path: A folder that `python -m harness.sweep` wrote, finished or not.

    Returns:
        The path of `report/index.html`.

    Raises:
        ResultsError: It is no results folder, a file of it is damaged, or it cannot be written.
    """
    records = load_study(path)
    tables, figures = render_tables(records), render_figures(records)
    write_parquet(records)
    write_tables(records, tables)
    write_figures(records, figures)
    report = records.folder.report
    write_file(report / "claims.json", _claims_json(records))
    content = document.Content(records=records, tables=tables, figures=figures)
    write_file(report / "report.md", document.render_markdown(content))
    write_file(report / "index.html", document.render_html(content))
    return report / "index.html"


def _claims_json(records: StudyRecords) -> str:
    verdicts: list[dict[str, Any]] = [verdict.as_row() for verdict in claims.decide(records)]
    whole = {"study": records.manifest.study, "alpha": claims.ALPHA, "claims": verdicts}
    return json.dumps(whole, indent=2, ensure_ascii=False, allow_nan=False) + "\n"


if __name__ == "__main__":
    sys.exit(
        command.run(
            None,
            module="analysis.report",
            description="Write the report of one or more studies again from their journals.",
            write=lambda path: [write_report(path)],
        )
    )
