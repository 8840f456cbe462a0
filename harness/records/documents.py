"""Reading the JSON documents of a results folder, with what is told of one that cannot be read."""

from pathlib import Path
from typing import Any, Literal, TypeVar

from pydantic import BaseModel, TypeAdapter, ValidationError

from harness.errors import ResultsError, unusable

SCHEMA_VERSION: Literal[2] = 2
"""Version of the files on disk that is written; a reader refuses a newer one, and reads the older one."""

NO_MANIFEST = (
    "no manifest here, so this is not a results folder. "
    "Remedy: give a folder that python -m harness.sweep wrote, such as results/optimizers."
)

Model = TypeVar("Model", bound=BaseModel)

_JSON: TypeAdapter[Any] = TypeAdapter(Any)


def parsed(path: Path, *, absent: str) -> Any:
    """Return what the JSON text of a file says.

    Args:
        path: The file.
        absent: What is told of a folder without it, with the remedy.

    Raises:
        ResultsError: It is missing, cannot be read, or is no JSON text.
    """
    try:
        return _JSON.validate_json(path.read_bytes())
    except FileNotFoundError:
        raise ResultsError(f"{path}: {absent}", place=path) from None
    except OSError as error:
        raise ResultsError(unusable(path, "read", error), place=path) from error
    except ValidationError as error:
        message = error.errors(include_url=False)[0]["msg"]
        raise ResultsError(
            f"{path}: damaged, it is no JSON text ({message}). Remedy: bring back a copy of it; "
            f"the journal beside it is not concerned.",
            place=path,
        ) from error


def validated(model: type[Model], document: Any, path: Path) -> Model:
    """Return a document as its model.

    Raises:
        ResultsError: It lacks something, breaks a rule, or was written by a newer version.
    """
    try:
        return model.model_validate(document)
    except ValidationError as error:
        first = error.errors(include_url=False)[0]
        place = ".".join(str(part) for part in first["loc"]) or "the file"
        raise ResultsError(
            f"{path}: {place}: {first['msg']}. This version reads schema 1 and {SCHEMA_VERSION}. "
            f"Remedy: use the version of the harness that wrote it.",
            place=path,
        ) from error


def as_written(part: BaseModel) -> dict[str, Any]:
    """Return a part of a document that was read as the file has it: what it does not say is left out."""
    return part.model_dump(mode="json", exclude_unset=True)
