"""What `--dry-run` foretells: what the plan of a study can show, and what it costs. Starts no run."""
