"""What a study is called in Kubernetes."""

import hashlib
import re
from pathlib import Path

MAX_JOB_NAME = 47
"""The operator adds 6 characters for the RayCluster, whose services still need 10 of the 63 of a DNS label.

Source: MaxRayJobNameLength in ray-operator/controllers/ray/utils/constant.go.
"""

_SUFFIX_LENGTH = 8


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
