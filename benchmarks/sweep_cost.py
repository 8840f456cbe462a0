"""What does a sweep cost besides training: where do its seconds go, and what does a run more cost?

`python benchmarks/sweep_cost.py [--runs 12 100] [--rounds 1] [--concurrency N] [--report]`: sweeps a study of
one-epoch runs on small invented images, once for each number of runs and round, in alternation. It prints
when the first run started, the first epoch and the last run ended, and the command ended, all in seconds from
the command; then the processor seconds of each kind of process, which other work on the machine changes less.
With two numbers of runs or more it ends with the seconds a run: a straight line through all sweeps.
"""

import argparse
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from statistics import linear_regression, median

import numpy as np
import psutil

from harness.records.events import EpochEnded, RunEnded, RunStarted
from harness.records.folder import ResultsFolder
from harness.records.journal import read_journal

STUDY = """\
study: cost
question: What does a sweep cost besides training?
recipe: {{dataset: "idx:{images}", model: {{name: fcn, hidden: [16]}}, batch_size: 50, epochs: 1}}
arms:
  sgd: {{optimizer: sgd, lr: {{low: 1e-2, high: 1.0, log: true}}}}
search: {{trials: {runs}, sampler: random, early_stopping: none}}
confirm: {{seeds: 1}}
{resources}
"""
_LOOK_EVERY_SECONDS = 0.1
_KINDS = {
    "gcs_server": "gcs_server",
    "raylet/raylet": "raylet",
    "dashboard/agent": "dashboard agent",
    "ray::DashboardAgent": "dashboard agent",
    "runtime_env/agent": "runtime-env agent",
    "ray::RuntimeEnvAgent": "runtime-env agent",
    "dashboard": "dashboard",
    "log_monitor": "log monitor",
    "autoscaler": "autoscaler",
    "monitor.py": "autoscaler",
    "default_worker": "workers",
    "ray::": "workers",
    "run_in_worker": "workers",
}
"""What a process is, by the first of these in its command."""


@dataclass(frozen=True, kw_only=True)
class Cost:
    """One sweep; times in seconds from the command."""

    first_start: float
    first_epoch: float
    last_end: float
    exit: float
    processor: dict[str, list[float]]
    """Processor seconds of each process, by kind."""

    @property
    def fixed(self) -> float:
        """From the command to its exit, less what lies between the first epoch's end and the last run's."""
        return self.exit - (self.last_end - self.first_epoch)


def write_images(folder: Path) -> None:
    """Write four classes of small noisy images, 400 for training and 100 for testing, as IDX files."""
    generator = np.random.default_rng(0)
    for part, count in (("train", 400), ("t10k", 100)):
        labels = np.arange(count, dtype=np.uint8) % 4
        images = generator.integers(0, 200, (count, 6, 6), dtype=np.uint8)
        images[np.arange(count), labels] += 55
        for kind, array in (("images-idx3", images), ("labels-idx1", labels)):
            head = bytes([0, 0, 8, array.ndim]) + np.array(array.shape, dtype=">u4").tobytes()
            (folder / f"{part}-{kind}-ubyte").write_bytes(head + array.tobytes())


def sweep(folder: Path, runs: int, options: argparse.Namespace) -> Cost:
    """Sweep a study of some runs; its screen and results stay in the folder."""
    resources = f"resources: {{concurrency: {options.concurrency}}}" if options.concurrency else ""
    study, results = folder / "cost.yaml", ResultsFolder(folder / f"run-{time.monotonic_ns()}")
    study.write_text(STUDY.format(images=folder, runs=runs, resources=resources))
    command = [sys.executable, "-m", "harness.sweep", str(study), "--run-dir", str(results.root)]
    if not options.report:
        command.append("--no-report")
    began, seconds = time.time(), dict[psutil.Process, tuple[str, float]]()
    with (folder / "screen.txt").open("w") as screen:
        driver = subprocess.Popen(command, stdout=screen, stderr=screen)
        family = psutil.Process(driver.pid)
        while driver.poll() is None:
            _note(family, seconds)
            time.sleep(_LOOK_EVERY_SECONDS)
    ended = time.time()
    if driver.returncode != 0:
        raise SystemExit(f"the sweep ended with {driver.returncode}:\n{(folder / 'screen.txt').read_text()}")
    processor: dict[str, list[float]] = {kind: [] for kind in ["driver", *_KINDS.values(), "other"]}
    for kind, value in seconds.values():
        processor[kind].append(value)
    events = list(read_journal(results))

    def moments(kind: type[RunStarted | EpochEnded | RunEnded]) -> list[float]:
        times = [event.time for event in events if isinstance(event, kind)]
        return [datetime.fromisoformat(text).replace(tzinfo=UTC).timestamp() - began for text in times]

    return Cost(
        first_start=moments(RunStarted)[0],
        first_epoch=moments(EpochEnded)[0],
        last_end=moments(RunEnded)[-1],
        exit=ended - began,
        processor=processor,
    )


def _note(driver: psutil.Process, seconds: dict[psutil.Process, tuple[str, float]]) -> None:
    """Note what each process of the family has taken of the processor until now."""
    for process in (driver, *driver.children(recursive=True)):
        try:
            times, words = process.cpu_times(), " ".join(process.cmdline())
        except psutil.Error:
            continue
        kind = next((kind for sign, kind in _KINDS.items() if sign in words), "other")
        seconds[process] = "driver" if process == driver else kind, times.user + times.system


def _show(runs: int, costs: Sequence[Cost]) -> None:
    """Print medians over the rounds."""
    print(f"\n{runs} search runs, {len(costs)} rounds; medians, seconds")
    for name in ("first_start", "first_epoch", "last_end", "exit", "fixed"):
        values = [getattr(cost, name) for cost in costs]
        print(f"  {name:<12} {median(values):7.2f}   ({min(values):.2f} to {max(values):.2f})")
    by_kind = {kind: median(sum(cost.processor[kind]) for cost in costs) for kind in costs[0].processor}
    counts = {kind: median(len(cost.processor[kind]) for cost in costs) for kind in by_kind}
    told = ", ".join(
        f"{counts[kind]:g} {kind} {value:.1f}" for kind, value in by_kind.items() if counts[kind]
    )
    print(f"  processor    {sum(by_kind.values()):7.2f}   {told}")


def main() -> None:
    """Run the benchmark."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--runs", type=int, nargs="+", default=[12], help="search runs of a sweep (12)")
    parser.add_argument("--rounds", type=int, default=1, help="sweeps of each number of runs (1)")
    parser.add_argument("--concurrency", type=int, help="runs beside each other (as many as fit)")
    parser.add_argument("--report", action="store_true", help="write the report too")
    options = parser.parse_args()
    costs: dict[int, list[Cost]] = {runs: [] for runs in options.runs}
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        write_images(folder)
        for _ in range(options.rounds):
            for runs in options.runs:
                costs[runs].append(sweep(folder, runs, options))
    for runs, of_runs in costs.items():
        _show(runs, of_runs)
    if len(costs) > 1:
        points = [(runs, cost.last_end - cost.first_epoch) for runs, row in costs.items() for cost in row]
        print(f"\na run more: {linear_regression(*zip(*points, strict=True)).slope:.4f} s")


if __name__ == "__main__":
    main()
