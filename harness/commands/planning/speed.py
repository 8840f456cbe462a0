"""How fast this machine computes: measured once, kept in the user's cache, measured again when asked."""

import json
import math
import socket
import time
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from harness.errors import HarnessError
from harness.records.provenance import cpu_name, utc_now
from harness.records.whole_file import write_file
from harness.training.data.cache import user_cache

_FILE = "speed.json"


@dataclass(frozen=True, kw_only=True)
class Speed:
    """The speed of float32 matrix products on one core of this machine."""

    gflops: float
    """10⁹ operations a second."""
    measured_at: str | None
    """UTC, ISO 8601; None where it was measured just now."""
    not_kept: str | None = None
    """Why it could not be kept, if it could not."""

    def in_words(self) -> str:
        """Return the speed and since when it is known."""
        when = "now" if self.measured_at is None else f"on {self.measured_at} (--measure measures again)"
        loss = f"; it could not be kept for the next time: {self.not_kept}" if self.not_kept else ""
        return (
            f"a core of this machine multiplies matrices at {self.gflops:.0f} GFLOP/s, measured {when}{loss}"
        )


def machine_speed(*, is_measured_now: bool = False) -> Speed:
    """Return the speed that was measured on this machine before; measure where none is known.

    Args:
        is_measured_now: Measure in any case.
    """
    try:
        file = user_cache() / _FILE
    except HarnessError as error:  # no home
        return Speed(gflops=_measured_gflops(), measured_at=None, not_kept=str(error))
    known = _kept(file)
    machine = f"{socket.gethostname()}, {cpu_name()}"  # several machines may share a home
    if machine in known and not is_measured_now:
        return known[machine]
    speed = Speed(gflops=_measured_gflops(), measured_at=None)
    measured = known | {machine: Speed(gflops=speed.gflops, measured_at=utc_now())}
    text = {name: {"gflops": each.gflops, "measured_at": each.measured_at} for name, each in measured.items()}
    try:
        write_file(file, json.dumps(text, indent=2) + "\n")
    except HarnessError as error:
        return Speed(gflops=speed.gflops, measured_at=None, not_kept=str(error))
    return speed


def _kept(file: Path) -> dict[str, Speed]:
    """Return what was measured before, by machine; nothing where the file is not what we wrote."""
    try:
        noted = json.loads(file.read_text(encoding="utf-8"))
        return {
            str(machine): Speed(gflops=float(each["gflops"]), measured_at=str(each["measured_at"]))
            for machine, each in noted.items()
            if 0 < float(each["gflops"]) < math.inf
        }
    except (OSError, ValueError, KeyError, TypeError, AttributeError):
        return {}


def _measured_gflops() -> float:
    """Measure float32 matrix products on one core.

    The matrices are so small that no BLAS spreads a product over cores, and the time is the processor's, so
    that other work on the machine hardly counts.
    """
    side, n_products, rounds = 64, 400, 20
    left, right = np.ones((n_products, side, side), np.float32), np.ones((side, side), np.float32)
    _ = left @ right
    started = time.process_time()
    for _ in range(rounds):
        _ = left @ right
    return 2 * side**3 * n_products * rounds / (time.process_time() - started) / 1e9
