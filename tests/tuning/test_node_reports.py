"""What the nodes of a cluster report, and what is made of it before anything is started."""

from pathlib import Path
from types import MappingProxyType

import pytest

from harness.errors import DataError, EnvironmentMismatchError
from harness.records.provenance import DECIDING_VERSIONS, versions
from harness.training.data.prepare import PreparedDataset, prepare_dataset
from harness.tuning import node_checks
from harness.tuning.node_checks import NodeReport, inspect_node
from harness.tuning.worker import check_own_environment

HERE = MappingProxyType(versions())


@pytest.fixture
def probe(tmp_path: Path) -> Path:
    """Return a file that the driver has written."""
    path = tmp_path / "probe"
    path.write_text("word")
    return path


@pytest.fixture
def no_cache(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let no data set be cached here."""
    monkeypatch.setenv("XDG_CACHE_HOME", "/proc/none")


@pytest.fixture
def prepared(images: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> PreparedDataset:
    """Return a data set that this process has prepared."""
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    return prepare_dataset(f"idx:{images}")


def test_a_node_tells_what_it_sees(probe: Path, prepared: PreparedDataset, images: Path) -> None:
    """The word in the shared folder, its versions, and the data set's files, which it prepares."""
    report = inspect_node(probe, [f"idx:{images}"], None)
    assert (report.probe, report.versions, report.sha256) == (
        "word",
        HERE,
        {f"idx:{images}": prepared.sha256},
    )
    assert report.data_error is None


def test_a_node_that_cannot_get_at_the_data_says_why(probe: Path, no_cache: None, images: Path) -> None:
    """In the words that a user of that node would read."""
    report = inspect_node(probe, [f"idx:{images}"], None)
    assert report.sha256 == {}
    assert "cannot write the data set cache /proc/none" in str(report.data_error)


def test_a_node_that_trains_nothing_prepares_no_data(probe: Path, no_cache: None) -> None:
    """As many a cluster's head, which has no CPUs for runs."""
    assert inspect_node(probe, [], None) == NodeReport(probe="word", versions=dict(HERE))


def test_a_node_that_does_not_see_the_folder_reports_nothing_there(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """After the time that a shared file system gets."""
    monkeypatch.setattr(node_checks, "_SHARING_SECONDS", 0.0)
    assert inspect_node(tmp_path / "probe", [], None).probe is None


def test_results_that_a_node_cannot_see_are_refused(tmp_path: Path) -> None:
    """The blind node alone is named, with a remedy."""
    with pytest.raises(
        EnvironmentMismatchError, match=r"and two cannot see this folder\..*Remedy: --results"
    ):
        node_checks._check_folder({"one": True, "two": False}, tmp_path)
    node_checks._check_folder({"one": True, "two": True}, tmp_path)


def test_nodes_without_the_same_data_are_refused(prepared: PreparedDataset) -> None:
    """One that could not prepare it, and one that has other files of this name; both are named."""
    reports = {
        "one": NodeReport(sha256={"d": prepared.sha256}),
        "two": NodeReport(data_error="disk full"),
        "three": NodeReport(sha256={"d": dict.fromkeys(prepared.sha256, "0")}),
        "head": NodeReport(),
    }
    with pytest.raises(
        DataError, match=r"not ready on all nodes, nothing was started\ntwo: disk full\nthree: "
    ):
        node_checks._check_data(reports, {"d": prepared})
    node_checks._check_data({"one": reports["one"], "head": reports["head"]}, {"d": prepared})


def test_nodes_with_another_environment_are_refused() -> None:
    """Another torch could change numbers; a node without the harness could not even look."""
    reports = {
        "one": NodeReport(versions=dict(HERE)),
        "two": NodeReport(versions={**HERE, "torch": "0.1"}),
        "three": NodeReport(failure="ModuleNotFoundError: no harness"),
    }
    with pytest.raises(EnvironmentMismatchError) as refused:
        node_checks._check_environments(reports)
    assert f"two: torch 0.1, here {HERE['torch']}" in str(refused.value)
    assert "three: ModuleNotFoundError: no harness" in str(refused.value)
    assert "one: " not in str(refused.value)
    node_checks._check_environments({"one": reports["one"]})


def test_a_run_refuses_versions_that_its_study_does_not_declare() -> None:
    """A node that joined after the check has another torch; the run says so in its record."""
    declared = {name: HERE[name] for name in DECIDING_VERSIONS}
    check_own_environment(declared)
    with pytest.raises(EnvironmentMismatchError) as refused:
        check_own_environment(declared | {"torch": "1.0"})
    assert f"has torch {HERE['torch']}, not 1.0 as this study declares" in str(refused.value)
    assert "Remedy: install the same versions on every node" in str(refused.value)
