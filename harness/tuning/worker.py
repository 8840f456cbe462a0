"""Where a run begins in a worker process, and what is checked there first.

A worker imports this module, and by it what trains, before its first run: what only a driver needs, such as
Optuna, stays out of both.
"""

import socket
from collections.abc import Mapping
from functools import cache
from typing import Any

from harness.errors import EnvironmentMismatchError
from harness.records.provenance import versions


def run_in_worker(config: dict[str, Any]) -> None:
    """Train a run in a worker process; torch is imported there, not in the driver."""
    if config["program"] is not None:
        from harness.tuning.program_trial import run_program_trial

        run_program_trial(config)
        return
    from harness.tuning.trainable import run_trial

    run_trial(config)


def check_own_environment(declared: Mapping[str, str | None]) -> None:
    """Refuse to train with other versions than the study declares, which a node that joined late may have.

    Raises:
        EnvironmentMismatchError: They differ.
    """
    here = _own_versions()
    other = [
        f"{name} {here.get(name)}, not {told}" for name, told in declared.items() if here.get(name) != told
    ]
    if other:
        raise EnvironmentMismatchError(
            f"{socket.gethostname()} has {', '.join(other)} as this study declares: its numbers cannot be "
            f"compared. Remedy: install the same versions on every node"
        )


@cache
def _own_versions() -> dict[str, str]:
    """Return this process's versions, looked up once."""
    return versions()
