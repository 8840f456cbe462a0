"""Fetching a data set that is not on this machine: through torchvision, or from a Debian package.

Each function leaves the files below a scratch folder and returns where; verifying them is the caller's job.
"""

import http.client
import os
import shutil
import socket
import subprocess
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from harness.errors import DataError
from harness.training.data.registry import DatasetSpec

SILENCE_SECONDS = 20
"""A server that sends nothing for this long has failed."""
COMMAND_SECONDS = 300
"""An apt or dpkg command that runs for this long has failed."""


def download_through_torchvision(spec: DatasetSpec, scratch: Path) -> Path:
    """Download the files from torchvision's mirrors, with its md5 checks and its progress bar on stderr.

    Raises:
        DataError: torchvision does not know the data set, or no mirror delivered it.
    """
    if spec.torchvision_class is None:
        raise DataError("torchvision does not have it")
    import torchvision

    dataset_class = getattr(torchvision.datasets, spec.torchvision_class)
    try:
        with _socket_timeout(SILENCE_SECONDS):
            dataset_class(scratch, download=True)
    except (RuntimeError, OSError, EOFError, http.client.HTTPException) as error:
        raise DataError(" ".join(str(error).split())) from error
    return scratch


def unpack_debian_package(spec: DatasetSpec, scratch: Path, say: Callable[[str], None]) -> Path:
    """Download the Debian package and unpack it below `scratch`; needs no root and installs nothing.

    When the system's package lists do not lead to the package (containers come without lists, old lists name
    packages that are gone), fresh lists are fetched below `scratch` too; the system's stay as they are.

    Raises:
        DataError: There is no such package, this system has no apt, or a command failed; with its output.
    """
    if spec.debian_package is None:
        raise DataError("no Debian package has it")
    for tool in ("apt-get", "dpkg-deb"):
        if shutil.which(tool) is None:
            raise DataError(f"{tool} is not there: not a Debian-like system")
    package = _download_package(spec.debian_package, scratch, say)
    unpacked = scratch / "unpacked"
    _run(["dpkg-deb", "-x", str(package), str(unpacked)], folder=scratch)
    folders = [unpacked / Path(folder).relative_to("/") for folder in spec.system_folders]
    for folder in folders:
        if folder.is_dir():
            return folder
    raise DataError(f"{package.name} does not contain {' or '.join(spec.system_folders)}")


def _download_package(name: str, scratch: Path, say: Callable[[str], None]) -> Path:
    """Download a package into `scratch`, with the system's package lists or else with fresh ones.

    Raises:
        DataError: The package could not be downloaded.
    """
    try:
        _run([*_apt_get(), "download", name], folder=scratch)
    except DataError as error:
        say(f"refreshing the package lists, since {error}")
        private = _private_apt_folders(scratch)
        _run([*_apt_get(), *private, "update"], folder=scratch)
        _run([*_apt_get(), *private, "download", name], folder=scratch)
    packages = list(scratch.glob("*.deb"))
    if len(packages) != 1:
        raise DataError(f"apt-get download {name} left {len(packages)} packages instead of one")
    return packages[0]


def _apt_get() -> list[str]:
    """The apt-get command with its options.

    Root's apt would hand the download to the user _apt, who may not write into our scratch folder.
    """
    options = [f"Acquire::http::Timeout={SILENCE_SECONDS}", f"Acquire::https::Timeout={SILENCE_SECONDS}"]
    if os.geteuid() == 0:
        options.append("APT::Sandbox::User=root")
    return ["apt-get", "--quiet", *(word for option in options for word in ("-o", option))]


def _private_apt_folders(scratch: Path) -> list[str]:
    """Options that keep package lists below `scratch`, so that any user can refresh them."""
    lists, cache = scratch / "apt-lists", scratch / "apt-cache"
    for folder in (lists, cache / "archives"):
        (folder / "partial").mkdir(parents=True)
    return ["-o", f"Dir::State::lists={lists}", "-o", f"Dir::Cache={cache}"]


def _run(command: Sequence[str], folder: Path) -> None:
    """Run a command in a folder.

    Raises:
        DataError: It failed, was not there or took longer than `COMMAND_SECONDS`; with its output.
    """
    shown = " ".join(word for word in command if word not in {"-o", "--quiet"} and "::" not in word)
    try:
        done = subprocess.run(  # noqa: S603 - a list of our own words, no shell
            command,
            cwd=folder,
            env={**os.environ, "LC_ALL": "C"},
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            errors="replace",
            timeout=COMMAND_SECONDS,
            check=False,
        )
    except subprocess.TimeoutExpired as error:
        raise DataError(f"`{shown}` took longer than {COMMAND_SECONDS} s") from error
    except OSError as error:
        raise DataError(f"`{shown}` could not be started: {error.strerror}") from error
    if done.returncode != 0:
        output = " ".join(done.stdout.split()) or "no output"
        raise DataError(f"`{shown}` failed with exit code {done.returncode}: {output}")


@contextmanager
def _socket_timeout(seconds: float) -> Iterator[None]:
    """Let every new socket of this process give up after a silence of `seconds`."""
    before = socket.getdefaulttimeout()
    socket.setdefaulttimeout(seconds)
    try:
        yield
    finally:
        socket.setdefaulttimeout(before)
