"""Where a study runs: Slurm, a Ray cluster that exists, Kubernetes. What is submitted is text first."""
