"""A real Slurm for the tests: munged, slurmctld and two slurmd, without systemd and without a database.

Everything lies in one folder and is ended by process id. Either both nodes are this machine, or each is an
emulated host.
"""

import fcntl
import io
import os
import secrets
import shutil
import signal
import socket
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager, redirect_stderr, redirect_stdout, suppress
from dataclasses import dataclass, field
from pathlib import Path

import psutil
import pytest

from harness.commands.submit import main
from tests.cluster.emulated_hosts import ADDRESSES, CONTROLLER, EmulatedHosts
from tests.processes import command_line, environment

COMMANDS = ("munged", "slurmctld", "slurmd", "sbatch", "squeue", "scontrol", "scancel", "srun", "setpriv")

_HARDWARE = (
    "CPUs=2 SocketsPerBoard=1 CoresPerSocket=2 ThreadsPerCore=1 RealMemory=4000 Gres=gpu:a100:1,gpu:h100:1"
)

_CONFIGURATION = """\
ClusterName=tests
FirstJobId={first_job}
SlurmctldHost={hostname}({controller})
SlurmctldPort={port}
SlurmUser=root
SlurmdUser=root
AuthType=auth/munge
AuthInfo=socket={folder}/munge/socket
CredType=cred/munge
SlurmctldPidFile={folder}/run/slurmctld.pid
SlurmdPidFile={folder}/run/slurmd-%n.pid
StateSaveLocation={folder}/state
SlurmdSpoolDir={folder}/spool/%n
SlurmctldLogFile={folder}/log/slurmctld.log
SlurmdLogFile={folder}/log/slurmd-%n.log
ProctrackType=proctrack/linuxproc
TaskPlugin=task/none
JobAcctGatherType=jobacct_gather/none
AccountingStorageType=accounting_storage/none
MpiDefault=none
SwitchType=switch/none
SelectType=select/cons_tres
SelectTypeParameters=CR_Core_Memory
GresTypes=gpu
ReturnToService=2
SlurmctldTimeout=30
SlurmdTimeout=30
KillWait=5
MinJobAge=300
SchedulerType=sched/backfill
SchedulerParameters=sched_interval=2,batch_sched_delay=1,bf_interval=2
# Later versions call it PreemptParameters; without it the batch process hears of a preemption too late.
SlurmctldParameters=preempt_send_user_signal
PreemptType=preempt/partition_prio
PreemptMode=REQUEUE
JobRequeue=1
{nodes}
PartitionName=DEFAULT Nodes=ALL MaxTime=60 DefaultTime=30 DefMemPerCPU=500
PartitionName=low Default=YES PriorityTier=1 PreemptMode=REQUEUE GraceTime=30
PartitionName=high PriorityTier=10 PreemptMode=OFF
"""


@dataclass(frozen=True, kw_only=True)
class SlurmCluster:
    """A running Slurm of two nodes with two CPUs and two pretended GPUs, of two types, each."""

    folder: Path
    hosts: EmulatedHosts | None
    daemons: "dict[str, subprocess.Popen[bytes]]" = field(default_factory=dict)
    """Our children; of an emulated host, the process whose end is its power loss."""

    @property
    def environment(self) -> dict[str, str]:
        """The environment of its users.

        An earlier test may have imported PyTorch's compiler here. That sets its cache's place for all
        children, and a job would take it along to its nodes.
        """
        own = {name: value for name, value in os.environ.items() if name != "TORCHINDUCTOR_CACHE_DIR"}
        return own | {"SLURM_CONF": str(self.folder / "slurm.conf")}

    def run(self, *command: str) -> str:
        """Run one of its commands; return what it printed."""
        done = subprocess.run(
            command,
            env=self.environment,
            capture_output=True,
            text=True,
            timeout=30,
            check=True,
        )
        return done.stdout.strip()

    def harness_submit(self, *arguments: str) -> "subprocess.CompletedProcess[str]":
        """Do what `python -m harness.submit` does, as a user of this cluster, but in this process."""
        out, err = io.StringIO(), io.StringIO()
        with pytest.MonkeyPatch.context() as patch, redirect_stdout(out), redirect_stderr(err):
            patch.delenv("TORCHINDUCTOR_CACHE_DIR", raising=False)
            patch.setenv("SLURM_CONF", self.environment["SLURM_CONF"])
            try:
                code = main(list(arguments))
            except SystemExit as refused:  # of the argument parser
                code = int(refused.code or 0)
        return subprocess.CompletedProcess(arguments, code, out.getvalue(), err.getvalue())

    def processes_of(self, word: str) -> list[psutil.Process]:
        """Return the processes of this cluster's jobs whose command line has a word."""
        return [process for process in self.family() if word in command_line(process)]

    def family(self) -> list[psutil.Process]:
        """Return every process that this cluster or one of its jobs has started and that still runs."""
        mine = str(self.folder / "slurm.conf")
        return [
            p
            for p in psutil.process_iter()
            if p.pid != os.getpid() and environment(p).get("SLURM_CONF") == mine
        ]

    def clear(self) -> None:
        """Cancel every job, and wait until none is left."""
        self.run("scancel", "--user=root")
        for _ in range(100):
            if not self.run("squeue", "-h"):
                return
            time.sleep(0.2)
        raise AssertionError(f"jobs did not end in 20 s: {self.run('squeue')}")


def has_slurm() -> bool:
    """Tell whether a Slurm can be started here."""
    return os.geteuid() == 0 and all(shutil.which(command) for command in COMMANDS)


@contextmanager
def slurm_cluster(folder: Path, hosts: EmulatedHosts | None = None) -> Iterator[SlurmCluster]:
    """Run a Slurm; nothing of it is left afterwards, also when starting fails.

    Args:
        folder: Empty, and below the shared folder of `hosts`.
        hosts: The emulated hosts that are its nodes; this machine twice if None.
    """
    cluster = SlurmCluster(folder=folder, hosts=hosts)
    try:
        _write_configuration(cluster)
        _start(cluster)
        _wait_until_idle(cluster)
        yield cluster
    finally:
        _stop(cluster)


@contextmanager
def one_at_a_time() -> Iterator[None]:
    """Keep other test runs on this machine from making the same network."""
    with Path("/var/tmp/harness-slurm-tests.lock").open("w", encoding="utf-8") as file:  # noqa: S108 - empty
        fcntl.flock(file, fcntl.LOCK_EX)
        yield


def _write_configuration(cluster: SlurmCluster) -> None:
    folder = cluster.folder
    for name in ("state", "log", "run", "munge", "spool"):
        (folder / name).mkdir(parents=True)
    folder.chmod(0o755)
    (folder / "munge").chmod(0o755)
    key = folder / "munge" / "key"
    key.touch(mode=0o600)
    key.write_bytes(secrets.token_bytes(128))
    gpus = [f"Name=gpu Type={kind} File={folder / kind}\n" for kind in ("a100", "h100")]
    for kind in ("a100", "h100"):
        (folder / kind).touch()
    (folder / "gres.conf").write_text("".join(gpus), encoding="utf-8")
    text = _CONFIGURATION.format(
        hostname=_hostname(),
        controller=CONTROLLER if cluster.hosts else "127.0.0.1",
        port=_free_port(),
        first_job=10_000 + secrets.randbelow(900_000),  # the jobs of two test runs are told apart
        folder=folder,
        nodes="\n".join(_nodes(cluster.hosts)),
    )
    (folder / "slurm.conf").write_text(text, encoding="utf-8")


def _nodes(hosts: EmulatedHosts | None) -> list[str]:
    if hosts:
        return [
            f"NodeName={name} NodeAddr={address} Port=46818 {_HARDWARE}"
            for name, address in ADDRESSES.items()
        ]
    return [
        f"NodeName={name} NodeHostname={_hostname()} NodeAddr=127.0.0.1 Port={_free_port()} {_HARDWARE}"
        for name in ("n1", "n2")
    ]


def _hostname() -> str:
    return socket.gethostname().partition(".")[0]


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def _start(cluster: SlurmCluster) -> None:
    folder = cluster.folder
    _daemon(cluster, "munged", _munge_command(folder / "munge"))
    _wait_for(folder / "munge" / "socket")
    _daemon(cluster, "slurmctld", ["slurmctld", "-D"])
    for name in ADDRESSES if cluster.hosts else ("n1", "n2"):
        daemon = ["slurmd", "-D", "-N", name]
        _daemon(cluster, name, cluster.hosts.command(name, *daemon) if cluster.hosts else daemon)


def _munge_command(folder: Path) -> list[str]:
    """Return the command of munged; `--force`, as it wants folders that all users may enter."""
    files = [f"--{kind}-file={folder / kind}" for kind in ("key", "pid", "log", "seed")]
    return ["munged", "--foreground", "--force", f"--socket={folder / 'socket'}", *files]


def _daemon(cluster: SlurmCluster, name: str, command: list[str]) -> None:
    """Start a daemon as a child that dies with us, and that the terminal's Ctrl-C does not reach."""
    with (cluster.folder / "log" / f"{name}.out").open("wb") as output:
        cluster.daemons[name] = subprocess.Popen(
            ["setpriv", "--pdeathsig=KILL", *command],
            env=cluster.environment,
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )


def _wait_for(path: Path) -> None:
    for _ in range(100):
        if path.exists():
            return
        time.sleep(0.05)
    raise AssertionError(f"{path} did not appear in 5 s")


def _wait_until_idle(cluster: SlurmCluster) -> None:
    for _ in range(150):
        with suppress(subprocess.SubprocessError):
            if cluster.run("sinfo", "-h", "-N", "-p", "low", "-o", "%T").split() == ["idle", "idle"]:
                return
        time.sleep(0.2)
    logs = "\n".join(path.read_text(errors="replace")[-2000:] for path in (cluster.folder / "log").iterdir())
    raise AssertionError(f"Slurm's nodes were not idle in 30 s:\n{logs}")


def _stop(cluster: SlurmCluster) -> None:
    """End jobs, then daemons, then whatever else carries this cluster's mark."""
    with suppress(subprocess.SubprocessError, AssertionError):
        cluster.clear()
    for name, daemon in reversed(cluster.daemons.items()):
        _end(daemon, signal.SIGKILL if cluster.hosts and name in ADDRESSES else signal.SIGTERM)
    for process in cluster.family():
        with suppress(psutil.NoSuchProcess):
            process.kill()


def _end(daemon: "subprocess.Popen[bytes]", number: signal.Signals) -> None:
    """Signal one of our children and wait for it; kill it if it does not end in time."""
    daemon.send_signal(number)
    try:
        daemon.wait(timeout=10)
    except subprocess.TimeoutExpired:
        daemon.kill()
        daemon.wait(timeout=10)
