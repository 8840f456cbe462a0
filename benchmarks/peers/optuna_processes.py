"""Optuna alone: a hand-written loop in N processes that share a journal file; `... SETTING.json`.

The processes are forked once torch is imported and the data are in memory, so they start at once and share
one copy. They take runs from one counter, so that none waits while another still has some to do.
"""

import multiprocessing
import sys
from pathlib import Path
from typing import Any

import optuna
import torch
from bare_loop import Data, load, train
from optuna.storages import JournalStorage
from optuna.storages.journal import JournalFileBackend
from setting import Setting

NAME = "search"


def suggest(trial: optuna.Trial, space: dict[str, dict[str, Any]]) -> dict[str, Any]:
    """Let Optuna choose a configuration."""
    return {
        name: trial.suggest_categorical(name, domain["choices"])
        if "choices" in domain
        else trial.suggest_float(name, domain["low"], domain["high"], log=domain.get("log", False))
        for name, domain in space.items()
    }


def objective(trial: optuna.Trial, data: Data, setting: Setting) -> float:
    """Train a run as long as successive halving lets it; return its best validation accuracy."""
    best = 0.0
    for epoch, accuracy in enumerate(train(suggest(trial, setting.space), data, setting), start=1):
        setting.note(trial.number, epoch, accuracy)
        best = max(best, accuracy)
        trial.report(accuracy, epoch)
        if epoch < setting.epochs and trial.should_prune():
            raise optuna.TrialPruned
    return best


def storage(setting: Setting) -> JournalStorage:
    """Open the file that all processes share; each needs a handle of its own."""
    return JournalStorage(JournalFileBackend(str(Path(setting.out, "optuna.journal"))))


def work(number: int, left: Any, data: Data, setting: Setting) -> None:
    """Run trials until none is left; the body of one process."""
    study = optuna.load_study(
        study_name=NAME,
        storage=storage(setting),
        sampler=optuna.samplers.TPESampler(seed=1000 * setting.seed + number),
        pruner=optuna.pruners.SuccessiveHalvingPruner(
            min_resource=setting.grace_epochs, reduction_factor=setting.reduction_factor
        ),
    )
    while True:
        with left.get_lock():
            if left.value == 0:
                return
            left.value -= 1
        study.optimize(lambda trial: objective(trial, data, setting), n_trials=1)


def main(path: str) -> int:
    """Search; return the greatest exit code of the processes."""
    setting = Setting.read(path)
    torch.set_num_threads(1)
    data = load(setting)
    study = optuna.create_study(study_name=NAME, storage=storage(setting), direction="maximize")
    fork = multiprocessing.get_context("fork")
    left = fork.Value("i", setting.runs)
    workers = [
        fork.Process(target=work, args=(number, left, data, setting)) for number in range(setting.workers)
    ]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join()
    print(study.best_value, study.best_params)
    return max(abs(worker.exitcode or 0) for worker in workers)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1]))
