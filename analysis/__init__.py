"""Turn a study's records into tables, figures, verdicts and a report. No torch, no Ray."""

import os

import harness as _own_path_first  # noqa: F401 - see there

# Figures need no backend, and one that matplotlib does not know would keep it from being imported.
os.environ.pop("MPLBACKEND", None)
