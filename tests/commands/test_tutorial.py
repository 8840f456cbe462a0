"""The tutorial, step by step as it stands."""

import re
import shlex
import subprocess
import sys
from pathlib import Path

import pytest

from harness.commands import sweep

_COMMAND = "from harness.commands.console import main; import sys; sys.exit(main())"


@pytest.fixture
def steps(repository: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> list[list[str]]:
    """Return the tutorial's commands as words; the working directory holds the study file that it gives."""
    text = (repository / "docs/tutorial.md").read_text(encoding="utf-8")
    (study,) = re.findall(r"```yaml\n(.*?)```", text, re.DOTALL)
    (tmp_path / "first.yaml").write_text(study, encoding="utf-8")
    monkeypatch.chdir(tmp_path)
    shown = "".join(re.findall(r"```console\n(.*?)```", text, re.DOTALL))
    return [shlex.split(line)[1:] for line in re.findall(r"^\$ (recipe-harness .*)$", shown, re.MULTILINE)]


def test_the_first_step_foretells(steps: list[list[str]], capsys: pytest.CaptureFixture[str]) -> None:
    """The study file of the tutorial is right, and the dry run says what the tutorial tells to read."""
    name, *words = steps[0]
    assert name == "sweep"
    assert sweep.main(words) == 0
    told = capsys.readouterr().out
    assert re.findall(r"(\d+) (?:confirm runs|runs in all)\n", told) == ["10", "30", "30"]
    assert "what it can show: " in told
    assert "declaration sha256: " in told


@pytest.mark.ray
@pytest.mark.full  # shorter siblings: above, and tests/contracts/test_commands_in_documents.py
def test_the_tutorial_comes_to_its_rulings(steps: list[list[str]], tmp_path: Path) -> None:
    """Every command of it, in its order; a supported first claim is what it then explains."""
    told = []
    for words in steps:
        done = subprocess.run(
            [sys.executable, "-c", _COMMAND, *words],
            cwd=tmp_path,
            capture_output=True,
            text=True,
            timeout=600,
            check=False,
        )
        assert done.returncode == 0 or words == ["verdict", "results/first"], done.stderr
        told.append(done.stdout)
    assert "supported: A searched rate gives SGD a higher test accuracy than 0.01." in "".join(told)
    assert (tmp_path / "results/first/report/index.html").exists()
