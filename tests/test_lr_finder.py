"""The command as users run it: real processes, real FashionMNIST."""

import re
import subprocess
import sys
from pathlib import Path

import pandas as pd
import pytest

from harness.commands.lr_finder import _check_one_data_set
from harness.errors import StudyError
from harness.study.reading.parse import load_study

FIND_AND_TELL_IMPORTS = """
import sys
from harness.commands.lr_finder import main
code = main(sys.argv[1:])
print({"ray", "torch"} & set(sys.modules))
sys.exit(code)
"""
QUICK = ("--steps", "60", "--seeds", "2")


@pytest.fixture
def study(study_text: str, tmp_path: Path) -> Path:
    """Return a small study file."""
    path = tmp_path / "small.yaml"
    path.write_text(study_text)
    return path


def find(repository: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    """Run the command to its end."""
    command = [sys.executable, "-m", "harness.lr_finder", *arguments]
    return subprocess.run(command, cwd=repository, capture_output=True, text=True, timeout=900, check=False)


@pytest.mark.data
@pytest.mark.slow
def test_a_study_is_tested_and_repeats_bit_for_bit(repository: Path, study: Path, tmp_path: Path) -> None:
    """Every arm with every seed; the second time gives the same bytes in every file."""
    contents = []
    for attempt in ("first", "second"):
        done = find(repository, str(study), *QUICK, "--results", str(tmp_path / attempt))
        assert done.returncode == 0, done.stderr
        folder = tmp_path / attempt / "small" / "lr_finder"
        contents.append({path.name: path.read_bytes() for path in folder.iterdir()})
        assert str(folder) in done.stdout
        assert "adam: tested at beta2 = 0.9" in done.stderr
        assert "sgd, seed 2 of 2: " in done.stderr
    assert contents[0] == contents[1]
    assert len(contents[0]) == 9
    curves = pd.read_csv(folder / "curves.csv")
    assert list(curves) == ["arm", "seed", "step", "lr", "loss", "smoothed_loss", "diverged"]
    assert curves.groupby("arm")["seed"].nunique().to_dict() == {"adam": 2, "sgd": 2}
    assert curves.groupby("arm")["lr"].min().to_dict() == {"adam": 1e-7, "sgd": 1e-7}
    suggestions = pd.read_csv(folder / "suggestions.csv")
    assert suggestions["valley"].between(1e-7, 10).all()


def test_a_study_with_mistakes_is_refused_before_torch_is_imported(repository: Path, tmp_path: Path) -> None:
    """The messages of the sweep, at once, and nothing written."""
    study = tmp_path / "bad.yaml"
    study.write_text((repository / "search_spaces" / "optimizers.yaml").read_text().replace("adam,", "adem,"))
    study.write_text(study.read_text().replace("optimizer: adam", "optimizer: adem"))
    command = [
        sys.executable,
        "-c",
        FIND_AND_TELL_IMPORTS,
        str(study),
        "--results",
        str(tmp_path / "results"),
    ]
    done = subprocess.run(command, cwd=repository, capture_output=True, text=True, check=False)
    assert done.returncode == 2
    assert done.stdout.strip() == "set()"
    assert "Did you mean 'adam'?" in done.stderr
    assert not (tmp_path / "results").exists()


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        (("--low", "0"), "--low: must be a number above 0, but is '0'"),
        (("--high", "nan"), "--high: must be a number above 0, but is 'nan'"),
        (("--low", "1", "--high", "0.1"), "--low must be below --high, but 1 is not below 0.1"),
        (("--steps", "49"), "--steps: must be a whole number of at least 50, but is '49'"),
        (("--seeds", "two"), "--seeds: must be a whole number of at least 1, but is 'two'"),
        (("--set", "recipe.epochs"), "not of the form key.subkey=value"),
        (("--set", "resources.cpu=4096"), "resources.cpu: a run asks for 4096, but this machine has"),
        (("--results", "small.yaml"), "small.yaml/small: cannot be made (Not a directory)"),
    ],
)
def test_bad_arguments_are_refused_without_traceback(
    repository: Path, study: Path, arguments: tuple[str, ...], told: str
) -> None:
    """Exit code 2, one clear message, nothing written."""
    command = [sys.executable, "-c", FIND_AND_TELL_IMPORTS, str(study), *arguments]
    environment = {"PYTHONPATH": str(repository), "PATH": "/usr/bin:/bin"}
    done = subprocess.run(
        command, cwd=study.parent, capture_output=True, text=True, check=False, env=environment
    )
    assert done.returncode == 2, done.stderr
    assert told in done.stderr
    assert "Traceback" not in done.stderr
    assert "torch" not in done.stdout
    assert list(study.parent.iterdir()) == [study]


_LOOKS = "{min: 5, max: 12}"


@pytest.mark.parametrize(
    ("on", "changes", "n_claims"),
    [
        (", on: digits", {"claims:": "published: {sgd@digits: {source: a, test_loss: 1}}\nclaims:"}, 0),
        (", each: true", {"trials: 4": f"trials: 4, repeats: {_LOOKS}"}, 0),
        (
            ", on: every",
            {
                "lr: {low: 1e-3, high: 1.0, log: true}": "lr: 1",
                "lr: {low: 1e-5, high: 1e-2, log: true}": "lr: 1",
            }
            | {
                "momentum: {low: 0.0, high: 0.9}": "momentum: 0",
                "beta2: {choices: [0.9, 0.999]}": "beta2: 0.9",
            }
            | {"seeds: 3": f"seeds: {_LOOKS}"},
            0,
        ),
        ("", {"trials: 4": f"trials: 4, repeats: {_LOOKS}"}, 1),
    ],
    ids=["published", "looks at repeats", "looks at seeds", "claims of no data set"],
)
def test_the_remedy_for_several_data_sets_can_be_followed(
    study: Path, on: str, changes: dict[str, str], n_claims: int
) -> None:
    """What names one of them is left out, and with all claims the looks that decide them; nothing else."""
    text = "datasets: [digits, mnist]\n" + study.read_text().replace("says: Adam is better.", f"says: a{on}")
    for old, new in changes.items():
        text = text.replace(old, new)
    study.write_text(text)
    with pytest.raises(StudyError) as refused:
        _check_one_data_set(load_study(study))
    alone = load_study(study, tuple(re.findall(r"--set (\S+)", str(refused.value))))
    assert (list(alone.by_dataset), len(alone.claims)) == ([None], n_claims)


@pytest.mark.slow
@pytest.mark.data
def test_a_damaged_study_beside_the_tests_is_told_before_they_begin(
    repository: Path, study: Path, tmp_path: Path
) -> None:
    """No minutes are spent for a comparison that cannot be made."""
    folder = tmp_path / "results" / "small"
    folder.mkdir(parents=True)
    (folder / "manifest.json").write_text("{}")
    done = find(repository, str(study), *QUICK, "--results", str(folder.parent))
    assert done.returncode == 2
    assert "manifest.json" in done.stderr
    assert "Traceback" not in done.stderr
    assert not (folder / "lr_finder").exists()


@pytest.mark.slow
def test_tests_that_could_not_take_a_step_are_refused(
    repository: Path, images: Path, study_text: str, tmp_path: Path
) -> None:
    """360 images in batches of 359 leave BatchNorm a single one; nothing is begun."""
    study = tmp_path / "small.yaml"
    own = f'  dataset: "idx:{images}"\n  batch_norm: hidden\n  batch_size: 359\n'
    study.write_text(study_text.replace("  batch_size: 500\n", own))
    done = find(repository, str(study), *QUICK, "--results", str(tmp_path / "results"))
    assert done.returncode == 2
    assert "arms.sgd: batch_size 359 with batch_norm hidden leaves one of 360 training samples" in done.stderr
    assert "tested at" not in done.stderr
    assert not (tmp_path / "results" / "small" / "lr_finder").exists()
