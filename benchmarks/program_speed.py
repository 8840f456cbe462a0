"""What does it cost to run a program as a study, beside running it?

`python benchmarks/program_speed.py [--runs 20] [--repeats 3] [--epochs 10]`: takes the network script of
`examples/programs` as a study by `trial.command`, and by itself as often, one run at a time on both sides and
in alternation. It prints seconds a run: of the script alone; of the study from the first run's start to the
last one's end; of the study's whole command, report included.
"""

import argparse
import json
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from datetime import datetime
from pathlib import Path

from harness.records.events import RunEnded, RunStarted
from harness.records.folder import ResultsFolder
from harness.records.journal import read_journal
from harness.records.provenance import git_state, machine, versions

ROOT = Path(__file__).resolve().parents[1]
SCRIPT = ROOT / "examples/programs/digits_network.py"
LR, WIDTH = 0.1, 32


def main() -> int:
    """Measure and print the table."""
    parser = argparse.ArgumentParser(description="Time a program as a study beside the program alone.")
    parser.add_argument("--runs", type=int, default=20, help="of a study (default %(default)s)")
    parser.add_argument("--repeats", type=int, default=3, help="alternations (default %(default)s)")
    parser.add_argument("--epochs", type=int, default=10, help="of a run (default %(default)s)")
    options = parser.parse_args()
    rows: list[tuple[float, float, float]] = []
    for repeat in range(options.repeats):
        with tempfile.TemporaryDirectory(prefix="program-speed-") as scratch:
            alone = seconds_alone(options.runs, options.epochs)
            running, whole = seconds_as_study(Path(scratch), options.runs, options.epochs)
        rows.append((alone, running, whole))
        print(f"repeat {repeat + 1}: {alone:.2f}, {running:.2f}, {whole:.2f} s a run", file=sys.stderr)
    computer, packages = machine(), versions()
    print(
        f"{computer.cpu}, {computer.cores} cores; python {packages['python']}, torch {packages['torch']}; "
        f"commit {git_state().commit}; {options.runs} runs of {options.epochs} epochs; n = {options.repeats}"
    )
    print("\n| seconds a run | median | least | greatest |\n|---|---:|---:|---:|")
    names = ("script alone", "study, first start to last end", "study, whole command")
    columns = dict(zip(names, zip(*rows, strict=True), strict=True))
    columns["added to a run"] = tuple(running - alone for alone, running, _ in rows)
    for name, values in columns.items():
        print(f"| {name} | {statistics.median(values):.2f} | {min(values):.2f} | {max(values):.2f} |")
    return 0


def seconds_alone(runs: int, epochs: int) -> float:
    """Run the script so often, one after the other; return seconds a run."""
    command = [sys.executable, str(SCRIPT), f"--lr={LR}", f"--width={WIDTH}", f"--epochs={epochs}"]
    started = time.perf_counter()
    for seed in range(runs):
        subprocess.run([*command, f"--seed={seed}"], stdout=subprocess.DEVNULL, check=True)
    return (time.perf_counter() - started) / runs


def seconds_as_study(scratch: Path, runs: int, epochs: int) -> tuple[float, float]:
    """Run it as a study; return seconds a run from first start to last end, and of the whole command."""
    shutil.copy(SCRIPT, scratch)
    options = [f"--{name}={{{name}}}" for name in ("lr", "width", "seed", "epochs")]
    study = {
        "study": "program",
        "question": "What does it cost to run a program as a study?",
        "trial": {
            "command": [sys.executable, SCRIPT.name, *options],
            "epochs": epochs,
            "metrics": {"accuracy": {"better": "higher"}, "loss": {"better": "lower"}},
        },
        "arms": {
            "network": {"parameters": {"width": WIDTH, "lr": {"low": LR / 2, "high": LR * 2, "log": True}}}
        },
        "search": {"trials": runs, "metric": "val_accuracy", "early_stopping": "none"},
        "confirm": {"seeds": 0},
        "resources": {"concurrency": 1},
    }
    (scratch / "program.yaml").write_text(json.dumps(study), encoding="utf-8")
    command = [sys.executable, "-m", "harness.sweep", str(scratch / "program.yaml"), "--trust"]
    started = time.perf_counter()
    done = subprocess.run(
        [*command, "--run-dir", str(scratch / "results")],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    )
    seconds = time.perf_counter() - started
    if done.returncode:
        sys.exit(
            f"error: the study ended with {done.returncode}. The end of what it wrote:\n{done.stderr[-3000:]}"
        )
    events = list(read_journal(ResultsFolder(scratch / "results")))
    starts = [datetime.fromisoformat(event.time) for event in events if isinstance(event, RunStarted)]
    ends = [datetime.fromisoformat(event.time) for event in events if isinstance(event, RunEnded)]
    return (max(ends) - min(starts)).total_seconds() / runs, seconds / runs


if __name__ == "__main__":
    sys.exit(main())
