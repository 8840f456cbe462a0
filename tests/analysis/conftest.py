"""Build small real results folders from a declaration, a manifest and the records' own events."""

import json
import math
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from analysis.facts import Facts
from analysis.load import load_study
from analysis.report import write_report
from harness.declaration import Declaration
from harness.records.class_codes import encode_classes
from harness.records.events import (
    EpochEnded,
    Event,
    Phase,
    PhaseEnded,
    RunEnded,
    RunStarted,
    Status,
    StudyDeclared,
    TestLabels,
)
from harness.records.folder import ResultsFolder
from harness.records.journal_lines import seal
from harness.records.older_manifests import declaration_of
from harness.study.seeds import confirm_seeds, search_seeds

STEPS_PER_EPOCH = 106
LOG_RANGE = {"low": 1e-4, "high": 1.0, "log": True}


def write_journal(folder: ResultsFolder, events: Iterable[Event]) -> None:
    """Write a journal as JournalWriter does, without its fsync after every line."""
    lines, crc = [], 0
    for event in events:
        line, crc = seal(event.model_dump_json().encode(), crc)
        lines.append(line)
    folder.journal.write_bytes(b"".join(lines))


@dataclass
class Run:
    """One run to be written; the curve is made up from its final values."""

    arm: str
    phase: Phase
    seed: int = 0
    lr: float | None = 0.01
    epochs: int = 3
    status: Status = "completed"
    val_loss: float = 0.40
    val_accuracy: float = 0.88
    test_loss: float | None = 0.42
    test_accuracy: float | None = 0.87
    epoch_seconds: float = 2.0
    run_id: str = ""
    number: int | None = None
    repeat: int = 0
    configuration: dict[str, Any] = field(default_factory=dict)
    curve: Mapping[str, Sequence[float]] = field(default_factory=dict)
    """Field of an epoch to its value after each epoch, in place of the made-up one."""
    predicted: str | None = None
    """As its end holds it."""


@dataclass
class Study:
    """A results folder in the making; `write` puts it on disk."""

    arms: dict[str, dict[str, Any]]
    """Arm to its space; an empty space fixes the learning rate at 0.01."""
    runs: list[Run] = field(default_factory=list)
    winners: dict[str, str | None] = field(default_factory=dict)
    winners_of_repeats: dict[tuple[str, int], str | None] = field(default_factory=dict)
    """By arm and repeat, where searches are repeated."""
    given_up: dict[str, str] = field(default_factory=dict)
    """Arm to why its search ended before its budget was spent."""
    name: str = "optimizers"
    question: str = "Which optimizer trains the network?"
    baseline: str | None = None
    claims: list[dict[str, Any]] = field(default_factory=list)
    published: dict[str, list[dict[str, Any]]] = field(default_factory=dict)
    search_runs: dict[str, int] = field(default_factory=dict)
    """Planned search runs of an arm; those present by default."""
    confirm_runs: int | None = None
    max_epochs: int | None = 3
    metric: str = "val_loss"
    search_settings: dict[str, Any] = field(default_factory=dict)
    """More of the declaration's `search`, such as `audit`."""
    fixed: dict[str, dict[str, Any]] = field(default_factory=dict)
    """Arm to recipe fields that it fixes besides the made-up ones."""
    resources: dict[str, Any] = field(default_factory=dict)
    labels: Sequence[int] = ()
    """Of the test images, where `classify` gives their predicted classes."""
    plan: dict[str, Any] = field(default_factory=dict)
    """More of the declaration's `plan`, such as `looks` and `weights`."""

    def add(self, arm: str, phase: Phase, **values: Any) -> Run:
        """Add a run with the given fields of `Run`; its number is its position, its id says which it is."""
        run = Run(arm, phase, **values)
        if run.number is None:
            run.number = sum(r.arm == arm and r.phase == phase for r in self.runs)
        run.run_id = run.run_id or f"{arm}-{phase}-{run.number:03d}"
        self.runs.append(run)
        return run

    def search(self, arm: str, rates: Sequence[float], best: float | None = None) -> None:
        """Add one completed search run a rate; `best` wins, the others lose by their distance to it."""
        for rate in rates:
            distance = abs(math.log10(rate / best)) if best else 1.0
            run = self.add(arm, "search", lr=rate, val_loss=0.35 + 0.1 * distance)
            if rate == best:
                self.winners[arm] = run.run_id
        self.winners.setdefault(arm, None)

    def grid(self, arm: str, setting: Mapping[str, Any], val_losses: Sequence[float], **values: Any) -> None:
        """Add one completed search run a validation loss at one point of a grid, with seeds 0, 1, ..."""
        self.search_settings |= {"sampler": "grid", "seeds": len(val_losses)}
        for seed, val_loss in enumerate(val_losses):
            self.add(arm, "search", seed=seed, val_loss=val_loss, configuration=dict(setting), **values)
        self.winners.setdefault(arm, None)

    def audit(self, stopped: Run, **values: Any) -> Run:
        """Add the audit of a stopped search run, with its seed and learning rate."""
        same = {"seed": stopped.seed, "lr": stopped.lr, "number": stopped.number, "repeat": stopped.repeat}
        return self.add(stopped.arm, "audit", **same | values)

    def confirm(self, arm: str, accuracies: Sequence[float], lr: float = 0.01, **other: Any) -> None:
        """Add one completed confirm run a test accuracy, with seeds 100, 101, ..."""
        for seed, accuracy in enumerate(accuracies, start=100):
            values = {"test_accuracy": accuracy, "val_accuracy": accuracy, "test_loss": 1 - accuracy} | other
            self.add(arm, "confirm", seed=seed, lr=lr, **values)

    def classify(self, arm: str, predictions: Sequence[Sequence[int]]) -> None:
        """Add one completed confirm run a row of predicted classes (0 to 9), with the accuracy it has."""
        labels = np.array(self.labels)
        for seed, classes in enumerate(predictions, start=100):
            text = encode_classes(np.array(classes, np.uint8), 10)
            accuracy = int((np.array(classes) == labels).sum()) / len(labels)
            self.add(arm, "confirm", seed=seed, test_accuracy=accuracy, predicted=text)

    def keep_predictions(self, n_images: int = 1000) -> None:
        """Give every completed confirm run predicted classes with the accuracy it has, to whole images."""
        labels = np.arange(n_images) % 10
        self.labels = labels.tolist()
        for run in (r for r in self.runs if r.phase == "confirm" and r.status == "completed"):
            n_right = round((run.test_accuracy or 0) * n_images)
            is_right = np.arange(n_images) * 7 % n_images < n_right
            run.predicted = encode_classes(np.where(is_right, labels, labels // 2).astype(np.uint8), 10)
            run.test_accuracy = int((is_right | (labels == 0)).sum()) / n_images

    def repeat(self, arm: str, accuracies: Sequence[Sequence[float]]) -> None:
        """Add one search a row, of one rate, and of its winner one confirm run an accuracy of the row.

        An arm without a space is only confirmed. Every arm must have as many rows, equally long.
        """
        n_seeds = len(accuracies[0])
        for repeat, row in enumerate(accuracies):
            if self.arms[arm]:
                (seed,) = search_seeds(0, arm, repeat, 1)
                won = self.add(arm, "search", seed=seed, repeat=repeat)
                self.winners_of_repeats[arm, repeat] = won.run_id
            seeds = confirm_seeds(0, arm, repeat, n_seeds, common=False)
            for seed, accuracy in zip(seeds, row, strict=True):
                values = {"test_accuracy": accuracy, "val_accuracy": accuracy, "test_loss": 1 - accuracy}
                self.add(arm, "confirm", seed=seed, repeat=repeat, **values)
        self.search_settings["repeats"] = len(accuracies)

    def write(self, root: Path, **more: Any) -> Path:
        """Write declaration, manifest and journal below `root`; return the results folder.

        Args:
            root: Where the folder goes.
            more: Further fields of declaration or manifest, instead of those made up.
        """
        folder = ResultsFolder(root / self.name)
        folder.root.mkdir(parents=True)
        declared, manifest = self.declaration(), self.manifest()
        declared |= {name: value for name, value in more.items() if name not in manifest}
        declaration = Declaration.model_validate(declared)
        declaration.write(folder)
        manifest |= {name: value for name, value in more.items() if name in manifest}
        manifest |= {"declaration_sha256": declaration.sha256}
        folder.manifest.write_text(json.dumps(manifest, indent=2) + "\n", encoding="utf-8")
        first = StudyDeclared(time="2026-01-02T00:00:00.000000+00:00", sha256=declaration.sha256)
        write_journal(folder, [first, *self.events()])
        return folder.root

    def write_older(self, root: Path) -> Path:
        """Write a folder as the first version did: a manifest that declares too, and no hash."""
        folder = ResultsFolder(root / self.name)
        folder.root.mkdir(parents=True)
        whole = self.declaration() | self.manifest() | {"schema_version": 1}
        del whole["plan"]
        folder.manifest.write_text(json.dumps(whole, indent=2) + "\n", encoding="utf-8")
        write_journal(folder, self.events())
        return folder.root

    def facts(self, root: Path) -> Facts:
        """Write the results folder below `root` and return what its report is made from."""
        return Facts(load_study(self.write(root)))

    def declaration(self) -> dict[str, Any]:
        """Return what the study declares."""
        declared: dict[str, Any] = {
            "protocol_version": "1",
            "study": self.name,
            "question": self.question,
            "arms": {arm: self._declared(arm, space) for arm, space in self.arms.items()},
            "search": {
                "sampler": "tpe",
                "trials": None if self.search_settings.get("sampler") == "grid" else 20,
                "metric": self.metric,
                "mode": "min" if "loss" in self.metric else "max",
                "seed": 0,
                **self.search_settings,
            },
            "confirm": {
                "seeds": self._confirm_runs(next(iter(self.arms))) // self.search_settings.get("repeats", 1)
            },
            "search_seeds": sorted({r.seed for r in self.runs if r.phase == "search"}) or [0],
            "confirm_seeds": sorted({r.seed for r in self.runs if r.phase == "confirm"}),
            "baseline": self.baseline,
            "claims": self.claims,
            "published": self.published,
            "dataset": {
                "name": "fashion_mnist",
                "sha256": {"train-images": "ab" * 32},
                "train_samples": 54000,
                "val_samples": 6000,
                "test_samples": 10000,
                "val_fraction": 0.1,
                "split": "10 % of the training images, stratified by class, drawn with the run's seed",
            },
        }
        whole = declaration_of(declared)  # names the templates of arms such as `adam@batch_size=16`
        repeats = self.search_settings.get("repeats", 1)
        own = {"unit": "repeat", "looks": [repeats], "seeds_are_common": False} if repeats > 1 else {}
        return whole | {"plan": whole["plan"] | own | self.plan}

    def manifest(self) -> dict[str, Any]:
        """Return where the study ran; what is missing is the hash of its declaration."""
        return {
            "schema_version": 2,
            "resources": {"cpu": 1, "gpu": 0, **self.resources},
            "git": {"commit": "0123456789abcdef0123456789abcdef01234567", "dirty": False},
            "versions": {"python": "3.11.9", "torch": "2.11.0"},
            "machine": {"host": "node1", "cpu": "An example CPU", "cores": 2},
            "slots": 1,
            "command": ["python", "-m", "harness.sweep", "search_spaces/optimizers.yaml"],
            "created_at": "2026-01-02T03:04:05+00:00",
            "resumed": [],
        }

    def _declared(self, arm: str, space: dict[str, Any]) -> dict[str, Any]:
        present = sum(r.arm == arm and r.phase == "search" for r in self.runs)
        fixed: dict[str, Any] = {"dataset": "fashion_mnist", "model": {"name": "fcn"}, "optimizer": arm}
        return {
            "fixed": (fixed if "lr" in space or "optimizer" in space else fixed | {"lr": 0.01})
            | self.fixed.get(arm, {}),
            "space": space,
            "search_runs": self.search_runs.get(arm, present),
            "confirm_runs": self._confirm_runs(arm),
            "max_epochs": self.max_epochs,
        }

    def _confirm_runs(self, arm: str) -> int:
        if self.confirm_runs is not None:
            return self.confirm_runs
        return sum(r.arm == arm and r.phase == "confirm" for r in self.runs)

    def events(self) -> list[Any]:
        """Return the journal's events: each run from start to end, then the ends of the phases."""
        clock = iter(range(10**6))

        def now() -> str:
            second = next(clock)
            return f"2026-01-02T{second // 3600:02d}:{second // 60 % 60:02d}:{second % 60:02d}.000000+00:00"

        events: list[Any] = []
        if self.labels:
            text, n_images = encode_classes(np.array(self.labels, np.uint8), 10), len(self.labels)
            events.append(
                TestLabels(time=now(), dataset="fashion_mnist", labels=text, n_images=n_images, n_classes=10)
            )
        for run in self.runs:
            events += _run_events(run, now)
        for arm, winner in self.winners.items():
            why = self.given_up.get(arm)
            events.append(PhaseEnded(time=now(), phase="search", arm=arm, winner=winner, reason=why))
        for (arm, repeat), winner in self.winners_of_repeats.items():
            events.append(PhaseEnded(time=now(), phase="search", arm=arm, repeat=repeat, winner=winner))
        return events


def _run_events(run: Run, now: Callable[[], str]) -> list[Any]:
    configuration = {"dataset": "fashion_mnist", "model": {"name": "fcn"}, "optimizer": run.arm, "lr": run.lr}
    events: list[Any] = [
        RunStarted(
            time=now(),
            run_id=run.run_id,
            arm=run.arm,
            phase=run.phase,
            repeat=run.repeat,
            number=run.number or 0,
            seed=run.seed,
            configuration=configuration | run.configuration,
        )
    ]
    events += [_epoch_event(run, epoch, now()) for epoch in range(1, run.epochs + 1)]
    is_tested = run.phase == "confirm" and run.status == "completed"
    events.append(
        RunEnded(
            time=now(),
            run_id=run.run_id,
            phase=run.phase,
            status=run.status,
            reason=None if run.status == "completed" else f"made to be {run.status}",
            epochs=run.epochs,
            steps_per_epoch=STEPS_PER_EPOCH if run.epochs else None,
            test_loss=run.test_loss if is_tested else None,
            test_accuracy=run.test_accuracy if is_tested else None,
            train_seconds=run.epochs * run.epoch_seconds,
            threads=1,
            device="cpu",
            host="node1",
            predicted=run.predicted,
        )
    )
    return events


def _epoch_event(run: Run, epoch: int, time: str) -> EpochEnded:
    assert run.lr is not None, "a run without a learning rate reports no epoch"
    is_lost = run.status == "diverged" and epoch == run.epochs
    to_go = (run.epochs - epoch) / run.epochs
    made_up = EpochEnded(
        time=time,
        run_id=run.run_id,
        epoch=epoch,
        step=epoch * STEPS_PER_EPOCH,
        lr=run.lr,
        train_loss=None if is_lost else run.val_loss - 0.05 + to_go,
        train_accuracy=max(0.0, run.val_accuracy + 0.01 - 0.3 * to_go),
        val_loss=None if is_lost else run.val_loss + to_go,
        val_accuracy=None if is_lost else max(0.0, run.val_accuracy - 0.3 * to_go),
        seconds=run.epoch_seconds,
    )
    return made_up.model_copy(update={name: values[epoch - 1] for name, values in run.curve.items()})


SEED_OFFSETS = (0.000, 0.001, -0.001, 0.002, -0.002, 0.0005, -0.0005, 0.0015)
"""Eight seeds' deviations from an arm's mean; their mean is 0.0001875."""


@pytest.fixture
def new_study() -> type[Study]:
    """Return the builder, for a study from nothing."""
    return Study


@pytest.fixture
def three_arms() -> Study:
    """Return a study of three arms with a search, an audit run, eight confirm seeds and three claims."""
    return _three_arms()


def _three_arms() -> Study:
    study = Study(arms={arm: {"lr": LOG_RANGE} for arm in ("sgd", "rmsprop", "adam")})
    study.search_settings = {"audit": 1, "early_stopping": {"grace_epochs": 1, "reduction_factor": 3}}
    for arm, best, accuracy in (("sgd", 0.9, 0.86), ("rmsprop", 1e-3, 0.88), ("adam", 1e-2, 0.88)):
        study.search(arm, [2e-4, 1e-3, 1e-2, 1e-1, 0.9], best=best)
        study.add(arm, "search", lr=0.5, status="diverged", epochs=2)
        study.audit(study.add(arm, "search", lr=3e-4, status="stopped", epochs=1, val_loss=0.1))
        tilt = {"sgd": 1.0, "rmsprop": 0.9, "adam": 1.1}[arm]
        study.confirm(arm, [accuracy + tilt * offset for offset in SEED_OFFSETS], lr=best)
    study.baseline = "sgd"
    study.published = {"adam": [{"source": "study A, table 1", "values": {"test_accuracy": 0.8841}}]}
    study.claims = [
        {
            "says": "Adam reaches a higher test accuracy than SGD.",
            "source": "study A table 1",
            "better": {"arm": "adam", "than": "sgd", "metric": "test_accuracy"},
        },
        {
            "says": "Adam beats RMSprop.",
            "better": {"arm": "adam", "than": "rmsprop", "metric": "test_accuracy"},
        },
        {"says": "RMSprop is prettier.", "prettier": {"arm": "rmsprop", "than": "sgd"}},
    ]
    return study


@pytest.fixture
def repeated_sizes() -> Study:
    """Return two batch sizes, each with three searches of two confirm runs: repeats at .81, .91 and .86.

    Their mean is .86 and s = .05, so that the 95 % t-interval is .86 ± 4.302653 * .05 / sqrt(3) = .124207.
    """
    sizes = {f"sgd@batch_size={size}": {"optimizer": "sgd", "batch_size": size} for size in (16, 64)}
    study = Study(arms={arm: {"lr": LOG_RANGE} for arm in sizes}, fixed=sizes)
    for arm in sizes:
        study.repeat(arm, [[0.80, 0.82], [0.90, 0.92], [0.85, 0.87]])
    return study


@pytest.fixture
def measured() -> Study:
    """Return a study without a confirm phase: two arms, three batch sizes, three seeds, one run at a time."""
    return _measured()


def _measured() -> Study:
    sizes = {64: 0.42, 256: 0.40, 1024: 0.44}
    study = Study(arms={arm: {"batch_size": {"grid": list(sizes)}} for arm in ("sgd", "adam")})
    study.name, study.resources = "batch_sizes", {"concurrency": 1}
    for arm, seconds in (("sgd", 1.0), ("adam", 2.0)):
        for size, loss in sizes.items():
            losses, warm = [loss + offset for offset in (-0.01, 0.0, 0.01)], seconds + 640 / size
            study.grid(arm, {"batch_size": size}, losses, epoch_seconds=warm)
    for run in study.runs[-3:]:
        run.status = "diverged"
    study.winners = {arm: f"{arm}-search-003" for arm in study.arms}
    values = {"train_loss": 0.5, "epoch_seconds": 7.0}
    study.published = {"sgd": [{"source": "study B", "at": {"batch_size": 64}, "values": values}]}
    return study


def _tuned() -> Study:
    """Return two arms of one template, each with 24 search runs over two fields and five confirm seeds."""
    sizes = {f"adam@batch_size={size}": size for size in (64, 256)}
    space = {"lr": LOG_RANGE, "dropout": {"low": 0.0, "high": 0.5}}
    study = Study(arms=dict.fromkeys(sizes, space))
    study.fixed = {arm: {"batch_size": size, "optimizer": "adam"} for arm, size in sizes.items()}
    study.name = "batch_sizes_tuned"
    for arm, size in sizes.items():
        same = {"batch_size": size, "optimizer": "adam"}
        for i in range(24):  # 5, 7 and 11 have no factor with 24 in common: every value comes once
            study.add(
                arm,
                "search",
                lr=10.0 ** (-4 + (i * 7 % 24) / 6),
                val_loss=0.4 + 0.01 * (i * 5 % 24),
                configuration=same | {"dropout": 0.02 * (i * 11 % 24)},
            )
        study.winners[arm] = f"{arm}-search-000"
        study.confirm(
            arm,
            [0.88 + offset for offset in SEED_OFFSETS[:5]],
            lr=1e-4,
            configuration=same | {"dropout": 0.0},
        )
    study.keep_predictions()
    return study


@pytest.fixture
def results(three_arms: Study, tmp_path: Path) -> Path:
    """Return the results folder of `three_arms`."""
    return three_arms.write(tmp_path)


@pytest.fixture(scope="session")
def reported(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return the results folder of `three_arms` with its report; tests only read it."""
    folder = _three_arms().write(tmp_path_factory.mktemp("reported"))
    write_report(folder)
    return folder


@pytest.fixture(scope="session")
def measured_report(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return the results folder of `measured` with its report; tests only read it."""
    folder = _measured().write(tmp_path_factory.mktemp("measured"))
    write_report(folder)
    return folder


@pytest.fixture(scope="session")
def tuned_report(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return the results folder of a template's arms with its report; tests only read it."""
    folder = _tuned().write(tmp_path_factory.mktemp("tuned"))
    write_report(folder)
    return folder


@pytest.fixture(scope="session")
def all_facts(tmp_path_factory: pytest.TempPathFactory) -> list[Facts]:
    """Return what the reports of the three are made from, and no report; tests only read it."""
    root = tmp_path_factory.mktemp("facts")
    return [study.facts(root) for study in (_three_arms(), _measured(), _tuned())]


@pytest.fixture
def all_reports(reported: Path, measured_report: Path, tuned_report: Path) -> list[Path]:
    """Return the three: together they have every table and every figure."""
    return [reported, measured_report, tuned_report]


@pytest.fixture(params=["reported", "measured_report", "tuned_report"])
def any_report(request: pytest.FixtureRequest) -> Path:
    """Return each of the three in turn."""
    folder: Path = request.getfixturevalue(request.param)
    return folder
