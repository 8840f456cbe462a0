"""What a user's words become in a manifest: names of objects, image, variables, the driver's command.

The operator finds a RayJob that breaks its rules only after the API server has taken it; older versions then
leave it without any status for ever. So whatever a user can put into one is checked here, in `resources` and
in `storage`. All else in a manifest is constant: that the operator takes that is for the tests to show.
"""

import hashlib
import re
from collections.abc import Mapping, Sequence
from importlib import metadata
from pathlib import Path

from harness.cluster.target import checked_variables
from harness.errors import EnvironmentMismatchError

MAX_JOB_NAME = 47
"""The operator adds 6 characters for the RayCluster, whose services still need 10 of the 63 of a DNS label.

Source: MaxRayJobNameLength in ray-operator/controllers/ray/utils/constant.go.
"""

STOP_WAIT_VARIABLE = "RAY_JOB_STOP_WAIT_TIME_S"
"""Tells Ray how long a driver that is told to stop gets."""

_SUFFIX_LENGTH = 8

_IMAGE = re.compile(r"[A-Za-z0-9][A-Za-z0-9._/:@-]*")
_NAMESPACE = re.compile(r"[a-z0-9]([-a-z0-9]{0,61}[a-z0-9])?")
_OBJECT_NAME = re.compile(r"[a-z0-9]([-a-z0-9.]{0,251}[a-z0-9])?")
_SHELL_WORD = re.compile(r"[A-Za-z0-9_@%+=:,./-]+")


def job_name(name: str, run_dir: Path) -> str:
    """Return a DNS-1035 label for a submission: its name as far as that can be written, and a short hash.

    Args:
        name: Any text.
        run_dir: The study's results folder.

    The hash is of the full name and of the results folder: two studies whose names are cut or spelled alike
    do not collide, and the same folder always has the same name, so it is never submitted twice at once.
    """
    full = f"{name}\0{run_dir}".encode()
    suffix = hashlib.sha256(full).hexdigest()[:_SUFFIX_LENGTH]
    stem = re.sub("[^a-z0-9]+", "-", name.lower())
    stem = stem.lstrip("-0123456789")[: MAX_JOB_NAME - _SUFFIX_LENGTH - 1].strip("-")
    return f"{stem or 'study'}-{suffix}"


def image_name(image: str | None) -> str:
    """Return the container image that was given.

    Raises:
        EnvironmentMismatchError: None was, or it is no name of an image.
    """
    if image is None:
        raise EnvironmentMismatchError(
            f"image is missing: the container image that holds this harness and "
            f"Ray {metadata.version('ray')}. Remedy: --image REGISTRY/NAME:TAG"
        )
    if not _IMAGE.fullmatch(image):
        raise EnvironmentMismatchError(
            f"image = {image!r}: a container image has letters, digits and ._/:@- only. "
            f"Remedy: --image REGISTRY/NAME:TAG"
        )
    return image


def object_name(setting: str, name: str) -> str:
    """Return the name of an object that a setting refers to.

    Raises:
        EnvironmentMismatchError: No object can be called so.
    """
    if not _OBJECT_NAME.fullmatch(name):
        raise EnvironmentMismatchError(
            f"{setting} = {name!r}: names of Kubernetes have lower-case letters, digits, - and . only. "
            f"Remedy: give one that `kubectl get {setting.replace('_', '')}s` lists"
        )
    return name


def namespace_name(name: str) -> str:
    """Return the name of a namespace.

    Raises:
        EnvironmentMismatchError: No namespace can be called so.
    """
    if not _NAMESPACE.fullmatch(name):
        raise EnvironmentMismatchError(
            f"namespace = {name!r}: has lower-case letters, digits and - only, 63 at most. Remedy: "
            f"--namespace with a name that `kubectl get namespaces` lists"
        )
    return name


def variables(environment: Mapping[str, str]) -> list[dict[str, str]]:
    """Return the user's variables as a container has them.

    Raises:
        EnvironmentMismatchError: One would not arrive as it is, or is not the user's to set.
    """
    checked = checked_variables(environment, {STOP_WAIT_VARIABLE})
    # Kubernetes replaces $(NAME), and reads $$ as one $.
    return [{"name": name, "value": value.replace("$", "$$")} for name, value in checked.items()]


def entry_point(words: Sequence[str]) -> str:
    """Join words to the driver's command, in the few characters that are safe where KubeRay puts it.

    In its default mode the operator pastes `spec.entrypoint` as it is into a shell script of the submitter
    pod: a `;`, a quote or a `$` would be carried out there, and not in the driver.

    Raises:
        EnvironmentMismatchError: A word is empty, or has a character that a shell might act on.
    """
    for word in words:
        if not _SHELL_WORD.fullmatch(word):
            raise EnvironmentMismatchError(
                f"{word!r} cannot stand in the entry point of a RayJob, which a shell reads: letters, digits "
                f"and _@%+=:,./- only. Remedy: write the setting into the study file instead of --set"
            )
    return " ".join(words)
