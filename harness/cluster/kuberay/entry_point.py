"""The command of the driver, in the few characters that are safe where KubeRay puts them.

In its default mode the operator pastes `spec.entrypoint` as it is into a shell script of the submitter pod:
a `;`, a quote or a `$` would be carried out there, and not in the driver.
"""

import re
from collections.abc import Sequence

from harness.errors import EnvironmentMismatchError

_SAFE_WORD = re.compile(r"[A-Za-z0-9_@%+=:,./-]+")


def entry_point(words: Sequence[str]) -> str:
    """Join words to a command.

    Raises:
        EnvironmentMismatchError: A word is empty, or has a character that a shell might act on.
    """
    for word in words:
        if not _SAFE_WORD.fullmatch(word):
            raise EnvironmentMismatchError(
                f"{word!r} cannot stand in the entry point of a RayJob, which a shell reads: letters, digits "
                f"and _@%+=:,./- only. Remedy: write the setting into the study file instead of --set"
            )
    return " ".join(words)
