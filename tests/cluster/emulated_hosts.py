"""Two hosts on one machine: network namespaces on a bridge, each with processes, name and /tmp of its own."""

import os
import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

_BRIDGE = "hbr0"
CONTROLLER = "10.77.0.1"
"""This machine's address on the bridge."""
ADDRESSES = {"hbn1": "10.77.0.11", "hbn2": "10.77.0.12"}
"""The hosts, and where they are reached."""
_HOSTS_FILE = "127.0.0.1 localhost\n10.77.0.1 controller\n10.77.0.11 hbn1\n10.77.0.12 hbn2\n"
_SCRIPT = Path(__file__).with_name("emulated_host.sh")


@dataclass(frozen=True, kw_only=True)
class EmulatedHosts:
    """Hosts that share some folders, and nothing else below /tmp."""

    shared: tuple[Path, ...]
    private: Path
    """Holds each host's /tmp."""

    def command(self, host: str, *command: str) -> list[str]:
        """Return what runs a command as on one of the hosts."""
        return [str(_SCRIPT), host, str(self.private), *map(str, self.shared), "--", *command]


def can_emulate_hosts() -> bool:
    """Tell whether this machine lets us make network and process namespaces."""
    if os.geteuid() != 0 or any(shutil.which(tool) is None for tool in ("ip", "nsenter", "unshare")):
        return False
    tried = subprocess.run(["unshare", "--net", "--pid", "--fork", "true"], capture_output=True, check=False)
    return tried.returncode == 0


@contextmanager
def emulated_hosts(shared: tuple[Path, ...]) -> Iterator[EmulatedHosts]:
    """Make the hosts' network; what runs on them is the caller's to end.

    Args:
        shared: What all of them see, also where it is below /tmp.
    """
    private = Path(tempfile.mkdtemp(prefix="emulated-", dir="/var/tmp"))
    _take_down()
    try:
        _set_up()
        yield EmulatedHosts(shared=shared, private=private)
    finally:
        _take_down()
        shutil.rmtree(private, ignore_errors=True)


def _set_up() -> None:
    _ip("link", "add", _BRIDGE, "type", "bridge")
    _ip("addr", "add", f"{CONTROLLER}/24", "dev", _BRIDGE)
    _ip("link", "set", _BRIDGE, "up")
    for host, address in ADDRESSES.items():
        folder = Path("/etc/netns", host)
        folder.mkdir(parents=True, exist_ok=True)
        (folder / "hosts").write_text(_HOSTS_FILE, encoding="utf-8")
        _ip("netns", "add", host)
        _ip("link", "add", f"v{host}", "type", "veth", "peer", "name", "eth0", "netns", host)
        _ip("link", "set", f"v{host}", "master", _BRIDGE, "up")
        _ip("-n", host, "link", "set", "lo", "up")
        _ip("-n", host, "link", "set", "eth0", "up")
        _ip("-n", host, "addr", "add", f"{address}/24", "dev", "eth0")


def _take_down() -> None:
    """Remove the network, also what a run that was killed has left."""
    for host in ADDRESSES:
        with suppress(subprocess.CalledProcessError):
            _ip("netns", "del", host)
        shutil.rmtree(Path("/etc/netns", host), ignore_errors=True)
    with suppress(subprocess.CalledProcessError):
        _ip("link", "del", _BRIDGE)


def _ip(*arguments: str) -> None:
    subprocess.run(["ip", *arguments], check=True, capture_output=True, timeout=10)
