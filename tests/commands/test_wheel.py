"""The wheel: what `pip install .` brings works far from a checkout."""

import os
import shutil
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest


@pytest.mark.full  # shorter siblings: contracts/test_packaging.py, and test_console.py in the checkout
def test_a_wheel_has_all_that_the_commands_read(repository: Path, tmp_path: Path) -> None:
    """Templates, vendored data, shipped studies, their schema; and a report is written with it alone."""
    checkout = tmp_path / "checkout"  # a build leaves files where it is made
    for name in ("harness", "analysis", "search_spaces"):
        shutil.copytree(repository / name, checkout / name, symlinks=True)
    for name in ("pyproject.toml", "README.md", "LICENSE"):
        shutil.copy(repository / name, checkout)
    build = [sys.executable, "-m", "pip", "wheel", str(checkout), "--no-deps", "--no-build-isolation"]
    subprocess.run([*build, "--wheel-dir", str(tmp_path), "--quiet"], check=True, cwd=tmp_path)
    (wheel,) = tmp_path.glob("*.whl")
    installed = tmp_path / "installed"
    with zipfile.ZipFile(wheel) as whole:
        whole.extractall(installed)
    kept = {path.relative_to(installed).as_posix() for path in installed.rglob("*") if path.is_file()}
    for folder in ("analysis/page/templates", "harness/training/data/vendored", "harness/winning/templates"):
        assert {f"{folder}/{path.name}" for path in (repository / folder).iterdir()} <= kept
    for path in (repository / "search_spaces").glob("*.*"):
        assert f"harness/search_spaces/{path.name}" in kept
    results = tmp_path / "results"
    reference = repository / "results/reference/dropout"
    results.mkdir()
    for name in ("declaration.json", "manifest.json", "journal.jsonl.gz", "study.yaml"):
        (results / name).write_bytes((reference / name).read_bytes())
    code = (
        "import sys, harness; assert harness.__file__.startswith(sys.argv.pop(1)), harness.__file__; "
        "from harness.commands.console import main; sys.exit(main())"
    )
    text = (repository / "search_spaces/dropout.yaml").read_text(encoding="utf-8").strip()
    study = text[text.index("\nstudy: ") :]
    for words, ending in ((["report", str(results)], "index.html"), (["studies", "dropout"], study)):
        done = subprocess.run(
            [sys.executable, "-c", code, str(installed), *words],
            env=os.environ | {"PYTHONPATH": str(installed)},
            cwd=tmp_path,
            capture_output=True,
            text=True,
            check=False,
        )
        assert done.returncode == 0, done.stderr
        assert done.stdout.strip().endswith(ending)
