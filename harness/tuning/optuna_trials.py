"""The trials of somebody else's Optuna study, read from a copy of its storage: SQLite, or a journal file."""

import shutil
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import optuna
from optuna.storages import BaseStorage, JournalStorage, RDBStorage
from optuna.storages.journal import JournalFileBackend
from optuna.trial import TrialState

from harness.errors import DataError, nearest, unusable

_SQLITE = "sqlite:///"


@dataclass(frozen=True, kw_only=True)
class OptunaTrials:
    """What a study tried."""

    study: str
    mode: Literal["min", "max"]
    log: frozenset[str]
    """Parameters with a logarithmic range."""
    trials: Sequence[dict[str, Any]]
    """Of each its `number`, `status` as Optuna calls it, `value` (null unless complete) and parameters."""


def read_trials(storage: str, study: str | None) -> OptunaTrials:
    """Read a study; its storage is not touched, as opening it with Optuna would.

    Args:
        storage: `sqlite:///FILE`, or the path of a journal file.
        study: Its name; the only one by default.

    Raises:
        DataError: The file is missing or is no storage of this Optuna, or the study cannot be told or has
            several objectives.
    """
    path = Path(storage.removeprefix(_SQLITE))
    if "://" in storage and not storage.startswith(_SQLITE):
        raise DataError(
            f"optuna:{storage}: only files can be imported. Remedy: {_SQLITE}FILE or the path of a journal "
            f"file; `optuna.copy_study` makes one of a study in a server."
        )
    with tempfile.TemporaryDirectory() as folder:
        copy = _copied(path, Path(folder))
        try:
            opened = _opened(copy, is_sqlite=storage.startswith(_SQLITE))
            names = optuna.get_all_study_names(opened)
            own = optuna.load_study(study_name=_chosen(names, study, storage), storage=opened)
            return _trials(own, storage)
        except DataError:
            raise
        except Exception as error:  # whatever a stranger's file makes Optuna and its database raise
            first = str(error).partition("\n")[0]
            raise DataError(
                f"optuna:{storage}: not a storage that Optuna {optuna.__version__} reads ({first}). Remedy: "
                f"the file's own form ({_SQLITE}FILE, or the path of a journal file); `optuna storage "
                f"upgrade` brings an old database up to date."
            ) from error


def _copied(path: Path, folder: Path) -> Path:
    """Return a copy of a storage, of a database with what was written to it last."""
    try:
        for part in (path, *(path.with_name(path.name + ending) for ending in ("-wal", "-shm"))):
            if part == path or part.exists():
                shutil.copyfile(part, folder / part.name)
    except OSError as error:
        raise DataError(unusable(path, "read", error)) from error
    return folder / path.name


def _opened(path: Path, *, is_sqlite: bool) -> BaseStorage:
    if is_sqlite:
        return RDBStorage(f"{_SQLITE}{path}", skip_table_creation=True)
    return JournalStorage(JournalFileBackend(str(path)))


def _chosen(names: Sequence[str], study: str | None, storage: str) -> str:
    """Return the study that is meant."""
    if study in names:
        return str(study)
    if study is None and len(names) == 1:
        return names[0]
    if not names:
        raise DataError(f"optuna:{storage}: holds no study. Remedy: name the storage that holds one.")
    asked = "holds several studies" if study is None else f"holds no study {study!r}"
    raise DataError(
        f"optuna:{storage}: {asked}. {nearest(study or '', sorted(names))}. Remedy: --study NAME."
    )


def _trials(study: optuna.Study, storage: str) -> OptunaTrials:
    if len(study.directions) > 1:
        raise DataError(
            f"optuna:{storage}: the study {study.study_name} has {len(study.directions)} objectives, and "
            f"only one can be ranked. Remedy: export the one that counts as CSV (study.trials_dataframe()), "
            f"and import that."
        )
    trials = study.get_trials(deepcopy=False)
    ranges = {name: own for trial in trials for name, own in trial.distributions.items()}
    return OptunaTrials(
        study=study.study_name,
        mode="max" if study.direction == optuna.study.StudyDirection.MAXIMIZE else "min",
        log=frozenset(name for name, own in ranges.items() if getattr(own, "log", False)),
        trials=[
            {
                "number": trial.number,
                "status": trial.state.name.lower(),
                "value": trial.value if trial.state == TrialState.COMPLETE else None,
                **trial.params,
            }
            for trial in trials
        ],
    )
