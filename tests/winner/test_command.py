"""`harness.winner`: what it writes, and what it refuses."""

from dataclasses import replace
from pathlib import Path

import pytest

from analysis.load import load_study as load_results
from harness.commands import winner
from harness.commands.chosen import chosen
from harness.study.plan import plan_study
from harness.study.reading.parse import load_study, parse_study
from harness.winning.study_text import study_text
from tests.commands.answers import checked

REFERENCE = Path(__file__).parents[2] / "results/reference"
FIRST_VERSION = Path(__file__).parents[1] / "first_version"
"""One search an arm, and the same confirm seeds for all."""


def take(out: Path, *arguments: str, study: Path = REFERENCE / "optimizers") -> int:
    """Run the command."""
    return winner.main([str(study), "--out", str(out), *arguments])


def test_a_winner_becomes_a_study_of_one_arm(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """With every value of its recipe, the seeds of the study where all arms had the same, and no search."""
    words = ["--arm", "lenet5", "--no-weights"]
    assert take(tmp_path / "w", *words, study=FIRST_VERSION) == 0, capsys.readouterr().err
    study = load_study(tmp_path / "w" / "study.yaml")
    (arm,) = plan_study(study).arms
    assert arm.search_runs == 0
    assert arm.arm.fixed["model"] == {"name": "lenet5"}
    assert "the same seeds" in study.text
    files = {path.name for path in (tmp_path / "w").iterdir()}
    assert files == {"study.yaml", "reproduce.py", "MODEL_CARD.md"}
    card = (tmp_path / "w" / "MODEL_CARD.md").read_text()
    assert "| test accuracy | 91" in card
    assert "not sealed" in card


def test_one_search_of_several_can_be_named(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """By its number; by default it is the one with the best confirm runs on validation data."""
    rates = set()
    for n in range(5):
        assert take(tmp_path / f"{n}.yaml", "--arm", "adam", "--repeat", str(n)) == 0
        rates.add(load_study(tmp_path / f"{n}.yaml").arms[0].fixed["lr"])
    assert len(rates) == 5
    assert take(tmp_path / "best.yaml", "--arm", "adam") == 0
    assert load_study(tmp_path / "best.yaml").arms[0].fixed["lr"] in rates
    assert "of 5" in capsys.readouterr().err


def test_weights_are_not_asked_for_and_left_out(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """They were trained again all the same."""
    with pytest.raises(SystemExit) as refused:
        take(tmp_path / "w.safetensors", "--arm", "adam", "--no-weights")
    assert refused.value.code == 2
    assert "--no-weights leaves out weights, and --out " in capsys.readouterr().err
    assert not list(tmp_path.iterdir())


def test_a_name_of_several_lines_stays_in_its_comment() -> None:
    """An earlier version made such arms of the values of a program."""
    records = load_results(REFERENCE / "optimizers")
    won = chosen(records, "adam", None)
    name = "a\nseed: 1"
    declaration = records.declaration.model_copy(update={"arms": {name: records.declaration.arms["adam"]}})
    text = study_text(replace(won, arm=name), declaration, records.manifest.resources)
    assert "\n# That study" in text.partition('"a\\nseed: 1" (search ')[2]
    assert parse_study(text, "s.yaml").arms[0].name == "a-seed-1"


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        (["--arm", "adm"], "Did you mean 'adam'"),
        (["--arm", "adam", "--repeat", "5"], "There are: 0, 1, 2, 3, 4"),
        (["--arm", "adam", "--dataset", "mnist"], "on one data set"),
        (["--arm", "adam", "--trust=0"], "names no code"),
    ],
)
def test_what_is_not_there_is_told(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], arguments: list[str], told: str
) -> None:
    """Exit 2, with what there is, and nothing written."""
    assert take(tmp_path / "w", *arguments) == 2
    assert told in capsys.readouterr().err
    assert not list(tmp_path.iterdir())


def test_without_a_confirm_phase_there_is_no_winner(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """A response study measures a grid, and chooses nothing."""
    assert take(tmp_path / "w", "--arm", "standard_adam", study=REFERENCE / "learning_rates") == 2
    assert "has no confirm phase" in capsys.readouterr().err


def test_what_was_taken_is_told_to_programs(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """One object by the documented schema: configuration, runs, files."""
    assert take(tmp_path / "w.py", "--arm", "adam", "--repeat", "3", "--json") == 0
    told = checked(capsys.readouterr().out)
    assert (told["arm"], told["search"]) == ("adam", 3)
    assert told["written"] == {"script": str(tmp_path / "w.py")}
    assert all(f"    {run['seed']}: {{" in (tmp_path / "w.py").read_text() for run in told["runs"])
    assert take(tmp_path / "w.py", "--arm", "adam", "--json") == 2
    assert "is not overwritten" in checked(capsys.readouterr().out)["error"]["rule"]


def test_a_place_that_cannot_be_written_is_told_before_anything_trains(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Below a file no folder can be made."""
    (tmp_path / "file").write_text("mine")
    assert take(tmp_path / "file" / "w", "--arm", "adam") == 2
    told = capsys.readouterr().err
    assert "Remedy" in told
    assert "training it again" not in told


def test_no_file_is_overwritten(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Neither a file that is named, nor one in a folder."""
    (tmp_path / "w.py").write_text("mine")
    (tmp_path / "study.yaml").write_text("mine")
    for out in (tmp_path / "w.py", tmp_path):
        assert take(out, "--arm", "adam") == 2
        assert "is not overwritten" in capsys.readouterr().err
    assert (tmp_path / "w.py").read_text() == "mine"
