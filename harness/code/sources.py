"""Which files the code is that a study names, and their hashes. Reads files, and imports nothing of them.

A module is looked for in the folder of the study file first, as Python will, then among installed packages.
Of a user's own code every file counts that an import can reach; of an installed package its version, and the
record in which the installer wrote the hash of every file.
"""

import hashlib
import importlib.util
import json
import os
import sys
from collections.abc import Iterator, Mapping, Sequence
from functools import cache
from importlib.machinery import ModuleSpec
from importlib.metadata import Distribution, packages_distributions
from pathlib import Path

from harness.code.caches import CACHE, check_cache
from harness.code.named import NamedCode, followed, named_code
from harness.errors import StudyError, unusable
from harness.records.folder import ResultsFolder
from harness.study.study import Study

_SKIPPED = {CACHE, "node_modules"}
_ENVIRONMENT_MARK = "pyvenv.cfg"
"""Stands in the folder of every virtual environment."""

_FOUND = (".py", ".pyc")
"""How files end in which Python finds modules; what a study imports from its folder is `.py` alone."""

_MOST_FILES = 2000
"""Of a user's own code; a folder with more is none that somebody could look through."""


def sources_of(study: Study) -> dict[str, str]:
    """Return the SHA-256 of everything that the code which a study names consists of, sorted.

    Returns: Files of the study's folder by their path in it; those of a package that is installed to be
        edited by the package's path; an installed package as `name==version`, with the hash of its record.

    Raises:
        StudyError: A module is found nowhere, or in a place that nothing vouches for.
    """
    return hash_sources(named_code(study))


def hash_sources(code: NamedCode) -> dict[str, str]:
    """Return the SHA-256 of everything that some code consists of; see `sources_of`."""
    sources: dict[str, str] = {}
    for module in code.modules:
        sources |= _sources_of_module(module, code.folder)
    if code.commands:
        sources |= _hashed(_python_files(code.folder, _FOUND), code.folder)
        sources |= _hashed(_files_of_words(code), code.folder)
        _check_caches(code.folder)
    return dict(sorted(sources.items()))


def local_part(module: str, folder: Path) -> Path | None:
    """Return the folder or file of a top-level module beside a study; None where there is none."""
    for place in (folder / module, folder / f"{module}.py"):
        if place.exists():
            return place
    return None


def _sources_of_module(module: str, folder: Path) -> dict[str, str]:
    """Return the hashes of a top-level module's code.

    Raises:
        StudyError: It is nowhere, or not in a place that counts.
    """
    place = local_part(module, folder)
    if place is not None:
        _check_inside(place, folder)
        return _hashed(_python_files(place if place.is_dir() else folder), folder)
    return _sources_of_installed(module, folder)


def _sources_of_installed(module: str, folder: Path) -> dict[str, str]:
    spec = _spec_of(module)
    if spec is None:
        raise StudyError(
            f"{module}: there is no {module}.py and no folder {module} in {folder}, and no package of "
            f"this name is installed. Remedy: put it beside the study file, or install it into the "
            f"environment of {sys.executable}",
            place=module,
        )
    distribution = _distribution(module)
    if distribution is None:
        where = spec.origin or ", ".join(spec.submodule_search_locations or ())
        raise StudyError(
            f"{module}: lies at {where}, which is neither in the folder of the study, {folder}, nor part of "
            f"an installed package, so that nothing says what it is. Remedy: move it or the study file, or "
            f"install it (pip install --editable PATH)",
            place=module,
        )
    name = f"{distribution.metadata['Name']}=={distribution.version}"
    if _is_editable(distribution):
        roots = [Path(place) for place in spec.submodule_search_locations or ()] or [Path(str(spec.origin))]
        files = [
            file for root in roots for file in (_python_files(root, _FOUND) if root.is_dir() else [root])
        ]
        for root in roots:
            if root.is_dir():
                _check_caches(root)
            else:
                check_cache(root.parent)
        return {f"{name}/{key}": value for key, value in _hashed(files, followed(roots[0].parent)).items()}
    record = distribution.read_text("RECORD")
    if record is None:
        raise StudyError(
            f"{module}: the package {name} was installed without a record of its files (RECORD), so that "
            f"nothing says what it is. Remedy: install it with pip",
            place=module,
        )
    return {name: hashlib.sha256(_of_the_package(record).encode()).hexdigest()}


def _of_the_package(record: str) -> str:
    """Return the lines of a record that no installer adds by itself, in one order.

    pip and uv write other files beside the metadata, and compile modules or do not.
    """
    lines = [line for line in record.splitlines() if ".dist-info/" not in line and not line.startswith("..")]
    return "\n".join(sorted(line for line in lines if not line.partition(",")[0].endswith(".pyc")))


def _spec_of(module: str) -> ModuleSpec | None:
    """Return where a top-level module would come from, without importing anything."""
    try:
        return importlib.util.find_spec(module)
    except (ImportError, ValueError):  # of a module that was made by hand, such as __main__
        return None


def _distribution(module: str) -> Distribution | None:
    """Return the package a module belongs to; what a build left in a checkout beside it has no record."""
    found = [own for name in _distributions().get(module, [])[:1] for own in Distribution.discover(name=name)]
    return next((own for own in found if own.read_text("RECORD") is not None), found[0] if found else None)


@cache
def _distributions() -> Mapping[str, list[str]]:
    return packages_distributions()


def _is_editable(distribution: Distribution) -> bool:
    """Whether a package is used from where its author edits it. Source: PEP 610, PEP 660."""
    where = json.loads(distribution.read_text("direct_url.json") or "{}")
    return bool(where.get("dir_info", {}).get("editable"))


def _python_files(folder: Path, endings: tuple[str, ...] = (".py",)) -> Iterator[Path]:
    """Yield every Python file below a folder.

    Args:
        folder: Where to look.
        endings: Of the files' names.

    Raises:
        StudyError: There are too many.
    """
    n_files = 0
    for root, files in _folders(folder):
        for name in sorted(files):
            if name.endswith(endings):
                n_files += 1
                yield root / name
        if n_files > _MOST_FILES:
            raise StudyError(
                f"{folder}: holds more than {_MOST_FILES} Python files, all of which a study beside them "
                f"would name. Remedy: put the study file into a folder with the code that it needs",
                place=folder,
            )


def _check_caches(folder: Path) -> None:
    """Refuse what Python would run in place of the sources in a folder and those below it.

    Raises:
        StudyError: There is something.
    """
    for each, _ in _folders(folder):
        check_cache(each)


def _folders(folder: Path) -> Iterator[tuple[Path, list[str]]]:
    """Yield a folder and those below it that may hold code, with the names of their files."""
    for root, folders, files in os.walk(folder):
        folders[:] = sorted(name for name in folders if _may_hold_code(Path(root, name)))
        yield Path(root), files


def _may_hold_code(folder: Path) -> bool:
    """Whether a folder belongs to the user's code, and not to tools or to an environment beside it.

    Nor to the runs of a program below a results folder: many a program keeps a copy of its own code there.
    """
    is_named_so = folder.name not in _SKIPPED and not folder.name.startswith(".")
    results = ResultsFolder(folder.parent)
    is_of_runs = folder == results.program_runs and results.journal.exists()
    return is_named_so and not is_of_runs and not (folder / _ENVIRONMENT_MARK).exists()


def is_counted(file: Path, folder: Path) -> bool:
    """Whether a file below a folder is one that a hash of the folder's code counts."""
    between = (
        folder.joinpath(*file.relative_to(folder).parts[:n])
        for n in range(1, len(file.relative_to(folder).parts))
    )
    return all(_may_hold_code(place) for place in between)


def _files_of_words(code: NamedCode) -> Iterator[Path]:
    """Yield the files that the words of commands name, and those of inputs.

    Raises:
        StudyError: An input is missing.
    """
    for words in code.commands:
        for position, word in enumerate(words):
            place = code.folder / word
            is_interpreter = position == 0 and not followed(place).is_relative_to(code.folder)
            if "\0" not in word and place.is_file() and not is_interpreter:
                yield place
    for name in code.inputs:
        place = code.folder / name
        if not place.exists():
            raise StudyError(f"trial.inputs: there is no {name} in {code.folder}. Remedy: name what is there")
        yield from sorted(file for file in place.rglob("*") if file.is_file()) if place.is_dir() else [place]


def _hashed(files: Iterator[Path] | Sequence[Path], folder: Path) -> dict[str, str]:
    """Return the SHA-256 of files by their path below a folder.

    Raises:
        StudyError: A file leads out of the folder, or cannot be read.
    """
    sources = {}
    for file in files:
        _check_inside(file, folder)
        try:
            with file.open("rb") as opened:
                sources[file.relative_to(folder).as_posix()] = hashlib.file_digest(
                    opened, "sha256"
                ).hexdigest()
        except OSError as error:
            raise StudyError(unusable(file, "read", error), place=file) from error
    return sources


def _check_inside(place: Path, folder: Path) -> None:
    """Refuse what lies elsewhere.

    Raises:
        StudyError: It does, or a symbolic link leads there.
    """
    real = followed(place)
    if not real.is_relative_to(folder):
        raise StudyError(
            f"{place}: leads to {real}, outside of {folder}, the folder of the study. Remedy: put the code "
            f"there itself, or install it as a package (pip install --editable PATH)",
            place=place,
        )
