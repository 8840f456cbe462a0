"""The reproducibility checklist says what the records say, and nothing else."""

from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from analysis.blocks import reproducibility
from analysis.facts import Facts
from analysis.load import load_study

if TYPE_CHECKING:
    from tests.analysis.conftest import Study

LOG = {"low": 1e-4, "high": 1.0, "log": True}


def items(facts: Facts) -> dict[str, str]:
    """Return the value of each item; no item is there twice, and each says where it stands."""
    frame = reproducibility.compute(facts)
    assert frame["item"].is_unique
    assert frame["where"].ne("").all()
    return dict(zip(frame["item"], frame["value"], strict=True))


def with_fields(study: "Study", folder: Path, **fields: Any) -> Facts:
    """Write a study with other fields of its declaration or manifest; return its facts."""
    return Facts(load_study(study.write(folder, **fields)))


def test_search_bounds_and_choices(three_arms: "Study", tmp_path: Path) -> None:
    """Arms with the same bounds share a row; each arm has its chosen configuration."""
    found = items(three_arms.facts(tmp_path))
    runs = "search 21 (15 completed, 3 diverged, 3 stopped); confirm 24 (24 completed); audit 3 (3 completed)"
    assert found["Runs of each phase"] == runs
    assert found["Bounds of sgd, rmsprop, adam"] == "lr 1e-4 to 1, log"
    assert found["Chosen configuration of rmsprop"] == "lr 0.001"
    assert found["Selection criterion"] == "val_loss at the last epoch"
    method = "tpe, trials 20, seed 0, early_stopping (grace_epochs 1, reduction_factor 3)"
    assert found["Method of search"] == method


def test_a_choice_inside_a_choice(new_study: "type[Study]", tmp_path: Path) -> None:
    """The branch that was chosen has its fields, the other branch's are left out."""
    branches = {"sgd": {"lr": LOG, "momentum": {"low": 0, "high": 1}}, "adam": {"lr": LOG}}
    space = {"optimizer": {"one_of": branches}}
    study = new_study(arms={"joint": space})
    run = study.add("joint", "search", lr=0.5, configuration={"optimizer": "adam", "momentum": None})
    study.add("joint", "search", lr=0.1, configuration={"optimizer": "sgd", "momentum": 0.9})
    study.winners["joint"] = run.run_id
    assert items(study.facts(tmp_path))["Chosen configuration of joint"] == "optimizer adam, lr 0.5"


def test_arms_without_a_winner(new_study: "type[Study]", tmp_path: Path) -> None:
    """A search that has not ended is told from one without a run of full length."""
    study = new_study(arms={"a": {"lr": LOG}, "b": {"lr": LOG}}, winners={"b": None})
    study.add("a", "search", lr=0.5)
    study.add("b", "search", lr=0.5, status="diverged", epochs=1)
    found = items(study.facts(tmp_path))
    assert found["Chosen configuration of a"] == "not decided yet"
    assert found["Chosen configuration of b"] == "no run of full length"


def test_means_and_validation_values_are_counted(new_study: "type[Study]", tmp_path: Path) -> None:
    """One arm has ten seeds, one a diverged seed, one a single seed."""
    study = new_study(arms={"whole": {}, "lost": {}, "single": {}})
    study.confirm("whole", [0.90, 0.91] * 5)
    study.confirm("lost", [0.90, 0.91])
    study.add("lost", "confirm", seed=102, status="diverged", epochs=1)
    study.confirm("single", [0.9])
    study.runs[0].curve = {"val_accuracy": [0.5, 0.6, None]}  # type: ignore[list-item]
    found = items(study.facts(tmp_path))
    assert found["Validation value beside each test value"] == "12 of 13 test values"
    assert found["Mean and variance of results"] == (
        "mean and 95 % t-interval over n = 10 seeds for 1 of 3 arms; none for lost, single, "
        "with a diverged run or fewer than two completed seeds"
    )


@pytest.mark.parametrize(
    ("git", "text"),
    [
        ({"commit": "abc", "dirty": False}, "commit abc, working tree clean"),
        ({"commit": "abc", "dirty": True}, "commit abc, with uncommitted changes"),
        ({"commit": "abc", "dirty": None}, "commit abc, state not recorded"),
        ({"commit": None, "dirty": None}, "not in a checkout"),
    ],
)
def test_the_state_of_the_code_is_what_was_recorded(
    new_study: "type[Study]", tmp_path: Path, git: dict[str, Any], text: str
) -> None:
    """Clean is said of a clean tree only."""
    study = new_study(arms={"a": {}})
    assert items(with_fields(study, tmp_path, git=git))["Code"] == text


def test_total_compute_by_hand(new_study: "type[Study]", tmp_path: Path) -> None:
    """One run of 3 epochs of 600 s and one of 1 epoch of 1800 s, on one thread: an hour in all."""
    study = new_study(arms={"a": {}})
    study.add("a", "confirm", seed=1, epochs=3, epoch_seconds=600)
    study.add("a", "confirm", seed=2, epochs=1, epoch_seconds=1800, status="diverged")
    facts = study.facts(tmp_path)
    assert items(facts)["Total compute of training"] == "1 core hours of 2 runs"
    assert items(facts)["Median training time of a completed run"] == "30 minutes"
    facts.records.runs["threads"] = [4, None]
    facts.records.runs["device"] = ["cuda", None]
    assert items(facts)["Total compute of training"] == (
        "2 core hours of 1 runs, 0.5 device hours, 1 runs without a known number of threads left out"
    )


def test_seeds_data_and_command(new_study: "type[Study]", tmp_path: Path) -> None:
    """A few seeds are listed, many are counted; a command can be pasted into a shell."""
    study = new_study(arms={"a": {}})
    study.confirm("a", [0.9, 0.91])
    command = ["python", "-m", "harness.sweep", "my study.yaml"]
    few = items(with_fields(study, tmp_path / "few", command=command))
    assert few["Confirm seeds"] == "100, 101"
    assert few["Command"] == "python -m harness.sweep 'my study.yaml'"
    assert few["Data"] == "fashion_mnist: 54,000 train, 6,000 val, 10,000 test"
    assert few["Data SHA-256"] == "train-images abababababab..."
    many = items(with_fields(study, tmp_path / "many", confirm_seeds=list(range(7, 107))))
    assert many["Confirm seeds"] == "100, from 7 to 106"


def test_a_study_that_has_not_begun(new_study: "type[Study]", tmp_path: Path) -> None:
    """Every item stands, and none makes up a value."""
    study = new_study(arms={"a": {"lr": LOG}}, search_runs={"a": 5}, confirm_runs=3)
    facts = with_fields(study, tmp_path, machine={}, versions={})
    found = items(facts)
    assert found["Runs of each phase"] == "none has ended"
    for item in ("Hardware", "Versions"):
        assert found[item] == "not recorded"
    assert not reproducibility.lay_out(reproducibility.compute(facts)).isna().any(axis=None)


def test_grids_without_a_confirm_phase_have_no_test_values(measured: "Study", tmp_path: Path) -> None:
    """Nothing is said of confirm seeds or means of results."""
    found = items(measured.facts(tmp_path))
    assert found["Test values"] == "none: the study has no confirm phase"
    assert "Confirm seeds" not in found
    assert found["Bounds of sgd, adam"] == "batch_size one of 64, 256, 1024"
