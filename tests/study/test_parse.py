from pathlib import Path

import pytest

from harness.errors import StudyError
from harness.study.configuration import Configuration
from harness.study.domains import Choices, OneOf, Range
from harness.study.optimizers import OPTIMIZERS
from harness.study.parse import load_study, parse_study


def problems_of(text: str, *overrides: str) -> list[str]:
    """Return the problem lines of a study that must be refused."""
    with pytest.raises(StudyError) as caught:
        parse_study(text, "s.yaml", overrides)
    return [line.strip() for line in str(caught.value).splitlines()[1:]]


def test_a_correct_study_becomes_arms_with_fixed_values_and_domains(study_text: str) -> None:
    """The shared recipe is merged into every arm; domains keep their kind."""
    study = parse_study(study_text, "s.yaml")
    sgd, adam = study.arms
    assert sgd.fixed == {
        "model": {"name": "fcn", "hidden": [8]},
        "optimizer": "sgd",
        "batch_size": 500,
        "epochs": 9,
    }
    assert isinstance(sgd.space["lr"], Range)
    assert isinstance(adam.space["beta2"], Choices)
    assert study.search.mode == "min"


def test_five_different_mistakes_are_told_at_once_with_their_lines(study_text: str) -> None:
    """Each problem has file:line, the field's path, the value, the rule, and the nearest name."""
    text = (
        study_text.replace("batch_size: 500", "batchsize: 500")
        .replace("optimizer: adam", "optimizer: adem")
        .replace("high: 0.9}", "high: 1.9}")
        .replace("low: 1e-5", "low: 0")
        .replace("arm: adam", "arm: adm")
    )
    optimizers = ", ".join(OPTIMIZERS)
    fields = ", ".join(Configuration.model_fields)
    assert problems_of(text) == [
        f"s.yaml:5: recipe.batchsize: unknown field. Did you mean 'batch_size'? Valid: {fields}",
        "s.yaml:11: arms.sgd.momentum.high: must be below 1.0, but is 1.9",
        f"s.yaml:13: arms.adam.optimizer: 'adem' is not known. Did you mean 'adam'? Valid: {optimizers}",
        "s.yaml:14: arms.adam.lr.low: must be above 0.0, but is 0",
        "s.yaml:19: claims.0.better.arm: there is no arm 'adm'. Did you mean 'adam'? Valid: sgd, adam",
    ]


@pytest.mark.parametrize(
    ("old", "new", "told"),
    [
        ("low: 1e-3, high: 1.0", "low: 1.0, high: 1e-3", "arms.sgd.lr: low must be below high"),
        (
            "momentum: {low: 0.0, high: 0.9}",
            "beta1: 0.5",
            "arms.sgd.beta1: arm sgd uses sgd, which has no beta1",
        ),
        ("trials: 4", "trials: 0", "search.trials: must be at least 1, but is 0"),
        ("trials: 4", "trials: 4, mode: max", "mode: max would select the worst val_loss"),
        ("trials: 4", "trials: 4, seeds: 2", "seeds above 1 go with sampler: grid"),
        ("{trials: 4,", "{sampler: grid,", "sampler: grid measures every point at full length"),
        ("study: small", "study: ../evil", "takes letters, digits, _ and - only"),
        ("batch_size: 500", 'batch_size: "500"', "recipe.batch_size: must be a whole number, but is '500'"),
        ("batch_size: 500", "batch_size: true", "recipe.batch_size: must be a whole number, but is True"),
        ("  epochs: 9\n", "", "arm sgd has no epochs. Remedy"),
        ("question: Does a small study work?\n", "", "question: this field is required"),
        ("arm: adam, than: sgd", "arm: sgd, than: sgd", "compares an arm with itself"),
        ("choices: [0.9, 0.999]", "choices: []", "must have at least 1 entry"),
        ("optimizer: sgd", "optimizer: {low: 1, high: 2}", "this field takes no range"),
        ("high: 0.9}", "high: 0.9}\n    nesterov: {choices: [true]}", "nesterov needs a momentum above 0"),
        (
            "search: {trials: 4, early_stopping: {grace_epochs: 1, reduction_factor: 3}}\n",
            "",
            "no search section",
        ),
        ("confirm: {seeds: 3}", "confirm: {seeds: 3}\nresources: {gpu: 1.5}", "only whole GPUs"),
    ],
)
def test_a_mistake_is_told_with_its_rule(study_text: str, old: str, new: str, told: str) -> None:
    """Every rule of study files, broken once."""
    assert old in study_text
    assert any(told in problem for problem in problems_of(study_text.replace(old, new)))


def test_one_mistake_hides_no_other_and_invents_none(study_text: str) -> None:
    """What only follows from another mistake is not told."""
    assert problems_of(study_text.replace("trials: 4", "trials: 0")) == [
        "s.yaml:16: search.trials: must be at least 1, but is 0"
    ]


def test_overrides_are_checked_like_the_file(study_text: str) -> None:
    """A bad `--set` is named as the place of its problem."""
    study = parse_study(study_text, "s.yaml", ("recipe.epochs=2", "search.trials=1", "arms.sgd.lr=0.1"))
    assert study.arms[0].max_epochs == 2
    assert study.arms[0].fixed["lr"] == 0.1
    assert problems_of(study_text, "recipe.epochs=0") == [
        "--set recipe.epochs=0: recipe.epochs: must be at least 1, but is 0"
    ]


def test_one_of_opens_a_space_inside_a_choice(study_text: str) -> None:
    """Each branch has its own fields; one that does not fit its optimizer is refused."""
    branches = "optimizer: {one_of: {sgd: {lr: 0.1}, adam: {lr: {low: 1e-4, high: 1e-2}, beta1: 0.8}}}"
    text = study_text.replace(
        "optimizer: adam\n    lr: {low: 1e-5, high: 1e-2, log: true}\n    beta2: {choices: [0.9, 0.999]}\n",
        f"{branches}\n",
    )
    domain = parse_study(text, "s.yaml").arms[1].space["optimizer"]
    assert isinstance(domain, OneOf)
    assert domain.branches["sgd"] == {"lr": 0.1}
    assert any(
        "sgd has no beta1" in p for p in problems_of(text.replace("sgd: {lr: 0.1}", "sgd: {beta1: 0.1}"))
    )


def test_for_each_makes_an_arm_a_value(study_text: str) -> None:
    """Several fields make every combination; names say which."""
    text = study_text.replace(
        "    optimizer: sgd\n", "    optimizer: sgd\n    for_each: {batch_size: [16, 64]}\n"
    )
    text = text.replace("than: sgd", "than: sgd@batch_size=16")
    names = [arm.name for arm in parse_study(text, "s.yaml").arms]
    assert names == ["sgd@batch_size=16", "sgd@batch_size=64", "adam"]


def test_a_grid_needs_the_grid_sampler_and_skips_confirm(study_text: str) -> None:
    """A response study measures every point and has no confirm phase unless asked."""
    text = study_text.replace("{low: 1e-3, high: 1.0, log: true}", "{grid: [0.1, 1.0]}")
    assert any("is a grid, but the sampler is tpe" in problem for problem in problems_of(text))
    grid = text.replace("momentum: {low: 0.0, high: 0.9}", "momentum: {grid: [0.0, 0.9]}")
    grid = grid.replace("{low: 1e-5, high: 1e-2, log: true}", "0.001")
    grid = grid.replace(
        "trials: 4, early_stopping: {grace_epochs: 1, reduction_factor: 3}", "sampler: grid, seeds: 2"
    )
    grid = grid.replace("confirm: {seeds: 3}\n", "")
    study = parse_study(grid, "s.yaml")
    assert study.confirm.seeds == 0
    assert study.early_stopping is None


def test_a_missing_file_is_a_clear_error(tmp_path: Path) -> None:
    """The path, the reason and a remedy are told."""
    with pytest.raises(StudyError, match=r"nowhere\.yaml: cannot be read \(No such file or directory\)"):
        load_study(tmp_path / "nowhere.yaml")


@pytest.mark.parametrize(
    "path", sorted((Path(__file__).parents[2] / "search_spaces").glob("*.yaml")), ids=str
)
def test_every_shipped_study_is_correct(path: Path) -> None:
    """Each file parses, is named after its study, and names the schema and its command in the header."""
    study = load_study(path)
    assert study.name == path.stem
    header = path.read_text(encoding="utf-8").partition("\nstudy:")[0]
    assert "$schema=study.schema.json" in header
    assert f"python -m harness.sweep search_spaces/{path.name}" in header
