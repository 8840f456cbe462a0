"""Slurm's commands as short shell scripts, for what happens around them and not in Slurm."""

import os
from pathlib import Path

import pytest

_SBATCH = """\
case "$*" in
*--test-only*) cat > "$BIN/tested"; echo 'sbatch: Job 1 to start at now' >&2; exit 0;;
esac
env > "$BIN/environment"
number=$(( $(cat "$BIN/number" 2>/dev/null || echo 6) + 1 ))
echo $number > "$BIN/number"
{then}
echo $number
"""

_SQUEUE = """\
cat "$BIN/queue" 2>/dev/null || { echo 'slurm_load_jobs error: Invalid job id specified' >&2; exit 1; }
"""


class SlurmCommands:
    """A folder of commands, which is `PATH` for as long as the test lasts."""

    def __init__(self, folder: Path, patch: pytest.MonkeyPatch) -> None:
        self.folder = folder
        folder.mkdir()
        patch.setenv("PATH", f"{folder}:{os.environ['PATH']}")
        patch.setenv("BIN", str(folder))
        self.write("sbatch", _SBATCH.replace("{then}", ""))
        self.write("squeue", _SQUEUE)
        for name in ("scontrol", "scancel"):
            self.write(name, f'echo "$@" >> "$BIN/{name}.said"\n')
        self.write("sacct", "exit 1\n")

    def write(self, name: str, body: str) -> None:
        """Write a command."""
        path = self.folder / name
        path.write_text("#!/bin/sh\n" + body)
        path.chmod(0o755)

    def after_taking_a_job(self, body: str) -> None:
        """Let `sbatch` do this before it prints the id, which is 7 the first time."""
        self.write("sbatch", _SBATCH.replace("{then}", body))

    def queue(self, state: str, reason: str = "None") -> None:
        """Let `squeue` tell this of every job."""
        (self.folder / "queue").write_text(f"{state}|{reason}||30:00|N/A\n")

    def said(self, name: str) -> str:
        """Return what `scontrol` or `scancel` was told, a line each time."""
        path = self.folder / f"{name}.said"
        return path.read_text() if path.exists() else ""

    @property
    def environment(self) -> dict[str, str]:
        """What `sbatch` saw when it took the last job."""
        lines = (self.folder / "environment").read_text().splitlines()
        return {name: value for name, _, value in (line.partition("=") for line in lines)}
