"""`python -m analysis.export`: what it refuses, and what it leaves alone."""

import ast
import sys
import tomllib
from pathlib import Path

import pytest

from analysis import export
from analysis.exports import command
from tests.analysis.exports.conftest import contents, cut
from tests.commands.answers import checked


@pytest.mark.parametrize("target", command.TARGETS)
def test_a_missing_package_is_told_with_what_installs_it(
    target: str,
    repository: Path,
    folders: dict[str, Path],
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    """As pyproject.toml has it; nothing is written."""
    row = command.TARGETS[target]
    extras = tomllib.loads((repository / "pyproject.toml").read_text())["project"]["optional-dependencies"]
    if row.package is None:
        assert target not in extras
        return
    assert extras[target] == [row.requirement]
    absent = command.Target(**vars(row) | {"package": "no_such_package"})
    monkeypatch.setitem(command.TARGETS, target, absent)  # type: ignore[arg-type] # a dict, though it says less
    assert export.main([str(folders["ends"]), "--to", target]) == 2
    told = capsys.readouterr().err
    assert f"{sys.executable} -m pip install '{row.requirement}'" in told


@pytest.mark.parametrize(
    ("uri", "said"),
    [
        ("http://tracker:5000", "sends nothing"),
        ("{folder}", "never changes"),
        ("{folder}/report", "never changes"),
        ("~nobody-of-this-name/x", "no home folder"),
    ],
)
def test_a_place_for_files_is_a_folder_outside_of_the_study(
    uri: str, said: str, folders: dict[str, Path], capsys: pytest.CaptureFixture[str]
) -> None:
    """Anything else is refused, and nothing is written."""
    folder = folders["ends"]
    before = contents(folder)
    assert export.main([str(folder), "--to", "csv", "--uri", uri.format(folder=folder)]) == 2
    assert said in capsys.readouterr().err
    assert contents(folder) == before


def test_without_a_place_it_lies_below_the_working_directory(
    folders: dict[str, Path],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    """And the screen says where."""
    monkeypatch.chdir(tmp_path)
    assert export.main([str(folders["ends"]), "--to", "csv"]) == 0
    place = capsys.readouterr().out.splitlines()[1]
    assert Path(place).parent == tmp_path / "exports/csv"
    assert (Path(place) / "runs.csv").is_file()


def test_programs_are_told_what_became_of_the_runs(
    folders: dict[str, Path], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """As the schema of `--json` has it, an error too."""
    words = [str(folders["ends"]), "--to", "csv", "--uri", str(tmp_path), "--json"]
    for runs in ({"new": 16, "changed": 0, "same": 0}, {"new": 0, "changed": 0, "same": 16}):
        assert export.main(words) == 0
        told = checked(capsys.readouterr().out)
        assert (told["study"], told["target"], told["state"]) == ("optimizers", "csv", "finished")
        assert told["runs"] == runs
        assert Path(told["place"]).parent == tmp_path
    assert export.main([*words[:3], "--uri", "http://tracker", "--json"]) == 2
    assert "sends nothing" in checked(capsys.readouterr().out)["error"]["rule"]


def test_a_journal_without_an_event_has_nothing_to_export(
    folders: dict[str, Path], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Told, and no empty study is made."""
    assert export.main([str(cut(folders["ends"], tmp_path, 0)), "--to", "csv"]) == 2
    assert "no event yet" in capsys.readouterr().err


def test_no_tracker_is_imported_before_it_is_asked_for(repository: Path) -> None:
    """No module imports one at its top."""
    trackers = {row.package for row in command.TARGETS.values()}
    modules = sorted((repository / "analysis").rglob("*.py"))
    for path in modules:
        for statement in ast.parse(path.read_text(encoding="utf-8")).body:
            named = [statement.module or ""] if isinstance(statement, ast.ImportFrom) else []
            named += [own.name for own in statement.names] if isinstance(statement, ast.Import) else []
            assert trackers.isdisjoint(name.partition(".")[0] for name in named), path
