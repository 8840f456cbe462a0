"""A study of a program, driven without Ray: its journal, its declaration, and taking it up again."""

from pathlib import Path

import pytest

from harness.code.named import NamedCode
from harness.code.sources import hash_sources
from harness.declaration import Declaration
from harness.errors import StudyError
from harness.records.folder import ResultsFolder
from harness.study.plan import plan_study
from harness.study.reading.parse import load_study
from harness.tuning.belonging import check_journal_belongs
from harness.tuning.declaration import declare
from harness.tuning.preflight import check_program
from harness.tuning.program_trial import ProgramSpec, check_unchanged
from harness.tuning.runs import RunSpec
from tests.tuning.conftest import Drive

_STUDY = """\
study: small
question: Is it taken up?
trial:
  command: [python, train.py, "--lr={lr}", "--width={width}"]
  epochs: 9
  metrics: {f1: {better: higher}, loss: {better: lower}}
arms:
  one: {parameters: {width: 8, lr: {low: 1e-4, high: 1, log: true}}, start: [{lr: 0.01}]}
  two: {parameters: {width: 16, lr: {low: 1e-4, high: 1, log: true}}, start: [{lr: 0.01}]}
search: {trials: 4, early_stopping: {grace_epochs: 1, reduction_factor: 3}}
confirm: {seeds: 2}
claims:
  - {says: Wide is better., better: {arm: two, than: one, metric: test_loss}}
"""


def _curve(run: RunSpec, epoch: int) -> float:
    return float(abs(run.configuration["lr"] - 0.01)) + 1 / epoch


def test_a_journal_of_programs_runs_leads_to_the_same_runs_wherever_it_is_cut(
    quiet_optuna: None, tmp_path: Path
) -> None:
    """The same configurations, seeds and winners; and the journal belongs to the declaration as read back."""
    whole = Drive(_STUDY)
    runs = whole.run(_curve)
    plan = plan_study(whole.study)
    declare(whole.study, plan).write(ResultsFolder(tmp_path))
    declared = Declaration.read(ResultsFolder(tmp_path))
    assert declared.trial == whole.study.trial
    assert (declared.dataset, list(declared.metrics)) == (None, ["f1", "loss"])
    for length in range(0, len(whole.events), 7):
        check_journal_belongs(declared, whole.events[:length], tmp_path / "journal.jsonl")
        again = Drive(_STUDY)
        again.conductor.replay(whole.events[:length])
        later = again.run(_curve)
        assert [run for run in runs if run in later] == later
        assert again.conductor.is_over


def test_a_program_that_is_edited_meanwhile_is_not_run(tmp_path: Path) -> None:
    """A worker looks again before every run; a file that came to the others disturbs nothing."""
    for name in ("train.py", "helper.py"):
        (tmp_path / name).write_text("print(1)", encoding="utf-8")
    code = NamedCode(folder=tmp_path, commands=(("python", "train.py"),))
    sources = hash_sources(code)
    (tmp_path / "other.py").touch()
    check_unchanged(code, sources)
    (tmp_path / "helper.py").write_text("print(2)", encoding="utf-8")
    with pytest.raises(StudyError, match=r"helper\.py changed since the study began"):
        check_unchanged(code, sources)


def test_confirm_runs_must_print_the_headline_and_what_claims_are_about(quiet_optuna: None) -> None:
    """In the program's own terms; the rest of what it declares it may leave out."""
    spec = ProgramSpec.of(Drive(_STUDY).study, ResultsFolder(Path("results")))
    assert spec is not None
    assert (spec.objective, spec.tested) == ("val_loss", ["test_f1", "test_loss"])


@pytest.mark.parametrize(
    ("change", "problem"),
    [
        (("[python", "[no-such-program"), "trial.command: there is no program 'no-such-program'"),
        (("train.py", "other.py"), "trial.command: there is no other.py in "),
    ],
)
def test_what_a_program_lacks_is_told_before_anything_starts(
    tmp_path: Path, change: tuple[str, str], problem: str
) -> None:
    """The program and its script, which are looked for in the folder of the study file."""
    (tmp_path / "train.py").touch()
    path = tmp_path / "study.yaml"
    path.write_text(_STUDY, encoding="utf-8")
    check_program(load_study(path))
    path.write_text(_STUDY.replace(*change), encoding="utf-8")
    with pytest.raises(StudyError, match="nothing was started") as error:
        check_program(load_study(path))
    assert problem in str(error.value)
