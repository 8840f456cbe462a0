"""Values as a study file has them."""

from typing import Any

import pytest
from ruamel.yaml import YAML

from harness.study.written import as_written


@pytest.mark.parametrize(
    "value",
    [
        None, True, 3, 0.02, 1e-8, "adam", "yes", "1e3", "nets:mlp", "ends:", "", "two words", "a#b",
        {"name": "fcn", "hidden": [300, 200]}, [], {"mean": 0.1307, "kind": None},
    ],
)  # fmt: skip
def test_yaml_reads_what_is_written(value: Any) -> None:
    """Inside a mapping, as the preview shows it."""
    read = YAML(typ="safe").load(f"{{key: {as_written(value)}, other: 1}}")
    assert read == {"key": value, "other": 1}


def test_words_need_no_quotes() -> None:
    """It is read by people."""
    assert as_written({"name": "fcn", "hidden": [300, 200]}) == "{name: fcn, hidden: [300, 200]}"
