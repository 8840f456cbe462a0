"""Commands with every path argument at places that cannot be what they should."""

import gzip
import os
import shutil
import tempfile
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path

import pytest

import analysis.lr_finder.__main__ as finder_again
from analysis import output, report
from harness.cluster.submit_folder import SubmitFolder
from harness.commands import lr_finder, submit, sweep, winner
from harness.records.folder import ResultsFolder
from harness.tuning import study_run as _all_that_a_sweep_imports  # noqa: F401 - while it can be read
from tests import drill
from tests.rights import NOBODY, without_rights

GOOD = "GOOD"
"""Stands for a study file that is right."""

Command = Callable[[list[str]], int]

TARGETS = {
    "slurm": ["slurm"],
    "ray": ["ray", "--address", "http://127.0.0.1:1"],
    "kuberay": ["kuberay", "--image", "harness:1", "--storage", "pvc:data"],
}
"""What submits, with what each cannot do without; there is no cluster."""

COMMANDS: dict[str, tuple[Command, list[str]]] = {
    "sweep STUDY": (sweep.main, ["PLACE"]),
    "sweep --dry-run STUDY": (sweep.main, ["PLACE", "--dry-run"]),
    "sweep --dry-run --from": (sweep.main, [GOOD, "--dry-run", "--from", "PLACE"]),
    "sweep --resume --run-dir": (sweep.main, [GOOD, "--resume", "--run-dir", "PLACE"]),
    "lr_finder STUDY": (lr_finder.main, ["PLACE"]),
    "winner": (winner.main, ["PLACE", "--arm", "a", "--out", "w"]),
    "report": (report.main, ["PLACE"]),
    "report --overview-only": (report.main, ["--overview-only", "PLACE"]),
    "report --compare": (report.main, ["--compare", "PLACE", "PLACE"]),
    "tables": (
        partial(output.run, module="analysis.tables", description="", write=report.write_tables), ["PLACE"],
    ),
    "plots": (
        partial(output.run, module="analysis.plots", description="", write=report.write_figures), ["PLACE"],
    ),
    "lr_finder again": (
        partial(output.run, module="analysis.lr_finder", description="", write=finder_again.write), ["PLACE"],
    ),
    **{f"submit {verb}": (submit.main, [verb, "PLACE"]) for verb in ("status", "logs", "cancel", "resume")},
    **{
        f"submit {name} STUDY": (submit.main, [*words, "PLACE", "--dry-run"])
        for name, words in TARGETS.items()
    },
    **{
        f"submit {name} --profile": (submit.main, [*words, GOOD, "--dry-run", "--profile", "PLACE"])
        for name, words in TARGETS.items()
    },
}  # fmt: skip
"""What reads a place."""

WRITERS: dict[str, tuple[Command, list[str]]] = {
    "sweep --results": (sweep.main, [GOOD, "--results", "PLACE"]),
    "sweep --run-dir": (sweep.main, [GOOD, "--run-dir", "PLACE"]),
    "sweep --resume-if-begun": (sweep.main, [GOOD, "--resume-if-begun", "--run-dir", "PLACE"]),
    "lr_finder --results": (lr_finder.main, [GOOD, "--results", "PLACE"]),
    "submit ray --working-dir": (
        submit.main, [*TARGETS["ray"], GOOD, "--dry-run", "--working-dir", "PLACE"],
    ),
    **{
        f"submit {name} --run-dir": (submit.main, [*words, GOOD, "--run-dir", "PLACE"])
        for name, words in TARGETS.items()
    },
}  # fmt: skip
"""What writes into a place or ships it, and must say before anything begins that it cannot."""


def nothing(home: Path) -> Path:
    """Name what does not exist."""
    return home / "nothing"


def empty_folder(home: Path) -> Path:
    """Make a folder that holds nothing."""
    (home / "folder").mkdir()
    return home / "folder"


def file_of_bytes(home: Path) -> Path:
    """Make a file that is no text of any kind."""
    (home / "file").write_bytes(b"\xff\xfe\x00\x80")
    return home / "file"


def forbidden_file(home: Path) -> Path:
    """Make a file that may not be read."""
    (home / "secret").write_text("study: x")
    (home / "secret").chmod(0)
    return home / "secret"


def forbidden_folder(home: Path) -> Path:
    """Make a folder that may not be entered."""
    (home / "closed").mkdir(mode=0)
    return home / "closed"


def below_a_forbidden_folder(home: Path) -> Path:
    """Name what lies in a folder that may not be entered."""
    return forbidden_folder(home) / "inside"


def name_too_long(home: Path) -> Path:
    """Name what no file system has."""
    return home / ("n" * 300)


def path_too_long(home: Path) -> Path:
    """Name what no kernel takes."""
    return home / "/".join(["n" * 200] * 30)


def circle(home: Path) -> Path:
    """Make a link to itself."""
    (home / "circle").symlink_to("circle")
    return home / "circle"


def below_a_file(home: Path) -> Path:
    """Name what would lie in a file."""
    return file_of_bytes(home) / "inside"


def strange_name(home: Path) -> Path:
    """Name what is no UTF-8, in a folder whose name is none."""
    folder = Path(os.fsdecode(os.fsencode(home) + b"/\xff\xfe"))
    folder.mkdir()
    return folder / "nothing"


def results_of_bytes(home: Path) -> Path:
    """Make a results folder whose files are no text."""
    return _results(home, b"\xff\xfe\x80", b"\xff\xfe\x80")


def results_of_folders(home: Path) -> Path:
    """Make a results folder with folders in the place of files."""
    folder = ResultsFolder(home / "folders")
    for path in (folder.manifest, folder.journal):
        path.mkdir(parents=True)
    return folder.root


def results_of_an_empty_study(home: Path) -> Path:
    """Make a results folder whose manifest is sound JSON and says nothing."""
    return _results(home, b'{"arms": {}, "dataset": {}}', b"")


def results_of_a_cut_archive(home: Path) -> Path:
    """Make a results folder whose journal was archived, and the archive cut."""
    folder = ResultsFolder(_results(home, b'{"arms": {}, "dataset": {}}', b""))
    folder.journal.unlink()
    folder.compressed_journal.write_bytes(gzip.compress(b"{}" * 1000)[:-9])
    return folder.root


def submission_of_bytes(home: Path) -> Path:
    """Make the folder of a submission whose record is no text."""
    folder = SubmitFolder(home / "submitted")
    folder.root.mkdir(parents=True)
    folder.record.write_bytes(b"\xff\xfe\x80")
    return folder.run_dir


def submission_of_folders(home: Path) -> Path:
    """Make the folder of a submission with a folder in the place of its record."""
    folder = SubmitFolder(home / "submitted")
    folder.record.mkdir(parents=True)
    return folder.run_dir


def closed_submission(home: Path) -> Path:
    """Make the folder of a submission that may not be entered."""
    folder = SubmitFolder(home / "submitted")
    folder.root.mkdir(parents=True, mode=0o700)
    folder.root.chmod(0)
    return folder.run_dir


def _results(home: Path, manifest: bytes, journal: bytes) -> Path:
    folder = ResultsFolder(home / "results")
    folder.root.mkdir()
    folder.manifest.write_bytes(manifest)
    folder.journal.write_bytes(journal)
    return folder.root


PLACES = (
    nothing, empty_folder, file_of_bytes, forbidden_file, forbidden_folder, below_a_forbidden_folder,
    name_too_long, path_too_long, circle, below_a_file, strange_name, results_of_bytes, results_of_folders,
    results_of_an_empty_study, results_of_a_cut_archive,
)  # fmt: skip
UNWRITABLE = (
    file_of_bytes, forbidden_folder, below_a_forbidden_folder, name_too_long, path_too_long, circle,
    below_a_file,
)  # fmt: skip
SUBMISSIONS = (submission_of_bytes, submission_of_folders, closed_submission)


@pytest.fixture
def home(monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """Return a folder that a user without rights may write; it is the working directory."""
    folder = Path(tempfile.mkdtemp(prefix="edges-"))
    if os.geteuid() == 0:
        os.chown(folder, NOBODY, NOBODY)
    monkeypatch.chdir(folder)
    monkeypatch.setenv("HOME", str(folder))
    monkeypatch.setenv("PATH", str(folder / "bin"))  # neither sbatch nor kubectl: nothing is ever submitted
    monkeypatch.setenv("XDG_CACHE_HOME", str(folder / "cache"))
    with without_rights():
        yield folder
    for path in (*folder.glob("*"), *folder.glob("*/submit")):
        if path.is_dir():
            path.chmod(0o700)
    shutil.rmtree(folder)


def refused(
    command: Command, arguments: list[str], place: Path, home: Path, capsys: pytest.CaptureFixture[str]
) -> str:
    """Run a command at a place; return what it says once it was found to refuse."""
    drill.write_images(home)
    study = drill.write_study(home, home)
    words = [{"PLACE": str(place), GOOD: str(study)}.get(word, word) for word in arguments]
    assert command(words) == 2
    said = capsys.readouterr()
    assert not said.out
    assert "Traceback" not in said.err
    told = said.err.splitlines()[-1]
    assert told.startswith("error: ")
    assert "Remedy: " in told
    return told


@pytest.mark.parametrize("make", PLACES)
@pytest.mark.parametrize("name", COMMANDS)
def test_what_cannot_be_read_is_a_sentence(
    name: str, make: Callable[[Path], Path], home: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Exit code 2, and what is told has a place, a cause and a remedy."""
    command, arguments = COMMANDS[name]
    refused(command, arguments, make(home), home, capsys)


@pytest.mark.parametrize("make", UNWRITABLE)
@pytest.mark.parametrize("name", WRITERS)
def test_what_cannot_be_written_is_a_sentence(
    name: str, make: Callable[[Path], Path], home: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Likewise, and before anything begins."""
    command, arguments = WRITERS[name]
    refused(command, arguments, make(home), home, capsys)


@pytest.mark.parametrize("make", SUBMISSIONS)
@pytest.mark.parametrize(
    "name", [name for name in COMMANDS | WRITERS if "submit" in name and "--working" not in name]
)
def test_a_damaged_submission_is_a_sentence(
    name: str, make: Callable[[Path], Path], home: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Of every command that looks after one, or would take its place."""
    command, arguments = (COMMANDS | WRITERS)[name]
    refused(command, arguments, make(home), home, capsys)
