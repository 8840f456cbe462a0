"""What a launcher lived through, in a file of its own: no accounting database is needed to know it."""

import os
import socket
from datetime import UTC, datetime
from pathlib import Path
from typing import Literal

from pydantic import BaseModel, ConfigDict, ValidationError

Happening = Literal["started", "cluster_up", "warned", "interrupted", "requeued", "ended"]


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
    detail: dict[str, str | int]
    """With `ended`: `exit_code`."""


class StatusLog:
    """Append to a log, or read it."""

    def __init__(self, path: Path, job: str = "", restart: int = 0) -> None:
        self._path = path
        self._job = job
        self._restart = restart

    def append(self, event: Happening, **detail: str | int) -> None:
        """Write a line, on disk when this returns."""
        line = StatusEvent(
            at=datetime.now(UTC).isoformat(timespec="seconds"),
            event=event,
            job=self._job,
            restart=self._restart,
            host=socket.gethostname(),
            detail=detail,
        )
        with self._path.open("a", encoding="utf-8") as file:
            file.write(line.model_dump_json() + "\n")
            file.flush()
            os.fsync(file.fileno())

    def events(self) -> list[StatusEvent]:
        """Return the lines; a last one that is cut short by a crash is left out."""
        if not self._path.exists():
            return []
        lines = self._path.read_text(encoding="utf-8").splitlines()
        return [event for line in lines if (event := _parsed(line)) is not None]


def _parsed(line: str) -> StatusEvent | None:
    try:
        return StatusEvent.model_validate_json(line)
    except ValidationError:
        return None
