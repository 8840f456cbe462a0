"""The examples of `examples/` as users run them, but for a smaller budget: real processes, real Ray."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

EXAMPLES = sorted((Path(__file__).parents[1] / "examples").glob("*/*.yaml"))


@pytest.mark.ray
@pytest.mark.full  # shorter siblings: test_programs.py, test_imports.py, and tests/contracts/test_doors.py
@pytest.mark.parametrize("example", EXAMPLES, ids=[path.stem for path in EXAMPLES])
def test_an_example_comes_to_rulings(example: Path, tmp_path: Path) -> None:
    """Trusted, searched, confirmed, ruled and reported."""
    section = "trial" if "trial:" in example.read_text(encoding="utf-8") else "recipe"
    smaller = ("search.trials=1", "search.repeats=1", "confirm.seeds=2", f"{section}.epochs=1")
    command = [sys.executable, "-m", "harness.sweep", str(example), "--trust", "--results", str(tmp_path)]
    done = subprocess.run(
        [*command, *(word for setting in smaller for word in ("--set", setting))],
        capture_output=True,
        text=True,
        timeout=900,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    claims = json.loads((tmp_path / example.stem / "report/claims.json").read_text(encoding="utf-8"))[
        "claims"
    ]
    assert claims
    assert all(claim["n"] == 2 for claim in claims)
    assert all(
        claim["ruling"] in {"supported", "contradicted", "equivalent", "inconclusive"} for claim in claims
    )
