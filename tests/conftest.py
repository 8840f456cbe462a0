"""Shared by all tests: Ray's switches, set before Ray is imported, a cache, small studies, who runs what."""

import os
import shutil
import signal
import tempfile
from pathlib import Path

import pytest
from hypothesis import settings
from xdist.remote import Producer
from xdist.scheduler import LoadFileScheduling

from harness.records.folder import ResultsFolder
from harness.training.data.cache import user_cache
from harness.tuning.local_ray import set_ray_environment
from tests import drill

set_ray_environment(is_local=True)

signal.signal(signal.SIGINT, signal.default_int_handler)
signal.signal(signal.SIGHUP, signal.SIG_DFL)
"""Under nohup, or in a shell's background, both are ignored, and everything that is started inherits it."""

settings.register_profile("harness", deadline=None)  # no test fails for being slow
settings.load_profile("harness")


_CACHE = pytest.StashKey[Path]()


def pytest_configure(config: pytest.Config) -> None:
    """Give the tests a cache of their own: what was measured here for a user's studies would decide in them.

    What other programs keep in the user's cache stays in sight, such as a list of fonts.
    """
    if hasattr(config, "workerinput"):
        return  # its environment is that of the process that started it
    ours = user_cache()
    cache = config.stash[_CACHE] = Path(tempfile.mkdtemp(prefix="cache-of-tests-"))
    for other in ours.parent.glob("*"):
        if other != ours:
            (cache / other.name).symlink_to(other)
    os.environ["XDG_CACHE_HOME"] = str(cache)


def pytest_unconfigure(config: pytest.Config) -> None:
    """Remove the tests' cache."""
    if _CACHE in config.stash:
        shutil.rmtree(config.stash[_CACHE])


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Put what takes longest first, so that no worker has it left when the others are done."""
    items.sort(key=lambda item: [item.get_closest_marker(mark) is None for mark in ("ray", "slurm", "slow")])


class TogetherScheduling(LoadFileScheduling):
    """Give a process whole files, and all files that share something costly to the same process."""

    _TOGETHER = (
        ("tests/cluster/test_slurm_",),  # one Slurm
        ("tests/tuning/multi_node/",),  # one cluster of Ray
        (
            "tests/test_resume.py",
            "tests/test_determinism.py",
            "tests/test_predictions.py",
            "tests/cluster/test_stored_sweep.py",
            "tests/parents/test_sweep.py",
        ),  # one drill
    )

    def _split_scope(self, nodeid: str) -> str:
        file = super()._split_scope(nodeid)
        return next((starts[0] for starts in self._TOGETHER if file.startswith(starts)), file)


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_make_scheduler(config: pytest.Config, log: Producer) -> LoadFileScheduling | None:
    """Take the place of `--dist loadfile`."""
    return TogetherScheduling(config, log) if config.getoption("dist") == "loadfile" else None


@pytest.fixture(scope="session")
def repository() -> Path:
    """Return the checkout's top folder."""
    return Path(__file__).parents[1]


@pytest.fixture(scope="session")
def images(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a folder of IDX files: four classes of small noisy images."""
    folder = tmp_path_factory.mktemp("images", numbered=False)  # the cache knows a data set by this name
    drill.write_images(folder)
    return folder


@pytest.fixture(scope="session")
def drill_study(images: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return the file of the small study that tests disturb."""
    return drill.write_study(tmp_path_factory.mktemp("study"), images)


@pytest.fixture(scope="session")
def undisturbed(drill_study: Path, tmp_path_factory: pytest.TempPathFactory) -> ResultsFolder:
    """Return the results of the drill when nothing disturbs it: what every disturbed one must come to."""
    results = tmp_path_factory.mktemp("undisturbed")
    done = drill.sweep(drill_study, results)
    assert done.returncode == 0, done.stderr
    return ResultsFolder(results / "drill")


@pytest.fixture
def study_text() -> str:
    """Return a small, correct study file."""
    return """\
study: small
question: Does a small study work?
recipe:
  model: {name: fcn, hidden: [8]}
  batch_size: 500
  epochs: 9
arms:
  sgd:
    optimizer: sgd
    lr: {low: 1e-3, high: 1.0, log: true}
    momentum: {low: 0.0, high: 0.9}
  adam:
    optimizer: adam
    lr: {low: 1e-5, high: 1e-2, log: true}
    beta2: {choices: [0.9, 0.999]}
search: {trials: 4, early_stopping: {grace_epochs: 1, reduction_factor: 3}}
confirm: {seeds: 3}
claims:
  - {says: Adam is better., better: {arm: adam, than: sgd, metric: test_accuracy}}
"""
