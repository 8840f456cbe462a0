"""What do records cost: rebuilding a study of many runs from its journal, and keeping the books of a sweep?

`python benchmarks/resume_speed.py [--runs 10000] [--epochs 20]`: makes a results folder with that many
random-search runs of three arms (no training), then times reading and checking the journal, rebuilding
searches, rungs and Optuna studies, and writing the journal file of Optuna. Then it takes the shipped study of
optimizers through everything but training (proposals, early stopping, journal and Optuna's file, every event
on the disk) and prints the seconds and the milliseconds an epoch.
"""

import argparse
import tempfile
import time
from pathlib import Path

import optuna
from optuna.storages import InMemoryStorage

from harness.records.events import Event
from harness.records.folder import ResultsFolder
from harness.records.journal import JournalWriter
from harness.records.journal_lines import seal
from harness.records.provenance import machine, versions
from harness.records.recovery import recover_journal
from harness.study.plan import plan_study
from harness.study.reading.parse import load_study, parse_study
from harness.study.study import Study
from harness.training.epoch import EpochRecord
from harness.tuning.conductor import Conductor
from harness.tuning.optuna_journal import written_storage
from harness.tuning.runs import RunEnd, RunSpec, Worker

STUDY = """\
study: large
question: How long does it take to take it up again?
recipe: {{model: {{name: fcn}}, batch_size: 512, epochs: {epochs}}}
arms:
  sgd: {{optimizer: sgd, lr: {{low: 1e-3, high: 1.0, log: true}}, momentum: {{low: 0.0, high: 0.95}}}}
  rmsprop: {{optimizer: rmsprop, lr: {{low: 1e-5, high: 1e-2, log: true}}}}
  adam: {{optimizer: adam, lr: {{low: 1e-5, high: 1e-2, log: true}}, beta2: {{choices: [0.9, 0.99, 0.999]}}}}
search: {{sampler: random, trials: {trials}, early_stopping: none}}
confirm: {{seeds: 5}}
"""
WORKER = Worker(threads=1, device="cpu", host="h", steps_per_epoch=106)


def make_events(study: Study) -> list[Event]:
    """Return the events of the study's search phase, on invented losses."""
    events: list[Event] = []
    conductor = Conductor(study, plan_study(study), InMemoryStorage(), events.append)
    while (run := conductor.next_run()) is not None and run.phase == "search":
        take_through(conductor, run)
    return events


def invented(run: RunSpec, epoch: int) -> EpochRecord:
    """Return an epoch whose loss falls."""
    loss = 1 / epoch + abs(run.configuration["lr"] - 0.01)
    return EpochRecord(
        epoch=epoch,
        step=106 * epoch,
        lr=run.configuration["lr"],
        train_loss=loss,
        train_accuracy=0.5,
        val_loss=loss,
        val_accuracy=0.5,
        seconds=1.0,
    )


def write_at_once(events: list[Event], path: Path) -> None:
    """Write a journal as `JournalWriter` does, without waiting for the disk after every line."""
    crc, lines = 0, []
    for event in events:
        line, crc = seal(event.model_dump_json().encode(), crc)
        lines.append(line)
    path.write_bytes(b"".join(lines))


def keep_books(study: Study, folder: ResultsFolder) -> tuple[float, int]:
    """Take a study through everything but training; return the seconds and the epochs."""
    started, n_epochs = time.perf_counter(), 0
    storage, backend = written_storage(folder.optuna_journal)
    backend.release()
    with JournalWriter(folder.journal) as journal:
        conductor = Conductor(study, plan_study(study), storage, journal.append)
        while (run := conductor.next_run()) is not None:
            n_epochs += take_through(conductor, run)
    return time.perf_counter() - started, n_epochs


def take_through(conductor: Conductor, run: RunSpec) -> int:
    """Take a run to its end; return its epochs."""
    conductor.started(run.run_id)
    for epoch in range(1, run.configuration["epochs"] + 1):
        if conductor.epoch(run.run_id, invented(run, epoch), WORKER):
            conductor.ended(run.run_id, RunEnd(status="stopped"))
            return epoch
    conductor.ended(run.run_id, RunEnd(status="completed"))
    return int(run.configuration["epochs"])


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--runs", type=int, default=10_000)
    parser.add_argument("--epochs", type=int, default=20)
    options = parser.parse_args()
    optuna.logging.set_verbosity(optuna.logging.WARNING)
    study = parse_study(STUDY.format(trials=options.runs // 3, epochs=options.epochs), "benchmark")
    events = make_events(study)
    with tempfile.TemporaryDirectory() as name:
        folder = ResultsFolder(Path(name))
        write_at_once(events, folder.journal)
        started = time.perf_counter()
        recovered = recover_journal(folder).events
        read = time.perf_counter()
        storage, backend = written_storage(folder.optuna_journal)
        Conductor(study, plan_study(study), storage, print).replay(recovered)
        rebuilt = time.perf_counter()
        backend.release()
        ended = time.perf_counter()
        shipped = load_study(Path(__file__).parents[1] / "search_spaces" / "optimizers.yaml")
        (folder.root / "shipped").mkdir()
        seconds, n_epochs = keep_books(shipped, ResultsFolder(folder.root / "shipped"))
        size_mb = folder.journal.stat().st_size / 1e6
    print(f"{machine().cpu}, {machine().cores} cores; {versions()}")
    print(f"{3 * (options.runs // 3)} runs x {options.epochs} epochs, {len(events)} events, {size_mb:.0f} MB")
    print(f"read and check the journal   {read - started:6.1f} s")
    print(f"rebuild searches and rungs   {rebuilt - read:6.1f} s")
    print(f"write Optuna's journal       {ended - rebuilt:6.1f} s")
    print(f"together                     {ended - started:6.1f} s")
    an_epoch = 1000 * seconds / n_epochs
    print(f"books of {shipped.name}: {seconds:.2f} s for {n_epochs} epochs, {an_epoch:.2f} ms an epoch")


if __name__ == "__main__":
    main()
