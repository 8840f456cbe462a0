"""A study as a Slurm job: the script that is submitted, and the launcher that runs on the allocation."""
