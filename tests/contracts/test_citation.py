"""Who cites the software or its results finds what there is to cite."""

import io
import subprocess
import tarfile
import tomllib
from pathlib import Path
from typing import Any

import pytest
from ruamel.yaml import YAML


def test_the_citation_has_what_its_format_requires(repository: Path) -> None:
    """Citation File Format 1.2.0; version and license are the package's, and no identifier is made up."""
    text = (repository / "CITATION.cff").read_text(encoding="utf-8")
    citation: dict[str, Any] = YAML(typ="safe").load(text)
    project = tomllib.loads((repository / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    assert str(citation["cff-version"]) == "1.2.0"
    assert citation["title"] == project["name"]
    assert citation["message"]
    assert [author["name"] for author in citation["authors"]] == ["the recipe-harness authors"]
    assert "the recipe-harness authors" in (repository / "LICENSE").read_text(encoding="utf-8")
    assert (citation["type"], citation["version"], citation["license"]) == (
        "software",
        project["version"],
        project["license"],
    )
    assert not {"doi", "identifiers", "url", "repository-code"} & set(citation)


def run(folder: Path, *command: str) -> subprocess.CompletedProcess[bytes]:
    """Run a command in a folder to its end."""
    return subprocess.run(command, cwd=folder, capture_output=True, check=False, timeout=60)


@pytest.fixture
def checkout(repository: Path, tmp_path: Path) -> Path:
    """Return a commit with the project's Makefile and one result; its path has a space."""
    folder = tmp_path / "a checkout"
    (folder / "results/reference/small").mkdir(parents=True)
    (folder / "results/reference/small/journal.jsonl.gz").write_bytes(b"events")
    for name in ("Makefile", "LICENSE", "CITATION.cff", ".gitignore"):
        (folder / name).write_bytes((repository / name).read_bytes())
    own = ("-c", "user.name=A", "-c", "user.email=a@example.org", "-c", "commit.gpgsign=false")
    for command in (("init", "-q"), ("add", "."), (*own, "commit", "-q", "-m", "One result")):
        assert run(folder, "git", *command).returncode == 0
    return folder


def test_an_archive_of_a_commit_has_the_same_bytes_each_time(checkout: Path) -> None:
    """Whoever packs it, and whenever: what was changed on the files' dates does not enter."""
    packed = []
    for name in ("first", "second"):
        done = run(checkout, "make", "archive", f"ARCHIVE=results/{name}.tar.gz")
        assert done.returncode == 0, done.stderr
        packed.append((checkout / f"results/{name}.tar.gz").read_bytes())
        (checkout / "results/reference/small/journal.jsonl.gz").touch()
    assert packed[0] == packed[1]
    with tarfile.open(fileobj=io.BytesIO(packed[0])) as archive:
        names = [member.name.partition("/")[2] for member in archive if member.isfile()]
    assert names == ["CITATION.cff", "LICENSE", "results/reference/small/journal.jsonl.gz"]


def test_results_that_are_not_committed_are_not_packed(checkout: Path) -> None:
    """An archive under a commit's name holds that commit; make itself exits with 2."""
    (checkout / "results/reference/small/runs.parquet").write_bytes(b"later")
    done = run(checkout, "make", "archive")
    assert done.returncode == 2
    assert b"results/reference differs from the commit. Remedy: commit it" in done.stderr
    assert not list(checkout.glob("results/*.tar.gz"))
