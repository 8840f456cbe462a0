"""One run of `synetune_local.py`, which starts it with a configuration as options."""

import argparse
import os

from bare_loop import load, train
from setting import Setting
from syne_tune import Reporter


def main() -> None:
    """Train, and report each epoch."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--setting", required=True)
    known, _ = parser.parse_known_args()
    setting = Setting.read(known.setting)
    for name in setting.space:
        parser.add_argument(f"--{name}", type=float, required=True)
    options, _ = parser.parse_known_args()
    report = Reporter()
    for epoch, accuracy in enumerate(train(vars(options), load(setting), setting), start=1):
        setting.note(os.getpid(), epoch, accuracy)
        report(epoch=epoch, accuracy=accuracy)


if __name__ == "__main__":
    main()
