"""What happened to a submitted study, as its nodes wrote it down: one JSON line each."""

import os
import socket
from enum import StrEnum
from pathlib import Path
from typing import Literal

from pydantic import (
    BaseModel,
    ConfigDict,
    SerializerFunctionWrapHandler,
    ValidationError,
    model_serializer,
)

from harness.errors import ResultsError
from harness.records.provenance import utc_now

Happening = Literal["started", "cluster_up", "warned", "interrupted", "requeued", "ended"]


class Cause(StrEnum):
    """Why a sweep was told to end before it was complete."""

    TIME_LIMIT = "time limit"
    PREEMPTION = "preemption"
    TOLD_TO_END = "told to end"
    HEAD_ENDED = "Ray's head ended"


class StatusDetail(BaseModel):
    """What an event tells besides; a field that an event does not tell is not in its line."""

    model_config = ConfigDict(extra="forbid", frozen=True, use_attribute_docstrings=True)

    nodes: str | int | None = None
    """With `started` their names, with `cluster_up` how many joined."""
    cpus: int | None = None
    gpus: int | None = None
    address: str | None = None
    signal: str | None = None
    exit_code: int | None = None
    cause: Cause | None = None
    seconds_left: int | None = None
    by: str | None = None
    """The command that interrupted the job."""

    @model_serializer(mode="wrap")
    def _without_nulls(self, serialize: SerializerFunctionWrapHandler) -> dict[str, str | int]:
        return {name: value for name, value in serialize(self).items() if value is not None}


class StatusEvent(BaseModel):
    """One line of the log."""

    model_config = ConfigDict(extra="forbid", frozen=True, use_attribute_docstrings=True)

    at: str
    """UTC, ISO 8601."""
    event: Happening
    job: str
    restart: int
    """How often the cluster had started the job before."""
    host: str
    detail: StatusDetail


class StatusLog:
    """Append to a log, or read it."""

    def __init__(self, path: Path, job: str = "", restart: int = 0) -> None:
        self._path = path
        self._job = job
        self._restart = restart

    def append(self, event: Happening, detail: StatusDetail | None = None) -> None:
        """Write a line, on disk when this returns."""
        line = StatusEvent(
            at=utc_now(),
            event=event,
            job=self._job,
            restart=self._restart,
            host=socket.gethostname(),
            detail=detail or StatusDetail(),
        )
        with self._path.open("ab") as file:
            # A full disk may have cut the line before: this one must not continue it.
            separator = b"" if self._ends_whole() else b"\n"
            file.write(separator + line.model_dump_json().encode() + b"\n")
            file.flush()
            os.fsync(file.fileno())

    def _ends_whole(self) -> bool:
        """Tell whether the last line has an end."""
        with self._path.open("rb") as file:
            if file.seek(0, os.SEEK_END) == 0:
                return True
            file.seek(-1, os.SEEK_END)
            return file.read() == b"\n"

    def events(self) -> list[StatusEvent]:
        """Return the lines; one that is cut short by a crash or a full disk is left out.

        Raises:
            ResultsError: The log is there and cannot be read.
        """
        try:
            lines = self._path.read_text(encoding="utf-8", errors="replace").splitlines()
        except FileNotFoundError:
            return []
        except OSError as error:
            raise ResultsError(
                f"{self._path}: cannot be read ({error.strerror}). Remedy: be the user who submitted the "
                f"study, and give RUN_DIR, not a folder in it.",
                place=self._path,
            ) from error
        return [event for line in lines if (event := _parsed(line)) is not None]

    def of_job(self, job: str) -> list[StatusEvent]:
        """Return the lines of one job; an earlier one of the same folder wrote others."""
        return [event for event in self.events() if event.job == job]


def _parsed(line: str) -> StatusEvent | None:
    try:
        return StatusEvent.model_validate_json(line)
    except ValidationError:
        return None
