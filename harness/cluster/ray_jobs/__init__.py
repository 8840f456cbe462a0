"""A study as a Ray Job, on a cluster that runs already and has Ray's dashboard."""
