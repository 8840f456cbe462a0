"""What every answer has: its schema, its command and its error, and what parts of several are made of."""

import json
import math
import os
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal, get_args

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field

from harness.errors import ErrorKind, HarnessError

if TYPE_CHECKING:
    import pandas as pd


SCHEMA: Literal["recipe-harness/1"] = "recipe-harness/1"
"""Name and version of what is answered."""

Made = Literal["in the parent", "before the data", "after the data"]

State = Literal["finished", "running", "unfinished"]
"""Of a study: all has run; a sweep holds its folder; neither."""


def _as_text(place: Path | str) -> str:
    return os.fsencode(place).decode(errors="backslashreplace")


Place = Annotated[str, BeforeValidator(_as_text)]
"""A path; bytes of it that are no text as escapes."""


class Part(BaseModel):
    """What is told of something, in fields that each say what they hold."""

    model_config = ConfigDict(extra="forbid", frozen=True, use_attribute_docstrings=True)


class Problem(Part):
    """One thing that is wrong; parts that are null stand in `rule`."""

    place: Place | None
    """The file, with its line where that is known, or the argument of the command line."""
    field: str | None
    """Of a study file: the dotted name of what is wrong there."""
    value: str | None
    """What stands there."""
    rule: str
    """What it breaks, in words."""
    remedy: str | None
    """What helps, in words."""


class Error(Problem):
    """Why a command did not do all that was asked for."""

    kind: ErrorKind
    """What is at fault."""
    problems: list[Problem] = []
    """Each one, where several were found at once: those of a study file, or of several folders."""

    @classmethod
    def of(cls, error: HarnessError) -> "Error":
        """Return what is told of an error."""
        problems = [Problem(**vars(fault)) for fault in error.problems]
        return cls(kind=error.kind, problems=problems, **vars(error.fault))


class Answer(Part):
    """What every answer has; the exit code is the command's own, as without `--json`."""

    schema_version: Literal["recipe-harness/1"] = Field(default=SCHEMA, alias="schema")
    """Name and version of this schema."""
    command: str
    """Which command answers, as its help calls it."""
    error: Error | None = None
    """Null where nothing went wrong."""

    @classmethod
    def commands(cls) -> tuple[str, ...]:
        """Return the values that `command` may have; none where any may stand there."""
        return get_args(cls.model_fields["command"].annotation)

    def text(self) -> str:
        """Return the object as one line of ASCII, which every terminal and pipe takes."""
        return json.dumps(self.model_dump(mode="json", by_alias=True), allow_nan=False)


class Refused(Answer):
    """The answer of a command that has nothing to tell but its error."""

    error: Error


def is_absent(value: object) -> bool:
    """Return whether a field has no value, and is left out."""
    return value is None


def rows(frame: "pd.DataFrame") -> list[dict[str, Any]]:
    """Return a table's rows; absent values, and numbers that are none, as null."""
    whole = frame.astype(object)
    return [{str(name): _plain(value) for name, value in row.items()} for row in whole.to_dict("records")]


def _plain(value: Any) -> Any:
    if hasattr(value, "item"):  # NumPy's own
        value = value.item()
    is_absent = value is None or value != value or value in {math.inf, -math.inf}  # noqa: PLR0124 - NaN, NaT
    return None if is_absent else value
