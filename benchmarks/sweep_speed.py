"""How fast is a whole search beside Optuna alone, Ray Tune as its tutorial writes it, and Syne Tune?

`make peers`, then `python benchmarks/sweep_speed.py`: runs the same search with each of them, as whole
commands and in alternation, and measures from outside. See benchmarks/README.md.
"""

import argparse
import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import torch
from options import check_json, positive
from peers.measured import Sweep, log_of_harness, log_of_peer, ratio_table, table
from peers.setting import Setting

from harness.errors import HarnessError
from harness.records.provenance import git_state, machine, usable_cores, versions
from harness.study.plan import plan_study
from harness.study.reading.parse import load_study
from harness.training.data.arrays import load_training_samples
from harness.training.data.prepare import prepare_dataset
from harness.training.data.splits import stratified_split

ROOT = Path(__file__).resolve().parents[1]
PEER_PYTHON = ROOT / ".venv-peers/bin/python"
PEERS = {"optuna": "optuna_processes.py", "raytune": "raytune_tutorial.py", "synetune": "synetune_local.py"}
ARM = "adam"
SPACE: dict[str, dict[str, Any]] = {
    "lr": {"low": 3e-5, "high": 1e-2, "log": True},
    "beta1": {"low": 0.0, "high": 0.95},
    "beta2": {"choices": [0.9, 0.99, 0.999]},
}
"""Adam's, as in search_spaces/optimizers.yaml."""


@dataclass(frozen=True)
class Bench:
    """What all sweeps have in common."""

    options: argparse.Namespace
    scratch: Path
    dataset: str
    """As the harness's recipe names it."""
    labels: torch.Tensor
    """`(n,)` int64: classes of the training images."""

    @property
    def sides(self) -> list[str]:
        """The harness, then its peers."""
        return ["harness", *self.options.peers]

    def setting(self, side: str, runs: int, repeat: int) -> Setting:
        """Return one sweep's settings; the repeat, from 0, is its seed."""
        out = self.scratch / f"{side}-{runs}-{repeat}"
        out.mkdir()
        return Setting(
            space=SPACE,
            hidden=[300, 200],
            batch_size=512,
            epochs=self.options.epochs,
            grace_epochs=1,
            reduction_factor=3,
            runs=runs,
            workers=self.options.workers or usable_cores(),
            seed=repeat,
            precision=self.options.precision,
            data=str(self.scratch),
            out=str(out),
        )


def main(arguments: Sequence[str] | None = None) -> int:
    """Measure, print the tables, save the numbers; return the exit code."""
    options = _parse(arguments)
    facts = _facts(options)
    try:
        with tempfile.TemporaryDirectory(prefix="sweep-speed-") as scratch:
            dataset, labels = write_data(Path(scratch), options.images)
            sweeps = _measure(Bench(options, Path(scratch), dataset, labels), facts)
    except HarnessError as error:
        print(f"error: {error}", file=sys.stderr)
        return 2
    print(_heading(options, facts))
    for runs in options.runs:
        chosen = [one for one in sweeps if one.runs == runs]
        print(f"\n{runs} runs:\n\n{table(chosen, ['harness', *options.peers])}")
        if options.peers:
            print(f"\n{ratio_table(chosen, options.peers)}")
    return 0


def _measure(bench: Bench, facts: dict[str, Any]) -> list[Sweep]:
    """Run every sweep; another side begins each repeat. What is known is saved after each."""
    sweeps: list[Sweep] = []
    for runs in bench.options.runs:
        for repeat in range(bench.options.repeats):
            first = repeat % len(bench.sides)
            for side in bench.sides[first:] + bench.sides[:first]:
                sweeps.append(_sweep(bench, side, bench.setting(side, runs, repeat), repeat))
                print(
                    f"{side}, {runs} runs, repeat {repeat + 1}: {sweeps[-1].seconds:.1f} s", file=sys.stderr
                )
                if bench.options.json:
                    numbers = facts | {"sweeps": [asdict(sweep) for sweep in sweeps]}
                    bench.options.json.write_text(json.dumps(numbers), encoding="utf-8")
    return sweeps


def _sweep(bench: Bench, side: str, setting: Setting, repeat: int) -> Sweep:
    """Run one side's command to its end.

    Raises:
        HarnessError: It failed.
    """
    out = Path(setting.out)
    study = out / "study.yaml"
    study.write_text(json.dumps(study_of(setting, bench.dataset)), encoding="utf-8")
    np.save(out / "val.npy", validation_part(study, bench.labels).numpy())
    started, clock = time.time(), time.perf_counter()
    with (out / "output.txt").open("wb") as output:
        done = subprocess.run(
            _command(bench, side, setting, study),
            cwd=ROOT if side == "harness" else out,  # Syne Tune leaves a file where it is started
            env=os.environ | {"SYNETUNE_FOLDER": str(out)},
            stdout=output,
            stderr=subprocess.STDOUT,
            check=False,
        )
    seconds = time.perf_counter() - clock
    if done.returncode:
        tail = (out / "output.txt").read_text(encoding="utf-8", errors="replace")[-3000:]
        raise HarnessError(f"{side} ended with {done.returncode}. The end of what it wrote:\n{tail}")
    is_harness = side == "harness"
    epochs = log_of_harness(out / "results", started) if is_harness else log_of_peer(setting.log, started)
    return Sweep(side=side, runs=setting.runs, repeat=repeat, seconds=seconds, epochs=epochs)


def _command(bench: Bench, side: str, setting: Setting, study: Path) -> list[str]:
    """Return one side's command line."""
    if side != "harness":
        return [str(PEER_PYTHON), str(ROOT / "benchmarks/peers" / PEERS[side]), str(setting.write())]
    command = [sys.executable, "-m", "harness.sweep", str(study), "--run-dir", f"{setting.out}/results"]
    workers = bench.options.workers
    return command + ([f"--set=resources.concurrency={workers}"] if workers else [])


def study_of(setting: Setting, dataset: str) -> dict[str, Any]:
    """Return the harness's study file, of the space and the settings that the peers are told."""
    recipe = {
        "dataset": dataset,
        "model": {"name": "fcn", "hidden": setting.hidden},
        "input_norm": "standardize",
        "batch_size": setting.batch_size,
        "epochs": setting.epochs,
    }
    return {
        "study": "peers",
        "question": "How long does the search take?",
        "recipe": recipe | ({} if setting.precision == "fp32" else {"precision": setting.precision}),
        "arms": {ARM: {"optimizer": "adam"} | setting.space},
        "search": {
            "sampler": "tpe",
            "trials": setting.runs,
            "metric": "val_accuracy",
            "mode": "max",
            "winner": "best",
            "seed": setting.seed,
            "early_stopping": {
                "grace_epochs": setting.grace_epochs,
                "reduction_factor": setting.reduction_factor,
            },
        },
        "confirm": {"seeds": 0},
    }


def validation_part(study: Path, labels: torch.Tensor) -> torch.Tensor:
    """Return the indices that the harness's runs of this study validate on: the peers get the same."""
    plan = plan_study(load_study(study))
    (seed,) = plan.search_seeds(ARM, 0)
    return stratified_split(labels, 0.1, seed).val


def write_data(root: Path, n_images: int | None) -> tuple[str, torch.Tensor]:
    """Write the training images as IDX files where torchvision looks for them.

    The test set's files must be there too, and hold the training images once more: the test set stays closed.

    Returns: The harness's name for the same data, and the classes.
    """
    data = load_training_samples(prepare_dataset("fashion_mnist", progress=partial(print, file=sys.stderr)))
    images, labels = data.inputs[:n_images].numpy(), data.targets[:n_images]
    folder = root / "FashionMNIST" / "raw"
    folder.mkdir(parents=True)
    for part in ("train", "t10k"):
        header = _idx_header(len(labels), 28, 28)
        (folder / f"{part}-images-idx3-ubyte").write_bytes(header + images.tobytes())
        classes = labels.to(torch.uint8).numpy().tobytes()
        (folder / f"{part}-labels-idx1-ubyte").write_bytes(_idx_header(len(labels)) + classes)
    return ("fashion_mnist" if n_images is None else f"idx:{folder}"), labels


def _idx_header(*shape: int) -> bytes:
    """Return what stands before unsigned bytes of this shape."""
    return bytes([0, 0, 8, len(shape)]) + b"".join(size.to_bytes(4, "big") for size in shape)


def _parse(arguments: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(description="Time whole searches beside those of other tools.")
    parser.add_argument(
        "--runs", type=positive, nargs="+", default=[18, 60, 200], help="of each search (default 18 60 200)"
    )
    parser.add_argument("--repeats", type=positive, default=3, help="alternations (default %(default)s)")
    parser.add_argument(
        "--peers", nargs="*", choices=list(PEERS), default=["optuna"], help="(default: optuna)"
    )
    parser.add_argument(
        "--precision",
        choices=["fp32", "bf16"],
        default="fp32",
        help="of all but raytune (default %(default)s)",
    )
    parser.add_argument("--epochs", type=positive, default=9, help="of a whole run (default %(default)s)")
    parser.add_argument(
        "--workers",
        type=positive,
        help="runs at a time on every side (default: one a core; the harness chooses for itself)",
    )
    parser.add_argument("--images", type=positive, help="train on the first so many only, for a quick look")
    parser.add_argument("--json", type=Path, help="file to save the numbers in")
    options = parser.parse_args(arguments)
    check_json(parser, options.json)
    if options.peers and not PEER_PYTHON.exists():
        parser.error(
            f"the peers' environment {PEER_PYTHON.parents[1].name} is not there; make it: make peers"
        )
    return options


def _facts(options: argparse.Namespace) -> dict[str, Any]:
    """Return what the numbers depend on: options, machine, versions, code, and what else was running."""
    return {
        "options": {name: value for name, value in vars(options).items() if name != "json"},
        "date": datetime.now(UTC).date().isoformat(),
        "machine": machine().model_dump(exclude={"host"}),
        "load_average": round(os.getloadavg()[0], 2),
        "versions": versions() | (_peer_versions() if options.peers else {}),
        "code": git_state().model_dump(),
    }


def _peer_versions() -> dict[str, str]:
    """Return the versions of the peers' environment."""
    code = (
        "import importlib.metadata as m, json; "
        "print(json.dumps({n: m.version(n) for n in ('torch', 'optuna', 'ray', 'syne-tune')}))"
    )
    done = subprocess.run([PEER_PYTHON, "-c", code], stdout=subprocess.PIPE, check=True)
    return {f"peers' {name}": version for name, version in json.loads(done.stdout).items()}


def _heading(options: argparse.Namespace, facts: dict[str, Any]) -> str:
    """Return the lines above the tables: machine, versions, procedure."""
    computer = facts["machine"]
    packages = ", ".join(
        f"{name} {version}"
        for name, version in facts["versions"].items()
        if name.startswith("peers'") or name in {"python", "torch", "ray", "optuna"}
    )
    workers = options.workers or f"{usable_cores()} (peers), as the harness chooses (harness)"
    return (
        f"{computer['cpu']}, {computer['cores']} cores; load average {facts['load_average']} at the start; "
        f"{facts['date']}; commit {facts['code']['commit']}\n"
        f"{packages}\n"
        f"fcn 784-300-200-10, Adam, batch size 512, {options.epochs} epochs, {options.precision}, "
        f"{options.images or 'all'} images, runs at a time: {workers}; n = {options.repeats}: "
        f"median (least to greatest)"
    )


if __name__ == "__main__":
    sys.exit(main())
