"""Fetching a data set that is not on this machine: from its publisher, through torchvision, from Debian.

Each function leaves the files below a scratch folder and returns where; verifying them is the caller's job.
"""

import http.client
import os
import shutil
import socket
import subprocess
import urllib.request
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from harness.errors import DataError
from harness.recipe.data import Archive, DatasetSpec
from harness.training.data.archives import check_archive

SILENCE_SECONDS = 20
"""A server that sends nothing for this long has failed."""
COMMAND_SECONDS = 300
"""An apt or dpkg command that runs for this long has failed."""


def download_archives(spec: DatasetSpec, folder: Path, say: Callable[[str], None]) -> Path:
    """Download a data set's archives into a folder and verify them.

    Raises:
        DataError: One could not be delivered, or is not the published one.
    """
    folder.mkdir()
    for archive in spec.archives:
        _download(archive, folder, say)
    return folder


def _download(archive: Archive, folder: Path, say: Callable[[str], None]) -> None:
    """Download a file under a name of its own, and give it its name once it is verified.

    Raises:
        DataError: It could not be delivered, or is not the published one.
    """
    partial_file = folder / f"{archive.name}.part"
    try:
        with urllib.request.urlopen(archive.url, timeout=SILENCE_SECONDS) as answer:  # noqa: S310 - a row's own URL
            length = answer.headers.get("Content-Length")
            size = f", {int(length) / 1e6:,.0f} MB" if length else ""
            say(f"downloading {archive.url}{size}")
            with partial_file.open("wb") as stream:
                shutil.copyfileobj(answer, stream, length=2**20)
    except (OSError, ValueError, http.client.HTTPException) as error:
        raise DataError(f"{archive.url} could not be downloaded: {error}") from error
    check_archive(archive, partial_file)
    partial_file.rename(folder / archive.name)


def download_through_torchvision(spec: DatasetSpec, scratch: Path) -> Path:
    """Download the files from torchvision's mirrors, with its md5 checks and its progress bar on stderr.

    Raises:
        DataError: torchvision does not know the data set, or no mirror delivered it, and which file.
    """
    if spec.torchvision_class is None:
        raise DataError("torchvision does not have it")
    import torchvision

    dataset_class = getattr(torchvision.datasets, spec.torchvision_class)
    try:
        with _socket_timeout(SILENCE_SECONDS):
            dataset_class(scratch, download=True)
    except (RuntimeError, OSError, EOFError, http.client.HTTPException) as error:
        raw = scratch / spec.torchvision_class / "raw"  # where files are unpacked one after the other
        missing = [part.file.name for part in spec.parts if not (raw / part.file.name).exists()]
        raise DataError(" ".join([f"{next(iter(missing), spec.name)}:", *str(error).split()])) from error
    return scratch


def unpack_debian_package(spec: DatasetSpec, scratch: Path, say: Callable[[str], None]) -> Path:
    """Download the Debian package and unpack it below `scratch`; needs no root and installs nothing.

    Raises:
        DataError: There is no such package, this system has no apt, or a command failed; with its output.
    """
    if spec.debian_package is None:
        raise DataError("no Debian package has it")
    for tool in ("apt-get", "dpkg-deb"):
        if shutil.which(tool) is None:
            raise DataError(f"{tool} is not there: not a Debian-like system")
    scratch.mkdir()
    package = _download_package(spec.debian_package, scratch, say)
    unpacked = scratch / "unpacked"
    _run(
        ["dpkg-deb", "--extract", str(package), str(unpacked)], f"dpkg-deb --extract {package.name}", scratch
    )
    for folder in spec.system_folders:
        below = unpacked / Path(folder).relative_to("/")
        if below.is_dir():
            return below
    raise DataError(f"{package.name} does not contain {' or '.join(spec.system_folders)}")


def _download_package(name: str, scratch: Path, say: Callable[[str], None]) -> Path:
    """Download a package into `scratch`.

    When the system's package lists do not lead to it (containers come without lists, old lists name packages
    that are gone), fresh lists are fetched below `scratch`: any user may do that, and the system's stay as
    they are.

    Raises:
        DataError: The package could not be downloaded.
    """
    try:
        _apt_get(["download", name], [], scratch)
    except DataError as error:
        say(f"fetching fresh package lists, since {error}")
        lists, cache = scratch / "apt-lists", scratch / "apt-cache"
        for folder in (lists, cache / "archives"):
            (folder / "partial").mkdir(parents=True)
        own_lists = [f"Dir::State::lists={lists}", f"Dir::Cache={cache}"]
        _apt_get(["update"], own_lists, scratch)
        _apt_get(["download", name], own_lists, scratch)
    (package,) = scratch.glob("*.deb")
    return package


def _apt_get(words: Sequence[str], options: Sequence[str], folder: Path) -> None:
    """Run apt-get in a folder that only this user may write to.

    Root's apt would hand downloads to the user _apt, who may not.

    Raises:
        DataError: It failed; with its output.
    """
    as_root = ["APT::Sandbox::User=root"] if os.geteuid() == 0 else []
    timeouts = [f"Acquire::{scheme}::Timeout={SILENCE_SECONDS}" for scheme in ("http", "https")]
    all_options = [f"--option={option}" for option in (*as_root, *timeouts, *options)]
    _run(["apt-get", "--quiet", *all_options, *words], f"apt-get {' '.join(words)}", folder)


def _run(command: Sequence[str], shown: str, folder: Path) -> None:
    """Run a command in a folder; messages call it `shown`.

    Raises:
        DataError: It failed, could not be started or took longer than `COMMAND_SECONDS`; with its output.
    """
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
