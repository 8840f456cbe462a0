"""A real sweep takes over the runs of another one."""

import re
from pathlib import Path

import pytest

from harness.records.folder import ResultsFolder
from harness.records.journal import read_journal
from tests import drill
from tests.parents.lab import starts


@pytest.mark.slow
@pytest.mark.ray
def test_a_sweep_trains_only_what_its_parent_has_not(
    drill_study: Path, undisturbed: ResultsFolder, tmp_path: Path
) -> None:
    """Its runs and winners are the parent's to the last bit, and a resume needs the parent no more."""
    third = "adamw: {optimizer: adamw, lr: {low: 1e-4, high: 1e-2, log: true}}"
    text = drill_study.read_text().replace("study: drill", f"study: more\nparent: {undisturbed.root}")
    study = tmp_path / "more.yaml"
    study.write_text(text.replace("search:\n", f"  {third}\nsearch:\n", 1))
    folder = ResultsFolder(tmp_path / "more")
    done = drill.sweep(study, tmp_path)
    assert done.returncode == 0, done.stderr
    assert "runs, which are not trained again" in done.stderr
    study.write_text(re.sub("parent: .*", "parent: /nowhere", study.read_text()))
    finished = drill.sweep(study, tmp_path, "--resume")
    assert "this study is finished" in finished.stdout, finished.stderr
    before, after = drill.outcome(undisturbed), drill.outcome(folder)
    assert {name: after[name] for name in before} == before
    trained = [start for start in starts(read_journal(folder)) if start.origin is None]
    assert {start.arm for start in trained} == {"adamw"}
