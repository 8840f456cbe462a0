"""What `python -m harness.lr_finder` keeps: the settings of its tests and their curves, in two files.

Everything else below `lr_finder/` derives from these two (and from the study's own records beside them).
"""

import csv
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import pandas as pd
from pydantic import BaseModel, ConfigDict, ValidationError

from harness.errors import ResultsError, unusable
from harness.records.folder import ResultsFolder
from harness.records.provenance import GitState, Machine
from harness.records.whole_file import write_file

FOLDER = "lr_finder"
"""Below the study's own folder."""

COLUMNS = ["arm", "seed", "step", "lr", "loss", "smoothed_loss", "diverged"]
"""One row a step. Losses in nats, empty where not a number; `diverged` ends a test."""


class TestedArm(BaseModel):
    """An arm, and where in its space it was tested."""

    __test__ = False  # pytest: not a test, whatever its name says
    model_config = ConfigDict(extra="forbid", frozen=True)

    fixed: dict[str, Any]
    """Recipe fields with one value."""
    space: dict[str, dict[str, Any]]
    """Recipe fields with a domain, as the study file writes it."""
    point: dict[str, Any]
    """The value of every searched field during the test; the learning rate plays no part."""


class Settings(BaseModel):
    """Under which conditions the curves came about."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    schema_version: Literal[1] = 1
    study: str
    overrides: list[str]
    """The `--set` arguments applied to the study."""
    arms: dict[str, TestedArm]
    """In the study file's order, which every table and figure keeps."""
    seeds: list[int]
    """The same in every arm."""
    low: float
    high: float
    """First and last rate."""
    steps: int
    """Rates from `low` to `high`, each the one before times a constant; one mini-batch each."""
    smoothing: float
    """Weight that the moving average of the loss keeps at each step."""
    divergence_factor: float
    """A test ends when the smoothed loss exceeds its minimum so many times."""
    dataset: dict[str, Any]
    git: GitState
    versions: dict[str, str]
    machine: Machine

    @property
    def settling_steps(self) -> int:
        """Steps until the moving average is over as many losses as it ever is: 1 / (1 - smoothing)."""
        return round(1 / (1 - self.smoothing))

    @property
    def lag_factor(self) -> float:
        """By how much the rate rises meanwhile: so far may the smoothed curve lag behind the losses."""
        return float((self.high / self.low) ** (self.settling_steps / (self.steps - 1)))


@dataclass(frozen=True, kw_only=True)
class RangeTests:
    """All range tests of one study."""

    folder: Path
    settings: Settings
    curves: pd.DataFrame
    """The columns `COLUMNS`, sorted by arm (the study's order), seed (the settings' order) and step."""

    @property
    def arms(self) -> list[str]:
        """The arms in the study file's order."""
        return list(self.settings.arms)


def finder_folder(root: Path) -> Path:
    """Return where a study's range tests are kept: `lr_finder/` in its results folder."""
    return ResultsFolder(root).root / FOLDER


def write_curves(root: Path, settings: Settings, rows: Sequence[Mapping[str, Any]]) -> None:
    """Write settings and curves of a study's range tests below its results folder.

    Args:
        root: The study's results folder.
        settings: What was tested.
        rows: One a step of a test, with the fields `COLUMNS`.

    Raises:
        ResultsError: The folder cannot be written.
    """
    folder = finder_folder(root)
    curves = pd.DataFrame(rows, columns=COLUMNS)
    write_file(folder / "settings.json", settings.model_dump_json(indent=2) + "\n")
    write_file(folder / "curves.csv", curves.to_csv(index=False, lineterminator="\n"))


def read_tests(root: Path) -> RangeTests:
    """Read what `write_curves` wrote, with the same bits.

    Raises:
        ResultsError: There are no range tests, or a file of them is damaged or cannot be read.
    """
    folder = finder_folder(root)
    try:
        settings = Settings.model_validate_json((folder / "settings.json").read_text(encoding="utf-8"))
        curves = _read_curves(folder / "curves.csv")
    except FileNotFoundError as error:
        raise ResultsError(
            f"{error.filename}: no such file. Remedy: python -m harness.lr_finder STUDY.yaml makes it.",
            place=error.filename,
        ) from None
    except OSError as error:
        raise ResultsError(unusable(error.filename or folder, "read", error)) from error
    except (ValidationError, ValueError, KeyError, csv.Error) as error:
        raise ResultsError(
            f"{folder}: damaged ({str(error).splitlines()[0]}). "
            "Remedy: python -m harness.lr_finder STUDY.yaml writes it again.",
            place=folder,
        ) from error
    return RangeTests(folder=folder, settings=settings, curves=curves)


def _read_curves(path: Path) -> pd.DataFrame:
    """Read the curves by Python's own rules: floats to the last bit, and an arm may be called `NA`."""
    with path.open(encoding="utf-8", newline="") as file:
        rows = [[row[name] for name in COLUMNS] for row in csv.DictReader(file)]
    text = pd.DataFrame(rows, columns=COLUMNS)
    integers = {name: text[name].map(int) for name in ("seed", "step")}
    floats = {name: text[name].map(_float).astype(float) for name in ("lr", "loss", "smoothed_loss")}
    return text.assign(**integers, **floats, diverged=text["diverged"].map(_BOOLEANS.__getitem__))


_BOOLEANS = {"True": True, "False": False}


def _float(text: str) -> float:
    return float(text or "nan")
