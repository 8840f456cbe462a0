"""Recipe values and domains as short text."""

import json
from typing import Any

import numpy as np
import pytest

from analysis.render.numbers import settings_in_words, space_in_words, value_in_words
from harness.study.domains import domains_of


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (0.02, "0.02"),
        (0.00003, "3e-5"),
        (512, "512"),
        (0.0, "0"),
        (True, "true"),
        (None, "none"),
        (float("nan"), "none"),
        (np.float64(0.1), "0.1"),
        (np.int64(3), "3"),
        ("xavier_normal", "xavier_normal"),
        ("[not JSON", "[not JSON"),
        ({"name": "lenet5"}, "lenet5"),
        ({"name": "fcn", "hidden": [300, 200]}, "fcn (hidden [300, 200])"),
        ({"normal": {"std": 0.01}}, "normal (std 0.01)"),
        ({"flip": True, "shift": 2, "cutout": 0}, "flip + shift 2"),
        ({"cutout": 8, "flip": True, "shift": 0}, "flip + cutout 8"),
        ({"flip": False, "shift": 0, "cutout": 0}, "none"),
        ({"flip": False, "cutout": 0}, "nothing else"),
        ({"grace_epochs": 1, "reduction_factor": 3}, "(grace_epochs 1, reduction_factor 3)"),
    ],
)
def test_values(value: Any, text: str) -> None:
    """A structure reads the same from the manifest and, as JSON, from the cell of a run."""
    assert value_in_words(value) == text
    if isinstance(value, dict):
        assert value_in_words(json.dumps(value)) == text


def test_settings() -> None:
    """Fields with their values, in the given order."""
    assert settings_in_words({"lr": 0.01, "momentum": 0.9}) == "lr 0.01, momentum 0.9"


@pytest.mark.parametrize(
    ("domain", "text"),
    [
        ({"low": 1e-3, "high": 1.0, "log": True}, "x 0.001 to 1, log"),
        ({"low": 0, "high": 10, "step": 5}, "x 0 to 10, step 5"),
        ({"choices": ["none", "hidden"]}, "x one of none, hidden"),
        ({"grid": [1, 2]}, "x one of 1, 2"),
        (
            {"one_of": {"sgd": {"lr": {"low": 0.1, "high": 1}, "momentum": 0.9}, "adam": {}}},
            "x one of sgd (lr 0.1 to 1; momentum 0.9) or adam",
        ),
    ],
)
def test_domains(domain: dict[str, Any], text: str) -> None:
    """Ranges with their scale, lists, and the branches of a choice with their own fields."""
    assert space_in_words(domains_of({"x": domain})) == text


def test_spaces_separate_their_fields() -> None:
    """By semicolons, since domains have commas."""
    domain = {"low": 0, "high": 1}
    assert space_in_words(domains_of({"a": domain, "b": domain})) == "a 0 to 1; b 0 to 1"
