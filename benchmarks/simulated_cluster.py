"""What does the driver cost on a large cluster? The real one, with virtual workers and a virtual clock.

`python benchmarks/simulated_cluster.py [--slots N] [--runs N ...] [--sync-ms MS ...]`: conductor, searches,
ASHA, journal, Optuna's file and the tally of the screen are those of a sweep. What is missing is Ray and the
training: a worker reports what a curve says, and epochs take virtual seconds. Printed are events and epochs
a second of the driver's own time, syncs, memory, and how the cost of an epoch grows from the first tenth of a
study to the last. Each study runs in a process of its own.
"""

import argparse
import heapq
import itertools
import json
import multiprocessing
import os
import resource
import tempfile
import time
import zlib
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path

import optuna

from harness.records.events import EpochEnded, Event, RunEnded
from harness.records.folder import ResultsFolder
from harness.records.journal import JournalWriter, read_journal
from harness.records.provenance import machine, versions
from harness.study.plan import plan_study
from harness.study.reading.parse import load_study, parse_study
from harness.study.study import Study
from harness.training.epoch import EpochRecord
from harness.tuning.conductor import Conductor
from harness.tuning.optuna_journal import written_storage
from harness.tuning.record import Record
from harness.tuning.runs import RunEnd, RunSpec, Worker
from harness.tuning.tally import Tally

_ROOT = Path(__file__).parents[1]

_STUDY = """\
study: invented
question: What does the driver cost?
recipe: {{model: {{name: fcn}}, batch_size: 512, epochs: {epochs}}}
arms:
{arms}search:
  {{sampler: {sampler}, trials: {trials}, repeats: {repeats}, metric: val_loss, mode: min,
   early_stopping: {stopping}}}
confirm: {{seeds: 2}}
"""
_ARM = """\
  arm{number:03d}:
    {{optimizer: sgd, lr: {{low: 1e-3, high: 1.0, log: true}}, momentum: {{low: 0.0, high: 0.95}}}}
"""
_WORKER = Worker(threads=1, device="cpu", host="virtual", steps_per_epoch=106)
_PARTS = 10
"""Parts of a study whose costs are compared."""

Curve = Sequence[tuple[float, float]]
"""Validation metric and seconds of each epoch."""


@dataclass(frozen=True, kw_only=True)
class Setting:
    """One simulation."""

    study: Path | None
    """A study file; None for an invented study of the following shape."""
    runs: int
    """Search runs over all arms and repeats."""
    arms: int
    repeats: int
    epochs: int
    grace: int
    """Epochs that ASHA gives every run; 0 for no early stopping."""
    sampler: str
    slots: int
    sync_ms: float | None
    """What a sync takes, in place of this disk's own; None asks the disk."""
    sync_each: bool
    """Whether each event is synced, as before syncs were grouped."""

    def load(self) -> Study:
        """Return the study."""
        if self.study is not None:
            return load_study(self.study)
        trials = max(1, self.runs // (self.arms * self.repeats))
        arms = "".join(_ARM.format(number=number) for number in range(self.arms))
        text = _STUDY.format(
            arms=arms,
            sampler=self.sampler,
            trials=trials,
            repeats=self.repeats,
            epochs=self.epochs,
            stopping=f"{{grace_epochs: {self.grace}, reduction_factor: 3}}" if self.grace else "none",
        )
        return parse_study(text, "benchmark")


@dataclass(kw_only=True)
class Measured:
    """What a simulation took."""

    study: str
    runs: int = 0
    epochs: int = 0
    events: int = 0
    syncs: int = 0
    seconds: float = 0.0
    """Wall time of the whole loop, the waits for the disk included."""
    processor_seconds: float = 0.0
    peak_mb: float = 0.0
    virtual_hours: float = 0.0
    ms_an_epoch: list[float] = field(default_factory=list)
    """Processor time of each tenth of the runs, over its epochs."""


def recorded_curves(study: Study) -> list[Curve]:
    """Return the whole curves of a study's reference results; none where there are none."""
    folder = ResultsFolder(_ROOT / "results" / "reference" / study.name)
    if not folder.root.exists():
        return []
    curves: dict[str, list[tuple[float, float]]] = {}
    whole = []
    for event in read_journal(folder):
        match event:
            case EpochEnded():
                value = event.value(study.search.metric)
                if value is not None:
                    curves.setdefault(event.run_id, []).append((value, event.seconds))
            case RunEnded() if event.status == "completed" and event.run_id in curves:
                whole.append(curves[event.run_id])
    return whole


def curve_of(run: RunSpec, recorded: Sequence[Curve]) -> Callable[[int], tuple[float, float]]:
    """Return what a run reports after an epoch, and its seconds: those of a recorded curve, or invented."""
    luck = zlib.crc32(run.run_id.encode())
    share = luck / 2**32
    if not recorded:
        return lambda epoch: (0.2 + share + 1 / (epoch + 10 * share), 0.25 + 0.5 * share)
    curve = recorded[luck % len(recorded)]
    return lambda epoch: (curve[min(epoch, len(curve)) - 1][0] * (1 - 1e-4 * share), curve[0][1])


def simulate(setting: Setting) -> Measured:
    """Take a study through everything but training and Ray."""
    optuna.logging.set_verbosity(optuna.logging.WARNING)
    study = setting.load()
    recorded = recorded_curves(study)
    measured = Measured(study=study.name)
    with tempfile.TemporaryDirectory() as name:
        folder = ResultsFolder(Path(name))

        def sync(file: int) -> None:
            measured.syncs += 1
            if setting.sync_ms is None:
                os.fsync(file)
            else:
                time.sleep(setting.sync_ms / 1000)

        plan = plan_study(study)
        storage, optuna_journal = written_storage(folder.optuna_journal)
        optuna_journal.release()
        with JournalWriter(folder.journal, sync) as journal:
            record = Record(
                journal, optuna_journal, sha256="0" * 64, has_begun=False, labels=[],
                watchers=[Tally(study, plan).take],
            )  # fmt: skip

            def write(event: Event) -> None:
                record.write(event)
                measured.events += 1
                if setting.sync_each:
                    record.sync()

            conductor = Conductor(study, plan, storage, write, sync=record.sync)
            started, processor = time.perf_counter(), time.process_time()
            _turn(conductor, setting.slots, recorded, measured)
            conductor.keep()
            if conductor.fault is not None:
                raise conductor.fault
            measured.seconds = time.perf_counter() - started
            measured.processor_seconds = time.process_time() - processor
    measured.peak_mb = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    return measured


def _turn(conductor: Conductor, slots: int, recorded: Sequence[Curve], measured: Measured) -> None:
    """Turn as Ray Tune's loop does, one report a turn, until nothing is left to run."""
    plan = conductor.plan
    a_part = max(1, sum(arm.search_runs for arm in plan.arms) * plan.max_repeats // _PARTS)
    order = itertools.count()
    waiting: list[tuple[float, int, RunSpec, int, Callable[[int], tuple[float, float]]]] = []
    now, n_epochs, since = 0.0, 0, time.process_time()
    while True:
        conductor.keep_in_time()
        handed_out = []
        while conductor.in_flight < slots and (run := conductor.next_run()) is not None:
            handed_out.append(run)
        for run in handed_out:
            conductor.started(run.run_id)
            curve = curve_of(run, recorded)
            heapq.heappush(waiting, (now + curve(1)[1], next(order), run, 1, curve))
        if not waiting:
            break
        now, _, run, epoch, curve = heapq.heappop(waiting)
        value, seconds = curve(epoch)
        measured.epochs += 1
        if not conductor.epoch(run.run_id, _report(epoch, value, seconds), _WORKER):
            if epoch < run.configuration["epochs"]:
                heapq.heappush(waiting, (now + seconds, next(order), run, epoch + 1, curve))
                continue
            conductor.ended(run.run_id, RunEnd(status="completed"))
        measured.runs += 1
        if measured.runs % a_part == 0 and len(measured.ms_an_epoch) < _PARTS:
            until = time.process_time()
            measured.ms_an_epoch.append(1000 * (until - since) / (measured.epochs - n_epochs))
            n_epochs, since = measured.epochs, until
    measured.virtual_hours = now / 3600


def _report(epoch: int, value: float, seconds: float) -> EpochRecord:
    return EpochRecord(
        epoch=epoch, step=106 * epoch, lr=0.1, train_loss=value, train_accuracy=0.5, val_loss=value,
        val_accuracy=min(value, 1.0), seconds=seconds,
    )  # fmt: skip


_COLUMNS: dict[str, Callable[[Setting, Measured], str]] = {
    "study": lambda _, m: m.study,
    "slots": lambda s, _: f"{s.slots:,}",
    "arms x repeats": lambda s, _: f"{s.arms} x {s.repeats}" if s.study is None else "",
    "runs": lambda _, m: f"{m.runs:,}",
    "epochs": lambda _, m: f"{m.epochs:,}",
    "sync ms": lambda s, _: (
        f"{s.sync_ms if s.sync_ms is not None else 'disk'}{' each' if s.sync_each else ''}"
    ),
    "syncs": lambda _, m: f"{m.syncs:,}",
    "s": lambda _, m: f"{m.seconds:.1f}",
    "epochs/s": lambda _, m: f"{m.epochs / m.seconds:,.0f}",
    "events/s": lambda _, m: f"{m.events / m.seconds:,.0f}",
    "processor s": lambda _, m: f"{m.processor_seconds:.1f}",
    "s/1,000 epochs": lambda _, m: f"{1000 * m.processor_seconds / m.epochs:.3f}",
    "last/first tenth": lambda _, m: f"{m.ms_an_epoch[-1] / m.ms_an_epoch[0]:.2f}" if m.ms_an_epoch else "",
    "MB": lambda _, m: f"{m.peak_mb:.0f}",
    "virtual h": lambda _, m: f"{m.virtual_hours:.2f}",
}


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument(
        "--study", type=Path, help="a study file, on its reference curves; else an invented study"
    )
    parser.add_argument("--slots", type=int, default=1000)
    parser.add_argument(
        "--runs", type=int, nargs="+", default=[10_000], help="search runs, of the invented study"
    )
    parser.add_argument("--arms", type=int, nargs="+", default=[4])
    parser.add_argument("--repeats", type=int, nargs="+", default=[1])
    parser.add_argument("--epochs", type=int, default=27, help="of a run of full length")
    parser.add_argument("--grace", type=int, default=1, help="epochs before ASHA's first rung; 0 for no ASHA")
    parser.add_argument("--sampler", default="random")
    parser.add_argument(
        "--sync-ms", type=float, nargs="+", default=[None], help="of a sync, in place of the disk's"
    )
    parser.add_argument(
        "--sync-each", action="store_true", help="sync each event, as it was before: to compare"
    )
    parser.add_argument("--json", type=Path, help="save the numbers, with machine and versions")
    options = parser.parse_args()
    settings = [
        Setting(
            study=options.study, runs=runs, arms=arms, repeats=repeats, epochs=options.epochs,
            grace=options.grace, sampler=options.sampler, slots=options.slots, sync_ms=sync_ms,
            sync_each=options.sync_each,
        )
        for runs, arms, repeats, sync_ms in itertools.product(
            options.runs, options.arms, options.repeats, options.sync_ms
        )
    ]  # fmt: skip
    print(f"{machine().cpu}, {machine().cores} cores; {versions()}")
    print("| " + " | ".join(_COLUMNS) + " |\n|" + "---|" * len(_COLUMNS))
    rows = []
    with multiprocessing.get_context("spawn").Pool(1, maxtasksperchild=1) as pool:
        for setting, measured in zip(settings, pool.imap(simulate, settings), strict=True):
            print("| " + " | ".join(cell(setting, measured) for cell in _COLUMNS.values()) + " |", flush=True)
            rows.append({"setting": asdict(setting), "measured": asdict(measured)})
    if options.json is not None:
        about = {"machine": machine().model_dump(), "versions": versions()}
        options.json.write_text(json.dumps({**about, "simulations": rows}, indent=1, default=str))


if __name__ == "__main__":
    main()
