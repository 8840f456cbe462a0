"""Paths as a user gives them, made absolute."""

from pathlib import Path

from harness.errors import EnvironmentMismatchError


def resolved(path: Path | str, option: str) -> Path:
    """Return a path without links, absolute; it need not exist.

    Args:
        path: As given; `~` is a home folder.
        option: What gave it, for the message.

    Raises:
        EnvironmentMismatchError: It leads nowhere: in a circle, from a folder or to a home that is gone.
    """
    try:
        return Path(path).expanduser().resolve()
    except (OSError, RuntimeError) as error:
        reason = error.strerror if isinstance(error, OSError) else str(error)
        raise EnvironmentMismatchError(
            f"{option} {path}: leads to no place ({reason}). Remedy: an absolute path without links in a "
            f"circle, given from a folder that exists"
        ) from error
