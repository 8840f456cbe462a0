"""The data sets: found or fetched, verified, cached once per machine, split and scaled.

`registry` says which exist, `prepare` finds or fetches one and caches it, `arrays` maps it into the process,
`splits` divides the training images and `pixels` scales them. Nothing here trains.
"""
