"""What a job runs: Ray on the allocation, the sweep on Ray, and another turn if the job ends first.

`python -u -m harness.cluster.slurm.launcher RUN_DIR/submit/plan.json`, in place of the job's shell, so that
Slurm's warning reaches it. Signals:

- SIGUSR1: Slurm's warning before a time limit or a preemption. The sweep ends in good order, and the job
  requeues itself.
- SIGTERM: Slurm, or a user, has decided that the job ends. The sweep ends in good order, and that is all.
"""

import math
import os
import signal
import socket
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import TYPE_CHECKING

from harness.cluster.launch.processes import (
    Signals,
    adopt_orphans,
    end_child,
    end_descendants,
    node_folder,
    start_child,
)
from harness.cluster.slurm.allocation import Allocation
from harness.cluster.slurm.commands import requeue
from harness.cluster.slurm.ray_cluster import RayCluster, ray_cluster
from harness.cluster.slurm.script import LauncherInstructions
from harness.cluster.slurm.steps import end_node, end_of
from harness.cluster.status_log import Cause, Happening, StatusDetail, StatusLog
from harness.errors import EXIT_COMPLETE, EXIT_INTERRUPTED, EXIT_REFUSED, EXIT_SOME_FAILED, HarnessError

if TYPE_CHECKING:
    import subprocess

_EARLY_SECONDS = 90
"""How much sooner than asked Slurm's warning may come: its manual says 60."""
_DRIVER_PATIENCE_SECONDS = 25.0
"""What the sweep gets for its end in good order; it gives itself 15."""
_LEFTOVERS_PATIENCE_SECONDS = 3.0
_LOOK_EVERY_SECONDS = 0.2


def main(arguments: list[str] | None = None) -> int:
    """Run the command; return its exit code, which is the sweep's."""
    (path,) = sys.argv[1:] if arguments is None else arguments
    signals = Signals()
    # Ray gives up after 30 s, which a busy node, or one that loads its packages from far away, can take.
    os.environ.setdefault("RAY_raylet_start_wait_time_s", "120")
    try:
        adopt_orphans()
        instructions = LauncherInstructions.read(Path(path))
        launcher = Launcher(instructions, Allocation.of_environment(os.environ), signals)
    except HarnessError as error:
        _say(f"error: {error}")
        return error.exit_code
    return launcher.run()


class Launcher:
    """One start of a job."""

    def __init__(self, instructions: LauncherInstructions, allocation: Allocation, signals: Signals) -> None:
        self._instructions = instructions
        self._allocation = allocation
        self._signals = signals
        self._log = StatusLog(instructions.folder.status_log, allocation.job, allocation.restart)
        self._cause: Cause | None = None
        """Why the sweep was told to end."""

    def run(self) -> int:
        """Run the sweep, and see to what comes after it; return the exit code."""
        allocation = self._allocation
        nodes = ",".join((allocation.host, *allocation.others))
        started = StatusDetail(nodes=nodes, cpus=allocation.cpus, gpus=allocation.gpus or 0)
        self._note("started", started)
        _say(f"job {allocation.job} started, restart {allocation.restart}, on {nodes}")
        try:
            code = self._sweep()
        except HarnessError as error:
            _say(f"error: {error}")
            code = self._told(error.exit_code)
        except OSError as error:
            _say(f"error: {_told_of(error)}")
            code = self._told(EXIT_REFUSED)
        finally:
            end_descendants(_LEFTOVERS_PATIENCE_SECONDS)
        if code != EXIT_INTERRUPTED or not self._requeue():
            self._note("ended", StatusDetail(exit_code=code, cause=self._cause))
        return code

    def _note(self, event: Happening, detail: StatusDetail) -> None:
        """Write to the log what happened; a full disk does not keep a job from its requeue."""
        try:
            self._log.append(event, detail)
        except OSError as error:
            _say(f"{self._instructions.folder.status_log}: {event!r} is not noted there ({error.strerror})")

    def _told(self, code: int) -> int:
        """Return the exit code that tells why the sweep ended.

        Once the job was told to end, every other end is an interruption: Ray's handlers exit with the
        signal's number, and a sweep that loses its Ray to the same signal says that Ray does not start. A
        sweep that was refused for a reason of its own is refused again after its requeue.
        """
        if code in {EXIT_COMPLETE, EXIT_SOME_FAILED}:
            return code
        self._look_at_signals()
        if self._cause and code != EXIT_INTERRUPTED:
            _say(f"the sweep ended with exit code {code} while it was told to end: it was interrupted")
            return EXIT_INTERRUPTED
        return code

    def _sweep(self) -> int:
        with self._ray() as cluster, node_folder(self._allocation.job) as folder:
            self._look_at_signals()
            if self._cause:
                return EXIT_INTERRUPTED
            self._note("cluster_up", StatusDetail(nodes=cluster.nodes, address=cluster.address))
            command = [sys.executable, "-u", "-m", "harness.sweep"]
            command += self._instructions.sweep_arguments(cluster.address)
            # Where our death ends Ray as well, the sweep would wait for that Ray before it ends itself.
            at_our_death = signal.SIGKILL if self._allocation.others else signal.SIGTERM
            environment = {**os.environ, "TMPDIR": str(folder)}
            driver = start_child(command, at_our_death=at_our_death, environment=environment)
            try:
                return self._attend(driver, cluster)
            finally:
                self._end_leftovers()

    def _end_leftovers(self) -> None:
        """End what a sweep that was killed has left: its private Ray, but not the Ray of several nodes."""
        if not self._allocation.others and (n_ended := end_descendants(_LEFTOVERS_PATIENCE_SECONDS)):
            _say(f"ended {n_ended} processes that the sweep had left")

    @contextmanager
    def _ray(self) -> Iterator[RayCluster]:
        """Yield a cluster; on one node the sweep's own private Ray, which nobody else can reach."""
        if not self._allocation.others:
            os.environ.pop("RAY_ADDRESS", None)
            yield RayCluster(address="local")
            return
        with ray_cluster(
            self._allocation, self._instructions.folder, lambda: bool(self._signals.received)
        ) as cluster:
            if cluster.nodes <= len(self._allocation.others) and not self._signals.received:
                _say(f"{len(self._allocation.others) + 1 - cluster.nodes} nodes did not join; going on")
            yield cluster

    def _attend(self, driver: "subprocess.Popen[bytes]", cluster: RayCluster) -> int:
        """Wait for the sweep, and end it when there is reason to; return its exit code."""
        while (code := driver.poll()) is None:
            self._look_at_signals()
            if not self._cause and not cluster.is_up:
                _say("Ray's head has ended; the sweep ends too")
                self._cause = Cause.HEAD_ENDED
            if self._cause:
                code = end_child(driver, _DRIVER_PATIENCE_SECONDS)
                break
            self._tell_of_lost_nodes(cluster)
            time.sleep(_LOOK_EVERY_SECONDS)
        if code < 0:
            _say(f"the sweep was ended by {signal.Signals(-code).name}")
            code = 128 - code
        return self._told(code)

    def _tell_of_lost_nodes(self, cluster: RayCluster) -> None:
        """Say once of each step of the job that has ended before its time; the sweep goes on without it."""
        for step in cluster.ended_steps:
            words = end_of(step.output) or "nothing"
            _say(f"{step.described()}; it said:\n{words}\nthe sweep goes on with the nodes that are left")
            end_node(step.process)
            cluster.steps.remove(step)

    def _look_at_signals(self) -> None:
        """Note why Slurm wants the job to end, the first time it does; nobody is asked, who may answer late.

        A warning is one of a preemption only where the time is known not to be over: else `on_timeout`
        decides, also for a job that outlives the limit it began with.
        """
        if self._cause or not self._signals.received:
            return
        number, ends_at = self._signals.received[0], self._allocation.ends_at
        left = -math.inf if ends_at is None else ends_at - time.time()
        if number != signal.SIGUSR1:
            self._cause = Cause.TOLD_TO_END
        elif left > self._instructions.warn_before + _EARLY_SECONDS:
            self._cause = Cause.PREEMPTION
        else:
            self._cause = Cause.TIME_LIMIT
        seconds_left = int(left) if number == signal.SIGUSR1 and math.isfinite(left) else None
        self._note("warned", StatusDetail(signal=number.name, cause=self._cause, seconds_left=seconds_left))
        _say(f"{number.name}: {self._cause}; the sweep ends in good order")

    def _requeue(self) -> bool:
        """Put the job back into the queue if a requeue mends what interrupted it; tell whether it did."""
        instructions, restart = self._instructions, self._allocation.restart
        self._note("interrupted", StatusDetail(exit_code=EXIT_INTERRUPTED))
        is_mended = self._cause == Cause.PREEMPTION or (
            self._cause == Cause.TIME_LIMIT and instructions.on_timeout == "requeue"
        )
        if not is_mended or signal.SIGTERM in self._signals.received:
            return False
        if restart >= instructions.max_restarts:
            _say(f"not requeued: {restart} restarts, max_restarts is {instructions.max_restarts}")
            return False
        # Before the requeue, whose job may not live to write it.
        self._note("requeued", StatusDetail(cause=self._cause))
        _say("requeued; the sweep goes on where its journal ends")
        try:
            requeue(self._allocation.job)
        except HarnessError as error:
            _say(f"error: {error} Remedy: python -m harness.submit resume RUN_DIR")
            return False
        return True


def _told_of(error: OSError) -> str:
    """Return what is told of a file or folder that the launcher cannot do without."""
    place = f"{error.filename}: " if error.filename else ""
    return (
        f"{place}{error.strerror or error} on {socket.gethostname()}. Remedy: python -m harness.submit "
        f"resume RUN_DIR, once there is room and a right to write"
    )


def _say(message: str) -> None:
    with suppress(OSError):  # a full disk, which the job's own log may lie on, ends no job
        print(f"launcher: {message}", file=sys.stderr, flush=True)  # noqa: T201 - the job's log


if __name__ == "__main__":
    sys.exit(main())
