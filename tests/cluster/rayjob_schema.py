"""The CRD's schema of a RayJob, which lies outside the repository: it belongs to the KubeRay project."""

import json
import os
from pathlib import Path
from typing import Any

VARIABLE = "HARNESS_RAYJOB_SCHEMA"
"""Path of the schema as JSON, with unknown fields refused."""


def rayjob_schema() -> dict[str, Any] | None:
    """Return the schema; None where it is absent."""
    beside = Path(__file__).parents[3] / "shared" / "kuberay" / "rayjob.v1.schema.json"
    path = Path(os.environ.get(VARIABLE, beside))
    if not path.is_file():
        return None
    schema: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
    return schema
