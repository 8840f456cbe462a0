"""A laboratory in which studies have parents."""

from collections.abc import Iterator
from pathlib import Path

import optuna
import pytest

from tests.parents.lab import Lab


@pytest.fixture
def lab(tmp_path: Path, images: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Lab]:
    """Return what runs studies, in a folder and with a cache of data of the test's own."""
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    before = optuna.logging.get_verbosity()
    optuna.logging.set_verbosity(optuna.logging.ERROR)
    (tmp_path / "results").mkdir()
    yield Lab(tmp_path / "results", images)
    optuna.logging.set_verbosity(before)
