"""A study whose code lies beside it."""

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from harness.study.reading.parse import load_study
from harness.study.study import Study
from tests.withdrawing import withdrawn

NETS = """
def mlp(input_shape: tuple[int, ...], n_outputs: int, width: int = 8, rates: tuple[float, float] = (0, 0)):
    ...


class Lion:
    def __init__(self, params, lr: float, betas: tuple[float, float] = (0, 0), weight_decay=0.0, **others):
        ...


not_callable = 3
"""
"""What is looked at only; it needs no torch."""

STUDY = """\
study: own
question: Does code of one's own train?
recipe:
  model: {import: "nets:mlp", width: 6}
  batch_size: 16
  epochs: 2
  lr: 1e-3
arms:
  lion:
    optimizer:
      import: "nets:Lion"
      betas: [0.9, 0.99]
      weight_decay: {low: 1e-4, high: 1.0, log: true}
search: {trials: 2}
"""


@pytest.fixture(autouse=True)
def _each_test_has_a_process_of_its_own() -> Iterator[None]:
    """Let no test find imported what another has imported."""
    yield
    withdrawn()


@pytest.fixture
def own_study(tmp_path: Path) -> Callable[..., Study]:
    """Return a function that writes the study and its code, and reads it with overrides."""
    (tmp_path / "nets.py").write_text(NETS, encoding="utf-8")

    def read(*overrides: str, text: str = STUDY) -> Study:
        (tmp_path / "study.yaml").write_text(text, encoding="utf-8")
        return load_study(tmp_path / "study.yaml", overrides)

    return read
