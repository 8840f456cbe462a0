"""Nothing depends on the screen: terminals that go away, closed pipes, full disks, odd encodings."""

import contextlib
import io
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import TextIO, cast

import pytest

from harness.edge import run_command
from harness.screen import LastingStream, lasting_screen
from harness.study.plan import plan_study
from harness.study.reading.parse import parse_study
from harness.study.study import Study
from harness.text_table import table_lines
from harness.tuning.progress import Progress


def terminal_gone() -> int:
    """Return the descriptor of a terminal that was closed: writing to it is an EIO."""
    master, slave = os.openpty()
    os.close(master)
    return slave


def pipe_closed() -> int:
    """Return the descriptor of a pipe that nobody reads: writing to it is an EPIPE."""
    reader, writer = os.pipe()
    os.close(reader)
    return writer


def disk_full() -> int:
    """Return the descriptor of a file on a full disk."""
    return os.open("/dev/full", os.O_WRONLY)


GONE = (terminal_gone, pipe_closed, disk_full)


@pytest.mark.parametrize("gone", GONE)
def test_what_nobody_takes_is_dropped(gone: Callable[[], int]) -> None:
    """Nothing is raised, then or when the stream is closed at last."""
    with os.fdopen(gone(), "w") as stream:
        lasting = LastingStream(stream)
        for _ in range(3):
            lasting.write("text\n")
            lasting.flush()
        lasting.finish()
        assert isinstance(lasting.loss, OSError)


def test_a_stream_that_somebody_closed_is_lost() -> None:
    """`submit logs` closes its stream, for one."""
    stream = io.StringIO()
    stream.close()
    lasting = LastingStream(stream)
    lasting.write("text")
    assert lasting.loss is not None


def test_a_reader_who_does_not_keep_up_loses_a_part_only() -> None:
    """A pipe made not to wait is full at times; what comes later is passed on again."""
    reader, writer = os.pipe()
    os.set_blocking(writer, False)
    with os.fdopen(writer, "w") as stream:
        lasting = LastingStream(stream)
        for _ in range(100):
            lasting.write("x" * 4096)
            lasting.flush()
        assert lasting.loss is None
        os.read(reader, 1 << 20)
        lasting.write("at last")
        lasting.flush()
        assert os.read(reader, 1 << 20).endswith(b"at last")
    os.close(reader)


@pytest.mark.parametrize(
    ("encoding", "seen"), [("ascii", rb"r\xe9sultats \u2212"), ("latin-1", b"r\xe9sultats \\u2212")]
)
def test_what_cannot_be_encoded_is_escaped(encoding: str, seen: bytes) -> None:
    """What can be is written as it is."""
    raw = io.BytesIO()
    lasting = LastingStream(io.TextIOWrapper(raw, encoding=encoding))
    lasting.write("résultats \N{MINUS SIGN}")
    lasting.flush()
    assert raw.getvalue() == seen


def test_bytes_of_a_path_that_are_no_text_are_escaped() -> None:
    """Also where the terminal takes everything that is text."""
    raw = io.BytesIO()
    lasting = LastingStream(io.TextIOWrapper(raw, encoding="utf-8"))
    lasting.write(os.fsdecode(b"a\xff"))
    lasting.flush()
    assert raw.getvalue() == rb"a\udcff"


@pytest.mark.parametrize("gone", GONE)
def test_progress_outlives_its_screen(
    gone: Callable[[], int], study_text: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Where lines are printed."""
    study = parse_study(study_text, "s.yaml")
    with os.fdopen(gone(), "w") as stream, monkeypatch.context() as patch:
        patch.setattr(sys, "stderr", stream)
        _show_progress(study)


def _show_progress(study: Study) -> None:
    with lasting_screen():
        progress = Progress(study, plan_study(study))
        with progress.shown(1):
            pass
        assert cast("LastingStream", sys.stderr).loss is not None


def test_the_live_table_outlives_its_terminal(study_text: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """A terminal that is closed while the table stands on it."""
    study = parse_study(study_text, "s.yaml")
    master, slave = os.openpty()
    monkeypatch.setenv("TERM", "xterm")
    with os.fdopen(slave, "w") as stream, monkeypatch.context() as patch:
        patch.setattr(sys, "stderr", stream)
        with lasting_screen():
            lasting = cast("LastingStream", sys.stderr)
            progress = Progress(study, plan_study(study))
            with progress.shown(1):
                shown = b""
                while b"arm" not in shown:
                    shown += os.read(master, 4096)
                os.close(master)
                sys.stderr.write("said beside the table\n")
            assert lasting.loss is not None


def _all_of_terminal(master: int) -> bytes:
    """Return everything written to a terminal whose other end is closed; one read may return a part only."""
    parts = []
    with contextlib.suppress(OSError), os.fdopen(master, "rb", buffering=0) as reader:  # EIO: the end
        while part := reader.read(1 << 16):
            parts.append(part)
    return b"".join(parts)


def _shown(stream: TextIO, study: Study, monkeypatch: pytest.MonkeyPatch) -> None:
    with monkeypatch.context() as patch:
        patch.setattr(sys, "stderr", stream)
        with Progress(study, plan_study(study)).shown(1):
            pass


def test_colours_that_are_asked_for_make_no_terminal_of_a_file(
    study_text: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Continuous integration sets `FORCE_COLOR`; its log gets lines, and no table drawn again and again."""
    monkeypatch.setenv("FORCE_COLOR", "1")
    stream = io.StringIO()
    _shown(stream, parse_study(study_text, "s.yaml"), monkeypatch)
    assert "elapsed" in stream.getvalue()
    assert "\x1b" not in stream.getvalue()


@pytest.mark.parametrize(("term", "colours"), [("xterm", ""), ("dumb", "1"), ("unknown", "1")])
def test_a_terminal_that_cannot_draw_gets_lines(
    term: str, colours: str, study_text: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """An editor's, for one; every other has the table, whatever is asked of colours."""
    is_drawn = term == "xterm"
    monkeypatch.setenv("TERM", term)
    monkeypatch.setenv("FORCE_COLOR", colours)
    master, slave = os.openpty()
    with os.fdopen(slave, "w") as stream:
        _shown(stream, parse_study(study_text, "s.yaml"), monkeypatch)
    told = _all_of_terminal(master)
    assert (b"\x1b" in told) == (b"arm " in told) == is_drawn
    assert b"elapsed" in told


@pytest.mark.parametrize(
    ("error", "code", "told"),
    [
        (OSError(28, "No space left on device", "/place"), 2, "/place: cannot be used (No space left"),
        (OSError("a library says so"), 2, "the operating system refuses (a library says so). Remedy"),
        (MemoryError(), 2, "memory ran out. Remedy"),
        (ModuleNotFoundError("No module named 'x'", name="x"), 2, "'x' is not installed here. Remedy"),
        (KeyboardInterrupt(), 75, "interrupted"),
        (ZeroDivisionError("oh"), 70, "This is a bug of the harness"),
        (BaseException("a panic in Rust"), 70, "This is a bug of the harness"),
    ],
)  # fmt: skip
def test_one_means_that_runs_failed_and_nothing_else(
    error: BaseException, code: int, told: str, capsys: pytest.CaptureFixture[str]
) -> None:
    """Whatever is raised has another code, and only a bug of ours a traceback."""

    def fail() -> int:
        raise error

    assert run_command(fail) == code
    said = capsys.readouterr().err
    assert told in said
    assert ("Traceback" in said) == (code == 70)


@pytest.mark.parametrize(
    "turned_into", [ImportError("PyCapsule"), ModuleNotFoundError("x"), BaseException("panic")]
)
def test_an_interruption_that_became_another_error_is_one(
    turned_into: BaseException, capsys: pytest.CaptureFixture[str]
) -> None:
    """A module in C or Rust that is being imported makes another error of KeyboardInterrupt, or a panic."""

    def be_interrupted() -> int:
        try:
            signal.raise_signal(signal.SIGINT)
        except KeyboardInterrupt:
            raise turned_into from None
        return 0

    assert run_command(be_interrupted) == 75
    assert capsys.readouterr().err == "interrupted\n"
    assert signal.getsignal(signal.SIGINT) is signal.default_int_handler


def test_an_interruption_inside_of_exec_has_the_same_exit_code() -> None:
    """Python notes it, and would end with SIGINT instead; dataclasses are made in an exec()."""
    act = "lambda: exec('raise KeyboardInterrupt')"
    words = f"import sys; from harness.edge import run_command; sys.exit(run_command({act}))"
    assert subprocess.run([sys.executable, "-c", words], check=False).returncode == 75


def test_streams_are_given_back() -> None:
    """For programs that call a command as a function."""
    before: tuple[TextIO, TextIO] = sys.stdout, sys.stderr
    run_command(lambda: 0)
    assert (sys.stdout, sys.stderr) == before


DRY_RUN = "python -m harness.sweep search_spaces/optimizers.yaml --dry-run"


@pytest.mark.parametrize(
    ("line", "code"),
    [
        (f"{DRY_RUN} | head -1; exit ${{PIPESTATUS[0]}}", 0),
        (f"{DRY_RUN} >&- 2>&- <&-", 0),
        (f"PYTHONIOENCODING=ascii {DRY_RUN} > /dev/null", 0),
        (f"{DRY_RUN} > /dev/full", 2),
        ("python -m harness.sweep nowhere.yaml 2> /dev/full", 2),
        ("python -m harness.sweep nowhere.yaml 2>&-", 2),
        ("python -m harness.sweep --help > /dev/full", 0),
        ("python -m analysis.report nowhere 2>&1 | true; exit ${PIPESTATUS[0]}", 2),
        ("python -m analysis.tables nowhere 2>&-", 2),
        ("python -m harness.submit status nowhere 2>&-", 2),
        ("python -m harness.lr_finder nowhere.yaml >&- 2>&-", 2),
        ("recipe-harness --help > /dev/full", 2),
        ("PYTHONUNBUFFERED=1 recipe-harness --help | true; exit ${PIPESTATUS[0]}", 0),
        ("recipe-harness swep 2>&-", 2),
    ],
)
def test_the_exit_code_is_not_the_screens(line: str, code: int, repository: Path) -> None:
    """Python's own end makes 120 of a stream that cannot be flushed, and 1 of an error while it is told."""
    path = f"{Path(sys.executable).parent}:{os.environ['PATH']}"
    done = subprocess.run(
        ["bash", "-c", line],
        cwd=repository,
        env=os.environ | {"PATH": path},
        capture_output=True,
        check=False,
    )
    assert done.returncode == code, done.stderr
    assert b"Traceback" not in done.stderr
    assert b"Exception ignored" not in done.stderr


def test_a_file_opened_later_is_no_standard_stream(tmp_path: Path, repository: Path) -> None:
    """A journal that gets the number of closed standard errors would hold what children write there."""
    code = (
        "import subprocess, sys\nfrom harness.screen import lasting_screen\n"
        "with lasting_screen(), open(sys.argv[1], 'w') as journal:\n"
        "    subprocess.run(['sh', '-c', 'echo noise; echo noise >&2'])\n"
    )
    line = f'{sys.executable} -c "{code}" {tmp_path / "journal"} <&- >&- 2>&-'
    subprocess.run(["bash", "-c", line], cwd=repository, check=True)
    assert (tmp_path / "journal").read_text() == ""


@pytest.mark.parametrize("make", [os.pipe, os.openpty])
def test_a_reader_who_does_not_read_costs_a_moment_only(make: Callable[[], tuple[int, int]]) -> None:
    """Ctrl-S, or a connection that hangs: far more is written than a pipe or a terminal holds."""
    reader, writer = make()
    with os.fdopen(writer, "w") as stream:
        lasting = LastingStream(stream, patience=0.1)
        for _ in range(200):
            lasting.write("x" * 4096)
            lasting.flush()
        assert lasting.loss is None
        lasting.finish()
        seen = 0
        while seen < 200 * 4096:
            seen += len(os.read(reader, 1 << 20))
    os.close(reader)


@pytest.mark.parametrize("gone", GONE)
def test_what_nobody_takes_is_dropped_aside_too(gone: Callable[[], int]) -> None:
    """Where a thread of its own writes."""
    with os.fdopen(gone(), "w") as stream:
        lasting = LastingStream(stream, patience=10)
        lasting.write("text\n")
        lasting.hand_over()
        assert isinstance(lasting.loss, OSError)
        lasting.write("text\n")
        lasting.finish()


def test_everything_is_handed_over_to_a_slow_reader(repository: Path) -> None:
    """What a user asked for is not cut, however long he looks at its first page."""
    command = [sys.executable, "-c", _MUCH]
    with subprocess.Popen(command, cwd=repository, stdout=subprocess.PIPE) as process:
        assert process.stdout is not None
        time.sleep(1)
        assert len(process.stdout.read()) == 1_000_001
    assert process.returncode == 0


_MUCH = """
import sys
from harness.edge import deliver, run_command
sys.exit(run_command(lambda: deliver("x" * 1_000_000) or 0, patience=0.01))
"""


@pytest.mark.parametrize(("width", "heads"), [(80, 8), (60, 5), (40, 5)])
def test_no_head_of_the_live_table_is_cut(
    width: int, heads: int, study_text: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A narrow terminal has fewer columns, each with all its letters."""
    monkeypatch.setenv("COLUMNS", str(width))
    study = parse_study(study_text, "s.yaml")
    lines = str(Progress(study, plan_study(study))._table()).splitlines()
    assert max(map(len, lines)) <= width
    names = next(line for line in lines if line.startswith("arm ")).split()
    assert len(names) == heads
    assert set(names) <= {"arm", "ended", "running", "stopped", "diverged", "failed", "epochs", "best"}


@pytest.mark.parametrize("width", [30, 80])
def test_a_table_too_wide_for_the_screen_is_told_row_by_row(width: int) -> None:
    """Every head and every word of each cell is there, in lines that fit."""
    heads, rows = ("name", "first", "second"), [("a", "x" * 10, "one two three"), ("b", "y" * 40, "four")]
    lines = list(table_lines(heads, rows, width))
    assert max(map(len, lines)) <= width
    told = " ".join(lines)
    words = ("first", "second", "x" * 10, "one", "two", "three", "y" * 20, "four")
    assert all(word in told for word in words)
