"""Settings of what is imported: by its signature, with lines, and used or refused."""

from collections.abc import Callable

import pytest

from harness.code.checking import check_code
from harness.code.sources import sources_of
from harness.errors import StudyError
from harness.study.reading.parse import parse_study
from harness.study.study import Study
from tests.code.conftest import STUDY

OwnStudy = Callable[..., Study]


def test_settings_that_fit_are_not_told(own_study: OwnStudy) -> None:
    """Lists stand for tuples; what only **kwargs take may still reach an optimizer's defaults."""
    study = own_study("arms.lion.optimizer.maximize=false", "recipe.model.rates=[0.1, 0.2]")
    check_code(study, sources_of(study))


@pytest.mark.parametrize(
    ("override", "told"),
    [
        ("recipe.model.widht=6", "widht: nets:mlp: names no such setting. Did you mean 'width'"),
        ("recipe.model.width=6.5", "width: nets:mlp: must be integer, but is 6.5"),
        ("recipe.model.rates=[0.1]", "rates.*[Ff]ield required|rates: nets:mlp"),
        ("recipe.model={import: 'nets:not_callable'}", "is int and cannot be called"),
        ("recipe.model={import: 'nets:mpl'}", "nets has no mpl. It has: Lion, mlp"),
        (
            "arms.lion.optimizer.weight_decay={low: 0, high: 1}",
            "weight_decay: nets:Lion: a range from 0 to 1 has whole numbers only.*Remedy: low: 0.0",
        ),
    ],
)
def test_what_does_not_fit_is_told_with_its_place(own_study: OwnStudy, override: str, told: str) -> None:
    """Before anything is started, and the nearest name first."""
    study = own_study(override)
    with pytest.raises(StudyError, match=told):
        check_code(study, sources_of(study))


def test_a_place_is_the_line_of_the_setting(own_study: OwnStudy) -> None:
    """As with every other field of a study file."""
    study = own_study(text=STUDY.replace("betas: [0.9, 0.99]", "betas: [0.9, high]"))
    with pytest.raises(StudyError, match=r"study\.yaml:12: arms\.lion\.optimizer\.betas: nets:Lion"):
        check_code(study, sources_of(study))


@pytest.mark.parametrize(
    ("override", "told"),
    [
        ("recipe.model.input_shape=[3]", "input_shape is no setting of what model imports: it is given"),
        ("arms.lion.optimizer.lr=0.1", "lr is no setting of what optimizer imports: it is a field"),
        ("recipe.activation=tanh", "model: nets:mlp, which has no activation. Remedy: leave it out"),
        ("recipe.momentum=0.9", "nets:Lion, which has no momentum. Remedy: leave it out; a setting"),
        ("recipe.model.width=.inf", "width must be finite, but is inf"),
        ("recipe.model.width=18446744073709551616", "a whole number lies between -2.63 and 2.63 - 1, but"),
        ("recipe.model.width={choices: [1, 18446744073709551616]}", "a whole number lies between -2.63"),
        ('recipe.model.name="\\ud800"', "must be text, but holds half of a character"),
        ("recipe.model.width={low: 1}", "model.width.high: this field is required"),
        ("recipe.model.width={low: a, high: 3}", "must be a finite number, but is 'a'"),
        ("recipe.model.width={one_of: {a: {}}}", "takes no one_of. Valid: value, range, choices, grid"),
        ("recipe.model.a-b=3", "'a-b' cannot be the name of a setting"),
        ("recipe.model={import: 3}", "must be text, but is 3"),
    ],
)
def test_what_no_import_can_have_is_told_when_the_file_is_read(override: str, told: str) -> None:
    """Without looking at any code."""
    with pytest.raises(StudyError, match=told):
        parse_study(STUDY, "study.yaml", (override,))


def test_a_searched_setting_is_a_field_of_the_arm(own_study: OwnStudy) -> None:
    """It comes into the configuration at the place where the study file has it."""
    (arm,) = own_study().arms
    assert list(arm.space) == ["optimizer.weight_decay"]
    configuration = arm.configuration({"optimizer.weight_decay": 0.5}).model_dump(mode="json")
    assert configuration["optimizer"] == {"import": "nets:Lion", "betas": [0.9, 0.99], "weight_decay": 0.5}
    assert configuration["activation"] is None


def test_an_arm_that_names_another_optimizer_keeps_no_setting_of_the_shared_one() -> None:
    """Not even a searched one."""
    overrides = (
        "recipe.optimizer={import: 'nets:Lion', weight_decay: {low: 0.1, high: 0.9}}",
        "arms.lion={}",
        "arms.plain={optimizer: adam, lr: {low: 0.1, high: 1}}",
    )
    lion, plain = parse_study(STUDY, "study.yaml", overrides).arms
    assert list(lion.space) == ["optimizer.weight_decay"]
    assert list(plain.space) == ["lr"]


def test_one_bound_with_a_decimal_point_makes_a_range_of_all_numbers() -> None:
    """Nobody who writes 0 to 0.5 means whole numbers."""
    (arm,) = parse_study(STUDY, "study.yaml", ("arms.lion.optimizer.weight_decay={low: 0, high: 0.5}",)).arms
    assert arm.space["optimizer.weight_decay"].as_written == {"low": 0.0, "high": 0.5}
