"""The text of a Slurm job: whole, and with values that would like to be more than values."""

import re
import shlex
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from harness.cluster.slurm.job import SlurmTarget
from harness.cluster.slurm.script import LauncherInstructions, job_script, limit_seconds
from harness.cluster.target import Request
from harness.errors import EnvironmentMismatchError
from harness.study.reading.parse import parse_study
from harness.study.submission import SlurmSite

SMALLEST = """\
#!/bin/bash
# Written by `python -m harness.submit slurm`; what the job runs stands in plan.json.
#SBATCH --job-name=small
#SBATCH --output=/results/small/submit/slurm-%j.out
#SBATCH --open-mode=append
#SBATCH --signal=B:USR1@120
#SBATCH --ntasks-per-node=1
#SBATCH --requeue

set -e
trap '' USR1  # a warning that comes before the launcher listens does not end the job
exec /usr/bin/python3 -u -m harness.cluster.slurm.launcher /results/small/submit/plan.json
"""

LARGEST = """\
#!/bin/bash
# Written by `python -m harness.submit slurm`; what the job runs stands in plan.json.
#SBATCH --job-name="it's \\"big\\""
#SBATCH --output="/my results/100%%/submit/slurm-%j.out"
#SBATCH --open-mode=append
#SBATCH --signal=B:USR1@300
#SBATCH --ntasks-per-node=1
#SBATCH --nodes=4
#SBATCH --cpus-per-task=16
#SBATCH --gres=gpu:2
#SBATCH --mem=64G
#SBATCH --time=04:00:00
#SBATCH --partition=long,short
#SBATCH --account=lab
#SBATCH --qos=normal
#SBATCH --no-kill
#SBATCH --requeue
#SBATCH --constraint=a100
#SBATCH "--comment=for the paper"

set -e
trap '' USR1  # a warning that comes before the launcher listens does not end the job
module load cuda
source ~/env.sh
exec '/opt/my python/bin/python' -u -m harness.cluster.slurm.launcher '/my results/100%/submit/plan.json'
"""

PRINTABLE = st.text(st.characters(exclude_categories=("C", "Z")) | st.just(" "), min_size=1, max_size=40)
HOSTILE = st.sampled_from([
    "$(touch pwned)", "`touch pwned`", "a; touch pwned", "a' 'b", 'a" "b', "a\\", '\\"', "#", " # a", "-",
    "--wrap=x", "%j%%", "ünïcödé", "a && b", "$HOME", "!x", "*", "~", "{a,b}", "' $(touch pwned) '",
])  # fmt: skip
VALUES = PRINTABLE.filter(str.strip) | HOSTILE


def plan(
    run_dir: str = "/results/small", name: str = "small", warn_before: int = 120
) -> LauncherInstructions:
    """Return a plan."""
    return LauncherInstructions(
        name=name,
        run_dir=Path(run_dir),
        working_dir=Path("/home/me"),
        sweep=["study.yaml"],
        warn_before=warn_before,
        on_timeout="requeue",
        max_restarts=5,
    )


def test_what_nobody_asked_for_is_no_directive() -> None:
    """Only what the launcher needs is there: a site's own defaults hold."""
    assert job_script(SlurmSite(), plan(), "/usr/bin/python3") == SMALLEST


def test_everything_that_was_asked_for_is_there() -> None:
    """In a fixed order, quoted where needed; further options come last, so they win."""
    asked = SlurmSite(
        nodes=4,
        cpus_per_node=16,
        gpus_per_node=2,
        mem="64G",
        time="04:00:00",
        partition="long,short",
        account="lab",
        qos="normal",
        sbatch_args=["--constraint=a100", "--comment=for the paper"],
        setup=["module load cuda", "source ~/env.sh"],
    )
    text = job_script(asked, plan("/my results/100%", 'it\'s "big"', 300), "/opt/my python/bin/python")
    assert text == LARGEST


@settings(max_examples=60)
@given(name=VALUES, folder=VALUES, partition=VALUES)
def test_hostile_values_reach_the_launcher_and_nothing_else(
    tmp_path_factory: pytest.TempPathFactory, name: str, folder: str, partition: str
) -> None:
    """The script, run by bash, starts the launcher with the plan's path, and nothing is carried out."""
    place = tmp_path_factory.mktemp("job")
    stub = place / "a python"
    stub.write_text("#!/bin/sh\nprintf '%s\\0' \"$@\"\n")
    stub.chmod(0o755)
    run_dir = f"/results/{folder.replace('/', '_')}"
    if "\\" in run_dir:
        with pytest.raises(EnvironmentMismatchError, match="backslash"):
            job_script(SlurmSite(), plan(run_dir), str(stub))
        return
    text = job_script(SlurmSite(partition=partition), plan(run_dir, name), str(stub))
    (place / "job.sbatch").write_text(text)
    done = subprocess.run(["bash", "job.sbatch"], cwd=place, capture_output=True, text=True, check=True)
    launcher = ["-u", "-m", "harness.cluster.slurm.launcher", str(Path(run_dir, "submit", "plan.json"))]
    assert done.stdout.split("\0")[:-1] == launcher
    assert done.stderr == ""
    assert {path.name for path in place.iterdir()} == {"a python", "job.sbatch"}


@pytest.mark.parametrize("text", ["a\nb", "a\x00b", "a\x1bb", "a\u2028b", "\udcff", "a" * 5000])
def test_what_is_no_line_of_text_is_refused(text: str) -> None:
    """A folder's name may hold anything; a script's line may not."""
    with pytest.raises(EnvironmentMismatchError, match="cannot stand in a job script"):
        job_script(SlurmSite(), plan(f"/results/{text}"), "/usr/bin/python3")


@pytest.mark.parametrize("option", ["constraint=a100", "--constraint a100", "", "a", "--", "--A=b", "# x"])
def test_what_is_no_option_of_sbatch_is_refused(option: str) -> None:
    """It would be taken for the script's name, or end the options."""
    with pytest.raises(EnvironmentMismatchError, match="is not an option of sbatch"):
        job_script(SlurmSite.model_construct(sbatch_args=[option]), plan(), "/usr/bin/python3")


@pytest.mark.parametrize("option", ["--array=1-4", "-a1-4", "--output=x", "-o x", "--error=x", "--wrap=ls"])
def test_an_option_that_the_launcher_depends_on_is_refused(option: str) -> None:
    """Several sweeps in one folder, or a log elsewhere, would make `logs` and `status` wrong."""
    with pytest.raises(EnvironmentMismatchError, match=re.escape(repr(option))):
        job_script(SlurmSite(sbatch_args=[option]), plan(), "/usr/bin/python3")


def test_a_submission_is_a_script_and_a_plan(study_text: str, tmp_path: Path) -> None:
    """The plan holds every value of the study; the script names the interpreter that submits."""
    study = parse_study(study_text, "small.yaml", ("recipe.epochs=2",))
    request = Request(study=study, run_dir=tmp_path / "a run", name="my name")
    files = SlurmTarget(SlurmSite(on_timeout="stop", max_restarts=0)).render(request)
    assert list(files) == ["job.sbatch", "plan.json"]
    assert f"\nexec {shlex.quote(sys.executable)} -u -m " in files["job.sbatch"]
    written = LauncherInstructions.model_validate_json(files["plan.json"])
    assert (written.name, written.on_timeout, written.max_restarts, written.warn_before) == (
        "my name",
        "stop",
        0,
        120,
    )
    assert written.sweep_arguments("10.0.0.1:20000") == request.sweep_arguments(
        str(tmp_path / "a run" / "submit" / "study.yaml"), str(tmp_path / "a run"), "10.0.0.1:20000"
    )


@given(override=VALUES)
def test_an_argument_of_the_sweep_passes_through_the_plan(override: str) -> None:
    """Whatever it holds, the launcher gets the same text."""
    given_plan = plan().model_copy(update={"sweep": [f"--set=a={override}", override]})
    read = LauncherInstructions.model_validate_json(given_plan.model_dump_json(indent=1))
    assert read == given_plan


@pytest.mark.parametrize(
    "option",
    [
        "--arra=1-4",
        "--ar=1-4",
        "-Qa1-4",
        "--err=x",
        "--wra=ls",
        "--clusters=b",
        "-Mb",
        "--wait",
        "-W",
        "--test-only",
    ],
)
def test_abbreviated_and_bundled_options_are_refused_too(option: str) -> None:
    """As sbatch reads them; and those after which it tells no id, or that of another cluster's job."""
    with pytest.raises(EnvironmentMismatchError, match=re.escape(repr(option))):
        job_script(SlurmSite(sbatch_args=[option]), plan(), "/usr/bin/python3")


@pytest.mark.parametrize(
    "option", ["--wait-all-nodes=1", "--wckey=a", "-C a100", "-pa", "-vH", "--exclusive", "--time-min=5"]
)
def test_options_that_only_look_like_those_are_taken(option: str) -> None:
    """They are a user's to give."""
    assert option in job_script(SlurmSite(sbatch_args=[option]), plan(), "/usr/bin/python3")


@pytest.mark.parametrize(
    ("limit", "seconds"),
    [
        ("90", 5400), ("2:30", 150), ("01:00:05", 3605), ("1-2", 93600), ("1-2:30", 95400),
        ("1-00:00:01", 86401), ("0", None), ("UNLIMITED", None), ("INFINITE", None), ("soon", None),
    ],
)  # fmt: skip
def test_a_time_limit_is_read_as_sbatch_does(limit: str, seconds: int | None) -> None:
    """In minutes, or with hours, days and seconds; 0 and words are no limit."""
    assert limit_seconds(limit) == seconds


@pytest.mark.parametrize(
    "asked",
    [
        {"time": 2},
        {"time": "0:03:00"},
        {"time": "1-0", "sbatch_args": ["--time=1"]},
        {"sbatch_args": ["-t2"]},
        {"time": 5, "sbatch_args": ["--signal=B:USR1@600"]},
    ],
)
def test_a_job_that_slurm_would_warn_at_its_start_is_refused(asked: dict[str, Any]) -> None:
    """It would be requeued again and again, and no run would end."""
    with pytest.raises(EnvironmentMismatchError, match=r"--time .* told to end as it starts. Remedy: --time"):
        job_script(SlurmSite(**asked), plan(), "/usr/bin/python3")


def test_a_longer_job_is_not_refused() -> None:
    """The warning may come a minute sooner than asked."""
    assert "--time=4\n" in job_script(SlurmSite(time=4), plan(), "/usr/bin/python3")
    early = SlurmSite(time=3, sbatch_args=["--signal=B:USR1@60"])
    assert "--time=3\n" in job_script(early, plan(), "/usr/bin/python3")
