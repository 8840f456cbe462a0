import argparse
import os
import subprocess
import sys
from pathlib import Path

import pytest

from harness.arguments import path_argument


@pytest.mark.parametrize(
    ("module", "arguments", "told"),
    [
        ("harness.sweep", ["~/no.yaml"], "no.yaml: cannot be read"),
        ("harness.lr_finder", ["~/no.yaml"], "no.yaml: cannot be read"),
        ("harness.submit", ["slurm", "~/no.yaml"], "no.yaml: cannot be read"),
        ("harness.submit", ["status", "~/no"], "no"),
        ("analysis.report", ["~/no"], "no"),
    ],
)
def test_a_tilde_is_the_home_folder_for_every_command(
    repository: Path, tmp_path: Path, module: str, arguments: list[str], told: str
) -> None:
    """Shells expand it only where it begins a word: not in `--results=~/x`."""
    environment = os.environ | {"HOME": str(tmp_path)}
    command = [sys.executable, "-m", module, *arguments]
    done = subprocess.run(
        command, cwd=repository, capture_output=True, text=True, check=False, env=environment
    )
    assert done.returncode == 2
    assert f"{tmp_path}/{told}" in done.stderr


def test_other_tildes_are_letters() -> None:
    """In the middle of a path; before a name that nobody has, there is no home folder to be meant."""
    assert path_argument("a/~b") == Path("a/~b")
    with pytest.raises(argparse.ArgumentTypeError, match="no home folder is known"):
        path_argument("~nobody-of-this-name/x")
