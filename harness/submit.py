"""Run a study on a cluster: `python -m harness.submit {slurm,ray,kuberay} STUDY.yaml`."""

import sys

from harness.commands.submit import main

if __name__ == "__main__":
    sys.exit(main())
