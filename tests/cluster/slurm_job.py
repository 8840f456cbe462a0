"""A study that a test submits to its Slurm, and what became of it."""

import json
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

from harness.cluster.target import OVER
from harness.records.events import EpochEnded, PhaseEnded, RunEnded, RunStarted
from harness.records.folder import ResultsFolder
from harness.records.recovery import recover_journal
from tests.cluster.slurm_cluster import SlurmCluster

STUDY = """\
study: drill
question: Is anything lost?
recipe: {model: {name: fcn, hidden: [64]}, batch_size: 1024, epochs: 6}
arms:
  sgd: {optimizer: sgd, lr: {low: 1e-2, high: 1.0, log: true}}
  adam: {optimizer: adam, lr: {low: 1e-4, high: 1e-2, log: true}}
search: {sampler: random, trials: 3, metric: val_accuracy, early_stopping: none}
confirm: {seeds: 2}
"""

_PATIENCE_SECONDS = 400.0
"""Far more than anything takes on an idle machine."""
_LOOK_EVERY_SECONDS = 3.0
"""Each look is a process of its own, and the sweep needs the processors."""


class Job:
    """A submitted study."""

    def __init__(self, cluster: SlurmCluster, run_dir: Path) -> None:
        self.cluster = cluster
        self.run_dir = run_dir

    def command(self, *arguments: str, timeout: float = 240) -> str:
        """Run `harness.submit` on the cluster; return what it prints."""
        return subprocess.run(
            [sys.executable, "-m", "harness.submit", *arguments],
            env=self.cluster.environment,
            stdout=subprocess.PIPE,
            text=True,
            timeout=timeout,
            check=True,
        ).stdout

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
        until = time.monotonic() + _PATIENCE_SECONDS
        while (state := self.state)["phase"] not in phases:
            is_hopeless = time.monotonic() > until or state["phase"] in OVER
            assert not is_hopeless, f"{state}\n{self.log}"
            time.sleep(_LOOK_EVERY_SECONDS)
        return state

    def wait_for_runs(self, at_least: int) -> None:
        """Return once so many runs have ended."""
        until = time.monotonic() + _PATIENCE_SECONDS
        looked_at = time.monotonic()
        journal = ResultsFolder(self.run_dir).journal
        while not journal.exists() or journal.read_bytes().count(b'"event":"run_ended"') < at_least:
            time.sleep(0.2)
            if time.monotonic() - looked_at < _LOOK_EVERY_SECONDS:
                continue
            state, looked_at = self.state, time.monotonic()
            is_hopeless = time.monotonic() > until or state["phase"] not in {"pending", "running"}
            assert not is_hopeless, f"{state}\n{self.log}"

    @property
    def outcome(self) -> dict[str, Any]:
        """What the study led to, without times; no run may have ended twice."""
        events = recover_journal(ResultsFolder(self.run_dir)).events
        starts = {e.run_id: e for e in events if isinstance(e, RunStarted)}
        last = {e.run_id: (e.train_loss, e.val_loss) for e in events if isinstance(e, EpochEnded)}
        ends = [e for e in events if isinstance(e, RunEnded)]
        assert len({e.run_id for e in ends}) == len(ends)
        runs = {
            e.run_id: (
                json.dumps(starts[e.run_id].configuration),
                starts[e.run_id].seed,
                e.status,
                last[e.run_id],
                e.test_loss,
                e.test_accuracy,
            )
            for e in ends
        }
        return runs | {e.arm: e.winner for e in events if isinstance(e, PhaseEnded) and e.phase == "search"}

    def assert_nothing_runs(self) -> None:
        """No process of the job is there, on whatever node."""
        left = [*self.cluster.processes_of("harness"), *self.cluster.processes_of("ray")]
        assert [(process.pid, process.cmdline()) for process in left] == []

    def assert_nothing_is_left(self) -> None:
        """Neither processes nor temporary folders."""
        self.assert_nothing_runs()
        assert list(Path("/tmp").glob(f"j{self.state['id']}-*")) == []  # noqa: S108 - where they would be
