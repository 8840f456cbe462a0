"""What is installed: the pinned requirements, and the files that a wheel takes along."""

import re
import tomllib
from pathlib import Path

from packaging.requirements import Requirement
from packaging.utils import canonicalize_name


def test_every_requirement_is_pinned_to_a_version_that_it_takes(repository: Path) -> None:
    """Those of pyproject.toml, and of the extras that `make lock` names."""
    project = tomllib.loads((repository / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    extras = re.findall(r"--extra (\w+)", (repository / "Makefile").read_text(encoding="utf-8"))
    of_extras = [each for name in extras for each in project["optional-dependencies"][name]]
    pinned: dict[str, list[str]] = {}
    locked = (repository / "requirements.txt").read_text(encoding="utf-8")
    for name, version in re.findall(r"^([\w.-]+)==([\w.+]+)", locked, re.MULTILINE):
        pinned.setdefault(name, []).append(version)
    assert len(of_extras) > 15
    for requirement in map(Requirement, [*project["dependencies"], *of_extras]):
        versions = pinned.get(canonicalize_name(requirement.name), [])
        assert versions, f"{requirement} is not pinned. Remedy: make lock"
        assert all(map(requirement.specifier.contains, versions)), f"{requirement}: {versions}"


def test_every_file_that_is_no_code_goes_into_the_wheel(repository: Path) -> None:
    """A template or a data file of a package that no pattern of pyproject.toml names is missing there."""
    tools = tomllib.loads((repository / "pyproject.toml").read_text(encoding="utf-8"))["tool"]
    taken = {
        path.resolve()
        for package, patterns in tools["setuptools"]["package-data"].items()
        for pattern in patterns
        for path in (repository / package.replace(".", "/")).glob(pattern)
    }
    files = {
        path.resolve()
        for folder in ("harness", "analysis", "search_spaces")
        for path in (repository / folder).rglob("*")
        if path.is_file() and path.suffix not in {".py", ".pyc"}
    }
    assert len(files) > 30
    assert not files - taken
