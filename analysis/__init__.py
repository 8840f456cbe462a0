"""Turn a study's records into tables, figures, verdicts and a report. No torch, no Ray."""

import harness as _own_path_first  # noqa: F401 - see there
