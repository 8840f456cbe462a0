"""A job that starts the steps of a launcher, and tells of each node how many GPUs Slurm gave to its step."""

import os
import subprocess
import sys

from harness.cluster.slurm.allocation import Allocation
from harness.cluster.slurm.environment import without_requests
from harness.cluster.slurm.steps import by_gpus, step_command

TELL = ("sh", "-c", "echo $SLURMD_NODENAME ${SLURM_GPUS_ON_NODE:-0}")


def main() -> int:
    """Print a line a node: its name, the GPUs that the launcher counts, those that Slurm gave."""
    allocation = Allocation.of_environment(os.environ)
    given = os.environ.get("SLURM_GPUS_ON_NODE", "0")
    sys.stdout.write(f"{allocation.host} {allocation.gpus or 0} {given}\n")
    for gpus, nodes in by_gpus(allocation).items():
        done = subprocess.run(
            step_command(allocation, nodes, gpus, TELL),
            env=without_requests(os.environ),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            text=True,
            timeout=20,
            check=True,
        )
        for line in done.stdout.splitlines():
            name, _, told = line.partition(" ")
            sys.stdout.write(f"{name} {gpus.count if gpus else 0} {told}\n")
    sys.stdout.write("done\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
