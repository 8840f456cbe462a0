"""Submitting from a folder: one command at a time, all files or those of before, and no signal in between."""

import fcntl
import signal
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from types import FrameType

from harness.cluster.submit_folder import SubmitFolder
from harness.cluster.target import NoAnswerError
from harness.errors import ResultsError
from harness.records.whole_file import write_whole

_PUT_OFF = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)


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


@contextmanager
def undisturbed() -> Iterator[None]:
    """Put off signals that would end this process, until what it has begun is noted."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    received: list[int] = []

    def note(number: int, _frame: FrameType | None) -> None:
        received.append(number)

    handlers = {number: signal.signal(number, note) or signal.SIG_DFL for number in _PUT_OFF}
    try:
        yield
    finally:
        for each, handler in handlers.items():
            signal.signal(each, handler)
        for number in received:
            signal.raise_signal(number)
