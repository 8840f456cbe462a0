"""Syne Tune's local backend with its ASHA, which draws at random: a process a run; `... SETTING.json`.

Unlike its tutorial it looks for news five times a second instead of once in five seconds: an epoch takes less
than that, and a run that is to be stopped would train on meanwhile.
"""

import sys
from pathlib import Path

from setting import Setting, tool_space
from syne_tune import StoppingCriterion, Tuner, config_space
from syne_tune.backend import LocalBackend
from syne_tune.optimizer.baselines import ASHA

SECONDS_BETWEEN_LOOKS = 0.2


def main(path: str) -> int:
    """Search; return 1 if a run failed."""
    setting = Setting.read(path)
    tuner = Tuner(
        trial_backend=LocalBackend(entry_point=str(Path(__file__).with_name("synetune_trial.py"))),
        scheduler=ASHA(
            tool_space(setting.space, config_space) | {"setting": path},
            metric="accuracy",
            do_minimize=False,
            time_attr="epoch",
            max_t=setting.epochs,
            grace_period=setting.grace_epochs,
            reduction_factor=setting.reduction_factor,
            random_seed=setting.seed,
        ),
        stop_criterion=StoppingCriterion(max_num_trials_started=setting.runs - 1),
        wait_trial_completion_when_stopping=True,
        n_workers=setting.workers,
        sleep_time=SECONDS_BETWEEN_LOOKS,
    )
    tuner.run()
    return int(tuner.tuning_status.num_trials_failed > 0)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1]))
