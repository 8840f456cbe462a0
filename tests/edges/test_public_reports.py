"""Cases from public bug reports of other tools; docs/reliability.md names where each comes from."""

import os
import subprocess
import sys
from pathlib import Path

import matplotlib as mpl
import pytest
from matplotlib.figure import Figure

from analysis.render.figure import RC, as_svg, laid_out
from harness.errors import StudyError
from harness.study.reading.parse import load_study, parse_study
from harness.tuning.local_ray import set_ray_environment


@pytest.mark.parametrize("environment", ["elsewhere", ".venv"])
@pytest.mark.parametrize("module", ["harness.sweep", "harness.submit", "analysis.report"])
def test_a_users_folder_and_backend_break_no_command(
    module: str, environment: str, repository: Path, tmp_path: Path
) -> None:
    """`python -m` looks into the working directory first; matplotlib refuses a backend it does not know."""
    (tmp_path / "random.py").write_text("raise SystemExit('a random.py of the user')")
    installed = repository
    if environment == ".venv":  # in the user's folder, as most have it
        installed = tmp_path / ".venv/lib/site-packages"
        installed.mkdir(parents=True)
        for package in ("harness", "analysis"):
            (installed / package).symlink_to(repository / package)
    verb = ["status"] if module == "harness.submit" else []
    variables = os.environ | {"PYTHONPATH": str(installed), "MPLBACKEND": "nonsense"}
    command = [sys.executable, "-m", module, *verb, "nothing"]
    done = subprocess.run(command, cwd=tmp_path, env=variables, capture_output=True, text=True, check=False)
    assert (done.returncode, done.stderr[:7]) == (2, "error: "), done.stderr


def test_a_users_settings_of_matplotlib_change_no_figure() -> None:
    """A matplotlibrc may ask for TeX, for large letters, for other lines."""

    def drawn() -> str:
        with mpl.rc_context(RC):
            figure = Figure(layout="constrained")
            axes = figure.subplots()
            axes.plot([1, 2], label="a_b")
            axes.legend(title="which")
        return as_svg(laid_out(figure), "name", "title")

    plain = drawn()
    with mpl.rc_context({"text.usetex": True, "font.size": 40, "lines.linewidth": 9, "legend.loc": "center"}):
        assert drawn() == plain


def test_warnings_made_errors_do_not_reach_rays_processes(monkeypatch: pytest.MonkeyPatch) -> None:
    """Its agents would die of those of the packages that they import, and no run would start."""
    monkeypatch.setenv("PYTHONWARNINGS", "error")
    set_ray_environment(is_local=True)
    assert "PYTHONWARNINGS" not in os.environ


@pytest.mark.parametrize(
    ("before", "after", "told"),
    [
        ("epochs: 9", f"epochs: {10**30}", "recipe.epochs: must be at most 9223372036854775807"),
        ("epochs: 9", "epochs: 1:30", "recipe.epochs: must be a whole number, but is '1:30'"),
        ("epochs: 9", "epochs: yes", "recipe.epochs: must be a whole number, but is 'yes'"),
        ("trials: 4", f"trials: {10**12}", "search.trials: must be at most 1000000"),
        ("lr: {low: 1e-3", "lr: {low: .nan", "must be a finite number, but is nan"),
        ("  momentum", "\tmomentum", "not valid YAML"),
        ("study: small", "study: _small", "takes letters, digits, _ and - only, a letter or digit first"),
        ("study work", "study \0work", r"small.yaml:2: not valid YAML: holds the character '\x00'"),
        ("confirm: {", "confirm: {seeds: 4}\nconfirm: {", "'confirm' was already given on line"),
    ],
)  # fmt: skip
def test_what_yaml_makes_of_it_is_told(study_text: str, before: str, after: str, told: str) -> None:
    """In one line with its place."""
    with pytest.raises(StudyError) as having:
        parse_study(study_text.replace(before, after, 1), "small.yaml")
    (line,) = [line for line in str(having.value).splitlines() if told in line]
    assert "small.yaml:" in line


@pytest.mark.parametrize(("text", "epochs"), [("010", 10), ("0o11", 9), ("1_0", 10)])
def test_numbers_and_names_are_those_of_yaml_1_2(study_text: str, text: str, epochs: int) -> None:
    """A leading zero makes no octal number, `1e-3` is a number, and `no` is a name like another."""
    changed = study_text.replace("epochs: 9", f"epochs: {text}").replace("sgd:", "no:")
    study = parse_study(changed.replace("than: sgd", "than: no"), "small.yaml")
    assert [arm.name for arm in study.arms] == ["no", "adam"]
    assert study.arms[0].configuration({"lr": 1e-3, "momentum": 0.1}).epochs == epochs


@pytest.mark.parametrize("encoding", ["utf-16", "latin-1"])
def test_a_study_in_another_encoding_is_told(encoding: str, study_text: str, tmp_path: Path) -> None:
    """As PowerShell and old editors write it."""
    path = tmp_path / "small.yaml"
    path.write_text(
        study_text.replace("small study", "sm\N{LATIN SMALL LETTER A WITH RING ABOVE}ll study"), encoding
    )
    with pytest.raises(
        StudyError, match=r"not UTF-8 text, from byte \d+ on\). Remedy: save the study file as UTF-8"
    ):
        load_study(path)
