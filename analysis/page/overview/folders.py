"""Which results folders stand below a folder."""

from pathlib import Path

from harness.records.folder import ResultsFolder


def is_collection(path: Path) -> bool:
    """Return whether a folder is no results folder itself but holds some."""
    return path.is_dir() and not _is_study(path) and bool(study_folders(path))


def study_folders(path: Path) -> list[Path]:
    """Return the results folders directly below a folder and one level further down, by name.

    A folder counts as one if it has a manifest or a journal, damaged or not. What lies inside a results
    folder belongs to that study.
    """
    found: list[Path] = []
    for child in _folders(path):
        found += [child] if _is_study(child) else [inner for inner in _folders(child) if _is_study(inner)]
    return found


def _folders(path: Path) -> list[Path]:
    return sorted(inside for inside in path.iterdir() if inside.is_dir() and not inside.name.startswith("."))


def _is_study(path: Path) -> bool:
    folder = ResultsFolder(path)
    return any(file.exists() for file in (folder.manifest, folder.journal, folder.compressed_journal))
