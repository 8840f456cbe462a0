"""A private Ray without the services, and a Tune without the files and imports, that no sweep asks for.

Ray 2.60 starts five Python programs besides its two servers, whatever `include_dashboard` says: the
dashboard's server, the autoscaler's monitor, the log monitor, and on each node an agent of the dashboard and
one that prepares runtime environments. Its start waits for three of them, and all import when the workers do.
Its Tune asks for workers with environment variables of their own, so those that wait already are of no use to
it. No public switch changes this, and so this module reaches into Ray; any other version of Ray starts as it
likes.
"""

import os
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from typing import Any
from unittest.mock import patch

_KNOWN_VERSION = "2.60.0"
"""The one whose inner workings are met here."""

_STAND_IN = "cat"

_NO_SERVICE = -1
"""What stands for the port of a service that is not there, as where Ray was installed without a dashboard."""

_PREPARES_ENVIRONMENTS = "runtime_env_agent"
_AGENTS = {
    "dashboard_agent": ("metrics_agent_port", "metrics_export_port", "dashboard_agent_listen_port"),
    _PREPARES_ENVIRONMENTS: ("runtime_env_agent_port",),
}
"""The ports that each agent tells its node in files."""

_ASKING_FOR_ENVIRONMENTS = ("RAY_RUNTIME_ENV_HOOK", "RAY_JOB_CONFIG_JSON_ENV_VAR")
"""Variables with which a user asks for runtime environments."""


@contextmanager
def without_idle_services(*, workers: int, has_runtime_environment: bool) -> Iterator[None]:
    """Let `ray.init` start a local Ray without dashboard, agents, log monitor and autoscaler.

    Args:
        workers: How many begin at once. Ray's own choice is one a CPU, whatever a run occupies.
        has_runtime_environment: Workers need one, so the agent that prepares it is started.
    """
    from ray._private import services
    from ray._private.node import Node

    if not _is_known():
        yield
        return
    start = services.start_ray_process
    needs_environments = has_runtime_environment or any(
        name in os.environ for name in _ASKING_FOR_ENVIRONMENTS
    )
    idle = {name for name in _AGENTS if name != _PREPARES_ENVIRONMENTS or not needs_environments}

    def start_leanly(command: list[str], process_type: str, *rest: Any, **options: Any) -> Any:
        if process_type == "raylet":
            command = [*_without_agents(command, idle), f"--num_prestart_python_workers={workers}"]
            metrics = {"RAY_enable_metrics_collection": "1"}  # else a raylet adds a word to the command
            options["env_updates"] = {**(options.get("env_updates") or {}), **metrics}
        return start(command, process_type, *rest, **options)

    def start_no_api_server(node: Any, **_: Any) -> None:
        node._webui_url = ""  # noqa: SLF001 - what Ray gives it where there is no page

    with ExitStack() as patches:
        patches.enter_context(patch.object(services, "start_ray_process", start_leanly))
        patches.enter_context(patch.object(Node, "start_api_server", start_no_api_server))
        for name in ("start_monitor", "start_log_monitor"):
            patches.enter_context(patch.object(Node, name, lambda _: None))
        yield


@contextmanager
def in_waiting_workers() -> Iterator[None]:
    """Let Tune run trials in workers that wait already.

    Those of a private Ray have this process's environment, so Tune need not hand any of it on.
    """
    from ray.tune.execution import class_cache

    if not _is_known():
        yield
        return
    with patch.multiple(class_cache, DEFAULT_ENV_VARS={}, ENV_VARS_TO_PROPAGATE=frozenset()):
        yield


@contextmanager
def without_snapshots() -> Iterator[None]:
    """Let Tune keep no state of its own: a study is continued from its journal, and read from it.

    Once all runs have ended, Tune writes a snapshot of every one and reads each one's reports into a table,
    which takes 5 ms a run.
    """
    import pandas as pd
    from ray.tune.analysis import ExperimentAnalysis
    from ray.tune.execution.tune_controller import TuneController

    if not _is_known():
        yield
        return
    with (
        patch.object(TuneController, "_get_trial_checkpoints", lambda _: {}),
        patch.object(ExperimentAnalysis, "_fetch_trial_dataframe", lambda *_: pd.DataFrame()),
    ):
        yield


@contextmanager
def without_counting_trackers() -> Iterator[None]:
    """Let Tune not import every tracker that is installed, only to count callbacks of its kind.

    The counts are for usage statistics, which a private Ray does not send; MLflow alone takes 3 s to import.
    """
    from ray.air._internal import usage

    if not _is_known():
        yield
        return
    with patch.object(usage, "tag_callbacks", lambda _: False):
        yield


def _is_known() -> bool:
    import ray

    return ray.__version__ == _KNOWN_VERSION


def _without_agents(command: list[str], idle: set[str]) -> list[str]:
    """Return the raylet's command with a process that does nothing in each idle agent's place.

    A raylet insists on agents, reads their ports from files and ends when one of them does. The one in their
    place reads its standard input, a pipe that the raylet holds, and so ends with it, however that happens.

    Args:
        command: Starts the raylet.
        idle: The agents without a task.
    """
    from ray._raylet import persist_port  # type: ignore[attr-defined] # it is written in C

    given = dict(word.lstrip("-").split("=", 1) for word in command if "=" in word)
    for agent in idle:
        for port in _AGENTS[agent]:
            persist_port(given["session_dir"], given["node_id"], port, _NO_SERVICE)
    heads = {f"--{agent}_command" for agent in idle}
    return [f"{head}={_STAND_IN}" if (head := word.split("=")[0]) in heads else word for word in command]
