"""What was measured of machines, in small files of the user's cache: of all that share this home."""

import json
from typing import Any

from harness.errors import HarnessError
from harness.records.whole_file import write_file
from harness.training.data.cache import user_cache


def noted(file: str, key: str) -> Any:
    """Return what a file of the cache says of a machine; None where it says nothing, or cannot be read."""
    try:
        return _all(file).get(key)
    except HarnessError:
        return None


def note(file: str, key: str, value: Any) -> None:
    """Write what is known of a machine beside what is known of others.

    Raises:
        HarnessError: There is no cache, or it cannot be written.
    """
    write_file(user_cache() / file, json.dumps(_all(file) | {key: value}, indent=1) + "\n")


def _all(file: str) -> dict[str, Any]:
    """Return what a file holds; nothing where it is not what we wrote.

    Raises:
        HarnessError: There is no cache.
    """
    try:
        content = json.loads((user_cache() / file).read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return {}
    return content if isinstance(content, dict) else {}
