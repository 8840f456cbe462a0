import dataclasses
import gzip
import hashlib
import shutil
import socket
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest
import torchvision

from harness.errors import DataError
from harness.recipe.data import DatasetSpec
from harness.recipe.datasets import DATASETS
from harness.training.data import download
from harness.training.data.download import download_through_torchvision, unpack_debian_package
from harness.training.data.idx import read_folder
from harness.training.data.prepare import prepare_spec
from tests.training.data.servers import served

needs_apt = pytest.mark.skipif(
    shutil.which("apt-get") is None or shutil.which("dpkg-deb") is None, reason="needs apt-get and dpkg-deb"
)


@pytest.fixture
def downloadable_spec(
    tiny_spec: DatasetSpec, write_tiny: Callable[..., Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> DatasetSpec:
    """The tiny data set as torchvision's FashionMNIST would bring it; its mirror is `tmp_path / "mirror"`."""
    mirror = write_tiny(tmp_path / "mirror")
    names = [f"{part.file.name}.gz" for part in tiny_spec.parts]
    md5s = [hashlib.md5((mirror / name).read_bytes(), usedforsecurity=False).hexdigest() for name in names]
    monkeypatch.setattr(torchvision.datasets.FashionMNIST, "resources", list(zip(names, md5s, strict=True)))
    monkeypatch.setenv("no_proxy", "127.0.0.1")
    return dataclasses.replace(tiny_spec, torchvision_class="FashionMNIST")


def test_what_no_folder_has_is_downloaded_through_torchvision(
    downloadable_spec: DatasetSpec, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The files of torchvision's mirror end up verified in the cache, and nothing else stays."""
    said: list[str] = []
    with served(tmp_path / "mirror") as address:
        monkeypatch.setattr(torchvision.datasets.FashionMNIST, "mirrors", [address])
        prepared = prepare_spec(downloadable_spec, progress=said.append)
    assert said[-2:] == [
        "looking for tiny: download through torchvision",
        f"caching tiny in {prepared.folder}",
    ]
    assert {path.name for path in prepared.folder.parent.iterdir()} == {"tiny", "tiny.lock"}


def test_torchvisions_md5_check_holds(
    downloadable_spec: DatasetSpec, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A mirror with another file is an error that names the file."""
    (tmp_path / "mirror" / "train-labels-idx1-ubyte.gz").write_bytes(gzip.compress(b"other"))
    with served(tmp_path / "mirror") as address:
        monkeypatch.setattr(torchvision.datasets.FashionMNIST, "mirrors", [address])
        with pytest.raises(DataError, match=r"train-labels.*corrupted"):
            download_through_torchvision(downloadable_spec, tmp_path / "root")


def test_an_unreachable_mirror_is_an_error(
    downloadable_spec: DatasetSpec, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The error is one line and names the address that was tried."""
    with socket.socket() as not_listening:
        not_listening.bind(("127.0.0.1", 0))
        address = f"http://127.0.0.1:{not_listening.getsockname()[1]}/"
        monkeypatch.setattr(torchvision.datasets.FashionMNIST, "mirrors", [address])
        with pytest.raises(DataError) as caught:
            download_through_torchvision(downloadable_spec, tmp_path / "root")
    assert f"Tried {address}, got: <urlopen error" in str(caught.value)
    assert "Connection refused" in str(caught.value)
    assert "\n" not in str(caught.value)


def test_a_silent_server_is_given_up(
    downloadable_spec: DatasetSpec, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A server that accepts and says nothing does not hang the harness; other sockets keep their timeout."""
    monkeypatch.setattr(download, "SILENCE_SECONDS", 0.2)
    before = socket.getdefaulttimeout()
    with socket.create_server(("127.0.0.1", 0)) as silent:
        address = f"http://127.0.0.1:{silent.getsockname()[1]}/"
        monkeypatch.setattr(torchvision.datasets.FashionMNIST, "mirrors", [address])
        with pytest.raises(DataError, match="timed out"):
            download_through_torchvision(downloadable_spec, tmp_path / "root")
    assert socket.getdefaulttimeout() == before


@pytest.fixture
def debian_spec(
    tiny_spec: DatasetSpec, write_tiny: Callable[..., Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> DatasetSpec:
    """The tiny data set as package `dataset-tiny` of a repository in a folder; no lists are fetched yet."""
    build, repository = tmp_path / "build", tmp_path / "repository"
    write_tiny(build / "usr" / "share" / "datasets" / "tiny")
    fields = "Package: dataset-tiny\nVersion: 1\nArchitecture: all\nMaintainer: A <a@example.org>\n"
    (build / "DEBIAN").mkdir()
    (build / "DEBIAN" / "control").write_text(f"{fields}Description: tiny\n", encoding="utf-8")
    repository.mkdir()
    package = repository / "dataset-tiny_1_all.deb"
    subprocess.run(["dpkg-deb", "--build", build, package], check=True, stdout=subprocess.DEVNULL)
    content = package.read_bytes()
    (repository / "Packages").write_text(
        f"{fields}Filename: ./{package.name}\nSize: {len(content)}\n"
        f"SHA256: {hashlib.sha256(content).hexdigest()}\nDescription: tiny\n",
        encoding="utf-8",
    )
    (tmp_path / "sources.list").write_text(f"deb [trusted=yes] file:{repository} ./\n", encoding="utf-8")
    (tmp_path / "lists").mkdir()
    (tmp_path / "apt.conf").write_text(
        f'Dir::Etc::SourceList "{tmp_path}/sources.list";\nDir::Etc::SourceParts "/dev/null";\n'
        f'Dir::State::lists "{tmp_path}/lists";\nDir::Cache "{tmp_path}/apt-cache";\n',
        encoding="utf-8",
    )
    monkeypatch.setenv("APT_CONFIG", str(tmp_path / "apt.conf"))
    return dataclasses.replace(
        tiny_spec, system_folders=("/usr/share/datasets/tiny",), debian_package="dataset-tiny"
    )


@needs_apt
def test_the_debian_package_is_the_last_source(debian_spec: DatasetSpec, tmp_path: Path) -> None:
    """Without package lists fresh ones are fetched, not into the system; the files end up in the cache."""
    said: list[str] = []
    prepared = prepare_spec(debian_spec, progress=said.append)
    assert [message.split(", since")[0] for message in said[-3:]] == [
        "looking for tiny: the Debian package",
        "fetching fresh package lists",
        f"caching tiny in {prepared.folder}",
    ]
    assert {path.name for path in prepared.folder.parent.iterdir()} == {"tiny", "tiny.lock"}
    assert not [path for path in (tmp_path / "lists").rglob("*") if path.is_file() and path.stat().st_size]


@needs_apt
def test_package_lists_that_are_there_are_used(debian_spec: DatasetSpec, tmp_path: Path) -> None:
    """With lists that lead to the package, none are fetched."""
    sandbox = "--option=APT::Sandbox::User=root"
    subprocess.run(["apt-get", "--quiet", sandbox, "update"], check=True, stdout=subprocess.DEVNULL)
    said: list[str] = []
    folder = unpack_debian_package(debian_spec, tmp_path / "scratch", said.append)
    assert folder == tmp_path / "scratch" / "unpacked" / "usr" / "share" / "datasets" / "tiny"
    assert said == []


@needs_apt
def test_a_package_that_does_not_exist_is_an_error(debian_spec: DatasetSpec, tmp_path: Path) -> None:
    """The error holds the command, its exit code and apt's own words."""
    spec = dataclasses.replace(debian_spec, debian_package="dataset-huge")
    with pytest.raises(DataError) as caught:
        unpack_debian_package(spec, tmp_path / "scratch", print)
    assert "`apt-get download dataset-huge` failed with exit code 100" in str(caught.value)
    assert "Unable to locate package dataset-huge" in str(caught.value)


@needs_apt
def test_a_package_without_the_folder_is_an_error(debian_spec: DatasetSpec, tmp_path: Path) -> None:
    """The error names the package and the folder that it lacks."""
    spec = dataclasses.replace(debian_spec, system_folders=("/usr/share/other",))
    with pytest.raises(DataError, match=r"dataset-tiny_1_all.deb does not contain /usr/share/other"):
        unpack_debian_package(spec, tmp_path / "scratch", print)


def test_a_system_without_apt_is_an_error(
    tiny_spec: DatasetSpec, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Elsewhere than on Debian-like systems the source says that it cannot work."""
    monkeypatch.setenv("PATH", str(tmp_path))
    spec = dataclasses.replace(tiny_spec, debian_package="dataset-tiny")
    with pytest.raises(DataError, match="apt-get is not there: not a Debian-like system"):
        unpack_debian_package(spec, tmp_path / "scratch", print)


def test_a_command_that_hangs_is_ended(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A command that takes too long is an error that says so."""
    monkeypatch.setattr(download, "COMMAND_SECONDS", 0.2)
    with pytest.raises(DataError, match=r"`sleep` took longer than 0.2 s"):
        download._run(["sleep", "60"], "sleep", tmp_path)


def test_a_command_that_cannot_start_is_an_error(tmp_path: Path) -> None:
    """A command that is not there is an error that says so."""
    with pytest.raises(DataError, match="`absent` could not be started: No such file or directory"):
        download._run([str(tmp_path / "absent")], "absent", tmp_path)


@pytest.mark.data
@pytest.mark.slow
@needs_apt
@pytest.mark.parametrize(
    "spec", [spec for spec in DATASETS.values() if spec.debian_package], ids=lambda spec: spec.name
)
def test_debian_delivers_the_published_files(spec: DatasetSpec, tmp_path: Path) -> None:
    """The real package of Debian's mirrors holds exactly the files whose checksums the registry has."""
    folder = unpack_debian_package(spec, tmp_path / "scratch", print)
    assert read_folder(spec, folder).keys() == {part.array for part in spec.parts}
