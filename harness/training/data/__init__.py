"""The data sets: found or fetched, verified, cached once per machine, split and scaled.

`harness.recipe.datasets` says which exist, `prepare` finds or fetches one and caches it, `arrays` maps it
into the process, `splits` divides the training samples and `input_norm` scales them. Nothing here trains.
"""
