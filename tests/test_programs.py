"""Studies of programs as users run them: real processes, real Ray."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from harness.records.events import RunEnded
from harness.records.folder import ResultsFolder
from harness.records.journal import read_journal
from tests import drill

_PROGRAM = """\
import json, os, signal, subprocess, sys, time
how, epochs = sys.argv[1], int(sys.argv[2])
assert not signal.pthread_sigmask(signal.SIG_BLOCK, ()), "signals are blocked"
assert not [name for name in os.environ if name.startswith(("RAY_", "TUNE_"))], "Ray is in the environment"
assert os.path.exists("program.py"), "it runs elsewhere"
with open(os.path.join(os.environ["HARNESS_RUN_DIR"], "kept.txt"), "x") as file:
    file.write(os.environ["HARNESS_SEED"])
if how == "crash":
    print("no such data", file=sys.stderr)
    sys.exit(3)
if how == "bad":
    child = subprocess.Popen([sys.executable, "-S", "-c", "import time; time.sleep(600)"])
    with open("pids.txt", "w") as file:
        file.write(f"{os.getpid()} {child.pid}")
for epoch in range(1, epochs + 1):
    value = {"fine": 0.9, "tests": 0.9, "bad": 0.1, "diverge": float("nan")}[how]
    print(json.dumps({"epoch": epoch, "val_accuracy": value}))
    if how == "bad":
        time.sleep(600)
if how == "tests" or os.environ["HARNESS_PHASE"] == "confirm":
    print(json.dumps({"test_accuracy": 0.8}))
"""

_STUDY = """\
study: behaviours
question: What becomes of programs that do not do their part?
trial:
  command: [python, -S, program.py, "{how}", "{epochs}"]
  epochs: 3
  metrics: {accuracy: {better: higher, scale: 100, unit: pp, region: 0.002}}
arms:
  one:
    parameters: {how: {choices: [fine, crash, tests, bad, diverge]}}
    start: [{how: fine}, {how: crash}, {how: bad}, {how: tests}, {how: diverge}]
search: {trials: 5, sampler: random, early_stopping: {grace_epochs: 1, reduction_factor: 2}}
confirm: {seeds: 2}
resources: {concurrency: 1}
"""


@pytest.mark.ray
def test_a_study_of_a_program_records_how_its_runs_ended(tmp_path: Path) -> None:
    """Each with its reason; a run that ASHA stops is ended with its child, and the best is confirmed."""
    (tmp_path / "program.py").write_text(_PROGRAM, encoding="utf-8")
    (tmp_path / "study.yaml").write_text(_STUDY, encoding="utf-8")
    done = drill.sweep(tmp_path / "study.yaml", tmp_path / "results", "--trust")
    assert done.returncode == 1, done.stderr
    folder = ResultsFolder(tmp_path / "results" / "behaviours")
    ends = {event.run_id: event for event in read_journal(folder) if isinstance(event, RunEnded)}
    told = {run_id: (end.status, end.reason) for run_id, end in ends.items()}
    tests_seen = told.pop("one-search-0003")
    assert told == {
        "one-search-0000": ("completed", None),
        "one-search-0001": (
            "failed",
            "the program ended with exit code 3 before its first epoch; its error output ends:\nno such data",
        ),
        "one-search-0002": ("stopped", "stopped by ASHA after epoch 1"),
        "one-search-0004": ("diverged", "val_accuracy is nan in epoch 1"),
        "one-confirm-0000": ("completed", None),
        "one-confirm-0001": ("completed", None),
    }
    assert tests_seen[0] == "failed"
    assert (tests_seen[1] or "").startswith("the program printed test_accuracy in a search run")
    assert [ends[f"one-confirm-000{n}"].metrics for n in range(2)] == [{"test_accuracy": 0.8}] * 2
    assert (folder.program_runs / "one-confirm-0000" / "kept.txt").exists()
    pids = map(int, (tmp_path / "pids.txt").read_text(encoding="utf-8").split())
    assert all(map(drill.is_gone, pids))


_FOREIGN = """\
import sys
print("Train Epoch: 1")
for epoch in range(int(sys.argv[1])):
    right = epoch + len(open("../data/labels").read())
    print(f"\\nTest set: Average loss: 0.1000, Accuracy: {right}/10 (50%)\\n")
"""


def test_the_wrapper_of_the_documentation_speaks_for_a_foreign_script(
    tmp_path: Path, repository: Path
) -> None:
    """At most 25 lines; the test set is opened in a confirm run only, and the script's end is its own."""
    text = (repository / "docs" / "how_to" / "programs.md").read_text(encoding="utf-8")
    wrapper = text.split("```python\n")[-1].split("```")[0]
    assert len(wrapper.splitlines()) <= 25
    (tmp_path / "wrap.py").write_text(wrapper, encoding="utf-8")
    (tmp_path / "main.py").write_text(_FOREIGN, encoding="utf-8")
    for part, labels in (("validation", "xx"), ("test", "xxx")):
        (tmp_path / part / "data").mkdir(parents=True)
        (tmp_path / part / "data" / "labels").write_text(labels, encoding="utf-8")
        (tmp_path / part / "run").mkdir()

    def printed(phase: str, epochs: str) -> subprocess.CompletedProcess[str]:
        command = [sys.executable, "wrap.py", "main.py", epochs]
        environment = os.environ | {"HARNESS_PHASE": phase}
        return subprocess.run(
            command, cwd=tmp_path, env=environment, capture_output=True, text=True, check=False
        )

    val = ['{"epoch": 1, "val_accuracy": 0.2}', '{"epoch": 2, "val_accuracy": 0.3}']
    assert printed("search", "2").stdout.splitlines() == val
    assert printed("confirm", "2").stdout.splitlines() == [*val, '{"test_accuracy": 0.4}']
    assert printed("search", "two").returncode == 1
