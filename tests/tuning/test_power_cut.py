"""Storage that fails at a sync, and power that fails at any moment: what is left explains what was done."""

import errno
import os
import random
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from harness.errors import ResultsError
from harness.records.events import EpochEnded, Event, LookTaken, PhaseEnded, RunEnded
from harness.records.folder import ResultsFolder
from harness.records.journal import JournalWriter, read_journal
from harness.records.recovery import mend_journal, recover_journal
from harness.study.plan import plan_study
from harness.study.reading.parse import parse_study
from harness.tuning import conductor as protocol
from harness.tuning.conductor import Conductor
from harness.tuning.looks import Look
from harness.tuning.optuna_journal import written_storage
from harness.tuning.record import Record
from harness.tuning.runs import RunEnd, RunSpec
from tests.tuning.conftest import WORKER, record
from tests.tuning.test_looks import SEEDS
from tests.tuning.test_replay import bumpy, results

pytestmark = pytest.mark.usefixtures("quiet_optuna")


def seeded(seed: int) -> random.Random:
    """Return a generator of a test's own."""
    return random.Random(seed)  # noqa: S311 - no secret


@dataclass
class Disk:
    """Knows what of a file has reached it, and may fail."""

    fails_at: int | None = None
    """Which sync fails, from 0."""
    syncs: int = 0
    safe: int = 0
    """Bytes that a power cut leaves."""

    def sync(self, file: int) -> None:
        """Take the whole file, or fail."""
        self.syncs += 1
        if self.syncs - 1 == self.fails_at:
            raise OSError(errno.EIO, os.strerror(errno.EIO))
        self.safe = os.fstat(file).st_size


@dataclass
class Sweep:
    """A study on slots that take turns at random, its events through the real journal onto a disk."""

    text: str
    folder: ResultsFolder
    disk: Disk
    slots: int = 1
    luck: random.Random = field(default_factory=lambda: seeded(0))
    handed_out: list[RunSpec] = field(default_factory=list)
    stopped: list[str] = field(default_factory=list)
    watched: list[Event] = field(default_factory=list)

    def __post_init__(self) -> None:
        study = parse_study(self.text, "s.yaml")
        past = list(recover_journal(self.folder).events)
        mend_journal(self.folder)
        self.journal = JournalWriter(self.folder.journal, self.disk.sync)
        storage, optuna_journal = written_storage(self.folder.optuna_journal)
        record = Record(
            self.journal, optuna_journal, sha256="0" * 64, has_begun=bool(past), labels=[],
            watchers=[self._watch],
        )  # fmt: skip
        plan = plan_study(study)
        self.conductor = Conductor(study, plan, storage, record.write, self._look, record.sync)
        self.conductor.replay(past)
        self.conductor.keep()
        optuna_journal.release()

    def _look(self, n: int) -> Look:
        self._assert_all_is_safe()
        return Look(open=(0,), arms=("a", "b") if n == 5 else (), why="")

    def _watch(self, event: Event) -> None:
        self.watched.append(event)
        self._assert_all_is_safe()

    def _assert_all_is_safe(self) -> None:
        """Nothing acts on an event that a power cut would lose."""
        assert self.disk.safe == self.folder.journal.stat().st_size

    def turns(self) -> Iterator[None]:
        """Take one step after the other until nothing is left to do."""
        live: dict[str, tuple[RunSpec, int]] = {}
        while True:
            run = self.conductor.next_run() if len(live) < self.slots else None
            if run is not None:
                self._assert_all_is_safe()
                self.handed_out.append(run)
                self.conductor.started(run.run_id)
                live[run.run_id] = run, 0
            elif live:
                self._train(live, self.luck.choice(sorted(live)))
            else:
                return
            yield

    def _train(self, live: dict[str, tuple[RunSpec, int]], run_id: str) -> None:
        run, epoch = live.pop(run_id)
        if epoch == run.configuration["epochs"]:
            self.conductor.ended(
                run_id,
                RunEnd(status="completed", test_loss=bumpy(run, 1) if run.phase == "confirm" else None),
            )
        elif self.conductor.epoch(run_id, record(epoch + 1, bumpy(run, epoch + 1)), WORKER):
            if not self.conductor.is_interrupted:
                self._assert_all_is_safe()
                self.stopped.append(run_id)
        else:
            live[run_id] = run, epoch + 1
            if run.phase == "confirm" and epoch + 1 == run.configuration["epochs"]:
                self._assert_all_is_safe()  # the worker goes on to the test set

    def finish(self) -> dict[str, Any]:
        """Go on to the end; return every result."""
        for _ in self.turns():
            pass
        self.conductor.keep()
        self.journal.close()
        return results(list(read_journal(self.folder)))


@pytest.fixture(params=["searched", "looked at"])
def text(request: pytest.FixtureRequest, study_text: str) -> str:
    """Return a study that searches, stops and confirms, and one with looks."""
    return study_text if request.param == "searched" else SEEDS


@pytest.fixture
def folders(tmp_path: Path) -> Iterator[ResultsFolder]:
    """Yield one empty folder after the other."""

    def numbered() -> Iterator[ResultsFolder]:
        for number in range(10_000):
            folder = tmp_path / str(number)
            folder.mkdir()
            yield ResultsFolder(folder)

    return numbered()


def cut_power(cut: Sweep, luck: random.Random) -> None:
    """Leave of the journal what the disk has for certain, and some bytes of the rest, maybe wrong ones."""
    path, safe = cut.folder.journal, cut.disk.safe
    content = path.read_bytes()
    cut.journal.close()
    rest = bytearray(content[safe : luck.randint(safe, len(content))])
    if rest and luck.random() < 0.5:
        rest[luck.randrange(len(rest)) :] = bytes(len(rest))
    path.write_bytes(content[:safe] + rest)


def test_events_are_on_the_disk_before_anything_acts_on_them_and_not_sooner(
    text: str, folders: Iterator[ResultsFolder]
) -> None:
    """A run that is handed out or stopped or tested, a look, Optuna's file and the screen; no mere epoch."""
    for slots in (1, 3, 8):
        disk = Disk()
        sweep = Sweep(text, next(folders), disk, slots, seeded(slots))
        for _ in sweep.turns():
            optuna_epochs = sweep.folder.optuna_journal.read_text().count("intermediate_value")
            assert optuna_epochs <= sum(isinstance(event, EpochEnded) for event in sweep.watched)
        sweep.conductor.keep()
        sweep.journal.close()
        events = list(read_journal(sweep.folder))
        assert sweep.watched == events[1:]
        acts = len(sweep.handed_out) + len(sweep.stopped)
        confirmed = sum(isinstance(event, RunEnded) and event.phase == "confirm" for event in events)
        named = sum(isinstance(event, PhaseEnded | LookTaken) for event in events)
        assert disk.syncs <= 2 + acts + confirmed + 2 * named < len(events)


def test_after_a_power_cut_a_study_goes_on_to_the_same_results(
    text: str, folders: Iterator[ResultsFolder]
) -> None:
    """At any moment: what was handed out and stopped is explained, and the rest happens as it would have."""
    whole = Sweep(text, next(folders), Disk())
    expected = whole.finish()
    luck = seeded(1)
    for _ in range(12):
        folder = next(folders)
        cut = Sweep(text, folder, Disk())
        n_turns = luck.randint(1, 100)
        for _, _ in zip(range(n_turns), cut.turns(), strict=False):
            pass
        cut_power(cut, luck)
        assert cut.handed_out == whole.handed_out[: len(cut.handed_out)]
        kept = list(recover_journal(folder).events)
        assert {e.run_id for e in kept if isinstance(e, RunEnded) and e.status == "stopped"} >= {*cut.stopped}
        assert kept[1 : 1 + len(cut.watched)] == cut.watched
        assert Sweep(text, folder, Disk()).finish() == expected


def test_a_disk_that_fails_at_a_sync_interrupts_the_study_and_nothing_acts_any_more(
    text: str, folders: Iterator[ResultsFolder]
) -> None:
    """At any sync, the last one too: the error is told, and a resume leads to the same results."""
    expected = Sweep(text, next(folders), whole := Disk()).finish()
    for fails_at in range(1, whole.syncs, 3):
        folder = next(folders)
        failed = Sweep(text, folder, Disk(fails_at), slots=1)
        for _ in failed.turns():
            pass
        failed.conductor.keep()
        handed_out = len(failed.handed_out)
        assert failed.conductor.is_interrupted
        assert "did not take the last events (Input/output error)" in str(failed.conductor.fault)
        assert failed.conductor.next_run() is None
        assert len(failed.handed_out) == handed_out
        failed.journal.close()
        assert failed.disk.safe == folder.journal.stat().st_size
        assert Sweep(text, folder, Disk()).finish() == expected


def test_what_nothing_acts_on_is_synced_in_time(
    study_text: str, folders: Iterator[ResultsFolder], monkeypatch: pytest.MonkeyPatch
) -> None:
    """The driver's loop asks at every turn; a disk that fails then interrupts the study."""
    disk = Disk()
    sweep = Sweep(study_text, next(folders), disk)
    run = sweep.conductor.next_run()
    assert run is not None
    sweep.conductor.started(run.run_id)
    sweep.conductor.keep_in_time()
    assert disk.safe == 0
    monkeypatch.setattr(protocol, "_LATEST_SYNC_SECONDS", 0.0)
    sweep.conductor.keep_in_time()
    assert disk.safe == sweep.folder.journal.stat().st_size > 0
    disk.fails_at = disk.syncs
    sweep.conductor.epoch(run.run_id, record(1, 1.0), WORKER)
    sweep.conductor.keep_in_time()
    assert isinstance(sweep.conductor.fault, ResultsError)
    assert sweep.conductor.is_interrupted
    sweep.journal.close()
