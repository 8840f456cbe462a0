"""Searched fields: which there are, whose runs have them, and where these lie in the declared domain."""

from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from analysis.load import load_study
from analysis.search import SearchedField, chosen_in_words, fields_of
from harness.study.domains import as_domain, domains_of

if TYPE_CHECKING:
    from tests.analysis.conftest import Study

SPACE = {
    "optimizer": {
        "one_of": {
            "sgd": {
                "lr": {"low": 1e-2, "high": 1.0, "log": True},
                "momentum": 0.9,
                "nesterov": {"choices": [1]},
            },
            "adam": {"lr": {"low": 1e-4, "high": 1e-2, "log": True}},
            "adamw": None,
        }
    },
    "init": {"choices": ["default", {"normal": {"std": 0.01}}]},
    "epochs": {"grid": [5]},
}


def test_fields_with_several_values_are_searched() -> None:
    """One-value lists and fixed values are not; a field in two branches is two fields."""
    fields = fields_of(domains_of(SPACE))
    assert [(field.name, field.condition) for field in fields] == [
        ("optimizer", ""),
        ("lr", "optimizer sgd"),
        ("lr", "optimizer adam"),
        ("init", ""),
    ]


def test_runs_of_a_branch_are_those_that_took_it(new_study: "type[Study]", tmp_path: Path) -> None:
    """A rate of 0.1 is halfway in SGD's range; Adam's runs are not SGD's; a field nobody has is nobody's."""
    study = new_study(arms={"joint": SPACE})
    study.add("joint", "search", lr=0.1, configuration={"optimizer": "sgd"})
    study.add("joint", "search", lr=1e-4, configuration={"optimizer": "adam"})
    runs = load_study(study.write(tmp_path)).runs_of("search", "joint")
    _, sgd, adam, _ = fields_of(domains_of(SPACE))
    assert sgd.places(sgd.runs_with(runs)) == pytest.approx([0.5])
    assert adam.places(adam.runs_with(runs)) == pytest.approx([0.0])
    assert SearchedField(name="alpha", domain=as_domain({"choices": [1, 2]})).runs_with(runs).empty


def test_listed_values_lie_at_their_position(new_study: "type[Study]", tmp_path: Path) -> None:
    """Structures are found by their content; a value that was not declared lies behind the last."""
    study = new_study(arms={"joint": SPACE})
    for init in ({"normal": {"std": 0.01}}, "default", "orthogonal"):
        study.add("joint", "search", configuration={"init": init})
    runs = load_study(study.write(tmp_path)).runs_of("search", "joint")
    assert fields_of(domains_of(SPACE))[3].places(runs).tolist() == [1.0, 0.0, 2.0]


def test_linear_ranges_are_linear(new_study: "type[Study]", tmp_path: Path) -> None:
    """0.25 lies a quarter of the way from 0 to 1."""
    domain = {"low": 0.0, "high": 1.0}
    study = new_study(arms={"sgd": {"dropout": domain}})
    study.add("sgd", "search", configuration={"dropout": 0.25})
    runs = load_study(study.write(tmp_path)).runs_of("search", "sgd")
    assert SearchedField(name="dropout", domain=as_domain(domain)).places(runs).tolist() == [0.25]


def test_what_searches_chose_is_told_of_the_branches_that_have_it(
    new_study: "type[Study]", tmp_path: Path
) -> None:
    """RMSprop's momentum is its default and was not searched; numbers of several winners are a span."""
    momentum = {"low": 0.0, "high": 0.95}
    rate = {"low": 1e-4, "high": 1.0, "log": True}
    branches = {"sgd": {"lr": rate, "momentum": momentum}, "rmsprop": {"lr": rate}}
    study = new_study(arms={"joint": {"optimizer": {"one_of": branches}}})
    study.add("joint", "search", run_id="a", lr=0.1, configuration={"optimizer": "sgd", "momentum": 0.45})
    study.add("joint", "search", run_id="b", lr=0.01, configuration={"optimizer": "rmsprop", "momentum": 0.0})
    records = load_study(study.write(tmp_path))
    both = "optimizer rmsprop or sgd, lr 0.01 to 0.1, momentum 0.45 (2 repeats)"
    assert chosen_in_words(records, "joint", ["a", "b"]) == both
    assert chosen_in_words(records, "joint", ["b"]) == "optimizer rmsprop, lr 0.01"
