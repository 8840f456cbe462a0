"""A private Ray on this machine: on localhost, with a token, in a folder that is removed afterwards.

Ray reads its switches when it is imported: `set_ray_environment` comes before anything that imports Ray. This
module itself may be imported earlier.
"""

import logging
import os
import secrets
import shlex
import shutil
import sys
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from functools import cache
from pathlib import Path
from types import FrameType

import psutil

from harness.allocation import KEEPING_MEMORY
from harness.errors import EnvironmentMismatchError, reason
from harness.tuning.interruption import sparing_children
from harness.tuning.lean_ray import without_idle_services

_QUIET_AND_CLOSED = {
    **KEEPING_MEMORY,
    "PL_DISABLE_FORK": "1",  # as Tune sets it
    "RAY_ACCEL_ENV_VAR_OVERRIDE_ON_ZERO": "1",  # a run without a GPU sees none
    "RAY_AIR_NEW_OUTPUT": "0",  # with verbose=0 the only output that is really silent
    "RAY_CHDIR_TO_TRIAL_DIR": "0",
    "RAY_DEDUP_LOGS": "0",
    "RAY_ENABLE_UV_RUN_RUNTIME_ENV": "0",
    "RAY_USAGE_STATS_ENABLED": "0",
    "RAY_enable_worker_prestart": "1",  # workers begin with the raylet, not once somebody connects
    "RAY_prestart_worker_first_driver": "0",
    "RAY_raylet_start_wait_time_s": "120",  # 30 by default, too little where others keep the machine busy
    "TUNE_DISABLE_AUTO_CALLBACK_LOGGERS": "1",
    "TUNE_DISABLE_SIGINT_HANDLER": "1",  # the sweep has its own
    "TUNE_DISABLE_STRICT_METRIC_CHECKING": "1",
    "TUNE_GLOBAL_CHECKPOINT_S": "3600",  # nothing is ever restored from Tune's snapshots
    "TUNE_WARN_EXCESSIVE_EXPERIMENT_CHECKPOINT_SYNC_THRESHOLD_S": "0",
}

_ALWAYS = {"RAY_TRAIN_COUNT_PREEMPTION_AS_FAILURE": "1"}
"""What every Ray gets, whatever the user has set: the conductor starts a run again whose node was preempted,
and Tune must not do so too."""

_LOCAL_ONLY = {
    "RAY_AUTH_MODE": "token",
    # The one switch with which Ray 2.60 listens on the loopback address alone, whatever the system:
    # `_node_ip_address="127.0.0.1"` is replaced by the machine's own address, and all interfaces are open.
    "RAY_ENABLE_WINDOWS_OR_OSX_CLUSTER": "0",
}
"""What a private Ray always gets, whatever the user has set."""

_JOINING = {"RAY_NUM_REDIS_GET_RETRIES": "3"}
"""How often Ray knocks at a cluster that does not let it in; 20 times, its default, can take ten minutes."""

_OBJECT_STORE_BYTES = 128 * 1024**2
"""Small: runs exchange short reports only, images are mapped from the cache."""


_LONGEST_TEMPORARY = 24
"""Bytes of a temporary folder's path that leave room for the paths of Ray's sockets, 107 bytes in all."""

_PATIENCE_SECONDS = 2.0
"""What Ray's processes get to end by themselves after a shutdown."""


def set_ray_environment(*, is_local: bool) -> None:
    """Set Ray's switches where the user has not; to be called before Ray is imported.

    Args:
        is_local: A private Ray will be started, which always asks for a token and listens on loopback only.
    """
    os.environ.pop("PYTHONWARNINGS", None)  # Ray's own processes die of warnings that it makes errors
    defaults = _QUIET_AND_CLOSED if is_local else _QUIET_AND_CLOSED | _JOINING
    for name, value in defaults.items():
        os.environ.setdefault(name, value)
    os.environ.update(_ALWAYS)
    if is_local:
        os.environ.update(_LOCAL_ONLY)


@contextmanager
def local_ray(cpus: int, gpus: int, workers: int = 1, imports: Sequence[str] = ()) -> Iterator[Path]:
    """Run a private Ray; yields its folder, which holds nothing worth keeping.

    Args:
        cpus: CPU slots to offer.
        gpus: GPUs to offer.
        workers: How many workers begin at once; others do when they are needed.
        imports: Modules that workers will need, and import while this process goes on. Not ours: a worker
            without work does not know yet where this process found them.

    Raises:
        EnvironmentMismatchError: Ray does not start on this machine.
    """
    with private_folder(short=True) as folder:
        token = folder / "token"
        token.touch(mode=0o600)
        token.write_text(_secret(), encoding="ascii")
        os.environ["RAY_AUTH_TOKEN_PATH"] = str(token)
        os.environ.pop("RAY_AUTH_TOKEN", None)
        os.environ.update({"RAY_preload_python_modules": ",".join(imports)})
        import ray

        ours = set(psutil.Process().children(recursive=True))
        try:
            _start(folder, cpus, gpus, workers)
            yield folder
        finally:
            rays = set(psutil.Process().children(recursive=True)) - ours
            ray.shutdown()
            _see_off(rays)


@contextmanager
def private_folder(*, short: bool) -> Iterator[Path]:
    """Make a private temporary folder; it is gone at the end.

    Args:
        short: Its path must leave room for Ray's sockets.

    Raises:
        EnvironmentMismatchError: There is no place for one.
    """
    try:
        root = _short_temporary_folder() if short else tempfile.gettempdir()
        folder = Path(tempfile.mkdtemp(prefix="harness-", dir=root))
    except OSError as error:
        raise EnvironmentMismatchError(
            f"no temporary folder can be made ({reason(error)}). Remedy: TMPDIR=DIR with a DIR that can be "
            f"written and has room; for a private Ray, of {_LONGEST_TEMPORARY} bytes at most."
        ) from error
    try:
        yield folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def is_connecting(frame: FrameType | None) -> bool:
    """Return whether this process connects to Ray in a frame, or in one that called it.

    An exception there, of a signal for instance, leaves half of Ray's core behind, which crashes the process.
    """
    while frame is not None:
        if frame.f_code.co_name == "connect" and frame.f_globals.get("__name__") == "ray._private.worker":
            return True
        frame = frame.f_back
    return False


def _start(folder: Path, cpus: int, gpus: int, workers: int) -> None:
    """Start Ray.

    Raises:
        EnvironmentMismatchError: It does not start, which Ray tells with errors of many types.
    """
    import ray

    environment = _runtime_environment()
    if environment is not None:  # workers that begin before somebody connects would not have it
        os.environ.update({"RAY_enable_worker_prestart": "0"})
    try:
        lean = without_idle_services(workers=workers, has_runtime_environment=environment is not None)
        with sparing_children(), lean:
            ray.init(
                address="local",
                num_cpus=cpus,
                num_gpus=gpus,
                include_dashboard=False,
                object_store_memory=_OBJECT_STORE_BYTES,
                log_to_driver=False,
                logging_level=logging.ERROR,
                runtime_env=environment,
                _temp_dir=str(folder),
            )
    except Exception as error:
        told = " ".join(str(error).split())
        raise EnvironmentMismatchError(
            f"Ray does not start on this machine ({told}). Remedy: {_remedy(told, folder)}."
        ) from error


_REMEDIES = {
    "AF_UNIX path": "TMPDIR=/tmp: the paths of Ray's sockets have room for 107 bytes",
    "Too many open files": "raise the limit on open files (`ulimit -n 4096`)",
    "No space left": "make room in {temporary} and /dev/shm, or name another place with TMPDIR",
    "Permission denied": "TMPDIR=DIR with a DIR that you may write and run programs in",
    "Read-only file system": "TMPDIR=DIR with a DIR that can be written",
    "Resource temporarily unavailable": "raise the limit on processes (`ulimit -u` shows it), or end others",
    "can't start new thread": "raise the limit on processes (`ulimit -u` shows it), or end others",
    "Cannot allocate memory": "free memory, or run the same command when the machine is less busy",
    "No such file or directory": "cd to a folder that exists, and see that nobody tidies {temporary}",
}
"""What helps, by what Ray says."""


def _remedy(told: str, folder: Path) -> str:
    """Return what helps where Ray does not start.

    Args:
        told: What Ray says.
        folder: Its own.
    """
    any_cause = "see that memory is left and {temporary} has room; run the same command again when the "
    any_cause += "machine is less busy"
    fitting = (remedy for sign, remedy in _REMEDIES.items() if sign.lower() in told.lower())
    return next(fitting, any_cause).format(temporary=folder.parent)


def _see_off(processes: set[psutil.Process]) -> None:
    """Wait until processes have ended, and kill those that linger: workers outlive the rest in mid-epoch."""
    _, lingering = psutil.wait_procs(processes, timeout=_PATIENCE_SECONDS)
    for process in lingering:
        with suppress(psutil.NoSuchProcess):
            process.kill()
    psutil.wait_procs(lingering, timeout=_PATIENCE_SECONDS)


@cache
def _secret() -> str:
    """Return this process's token: Ray reads it once, also where a second Ray is started after the first."""
    return secrets.token_hex(32)


def _runtime_environment() -> dict[str, str] | None:
    """Return what workers need when the interpreter's path has a space or another character that shells read.

    Ray 2.60 starts workers through `bash -c` and quotes their arguments, but not the interpreter.
    """
    quoted = shlex.quote(sys.executable)
    return None if quoted == sys.executable else {"py_executable": quoted}


def _short_temporary_folder() -> str:
    """Return a temporary folder whose path leaves room for Ray's sockets."""
    folder = tempfile.gettempdir()
    is_short = len(os.fsencode(folder)) <= _LONGEST_TEMPORARY
    return folder if is_short else "/tmp"  # noqa: S108 - mkdtemp makes a private folder below it
