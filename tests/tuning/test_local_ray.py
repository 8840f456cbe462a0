"""The private Ray: nothing of it can be reached from another machine."""

import ipaddress
import json
import os
import subprocess
import sys
import tempfile

import pytest

from harness.allocation import KEEPING_MEMORY

_LISTENERS = """
import json
import os
from harness.tuning.local_ray import local_ray, set_ray_environment

set_ray_environment(is_local=True)
with local_ray(cpus=1, gpus=0):
    import psutil
    import ray

    @ray.remote
    class Worker:
        def is_up(self):
            return True

    worker = Worker.remote()
    assert ray.get(worker.is_up.remote())
    family = [psutil.Process(), *psutil.Process().children(recursive=True)]
    programs = [word for p in family for word in p.cmdline() if word.endswith(".py")]
    print(json.dumps(sorted(word.rpartition("/")[2] for word in programs)))
    sockets = [(p.name(), c) for p in family for c in p.net_connections("inet")]
    print(json.dumps([(name, c.laddr.ip) for name, c in sockets if c.status == psutil.CONN_LISTEN]))
"""


@pytest.mark.ray
def test_every_listener_of_the_private_ray_is_on_loopback() -> None:
    """Head, node and worker listen, on loopback addresses only; services that no sweep asks do not run."""
    done = subprocess.run(
        [sys.executable, "-c", _LISTENERS], capture_output=True, text=True, timeout=300, check=True
    )
    programs, listeners = map(json.loads, done.stdout.splitlines()[-2:])
    assert not {"dashboard.py", "agent.py", "main.py", "monitor.py", "log_monitor.py"} & set(programs)
    assert {"gcs_server", "raylet"} <= {name for name, _ in listeners}
    for name, text in listeners:
        address = ipaddress.ip_address(text)
        mapped = getattr(address, "ipv4_mapped", None) or address
        assert mapped.is_loopback, f"{name} listens on {text}"


_FAILURE = """
import tempfile
from pathlib import Path
from harness.errors import EnvironmentMismatchError
from harness.tuning.local_ray import local_ray, set_ray_environment

set_ray_environment(is_local=True)
try:
    with local_ray(cpus=1, gpus=-1):
        pass
except EnvironmentMismatchError as error:
    print(error)
print(list(Path(tempfile.gettempdir()).iterdir()))
"""


@pytest.mark.ray
def test_a_private_ray_that_does_not_start_is_told_and_leaves_nothing() -> None:
    """Ray's own reason stands in the message; its folder is gone."""
    with tempfile.TemporaryDirectory(dir="/tmp") as folder:  # Ray's sockets need a short path
        done = subprocess.run(
            [sys.executable, "-c", _FAILURE],
            env=os.environ | {"TMPDIR": folder},
            capture_output=True,
            text=True,
            timeout=300,
            check=True,
        )
    told, left = done.stdout.splitlines()
    assert told.startswith("Ray does not start on this machine ("), told
    assert "Remedy" in told
    assert left == "[]"


_THREAD = """
import resource, threading, torch
torch.set_num_threads(1)

def train():
    layer = torch.nn.Conv2d(1, 8, 3)
    image = torch.zeros(256, 1, 64, 64)
    def step():
        layer(image).square().sum().backward()
    for _ in range(10):
        step()
    before = resource.getrusage(resource.RUSAGE_SELF).ru_minflt
    for _ in range(10):
        step()
    print((resource.getrusage(resource.RUSAGE_SELF).ru_minflt - before) // 10)

thread = threading.Thread(target=train)
thread.start()
thread.join()
"""


def test_a_worker_keeps_the_memory_that_a_step_frees() -> None:
    """Pages that the system hands out anew in each step, of a thread that trains: thousands, and few."""
    plain = {name: value for name, value in os.environ.items() if name not in KEEPING_MEMORY}
    faults = [
        int(subprocess.run([sys.executable, "-c", _THREAD], env=own, capture_output=True, check=True).stdout)
        for own in (plain, {**plain, **KEEPING_MEMORY})
    ]
    assert faults[0] > 1000
    assert faults[1] < faults[0] / 10
    assert os.environ.items() >= KEEPING_MEMORY.items()
