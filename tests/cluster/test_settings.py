"""Site profile, study and flags: which one holds."""

from pathlib import Path

import pytest

from harness.cluster.settings import load_profile, merged
from harness.errors import EnvironmentMismatchError, StudyError
from harness.study.reading.parse import parse_study
from harness.study.submission import Profile, SlurmSettings, SlurmSite


def profile(tmp_path: Path, text: str) -> Profile:
    """Return a profile read from a file with this text."""
    path = tmp_path / "cluster.yaml"
    path.write_text(text)
    return load_profile(path)


def test_a_flag_is_over_the_study_and_the_study_over_the_profile(tmp_path: Path) -> None:
    """Each setting comes from the last source that gives it."""
    site = profile(tmp_path, "slurm: {partition: long, account: lab, nodes: 4}").slurm
    study = SlurmSettings(nodes=3, time="02:00:00")
    held = merged(site, study, {"nodes": 2})
    assert (held.nodes, held.time, held.account, held.partition) == (2, "02:00:00", "lab", "long")


def test_nothing_holds_that_nobody_asked_for() -> None:
    """Without profile, study and flags, every setting is left to the cluster."""
    assert merged(SlurmSite(), SlurmSettings(), {}).model_dump(exclude_defaults=True) == {}


def test_repeated_flags_are_added_to_the_profiles(tmp_path: Path) -> None:
    """So that a site's module lines stay, and a flag's sbatch option comes last and wins."""
    site = profile(tmp_path, "slurm: {setup: [module load cuda], sbatch_args: [--constraint=a100]}").slurm
    held = merged(site, SlurmSettings(), {"sbatch_args": ["--constraint=h100"]})
    assert held.setup == ["module load cuda"]
    assert held.sbatch_args == ["--constraint=a100", "--constraint=h100"]


def test_a_flag_that_breaks_a_rule_is_named() -> None:
    """The message gives flag, value and rule."""
    with pytest.raises(EnvironmentMismatchError, match=r"--nodes: must be at least 1, but is 0"):
        merged(SlurmSite(), SlurmSettings(), {"nodes": 0})


@pytest.mark.parametrize("line", ["", "a\nb", "a\x00b", "a\x1b[31mb"])
def test_what_is_no_printable_line_is_refused(line: str) -> None:
    """It could end a directive and begin another one."""
    with pytest.raises(EnvironmentMismatchError, match=r"--setup: must be one line of printable text"):
        merged(SlurmSite(), SlurmSettings(), {"setup": [line]})


def test_a_study_cannot_say_what_a_shell_runs(study_text: str) -> None:
    """A study file is data: setup lines are for the user's own profile and flags."""
    with pytest.raises(StudyError, match=r"submit\.slurm\.setup: unknown field"):
        parse_study(study_text + "submit: {slurm: {setup: [rm -rf /]}}\n", "study.yaml")


def test_a_study_says_what_it_needs(study_text: str) -> None:
    """The section reaches the parsed study."""
    study = parse_study(study_text + "submit: {slurm: {nodes: 2, time: 90}}\n", "study.yaml")
    assert (study.submit.slurm.nodes, study.submit.slurm.time) == (2, 90)


def test_problems_of_a_profile_are_told_with_line_and_remedy(tmp_path: Path) -> None:
    """All of them at once, in the file's words."""
    with pytest.raises(StudyError) as caught:
        profile(tmp_path, "slurm:\n  nodes: many\n  partitoin: long\n")
    text = str(caught.value)
    assert "cluster.yaml:2: slurm.nodes: must be a whole number, but is 'many'" in text
    assert "cluster.yaml:3: slurm.partitoin: unknown field. Did you mean 'partition'?" in text


def test_without_a_profile_nothing_is_set(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The default place need not exist; a named file must."""
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path))
    assert load_profile() == Profile()
    with pytest.raises(EnvironmentMismatchError, match="cannot be read"):
        load_profile(tmp_path / "missing.yaml")


def test_the_profile_is_found_where_configuration_lives(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Below $XDG_CONFIG_HOME, in harness/cluster.yaml."""
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path))
    (tmp_path / "harness").mkdir()
    (tmp_path / "harness" / "cluster.yaml").write_text("kuberay: {namespace: lab}\n")
    assert load_profile().kuberay.namespace == "lab"


@pytest.mark.parametrize(
    "setting", ["setup: [module load cuda]", "python: /opt/python", "sbatch_args: [--hold]"]
)
def test_a_profile_that_everybody_can_write_runs_nothing(setting: str, tmp_path: Path) -> None:
    """Its lines would run as whoever submits; without such lines it is taken."""
    path = tmp_path / "cluster.yaml"
    path.write_text(f"slurm: {{{setting}}}\n")
    path.chmod(0o666)
    with pytest.raises(EnvironmentMismatchError, match=r"mode 666.*would run as you\. Remedy: chmod o-w"):
        load_profile(path)
    path.write_text("slurm: {partition: long}\n")
    assert load_profile(path).slurm.partition == "long"
    path.write_text(f"slurm: {{{setting}}}\n")
    path.chmod(0o664)
    assert load_profile(path).slurm
    tmp_path.chmod(0o777)
    with pytest.raises(EnvironmentMismatchError, match="mode 777"):
        load_profile(path)


def test_a_profile_in_a_circle_is_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Also at the default place."""
    (tmp_path / "harness").mkdir()
    path = tmp_path / "harness" / "cluster.yaml"
    path.symlink_to(path)
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path))
    with pytest.raises(EnvironmentMismatchError, match=r"cannot be read \(Too many levels"):
        load_profile()
