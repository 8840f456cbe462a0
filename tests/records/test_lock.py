import fcntl
import json
import os
import signal
import subprocess
import sys
import threading
from pathlib import Path

import pytest

from harness.errors import ResultsError
from harness.records.lock import FolderLock, is_held

HOLD = """
import sys, time
from pathlib import Path
from harness.records.lock import FolderLock
with FolderLock(Path(sys.argv[1])):
    print("held", flush=True)
    time.sleep(60)
"""


@pytest.fixture
def holder(tmp_path: Path) -> subprocess.Popen[str]:
    """Return another process that holds the lock."""
    process = subprocess.Popen(
        [sys.executable, "-c", HOLD, str(tmp_path / ".lock")], stdout=subprocess.PIPE, text=True
    )
    assert process.stdout is not None
    assert process.stdout.readline() == "held\n"
    return process


def end(process: subprocess.Popen[str]) -> None:
    """Kill the process without giving it a chance to tidy up."""
    process.send_signal(signal.SIGKILL)
    process.communicate()


def test_a_second_sweep_is_refused_and_told_the_first(tmp_path: Path, holder: subprocess.Popen[str]) -> None:
    """The message names host and process of the owner."""
    with pytest.raises(ResultsError, match=rf'another sweep is writing here: .*"pid": {holder.pid}'):
        FolderLock(tmp_path / ".lock").__enter__()
    end(holder)


def test_a_stale_lock_is_taken_over(tmp_path: Path, holder: subprocess.Popen[str]) -> None:
    """A killed owner leaves its file behind, which stops nobody."""
    end(holder)
    assert (tmp_path / ".lock").exists()
    with FolderLock(tmp_path / ".lock"):
        assert json.loads((tmp_path / ".lock").read_text())["pid"] == os.getpid()
    assert not (tmp_path / ".lock").exists()


def test_who_looks_whether_a_folder_is_held_keeps_no_sweep_out(tmp_path: Path) -> None:
    """Looking takes a lock that others share, for a moment: here until a sweep has been kept waiting."""
    (tmp_path / ".lock").touch()
    look = os.open(tmp_path / ".lock", os.O_RDONLY)
    fcntl.flock(look, fcntl.LOCK_SH)
    threading.Timer(0.02, os.close, [look]).start()
    with FolderLock(tmp_path / ".lock"):
        assert is_held(tmp_path / ".lock")
    assert not is_held(tmp_path / ".lock")


def test_an_unwritable_folder_is_a_clear_error(tmp_path: Path) -> None:
    """A file in the folder's place stands for every unwritable place."""
    (tmp_path / "file").touch()
    with pytest.raises(ResultsError, match="cannot be written"):
        FolderLock(tmp_path / "file" / ".lock").__enter__()
