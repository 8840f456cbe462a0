"""How long does the report of a very large study take, and how much memory?

`python benchmarks/report_scale.py [--runs 100000] [--epochs 20] [--arms 10]`: makes a results folder with
that many search runs (no training: invented curves, written and sealed as the harness does), each of full
length, and ten confirm runs an arm. Then it runs `python -m analysis.report` on it and prints its seconds,
processor seconds and peak memory, and the same once more in parts. On a busy machine the processor seconds
are the ones that can be compared. The folder is temporary unless `--keep DIR` names one.
"""

import argparse
import itertools
import json
import os
import resource
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Generator, Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import numpy as np

from harness.recipe.datasets import DATASETS
from harness.records.events import (
    EpochEnded,
    Event,
    Phase,
    PhaseEnded,
    RunEnded,
    RunStarted,
    Status,
    StudyDeclared,
)
from harness.records.folder import ResultsFolder
from harness.records.journal_lines import seal
from harness.records.provenance import machine, versions
from harness.study.plan import Plan, plan_study
from harness.study.reading.parse import parse_study
from harness.study.study import Arm, Study
from harness.tuning.declaration import declare, describe

HEAD = """\
study: large
question: How long does its report take?
recipe: {{model: {{name: fcn}}, batch_size: 512, epochs: {epochs}}}
search: {{sampler: random, trials: {trials}, audit: {audits},
  early_stopping: {{grace_epochs: {grace}, reduction_factor: {factor}}}}}
confirm: {{seeds: 10}}
claims:
  - {{says: The second arm is better., better: {{arm: arm_01, than: arm_00, metric: test_accuracy}}}}
  - {{says: The last arm is the best., best: {{arm: {last}, metric: test_accuracy}}}}
arms:
"""
ARM = (
    "  {name}: {{optimizer: {optimizer}, lr: {{low: {low}, high: {high}, log: true}}, "
    "dropout: {{low: 0.0, high: 0.5}}}}\n"
)
RANGES = {"sgd": (1e-3, 1.0), "rmsprop": (1e-5, 1e-2), "adam": (1e-5, 1e-2)}
GRACE, FACTOR, AUDITS = 2, 3, 10
STEPS = 106
SLOTS = 8
"""Runs in flight at a time: their epochs stand interleaved in the journal."""
DIVERGED = 0.01
"""Share of the search runs whose last epoch has no finite loss."""
_RSS_UNIT = 1 if sys.platform == "darwin" else 1024
"""Bytes in which the system counts peak memory."""
START = datetime(2026, 1, 1, tzinfo=UTC)


@dataclass(frozen=True, kw_only=True)
class Run:
    """One run to be written."""

    arm: Arm
    phase: Phase
    number: int
    seed: int
    lr: float
    dropout: float
    epochs: int
    status: Status

    @property
    def run_id(self) -> str:
        """Return the name that the harness would give."""
        return f"{self.arm.name}-{self.phase}-{self.number:04d}"


def make_study(options: argparse.Namespace) -> Study:
    """Return the study whose results are invented."""
    names = [f"arm_{number:02d}" for number in range(options.arms)]
    sizes = {"trials": options.runs // options.arms, "epochs": options.epochs, "last": names[-1]}
    text = HEAD.format(**sizes, audits=AUDITS, grace=GRACE, factor=FACTOR)
    for name, optimizer in zip(names, itertools.cycle(RANGES), strict=False):
        low, high = RANGES[optimizer]
        text += ARM.format(name=name, optimizer=optimizer, low=low, high=high)
    return parse_study(text, "benchmark")


def search_runs(study: Study, plan: Plan, stopped: float, rng: np.random.Generator) -> Iterator[Run]:
    """Yield the search runs, the arms taking turns; some diverge, and some are stopped at a rung."""
    longest = study.arms[0].longest_epochs
    rungs = [rung for power in range(20) if (rung := GRACE * FACTOR**power) < longest]
    for number in range(plan.arms[0].search_runs):
        for arm in study.arms:
            low, high = RANGES[arm.fixed["optimizer"]]
            lr = low * (high / low) ** rng.random()
            fate, epochs = "completed", longest
            if rng.random() < DIVERGED:
                fate = "diverged"
            elif rng.random() < stopped and number:  # the first run of an arm ends, so that one can win
                fate, epochs = "stopped", int(rng.choice(rungs))
            yield Run(
                arm=arm, phase="search", number=number, seed=plan.search_seeds(arm.name, 0)[0], lr=lr,
                dropout=0.5 * rng.random(), epochs=epochs, status=fate,
            )  # fmt: skip


def events_of(study: Study, plan: Plan, stopped: float) -> Iterator[Event]:
    """Yield the journal's events: the search, its audit and end, then the confirm runs."""
    rng = np.random.default_rng(0)
    clock = (START + timedelta(milliseconds=70 * tick) for tick in itertools.count())
    audited: dict[str, list[Run]] = {arm.name: [] for arm in study.arms}
    best: dict[str, tuple[float, Run]] = {}
    for group in _batched(search_runs(study, plan, stopped, rng)):
        for run, last in (yield from _interleaved(group, clock, rng)):
            if run.status == "stopped" and len(audited[run.arm.name]) < AUDITS:
                audited[run.arm.name].append(run)
            elif run.status == "completed" and last < best.get(run.arm.name, (np.inf, run))[0]:
                best[run.arm.name] = last, run
    for arm, (_, winner) in best.items():
        time = next(clock).isoformat(timespec="microseconds")
        yield PhaseEnded(time=time, phase="search", arm=arm, winner=winner.run_id)
    for group in _batched(_later_runs(study, plan, audited, best)):
        yield from _interleaved(group, clock, rng)


def _later_runs(
    study: Study, plan: Plan, audited: dict[str, list[Run]], best: dict[str, tuple[float, Run]]
) -> Iterator[Run]:
    longest = study.arms[0].longest_epochs
    for run in itertools.chain.from_iterable(audited.values()):
        yield Run(**vars(run) | {"phase": "audit", "epochs": longest, "status": "completed"})
    for number, seed in enumerate(plan.confirm_seeds(study.arms[0].name, 0)):
        for _, winner in best.values():
            yield Run(**vars(winner) | {"phase": "confirm", "number": number, "seed": seed})


def _batched(runs: Iterator[Run]) -> Iterator[list[Run]]:
    while group := list(itertools.islice(runs, SLOTS)):
        yield group


def _interleaved(
    group: Sequence[Run], clock: Iterator[datetime], rng: np.random.Generator
) -> Generator[Event, None, list[tuple[Run, float]]]:
    """Yield the events of runs in flight together; return each with its last validation loss."""

    def now() -> str:
        return next(clock).isoformat(timespec="microseconds")

    losses = {run.run_id: _losses(run, rng) for run in group}
    for run in group:
        configuration = run.arm.configuration({"lr": run.lr, "dropout": run.dropout}).model_dump(mode="json")
        yield RunStarted(
            time=now(), run_id=run.run_id, arm=run.arm.name, phase=run.phase, number=run.number,
            seed=run.seed, configuration=configuration,
        )  # fmt: skip
    for epoch in range(1, max(run.epochs for run in group) + 1):
        for run in group:
            if epoch <= run.epochs:
                yield _epoch(run, epoch, float(losses[run.run_id][epoch - 1]), now())
    for run in group:
        yield _end(run, float(losses[run.run_id][-1]), now())
    return [(run, float(losses[run.run_id][-1])) for run in group]


def _losses(run: Run, rng: np.random.Generator) -> "np.ndarray[Any, np.dtype[np.float64]]":
    """Return an invented validation loss after each epoch, lowest mid-range and without dropout."""
    low, high = RANGES[run.arm.fixed["optimizer"]]
    off = np.log10(run.lr / low) / np.log10(high / low) - 0.5
    to_go = 0.6 / np.arange(1, run.epochs + 1)
    return 0.3 + off**2 + 0.1 * run.dropout + to_go + rng.normal(0, 0.01, run.epochs).clip(-0.1, 0.1)


def _epoch(run: Run, epoch: int, loss: float, time: str) -> EpochEnded:
    is_lost = run.status == "diverged" and epoch == run.epochs
    return EpochEnded(
        time=time,
        run_id=run.run_id,
        epoch=epoch,
        step=STEPS * epoch,
        lr=run.lr,
        train_loss=None if is_lost else loss - 0.05,
        train_accuracy=max(0.0, 1 - loss / 3),
        val_loss=None if is_lost else loss,
        val_accuracy=None if is_lost else max(0.0, 0.99 - loss / 3),
        seconds=1 + 0.1 * loss,
    )


def _end(run: Run, loss: float, time: str) -> RunEnded:
    is_tested = run.phase == "confirm"
    return RunEnded(
        time=time,
        run_id=run.run_id,
        phase=run.phase,
        status=run.status,
        reason=None if run.status == "completed" else f"made to be {run.status}",
        epochs=run.epochs,
        steps_per_epoch=STEPS,
        test_loss=loss if is_tested else None,
        test_accuracy=max(0.0, 0.98 - loss / 3) if is_tested else None,
        train_seconds=1.1 * run.epochs,
        threads=1,
        device="cpu",
        host="h",
    )


def write_folder(folder: ResultsFolder, study: Study, stopped: float) -> int:
    """Write a results folder as the harness does, without waiting for the disk; return the events."""
    plan = plan_study(study)
    folder.root.mkdir(parents=True, exist_ok=True)
    declaration = declare(study, plan, DATASETS["fashion_mnist"])
    declaration.write(folder)
    describe(study, declaration.sha256, SLOTS).write(folder.manifest)
    first = StudyDeclared(time=START.isoformat(), sha256=declaration.sha256)
    crc, count = 0, 0
    with folder.journal.open("wb") as journal:
        for event in itertools.chain([first], events_of(study, plan, stopped)):
            line, crc = seal(event.model_dump_json().encode(), crc)
            journal.write(line)
            count += 1
    return count


def measured(command: Sequence[str]) -> dict[str, float]:
    """Run a command to its end; return its seconds, its processor seconds and its peak memory in MB."""
    started = time.perf_counter()
    process = subprocess.Popen(command, stdout=subprocess.DEVNULL)
    _, status, usage = os.wait4(process.pid, 0)
    if status:
        sys.exit(f"{' '.join(command)} failed with wait status {status}")
    seconds = time.perf_counter() - started
    cpu_seconds = usage.ru_utime + usage.ru_stime
    return {"seconds": seconds, "cpu_seconds": cpu_seconds, "peak_mb": usage.ru_maxrss * _RSS_UNIT / 1e6}


def time_parts(root: Path) -> None:
    """Print seconds, processor seconds and peak memory so far in MB of each part, as one JSON object."""
    spent: dict[str, tuple[float, float, float]] = {}

    def timed(part: str, work: Callable[[], Any]) -> Any:
        wall, cpu = time.perf_counter(), time.process_time()
        result = work()
        peak_mb = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * _RSS_UNIT / 1e6
        spent[part] = time.perf_counter() - wall, time.process_time() - cpu, peak_mb
        return result

    report = timed("imports", _report_module)
    records = timed("journal into frames", lambda: report.load_study(root))
    timed("parquet", lambda: report.output.write_parquet(records))
    facts = report.Facts(records)
    tables = timed("tables", lambda: report.document.render_tables(facts))
    figures = timed("figures", lambda: report.document.render_figures(facts))
    folder = records.folder.report
    timed("table files", lambda: report.output.write_tables(folder / "tables", tables.values()))
    timed("figure files", lambda: report.output.write_figures(folder / "figures", figures.values()))
    content = report.document.Content(facts=facts, tables=tables, figures=figures)
    timed("markdown", lambda: report.document.render_markdown(content))
    timed("html", lambda: report.document.render_html(content))
    sys.stdout.write(json.dumps(spent))


def _report_module() -> Any:
    import analysis.report

    return analysis.report


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--runs", type=int, default=100_000, help="search runs of all arms")
    parser.add_argument("--epochs", type=int, default=20)
    parser.add_argument("--arms", type=int, default=10)
    parser.add_argument("--stopped", type=float, default=0.0, help="share of the runs stopped at a rung")
    parser.add_argument("--keep", type=Path, metavar="DIR", help="write the folder here and leave it")
    parser.add_argument("--parts", type=Path, metavar="DIR", help="time the parts of a folder's report")
    options = parser.parse_args()
    if options.parts:
        time_parts(options.parts)
        return
    with tempfile.TemporaryDirectory() as name:
        folder = ResultsFolder(options.keep or Path(name))
        n_events = write_folder(folder, make_study(options), options.stopped)
        size_mb = folder.journal.stat().st_size / 1e6
        whole = measured([sys.executable, "-m", "analysis.report", str(folder.root)])
        again = [sys.executable, __file__, "--parts", str(folder.root)]
        parts = json.loads(subprocess.run(again, capture_output=True, check=True, text=True).stdout)
    print(f"{machine().cpu}, {machine().cores} cores, load {os.getloadavg()[0]:.1f}; {versions()}")
    print(f"{options.runs} search runs x {options.epochs} epochs, {options.stopped:.0%} stopped at a rung")
    print(f"journal: {n_events} events, {size_mb:.0f} MB")
    print(f"report: {whole['seconds']:.1f} s, of them {whole['cpu_seconds']:.1f} s of processor time")
    print(f"peak memory: {whole['peak_mb']:.0f} MB")
    for part, (seconds, cpu_seconds, peak_mb) in parts.items():
        print(
            f"{part:22}{seconds:7.1f} s {cpu_seconds:7.1f} s of processor time, peak so far {peak_mb:5.0f} MB"
        )


if __name__ == "__main__":
    main()
