"""`recipe-harness`: every command under one name, and those that only it has."""

import re
import shlex
import shutil
import subprocess
import sys
from importlib import import_module
from pathlib import Path

import pytest

from analysis import listing
from harness.commands import console, studies, watch
from harness.records.lock import FolderLock, is_held

REFERENCE = Path(__file__).parents[2] / "results/reference"


def _run(monkeypatch: pytest.MonkeyPatch, *words: str) -> int:
    monkeypatch.setattr(sys, "argv", ["recipe-harness", *words])
    return console.main()


@pytest.mark.parametrize("name", console.COMMANDS)
def test_every_command_has_its_help(
    name: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """It is found, takes arguments, and tells its exit codes."""
    assert callable(import_module(console.COMMANDS[name].module).main)
    with pytest.raises(SystemExit) as end:
        _run(monkeypatch, name, "--help")
    assert end.value.code == 0
    assert "exit codes:" in capsys.readouterr().out.lower()


def test_an_unknown_command_is_told(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """With the nearest, and those that there are."""
    assert _run(monkeypatch, "swep") == 2
    assert "'swep'. Did you mean 'sweep'? Valid: sweep, lr-finder" in capsys.readouterr().err
    assert _run(monkeypatch, "--help") == 0
    told = capsys.readouterr().out
    assert all(name in told for name in console.COMMANDS)


_IMPORTING = """
import signal, sys
from harness.commands.console import main

class Finder:
    def find_spec(self, name, *_):
        if name == "analysis.listing":
            {happens}

sys.meta_path.insert(0, Finder())
sys.argv = ["recipe-harness", "ls"]
sys.exit(main())
"""


@pytest.mark.parametrize(
    ("happens", "code", "told"),
    [
        ("signal.raise_signal(signal.SIGINT)", 75, "interrupted"),
        ("raise ModuleNotFoundError('none', name='pandas')", 2, "error: the Python package 'pandas' is not "),
    ],
)
def test_what_happens_while_a_command_is_imported_is_told(happens: str, code: int, told: str) -> None:
    """Ctrl-C, or an environment that lacks a package: without a traceback, by the exit codes of later."""
    command = [sys.executable, "-c", _IMPORTING.format(happens=happens)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert (done.returncode, done.stderr[: len(told)]) == (code, told)
    assert "Traceback" not in done.stderr


def test_every_shipped_study_can_be_printed(repository: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """As it lies in search_spaces/, but for places in its comments; with its question in the list."""
    shipped = {path.stem for path in (repository / "search_spaces").glob("*.yaml")}
    assert studies.shipped().keys() == shipped
    assert studies.main([]) == 0
    assert {
        line.split()[0] for line in re.findall(r"^\S.*", capsys.readouterr().out, re.MULTILINE)
    } == shipped
    assert studies.main(["dropout"]) == 0
    printed = capsys.readouterr().out
    schema, rest = printed.split("\n", 1)
    assert Path(schema.partition("$schema=")[2]).samefile(repository / "search_spaces/study.schema.json")
    text = (repository / "search_spaces/dropout.yaml").read_text(encoding="utf-8")
    assert rest.strip() == text.partition("\n")[2].replace("search_spaces/dropout", "dropout").strip()
    assert studies.main(["dropuot"]) == 2
    assert "Did you mean 'dropout'?" in capsys.readouterr().err


def test_a_printed_study_finds_its_code(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Code lies beside the shipped file and not beside a copy; what is told beside the text helps."""
    assert studies.main(["modern_optimizers"]) == 0
    printed = capsys.readouterr()
    (tmp_path / "mine.yaml").write_text(printed.out, encoding="utf-8")
    said = re.search(r"^muon_adamw: .* Remedy: run that with (--code .+)$", printed.err)
    assert said is not None
    command = [sys.executable, "-m", "harness.sweep", "mine.yaml", "--dry-run"]
    alone, told = (
        subprocess.run([*command, *more], cwd=tmp_path, capture_output=True, text=True, check=False)
        for more in ([], shlex.split(said[1]))
    )
    assert (alone.returncode, told.returncode) == (2, 0), told.stderr
    assert "muon_adamw.py" in told.stdout


def test_studies_are_listed_with_state_and_rulings(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Of one folder, and of those a level further down by their places; of an empty place with the remedy."""
    assert listing.main([str(REFERENCE / "optimizers")]) == 0
    row = capsys.readouterr().out.splitlines()[1]
    assert row.startswith("optimizers  finished")
    assert row.endswith("2 supported, 2 inconclusive")
    copy = tmp_path / "reference" / "dropout"
    shutil.copytree(REFERENCE / "dropout", copy)
    assert listing.main([str(tmp_path)]) == 0
    assert capsys.readouterr().out.splitlines()[1].startswith("reference/dropout  finished")
    assert listing.main([str(REFERENCE / "nowhere")]) == 2
    assert "Remedy" in capsys.readouterr().err


def test_a_finished_study_is_shown_once(capsys: pytest.CaptureFixture[str]) -> None:
    """What each arm did, and each ruling."""
    assert watch.main([str(REFERENCE / "optimizers")]) == 0
    shown = capsys.readouterr().out
    assert shown.startswith("optimizers: finished")
    assert "2. supported: Adam reaches a higher test accuracy than SGD." in shown


def test_a_folder_is_held_as_long_as_its_sweep_lives(tmp_path: Path) -> None:
    """By whoever asks, without taking it."""
    lock = tmp_path / ".lock"
    assert not is_held(lock)
    with FolderLock(lock):
        assert is_held(lock)
    assert not is_held(lock)
