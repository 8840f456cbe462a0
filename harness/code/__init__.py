"""Code that a study names: what it is, its hashes, whether it is trusted, and its import. Knows no torch."""
