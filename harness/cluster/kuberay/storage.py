"""Where a study's results are kept in Kubernetes: a volume that every pod mounts, or an object storage."""

import re
from dataclasses import dataclass

from harness.cluster.object_storage import check_address
from harness.errors import EnvironmentMismatchError

RESULTS = "/results"
"""Where the pods see their results."""

_DNS_NAME = re.compile(r"[a-z0-9]([-a-z0-9.]*[a-z0-9])?")
_FOLDER = re.compile(r"[A-Za-z0-9_][A-Za-z0-9._-]*(/[A-Za-z0-9_][A-Za-z0-9._-]*)*")


@dataclass(frozen=True, kw_only=True)
class Volume:
    """A PersistentVolumeClaim, or a folder of one."""

    claim: str
    folder: str | None
    """Below the volume's root; None for the root itself."""

    @property
    def address(self) -> str:
        """As `--storage` names it."""
        return "/".join(filter(None, [f"pvc:{self.claim}", self.folder]))


@dataclass(frozen=True, kw_only=True)
class Bucket:
    """A folder of an object storage."""

    address: str
    """Without a closing slash; a study's folder comes below it."""


def parse_storage(text: str | None) -> Volume | Bucket:
    """Return what `--storage` names.

    Raises:
        EnvironmentMismatchError: It is missing, or names nothing that outlives the pods.
    """
    if text is None:
        raise EnvironmentMismatchError(
            "storage is missing: pods and their disks are removed after the study. Remedy: --storage "
            "pvc:NAME with a PersistentVolumeClaim, or --storage s3://BUCKET/FOLDER"
        )
    kind, colon, rest = text.partition(":")
    if colon and kind == "pvc":
        return _volume(text, rest)
    check_address(text)
    return Bucket(address=text.rstrip("/"))


def _volume(text: str, rest: str) -> Volume:
    claim, slash, folder = rest.partition("/")
    folder = folder.rstrip("/")
    if not _DNS_NAME.fullmatch(claim) or len(claim) > 253:
        raise EnvironmentMismatchError(
            f"storage: {text!r}: a claim's name has lower-case letters, digits, - and . only. Remedy: "
            f"--storage pvc:NAME with a name that `kubectl get pvc` lists"
        )
    if slash and folder and not _FOLDER.fullmatch(folder):
        raise EnvironmentMismatchError(
            f"storage: {text!r}: the folder after pvc:{claim}/ is relative to the volume, and its parts have "
            f"letters, digits, `.`, `_` and - only, no `.` first. Remedy: --storage pvc:{claim}/studies"
        )
    return Volume(claim=claim, folder=folder or None)
