"""The documents: a study's report, the overview of a folder, the comparison of several."""
