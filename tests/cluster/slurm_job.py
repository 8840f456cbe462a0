"""A study that a test submits to its Slurm, and what became of it."""

import json
from pathlib import Path
from typing import Any

import psutil

from harness.cluster.target import OVER
from harness.records.folder import ResultsFolder
from tests import drill
from tests.cluster.slurm_cluster import SlurmCluster
from tests.processes import environment


class Job:
    """A submitted study."""

    def __init__(self, cluster: SlurmCluster, run_dir: Path) -> None:
        self.cluster = cluster
        self.run_dir = run_dir
        self.results = ResultsFolder(run_dir)

    def command(self, *arguments: str) -> str:
        """Give `harness.submit` these arguments; return what it prints."""
        done = self.cluster.harness_submit(*arguments)
        assert done.returncode == 0, done.stderr
        return done.stdout

    def submit(self, study: Path, *arguments: str) -> None:
        """Submit the study, one run at a time."""
        place = ["--run-dir", str(self.run_dir), "--partition", "low", "--cpus-per-node", "1"]
        self.command("slurm", str(study), *place, *arguments)

    @property
    def state(self) -> dict[str, Any]:
        """What `status --json` tells."""
        state: dict[str, Any] = json.loads(self.command("status", str(self.run_dir), "--json"))
        return state

    @property
    def events(self) -> list[str]:
        """What the launcher lived through."""
        return [event["event"] for event in self.state["events"]]

    @property
    def log(self) -> str:
        """What `logs` prints."""
        return self.command("logs", str(self.run_dir))

    def wait_for(self, *phases: str) -> dict[str, Any]:
        """Return the state once it has one of these phases."""
        drill.wait_until(lambda: self.state["phase"] in phases, self._end)
        return self.state

    def wait_for_runs(self, at_least: int) -> None:
        """Return once so many runs have ended."""
        drill.wait_until(lambda: drill.ended_runs(self.results) >= at_least, self._end)

    def wait_for_event(self, event: str) -> None:
        """Return once the launcher has lived through this."""
        drill.wait_until(lambda: event in self.events, self._end)

    def _end(self) -> str:
        """Return what a job that is over has come to; nothing while it is not."""
        state = self.state
        return f"{state}\n{self.log}" if state["phase"] in OVER else ""

    def workers(self) -> list[psutil.Process]:
        """Return the processes in which its runs train."""
        job = self.state["id"]
        trainers = self.cluster.processes_of("ray::ImplicitFunc")
        return [process for process in trainers if environment(process).get("SLURM_JOB_ID") == job]

    @property
    def outcome(self) -> dict[str, Any]:
        """What the study led to, without times; no run may have ended twice."""
        return drill.outcome(self.results)

    def assert_nothing_runs(self) -> None:
        """No process of the job is there, on whatever node."""
        left = [*self.cluster.processes_of("harness"), *self.cluster.processes_of("ray")]
        assert [(process.pid, process.cmdline()) for process in left] == []

    def assert_nothing_is_left(self) -> None:
        """Neither processes nor temporary folders."""
        self.assert_nothing_runs()
        assert list(Path("/tmp").glob(f"j{self.state['id']}-*")) == []  # noqa: S108 - where they would be
