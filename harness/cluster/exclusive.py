"""Submitting from a folder: one command at a time, all files or those of before, and no signal in between."""

import fcntl
import signal
import threading
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from types import FrameType

from harness.cluster.submit_folder import SubmitFolder
from harness.cluster.target import NoAnswerError
from harness.errors import EnvironmentMismatchError, ResultsError
from harness.records.whole_file import write_whole
from harness.screen import say

_PUT_OFF = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
_ONE_WISH_SECONDS = 1.0
"""What comes sooner is the same wish to end: `timeout` and a closed terminal send it twice."""


@contextmanager
def exclusive(folder: SubmitFolder) -> Iterator[None]:
    """Hold a folder, which is made, while something is submitted from it.

    Raises:
        ResultsError: Another command is submitting from it, or it cannot be written.
    """
    try:
        folder.run_dir.mkdir(parents=True, exist_ok=True)
        folder.root.mkdir(mode=0o700, exist_ok=True)  # values of --env may be secret
        file = folder.lock.open("ab")  # stays, empty: removed, two commands could hold two of them
    except OSError as error:
        raise ResultsError(
            f"{folder.root}: cannot be written ({error.strerror}). "
            f"Remedy: --run-dir DIR with a writable DIR.",
            place=folder.root,
        ) from error
    with file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            raise ResultsError(
                f"{folder.run_dir}: another command is submitting from this folder at this moment, and a "
                f"second job would wait for its results folder. Remedy: see what it submitted with "
                f"`python -m harness.submit status RUN_DIR`, or give another folder with --run-dir DIR.",
                place=folder.run_dir,
            ) from error
        except OSError:
            pass  # a file system without locks: the record alone keeps two submissions apart
        yield


@contextmanager
def in_place(folder: SubmitFolder, texts: Mapping[str, str]) -> Iterator[None]:
    """Write the files of a submission; where the cluster refuses it, those of the one before are put back.

    Args:
        folder: The folder of the submission.
        texts: Name to text.

    Whatever else ends it leaves the files as they were.

    Raises:
        OSError: The folder cannot be written.
    """
    before = {}
    for name in texts:
        path = folder.root / name
        before[path] = path.read_bytes() if path.exists() else None
    try:
        for name, text in texts.items():
            write_whole(folder.root / name, text)
        yield
    except NoAnswerError:
        raise  # the job may be there, and reads these files when it starts
    except BaseException:
        for path, content in before.items():
            with suppress(OSError):
                if content is None:
                    path.unlink(missing_ok=True)
                else:
                    write_whole(path, content)
        raise


def texts_of(folder: SubmitFolder) -> dict[str, str]:
    """Return the files of the submission that a folder holds: name to text.

    Raises:
        ResultsError: One cannot be read.
    """
    texts = {}
    for path in sorted(folder.root.iterdir()):
        if path.is_file() and path.suffix in {".json", ".sbatch", ".yaml"}:
            try:
                texts[path.name] = path.read_text(encoding="utf-8")
            except (OSError, UnicodeDecodeError) as error:
                raise ResultsError(
                    f"{path}: cannot be read ({error}). Remedy: submit the study again with the same "
                    f"--run-dir",
                    place=path,
                ) from error
    return texts


class GivenUpError(EnvironmentMismatchError):
    """Report that the user gave up waiting before a cluster was handed anything."""


class Undisturbed:
    """Puts off signals that would end this process."""

    def __init__(self) -> None:
        self.received: list[int] = []
        self._first_at = 0.0
        self._is_waiting = False

    def note(self, number: int, _frame: FrameType | None) -> None:
        """Note a signal; while a cluster is waited for, raise KeyboardInterrupt for a second one."""
        now = time.monotonic()
        if not self.received:
            self._first_at = now
            if self._is_waiting:
                say("waiting for the cluster's answer; once more to give up")
        elif self._is_waiting and now - self._first_at > _ONE_WISH_SECONDS:
            raise KeyboardInterrupt
        self.received.append(number)

    @contextmanager
    def waiting(self) -> Iterator[None]:
        """Let a second signal end what waits for a cluster's answer, with KeyboardInterrupt.

        A target that is handing over a job at that moment makes a NoAnswerError of it: the job may be there.

        Raises:
            GivenUpError: One came before that.
        """
        self._is_waiting = True
        try:
            yield
        except KeyboardInterrupt as error:
            raise GivenUpError(
                "given up before the cluster was handed the job: nothing was submitted. Remedy: see that the "
                "cluster answers, and submit again"
            ) from error
        finally:
            self._is_waiting = False


@contextmanager
def undisturbed() -> Iterator[Undisturbed]:
    """Put off signals that would end this process, until what it has begun is noted."""
    put_off = Undisturbed()
    if threading.current_thread() is not threading.main_thread():
        yield put_off
        return
    heeded = [number for number in _PUT_OFF if signal.getsignal(number) != signal.SIG_IGN]  # not under nohup
    handlers = {number: signal.signal(number, put_off.note) or signal.SIG_DFL for number in heeded}
    try:
        yield put_off
    except (NoAnswerError, GivenUpError):
        put_off.received.clear()  # what is told of it matters more than by what the process ends
        raise
    finally:
        for each, handler in handlers.items():
            signal.signal(each, handler)
        for number in put_off.received:
            signal.raise_signal(number)
