"""Runs of real programs: what they print, how they end, and that nothing of them is left."""

import os
import signal
import subprocess
import sys
import textwrap
from pathlib import Path

import pytest

from harness.allocation import KEEPING_MEMORY
from harness.programs.contract import Contract, ProgramEpoch
from harness.programs.launch import environment
from harness.programs.run import Job, Limits, ProgramEnd, run_program
from tests import drill

_EPOCH = 'print(\'{"epoch": %d, "val_accuracy": 0.5}\', flush=True)'


class _Runs:
    """Run programs in a folder and keep what they reported."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.epochs: list[ProgramEpoch] = []

    def run(
        self,
        *code: str,
        words: list[str] | None = None,
        phase: str = "search",
        seconds: float | None = 60,
        silent_seconds: float | None = None,
        grace_seconds: float = 5,
    ) -> ProgramEnd:
        """Run Python code, or other words."""
        script = self.folder / "train.py"
        script.write_text("\n".join(map(textwrap.dedent, code)), encoding="utf-8")
        run_dir = self.folder / "run"
        run_dir.mkdir(exist_ok=True)
        own = environment(os.environ, seed=3, phase=phase, run_dir=run_dir, threads=1, uses_gpu=False)
        return run_program(
            Job(
                words=words or [sys.executable, "-S", "train.py"],
                folder=self.folder,
                environment=own,
                stderr=self.folder / "stderr.txt",
            ),
            Contract(
                metrics=("accuracy", "loss"),
                objective="val_accuracy",
                epochs=3,
                phase=phase,
                tested=("test_accuracy",),
            ),
            Limits(seconds=seconds, silent_seconds=silent_seconds, grace_seconds=grace_seconds),
            lambda epoch, _: self.epochs.append(epoch),
        )


@pytest.fixture
def runs(tmp_path: Path) -> _Runs:
    """Return what runs programs in a folder of its own."""
    return _Runs(tmp_path)


def test_a_program_that_prints_its_epochs_completes(runs: _Runs) -> None:
    """Log lines in between are nothing to the harness."""
    assert runs.run(_EPOCH % 1, "print('log')", _EPOCH % 2) == ProgramEnd(status="completed")
    assert [(epoch.epoch, epoch.metrics) for epoch in runs.epochs] == [
        (1, {"val_accuracy": 0.5}),
        (2, {"val_accuracy": 0.5}),
    ]


def test_a_program_knows_its_run_and_nothing_of_ray(runs: _Runs, monkeypatch: pytest.MonkeyPatch) -> None:
    """Seed, phase, folder and threads are there, and no GPU."""
    monkeypatch.setenv("RAY_PLANTED", "1")
    monkeypatch.setenv("PYTHONBREAKPOINT", "ray.util.rpdb.set_trace")
    monkeypatch.setenv("OMP_NUM_THREADS", "64")
    code = """
        import os, sys
        names = ("HARNESS_SEED", "HARNESS_PHASE", "OMP_NUM_THREADS", "CUDA_VISIBLE_DEVICES", "RAY_PLANTED",
                 "PYTHONBREAKPOINT", "PYTHONUNBUFFERED")
        print([os.environ.get(name) for name in names], os.path.isdir(os.environ["HARNESS_RUN_DIR"]),
              file=sys.stderr)
        sys.exit(5)
    """
    end = runs.run(code)
    assert end.reason is not None
    assert end.reason.endswith("['3', 'search', '1', '', None, None, '1'] True")


def test_a_program_with_a_gpu_sees_the_one_that_its_run_has(tmp_path: Path) -> None:
    """As Ray named it in the worker's environment."""
    given = {"CUDA_VISIBLE_DEVICES": "3", "TUNE_X": "1"}
    own = environment(given, seed=1, phase="audit", run_dir=tmp_path, threads=4, uses_gpu=True)
    assert (own["CUDA_VISIBLE_DEVICES"], own["OMP_NUM_THREADS"], own["HARNESS_PHASE"]) == ("3", "4", "audit")


def test_a_program_keeps_its_users_ways_with_memory(tmp_path: Path) -> None:
    """What we set for workers is not meant for it; what its user has set is."""
    given = {**KEEPING_MEMORY, "MALLOC_ARENA_MAX": "4"}
    own = environment(given, seed=1, phase="search", run_dir=tmp_path, threads=1, uses_gpu=False)
    assert {name: value for name, value in own.items() if name.startswith("MALLOC")} == {
        "MALLOC_ARENA_MAX": "4"
    }


def test_lines_of_a_killed_program_are_read(runs: _Runs) -> None:
    """Its output is not buffered, though it does not flush; the number it was printing is left out."""
    end = runs.run(
        "import os, sys",
        'print(\'{"epoch": 1, "val_accuracy": 0.5}\')',
        'sys.stdout.write(\'{"epoch": 2, "val_accuracy": 0.\')',
        "os.kill(os.getpid(), 9)",
    )
    assert end == ProgramEnd(
        status="failed", reason="the program was killed by SIGKILL (out of memory?) after epoch 1"
    )
    assert len(runs.epochs) == 1


@pytest.mark.parametrize(
    ("code", "reason"),
    [
        (["pass"], "the program printed no val_accuracy, nor any other line"),
        (
            ["print('loading'); print('Epoch 1: accuracy 0.5')"],
            "the program printed no val_accuracy in 2 lines, the last log line 'Epoch 1: accuracy 0.5'",
        ),
        (
            ["import sys; sys.stdout.write('{\"epoch\": 1')"],
            "the program printed no val_accuracy; its last line has no end: '{\"epoch\": 1'",
        ),
        (
            ["import sys; print('loading data', file=sys.stderr); sys.exit(3)"],
            "the program ended with exit code 3 before its first epoch; its error output ends:\nloading data",
        ),
        ([_EPOCH % 1, "raise SystemExit(1)"], "the program ended with exit code 1 after epoch 1"),
        (["import os; os.abort()"], "the program was killed by SIGABRT before its first epoch"),
    ],
)
def test_a_program_that_does_not_do_its_part_fails_with_the_reason(
    runs: _Runs, code: list[str], reason: str
) -> None:
    """Nothing printed, an error, a signal: also after reports."""
    assert runs.run(*code) == ProgramEnd(status="failed", reason=reason)


def test_a_reason_holds_the_end_of_the_error_output_only(runs: _Runs) -> None:
    """4 kB of it, of progress bars what was written last, whatever its bytes are."""
    end = runs.run(
        "import sys",
        "sys.stderr.write('x' * 100_000 + chr(10) + ' 10%' + chr(13) + ' 90%' + chr(10))",
        "sys.stderr.buffer.write(b'\\x1b[31mcaf\\xe9\\x1b[0m\\x00' + bytes([10]))",
        "sys.exit(1)",
    )
    assert end.reason is not None
    assert end.reason.endswith("x\n 90%\ncaf\ufffd")
    assert 4000 < len(end.reason) < 4300


def test_a_program_is_not_started_by_a_shell(runs: _Runs) -> None:
    """Words reach it as they are; one that does not exist is named."""
    assert runs.run(words=["no-such-program", "; touch pwned"]).reason == (
        "the program ended with exit code 127 before its first epoch; its error output ends:\n"
        "no-such-program: cannot be started (No such file or directory)"
    )
    assert not (runs.folder / "pwned").exists()


def test_a_program_that_breaks_the_contract_is_ended(runs: _Runs) -> None:
    """At once, in whatever it does next; what was right before stays."""
    end = runs.run("import time", _EPOCH % 1, _EPOCH % 1, "time.sleep(600)")
    assert end.status == "failed"
    assert (end.reason or "").startswith("the program printed epoch 1 where 2 was next")


def test_a_search_run_that_prints_test_values_fails(runs: _Runs) -> None:
    """Even where they were declared."""
    end = runs.run('print(\'{"epoch": 1, "val_accuracy": 0.5, "test_accuracy": 0.5}\')')
    assert (end.reason or "").startswith("the program printed test_accuracy in a search run")
    assert not runs.epochs


def test_a_confirm_run_must_print_its_test_values(runs: _Runs) -> None:
    """With them it completes; not finite ones are a divergence."""
    assert runs.run(_EPOCH % 1, phase="confirm").reason == ("the program printed no test_accuracy in 1 lines")
    tested = "print('{\"test_accuracy\": %s}')"
    end = runs.run(_EPOCH % 1, tested % "0.25", phase="confirm")
    assert (end.status, end.tested) == ("completed", {"test_accuracy": 0.25})
    end = runs.run(_EPOCH % 1, 'print(\'{"test_accuracy": 0.25, "test_loss": NaN}\')', phase="confirm")
    assert (end.status, end.tested) == ("completed", {"test_accuracy": 0.25})  # no claim is about the loss
    end = runs.run(_EPOCH % 1, tested % "NaN", phase="confirm")
    assert (end.status, end.reason) == ("diverged", "test_accuracy is nan")


def test_a_diverged_program_is_ended(runs: _Runs) -> None:
    """Its epoch is reported, without the value."""
    end = runs.run("import time", 'print(\'{"epoch": 1, "val_accuracy": NaN}\')', "time.sleep(600)")
    assert (end.status, end.reason) == ("diverged", "val_accuracy is nan in epoch 1")
    assert runs.epochs[0].metrics == {"val_accuracy": None}


_GRANDCHILDREN = """
import os, signal, subprocess, sys, time
sleep = "import signal, time; signal.signal(signal.SIGTERM, signal.SIG_IGN); time.sleep(600)"
with open("pids", "w") as file:
    for own_session in (False, True):
        child = subprocess.Popen([sys.executable, "-S", "-c", sleep], start_new_session=own_session)
        file.write(f"{child.pid} ")
    file.write(f"{os.getpid()}")
"""


def _pids(folder: Path) -> list[int]:
    return list(map(int, (folder / "pids").read_text(encoding="utf-8").split()))


def test_what_ignores_sigterm_is_killed_with_its_children(runs: _Runs) -> None:
    """A timeout ends the program, a child that left its group, and one that holds its output open."""
    end = runs.run(
        _GRANDCHILDREN,
        "signal.signal(signal.SIGTERM, signal.SIG_IGN)",
        _EPOCH % 1,
        "time.sleep(600)",
        seconds=2,
        grace_seconds=0.3,
    )
    assert end == ProgramEnd(
        status="failed", reason="the program did not end within 0.0333333 minutes (trial.timeout_minutes)"
    )
    assert all(map(drill.is_gone, _pids(runs.folder)))


def test_children_that_outlive_a_program_are_no_part_of_its_end(runs: _Runs) -> None:
    """They hold its output open, and the run completes all the same; those of its group are ended."""
    end = runs.run(_GRANDCHILDREN, _EPOCH % 1, grace_seconds=0.3)
    assert end.status == "completed"
    in_group, escaped, program = _pids(runs.folder)
    assert drill.is_gone(in_group)
    assert drill.is_gone(program)
    os.kill(escaped, signal.SIGKILL)


def test_a_program_has_time_to_end_by_itself(runs: _Runs) -> None:
    """SIGTERM comes first, and what it does then is waited for."""
    runs.run(
        "import signal, sys, time",
        "signal.signal(signal.SIGTERM, lambda *_: (time.sleep(0.3), open('tidied', 'w'), sys.exit()))",
        _EPOCH % 1,
        "time.sleep(600)",
        silent_seconds=0.5,
    )
    assert (runs.folder / "tidied").exists()


def test_a_silent_program_fails(runs: _Runs) -> None:
    """However much it logs: an epoch is what counts."""
    end = runs.run(
        "import time",
        _EPOCH % 1,
        "while True: print('log', flush=True); time.sleep(0.05)",
        silent_seconds=0.5,
    )
    assert end.reason == "the program reported no epoch within 0.00833333 minutes (resources.stall_minutes)"


def test_a_program_that_closes_its_output_goes_on(runs: _Runs) -> None:
    """Its end is that of its process."""
    end = runs.run("import os, sys, time", _EPOCH % 1, "os.close(1); time.sleep(0.4); os._exit(4)")
    assert end.reason == "the program ended with exit code 4 after epoch 1"


def test_a_program_ends_with_its_worker(tmp_path: Path) -> None:
    """SIGKILL leaves the worker no time to do anything: the watchdog ends what it started."""
    (tmp_path / "train.py").write_text(f"{_GRANDCHILDREN}\n{_EPOCH % 1}\ntime.sleep(600)\n", encoding="utf-8")
    worker = subprocess.Popen(
        [sys.executable, "-c", _WORKER], cwd=tmp_path, stdout=subprocess.PIPE, text=True
    )
    assert worker.stdout is not None
    assert worker.stdout.readline() == "epoch\n"
    worker.kill()
    worker.wait()
    in_group, escaped, program = _pids(tmp_path)
    assert drill.is_gone(program)
    assert drill.is_gone(in_group)
    os.kill(escaped, signal.SIGKILL)  # nothing but the worker could have known it
    worker.stdout.close()


_WORKER = """
import os, sys
from pathlib import Path
from harness.programs.contract import Contract
from harness.programs.run import Job, Limits, run_program
words = [sys.executable, "-S", "train.py"]
job = Job(words=words, folder=Path(), environment=os.environ, stderr=Path("stderr"))
contract = Contract(metrics=("accuracy",), objective="val_accuracy", epochs=3, phase="search", tested=())
limits = Limits(seconds=None, silent_seconds=None, grace_seconds=0.5)
run_program(job, contract, limits, lambda epoch, _: print("epoch", flush=True))
"""
