"""A real S3 server on this machine: rclone's, which keeps objects as files."""

import os
import shutil
import subprocess
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

BUCKET = "bucket"
_KEY, _SECRET = "AKIAEXAMPLE", "not-a-secret"


def rclone() -> str | None:
    """Return the program, from PATH or this environment; None where there is none."""
    return shutil.which("rclone") or shutil.which("rclone", path=str(Path(sys.executable).parent))


@contextmanager
def s3_server(program: str, folder: Path) -> Iterator[Mapping[str, str]]:
    """Serve a folder with one bucket; yields the environment with which clients find it."""
    (folder / BUCKET).mkdir(parents=True)
    command = [
        program,
        "serve",
        "s3",
        "--addr",
        "127.0.0.1:0",
        "--auth-key",
        f"{_KEY},{_SECRET}",
        str(folder),
    ]
    environment = {"PATH": os.environ["PATH"], "RCLONE_CONFIG": os.devnull, "HOME": str(folder)}
    with subprocess.Popen(command, stderr=subprocess.PIPE, text=True, env=environment) as server:
        try:
            address = next(
                line.partition("[")[2].partition("]")[0] for line in server.stderr or () if "http://" in line
            )
            yield {
                "AWS_ENDPOINT_URL": address.rstrip("/"),
                "AWS_ACCESS_KEY_ID": _KEY,
                "AWS_SECRET_ACCESS_KEY": _SECRET,
                "AWS_DEFAULT_REGION": "us-east-1",
                "AWS_EC2_METADATA_DISABLED": "true",
                # Newer clients send checksums in a way that this server, like many others, does not know.
                "AWS_REQUEST_CHECKSUM_CALCULATION": "WHEN_REQUIRED",
            }
        finally:
            server.terminate()
