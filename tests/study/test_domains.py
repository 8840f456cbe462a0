"""Domains: what they list, where their values lie, and how they are written and read."""

from typing import Any

import optuna
import pytest
from hypothesis import given
from hypothesis import strategies as st

from harness.study.domains import Choices, NumericRange, OneOf, Range, as_domain, undeclared_field
from harness.study.reading.parse import parse_study
from harness.tuning.space import parameters_of, suggest


@given(st.floats(1e-6, 1.0), st.floats(1.5, 1e6), st.booleans(), st.floats(0, 1))
def test_at_inverts_position(low: float, factor: float, is_log: bool, position: float) -> None:  # noqa: FBT001
    """Going to a position and back changes nothing."""
    declared = NumericRange(low=low, high=low * factor, is_log=is_log)
    assert declared.position(declared.at(position)) == pytest.approx(position, abs=1e-9)


@pytest.mark.parametrize(
    ("written", "listed", "numeric"),
    [
        ({"low": 1, "high": 8, "log": True}, [], NumericRange(low=1.0, high=8.0, is_log=True)),
        ({"grid": [3, 1]}, [3, 1], NumericRange(low=1.0, high=3.0, is_log=False, is_listed=True)),
        ({"choices": [1, 10]}, [1, 10], NumericRange(low=1.0, high=10.0, is_log=True, is_listed=True)),
        ({"choices": [True, 1]}, [True, 1], None),
        ({"one_of": {"sgd": {"lr": 0.1}, "adam": None}}, ["sgd", "adam"], None),
    ],
)
def test_a_domain_as_it_is_written(written: dict[str, Any], listed: list[Any], numeric: object) -> None:
    """It lists its values, says where its numbers lie, and is written as it was read."""
    domain = as_domain(written)
    assert (domain.listed, domain.numeric_range, domain.as_written) == (listed, numeric, written)


def test_a_plain_value_is_no_domain() -> None:
    """Also one with names inside."""
    assert as_domain({"normal": {"std": 0.01}}) == {"normal": {"std": 0.01}}


def test_a_listed_structure_has_its_defaults(study_text: str) -> None:
    """A run's record holds the sizes of a network that the file leaves out, and so must the list."""
    text = study_text.replace("model: {name: fcn, hidden: [8]}", "model: {choices: [{name: fcn}]}")
    assert text != study_text
    space = parse_study(text, "s.yaml").arms[0].space
    assert space["model"] == Choices(choices=[{"name": "fcn", "hidden": [300, 200]}])


@pytest.mark.parametrize(
    "written",
    [
        "{choices: [none, {flip: true}, {flip: true, shift: 2}]}",
        "{flip: true, shift: {choices: [0, 1, 2]}, cutout: {low: 0, high: 8, step: 4}}",
        "{flip: {choices: [false, true]}}",
    ],
)
def test_changes_of_images_are_searched_as_a_whole_or_one_by_one(study_text: str, written: str) -> None:
    """What Optuna chose follows from a run's record again, and the arm declares it."""
    arm = parse_study(study_text, "s.yaml", (f"recipe.augment={written}",)).arms[0]
    for number in range(9):
        trial = optuna.create_study(sampler=optuna.samplers.RandomSampler(number)).ask()
        record = arm.run_configuration(suggest(trial, arm.space))
        assert record["augment"] == "none" or record["augment"].keys() == {"flip", "shift", "cutout"}
        assert parameters_of(arm.space, record) == trial.params
        assert undeclared_field(arm.fixed, arm.space, record) is None
    other = {**record, "augment": {"flip": True, "shift": 3, "cutout": 4}}
    assert undeclared_field(arm.fixed, arm.space, other) in {"augment", "augment.shift"}


def test_what_a_study_file_says_is_what_a_record_says(study_text: str) -> None:
    """Parsed from YAML or read from a manifest, a domain is the same."""
    arm = parse_study(study_text, "s.yaml").arms[0]
    assert {name: as_domain(domain.as_written) for name, domain in arm.space.items()} == arm.space
    assert {type(domain) for domain in arm.space.values()} <= {Range, Choices, OneOf}
