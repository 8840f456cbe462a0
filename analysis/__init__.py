"""Turn a study's records into tables, figures, verdicts and a report. No torch, no Ray."""
