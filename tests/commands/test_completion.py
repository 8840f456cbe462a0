"""Completion in a real bash, by the script that the command prints."""

import subprocess
from pathlib import Path

import pytest

from harness.commands import completion, console


@pytest.fixture(scope="module")
def script(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a folder with the script, study files and other places."""
    folder = tmp_path_factory.mktemp("completion")
    (folder / "script").write_text(completion.script(), encoding="utf-8")
    for name in ("mine.yaml", "two words.yaml", "notes.txt"):
        (folder / name).touch()
    (folder / "results").mkdir()
    return folder


@pytest.mark.parametrize(
    ("line", "completed"),
    [
        (["re"], {"report", "reproduction"}),
        (["sweep", "--dr"], {"--dry-run"}),
        (["sweep", "m"], {"mine.yaml"}),
        (["sweep", ""], {"mine.yaml", "two words.yaml", "results"}),
        (["sweep", "mine.yaml", "--results", ""], {"results"}),
        (["sweep", "--results", "=", "re"], {"results"}),
        (["sweep", "--slots", ""], set()),
        (["sweep", "--trust", ""], {"mine.yaml", "two words.yaml", "results"}),
        (["sweep", "--trust", "--dr"], {"--dry-run"}),
        (["sweep", "--trust", "="], set()),
        (["verdict", ""], {"results"}),
        (["export", "results", "--to", "tens"], {"tensorboard"}),
        (["submit", "s"], {"slurm", "status"}),
        (["submit", "slurm", "--par"], {"--partition"}),
        (["submit", "slurm", "two"], {"two words.yaml"}),
        (["completion", ""], {"bash", "zsh"}),
    ],
)
def test_a_shell_completes(line: list[str], completed: set[str], script: Path) -> None:
    """Commands, subcommands, options, choices, study files, folders; file names with spaces stay whole."""
    words = " ".join(f"'{word}'" for word in ["recipe-harness", *line])
    asked = (
        f"set -u; . ./script; COMP_WORDS=({words}); COMP_CWORD={len(line)}; _recipe_harness; "
        f'for word in ${{COMPREPLY[@]+"${{COMPREPLY[@]}}"}}; do echo "$word"; done'
    )
    done = subprocess.run(["bash", "-c", asked], cwd=script, capture_output=True, text=True, check=True)
    assert done.stderr == ""
    assert set(done.stdout.splitlines()) == completed


def test_every_command_and_option_is_known(script: Path) -> None:
    """As its parser has them, and bash says that it is registered."""
    text = (script / "script").read_text(encoding="utf-8")
    assert all(f'"{name}")' in text for name in console.COMMANDS)
    asked = ". ./script; complete -p recipe-harness"
    done = subprocess.run(["bash", "-c", asked], cwd=script, capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "complete -o filenames -F _recipe_harness recipe-harness"
