"""What the peers are told, and what they tell: one file of settings, and one line an epoch."""

import json
import os
import time
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any


@dataclass(frozen=True, kw_only=True)
class Setting:
    """Describe one search, the same for every peer and for the harness."""

    space: dict[str, dict[str, Any]]
    """A hyperparameter to `{low, high}`, with `log: true` where it is searched so, or to `{choices}`: as in a
    study file."""
    hidden: list[int]
    """Sizes of the hidden layers."""
    batch_size: int
    epochs: int
    """Of a run that is not stopped."""
    grace_epochs: int
    reduction_factor: int
    runs: int
    workers: int
    """Runs at the same time, each with one thread."""
    seed: int
    precision: str
    """`fp32`, or `bf16` for autocast."""
    data: str
    """Folder with `FashionMNIST/raw`, unpacked IDX files."""
    out: str
    """Folder for all that the peer writes; `val.npy` there holds the indices of the validation part."""

    @classmethod
    def read(cls, path: str | Path) -> "Setting":
        """Read what `write` wrote."""
        return cls(**json.loads(Path(path).read_text(encoding="utf-8")))

    def write(self) -> Path:
        """Write the settings into `out`; return the file."""
        path = Path(self.out, "setting.json")
        path.write_text(json.dumps(asdict(self)), encoding="utf-8")
        return path

    def note(self, run: str | int, epoch: int, val_accuracy: float) -> None:
        """Add a finished epoch to the log, whichever process trained it: one write, so lines never mix."""
        line = {"time": time.time(), "run": str(run), "epoch": epoch, "val_accuracy": val_accuracy}
        log = os.open(self.log, os.O_WRONLY | os.O_CREAT | os.O_APPEND)
        try:
            os.write(log, json.dumps(line).encode() + b"\n")
        finally:
            os.close(log)

    @property
    def log(self) -> Path:
        """One JSON object an epoch."""
        return Path(self.out, "epochs.jsonl")


def tool_space(space: dict[str, dict[str, Any]], tool: Any) -> dict[str, Any]:
    """Return the space in a tool's own words, which are the same for Ray Tune and Syne Tune.

    Args:
        space: Of a `Setting`.
        tool: Has `uniform`, `loguniform` and `choice`: `ray.tune`, or `syne_tune.config_space`.
    """
    words: dict[str, Any] = {}
    for name, domain in space.items():
        if "choices" in domain:
            words[name] = tool.choice(domain["choices"])
        else:
            draw = tool.loguniform if domain.get("log") else tool.uniform
            words[name] = draw(domain["low"], domain["high"])
    return words
