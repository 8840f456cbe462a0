"""`--follow`: an export that goes on while a study runs."""

import _thread
import signal
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from analysis import export
from analysis.exports.reading import JournalReader, study_now
from harness.records.events import Event, Origin, RunStarted
from harness.records.folder import ResultsFolder
from harness.records.journal import read_journal
from harness.records.lock import FolderLock
from tests.analysis.conftest import write_journal
from tests.analysis.exports.conftest import all_ends, another, contents, cut

if TYPE_CHECKING:
    from tests.analysis.conftest import Study

Follow = Callable[..., int]


def _follow(folder: Path, place: Path, target: str) -> int:
    return export.main([str(folder), "--to", target, "--uri", str(place), "--follow", "--every", "0.1"])


@pytest.mark.parametrize("target", ["csv", "tensorboard"])
def test_it_ends_with_the_study_and_has_all_of_it(
    target: str, folders: dict[str, Path], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Begun before the first event; lines come in pieces; then it is what an export afterwards writes."""
    whole = ResultsFolder(folders["datasets"]).journal.read_bytes()
    folder = cut(folders["datasets"], tmp_path / "running", 0)
    journal = ResultsFolder(folder).journal
    journal.write_bytes(b"")

    def run_on() -> None:
        with FolderLock(ResultsFolder(folder).lock):
            for start in range(0, len(whole), len(whole) // 12):
                time.sleep(0.1)
                with journal.open("ab") as file:
                    file.write(whole[start : start + len(whole) // 12])

    study = threading.Thread(target=run_on)
    study.start()
    assert _follow(folder, tmp_path / "followed", target) == 0
    study.join()
    told = capsys.readouterr()
    assert "Ctrl-C stops that and not the study" in told.err
    assert "32 new, 0 changed, 0 as they were" in told.out
    assert export.main([str(folder), "--to", target, "--uri", str(tmp_path / "afterwards")]) == 0
    assert contents(tmp_path / "followed") == contents(tmp_path / "afterwards")


def test_a_study_whose_search_was_given_up_has_ended(new_study: "type[Study]", tmp_path: Path) -> None:
    """Runs that will never start are waited for by nobody."""
    study = all_ends(new_study)
    study.search_runs = {"50 % of it": 20}
    study.given_up = {"50 % of it": "the last 3 runs failed, so the remaining 14 were not started"}
    folder = ResultsFolder(study.write(tmp_path))
    assert study_now(folder, JournalReader(folder), is_followed=True).state == "finished"


def test_ctrl_c_ends_it_in_good_order(
    folders: dict[str, Path], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """With exit code 75 and a sentence; the next export takes up what is there."""
    folder = cut(folders["ends"], tmp_path / "running", 30)
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    try:
        threading.Timer(1.5, _thread.interrupt_main).start()
        assert _follow(folder, tmp_path / "place", "tensorboard") == 75
    finally:
        signal.signal(signal.SIGINT, before)
    assert "takes the export up again" in capsys.readouterr().err
    assert export.main([str(folders["ends"]), "--to", "tensorboard", "--uri", str(tmp_path / "place")]) == 0
    assert export.main([str(folders["ends"]), "--to", "tensorboard", "--uri", str(tmp_path / "fresh")]) == 0
    assert contents(tmp_path / "place") == contents(tmp_path / "fresh")


def test_a_run_that_a_parent_trained_says_so(folders: dict[str, Path], tmp_path: Path) -> None:
    """Among what says which run it is."""
    origin = Origin(declarations=("ab" * 32,), session=0, concurrency=1)

    def taken_over(events: list[Event]) -> list[Event]:
        return [e.model_copy(update={"origin": origin}) if isinstance(e, RunStarted) else e for e in events]

    for edit, expected in ((list, False), (taken_over, True)):
        reader = JournalReader(ResultsFolder(another(folders["ends"], tmp_path / "taken", "09", edit)))
        reader.read()
        assert {run.facts.get("harness.taken_over", False) for run in reader.runs.values()} == {expected}


def test_a_journal_that_was_cut_and_goes_on_is_read_again(folders: dict[str, Path], tmp_path: Path) -> None:
    """As a resume leaves it: shorter, or already longer than before with other lines."""
    folder = ResultsFolder(another(folders["ends"], tmp_path / "cut", "09", list))
    reader = JournalReader(folder)
    reader.read()
    first, *events = read_journal(folder)
    place = next(place for place, event in enumerate(events) if event.event == "epoch")
    other = [*events[:place], events[place].model_copy(update={"seconds": 9.0}), *events[place + 1 :]]
    for journal in (events[:10], other):
        write_journal(folder, [first, *journal])
        reader.changed()
        reader.read()
        fresh = JournalReader(folder)
        fresh.read()
        assert reader.runs == fresh.runs
        assert {run.run_id for run in reader.changed()} == fresh.runs.keys()
