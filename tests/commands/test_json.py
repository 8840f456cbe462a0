"""`--json`: every command's real output, against the schema that is documented."""

import json
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from analysis import listing, report, verdict
from harness import json_output
from harness.commands import lr_finder, submit, sweep
from harness.errors import Fault
from harness.study.reading.parse import load_study
from tests.cluster.slurm_commands import SlurmCommands
from tests.commands.answers import SCHEMA, checked

REFERENCE = Path(__file__).parents[2] / "results/reference"

Main = Callable[[list[str]], int]


def answer(
    main: Main, arguments: list[str], capsys: pytest.CaptureFixture[str], code: int = 0
) -> dict[str, Any]:
    """Run a command, check its exit code and its answer, and return the latter."""
    assert ended(main, [*arguments, "--json"]) == code
    told = checked(capsys.readouterr().out)
    assert (told["error"] is None) == (code in {0, 1, 3, 4})
    return told


def ended(main: Main, arguments: list[str]) -> int | str | None:
    """Return the exit code of a command, whatever tells it."""
    try:
        return main(arguments)
    except SystemExit as end:
        return end.code


def test_the_documented_schema_is_that_of_the_models() -> None:
    """`make schema` writes it."""
    assert SCHEMA.read_text(encoding="utf-8") == json_output.schema_text()


def test_rulings_are_those_of_claims_json(capsys: pytest.CaptureFixture[str]) -> None:
    """With all their fields, and the number of the claim."""
    folder = REFERENCE / "optimizers"
    told = answer(verdict.main, [str(folder), "--claim", "2"], capsys)
    kept = json.loads((folder / "report/claims.json").read_text(encoding="utf-8"))
    assert told["claims"] == [{"number": 2, **kept["claims"][1]}]
    assert told["declaration"] == kept["declaration"]


def test_studies_are_listed(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """With counts; those that can be read also where another one cannot."""
    (study,) = answer(listing.main, [str(REFERENCE / "optimizers")], capsys)["studies"]
    assert (study["study"], study["state"]) == ("optimizers", "finished")
    assert study["rulings"] == {"supported": 2, "inconclusive": 2}
    assert study["runs_ended"] == study["runs_planned"] > 0
    broken = tmp_path / "broken"
    broken.mkdir()
    (broken / "manifest.json").write_text("{", encoding="utf-8")
    told = answer(listing.main, [str(REFERENCE / "dropout"), str(broken)], capsys, code=2)
    assert [own["study"] for own in told["studies"]] == ["dropout"]
    assert told["error"]["kind"] == "results"


def test_a_comparison_is_told_in_rows(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Those of its tables, with the folders and what was found."""
    folders = [str(REFERENCE / name) for name in ("dropout", "dropout_published")]
    told = answer(report.main, [*folders, "--compare", "--out", str(tmp_path)], capsys)
    assert told["written"] == str(tmp_path / "index.html")
    assert list(told["folders"].values()) == folders
    columns = (tmp_path / "tables/settings.csv").read_text(encoding="utf-8").partition("\n")[0].split(",")
    assert list(told["tables"]["settings"][0]) == columns
    assert "differ" in told["findings"][0]


def test_a_report_tells_its_pages(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Also where another folder could not be read, whose error is told."""
    studies, nothing = tmp_path / "studies", tmp_path / "nothing"
    shutil.copytree(REFERENCE / "dropout", studies / "dropout")
    nothing.mkdir()
    told = answer(report.main, [str(studies), str(nothing), "--overview-only"], capsys, code=2)
    assert told["written"] == [str(studies / "index.html")]
    assert told["error"]["place"] == str(nothing / "manifest.json")
    assert "not a results folder" in told["error"]["rule"]


def test_a_dry_run_tells_the_plan(repository: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Arms with their spaces, runs, looks, claims."""
    path = repository / "search_spaces/optimizers.yaml"
    told = answer(sweep.main, [str(path), "--dry-run"], capsys)
    study = load_study(path)
    assert [arm["arm"] for arm in told["arms"]] == [arm.name for arm in study.arms]
    assert told["arms"][1]["space"]["lr"] == {"low": 0.001, "high": 1.0, "log": True}
    runs = [own["search_runs"] + own["confirm_runs"]["most"] for own in told["arms"]]
    assert told["runs"]["most"] == sum(runs) * told["repeats"]["most"]
    assert [claim["says"] for claim in told["claims"]] == [claim.says for claim in study.claims]
    costs = told["costs"]
    assert costs["runs"] == told["runs"]
    low, median, high = (costs["whole"]["epochs"][name] for name in ("low", "median", "high"))
    assert told["runs"]["most"] <= low <= median <= high


@pytest.mark.slow
def test_range_tests_tell_their_suggestions(
    tmp_path: Path, study_text: str, capsys: pytest.CaptureFixture[str]
) -> None:
    """Of each arm by each rule, as in the table."""
    path = tmp_path / "s.yaml"
    path.write_text(study_text, encoding="utf-8")
    few = ["--steps", "50", "--seeds", "1", "--set", "recipe.dataset=digits"]
    told = answer(lr_finder.main, [str(path), *few, "--results", str(tmp_path)], capsys)
    assert {row["arm"] for row in told["suggestions"]} == {"sgd", "adam"}
    assert Path(told["folder"], "comparison.csv").exists()


def test_a_submission_and_its_status_are_told(
    tmp_path: Path, study_text: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """What would be submitted, the job, how it does; a job that is there already as an error."""
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path))
    slurm = SlurmCommands(tmp_path / "bin", monkeypatch)
    path, run_dir = tmp_path / "s.yaml", str(tmp_path / "run")
    path.write_text(study_text, encoding="utf-8")
    command = ["slurm", str(path), "--run-dir", run_dir]
    files = answer(submit.main, [*command, "--dry-run"], capsys)["files"]
    assert next(iter(files)) == f"{run_dir}/submit/job.sbatch"
    taken = answer(submit.main, command, capsys)
    assert (taken["id"], taken["job"]) == ("7", None)
    slurm.queue("PENDING", "Resources")
    status = answer(submit.main, ["status", run_dir], capsys)
    assert (status["id"], status["phase"], status["runs"]) == ("7", "pending", {})
    assert answer(submit.main, command, capsys, code=2)["error"]["place"] == run_dir


def test_every_problem_of_a_study_is_told_part_by_part(
    tmp_path: Path, study_text: str, capsys: pytest.CaptureFixture[str]
) -> None:
    """Its line, the field, the value, the rule."""
    path = tmp_path / "s.yaml"
    path.write_text(study_text, encoding="utf-8")
    told = answer(
        sweep.main, [str(path), "--dry-run", "--set", "confirm.seeds=-1", "--set", "x=1"], capsys, code=2
    )
    error = told["error"]
    assert (error["kind"], error["place"]) == ("study", str(path))
    first, second = error["problems"]
    assert (first["place"], first["field"]) == ("--set confirm.seeds=-1", "confirm.seeds")
    assert first["value"] == "-1"
    assert "must be at least 0" in first["rule"]
    assert (second["field"], second["value"]) == ("x", "1")


@pytest.mark.parametrize(
    ("main", "arguments", "place", "kind"),
    [
        (verdict.main, [str(REFERENCE / "optimizers"), "--claim", "two"], "--claim", "arguments"),
        (verdict.main, [], None, "arguments"),
        (listing.main, ["nowhere"], str(Path("nowhere").resolve()), "results"),
        (sweep.main, ["nowhere.yaml"], "nowhere.yaml", "study"),
    ],
)
def test_mistakes_are_answered_too(
    main: Main, arguments: list[str], place: str | None, kind: str, capsys: pytest.CaptureFixture[str]
) -> None:
    """With the exit code that they have without --json."""
    error = answer(main, arguments, capsys, code=2)["error"]
    assert error["kind"] == kind
    assert place is None or error["place"] == place


def test_nothing_else_is_on_standard_output(repository: Path) -> None:
    """Not even what child processes write there; a full disk behind it is told."""
    script = (
        "import subprocess, sys\nfrom harness.answering import Answering\n"
        "from harness.edge import run_command\n"
        "def act():\n    print('said')\n    subprocess.run(['echo', 'from a child'])\n    1 / 0\n"
        "sys.exit(run_command(act, answering=Answering('test', ['--json'])))\n"
    )
    command = [sys.executable, "-c", script]
    done = subprocess.run(command, cwd=repository, capture_output=True, text=True, check=False)
    assert done.returncode == 70
    assert json.loads(done.stdout)["error"]["kind"] == "bug"
    assert "said" in done.stderr
    assert "from a child" in done.stderr
    with Path("/dev/full").open("w") as full:
        done = subprocess.run(
            command, cwd=repository, stdout=full, stderr=subprocess.PIPE, text=True, check=False
        )
    assert done.returncode == 2
    assert "standard output: cannot be written" in done.stderr


def test_a_message_falls_into_its_parts() -> None:
    """The remedy is what stands behind its mark; the place is taken off where it is known."""
    told = Fault.told("a/b: is damaged. Remedy: bring back a copy.", place="a/b")
    assert told == Fault(place="a/b", rule="is damaged", remedy="bring back a copy")
    assert Fault.told("no place, no remedy") == Fault(rule="no place, no remedy")
