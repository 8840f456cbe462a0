"""A study run again: what agrees with its committed results, and what does not."""

import json
import math
import shutil
from pathlib import Path

import numpy as np
import pytest

from analysis.claims.parts import Comparison
from analysis.reproduction import EXIT_DISAGREES, foretold, main
from analysis.statistics.tests import paired
from harness.errors import EXIT_COMPLETE, EXIT_REFUSED
from tests.analysis.conftest import Study

REFERENCE = Path(__file__).parents[2] / "results" / "reference"
FIRST_VERSION = Path(__file__).parents[1] / "first_version"

_CLAIMS = [{"says": "b is better", "better": {"arm": "b", "than": "a", "metric": "test_accuracy"}}]


def _write(place: Path, gains: list[float]) -> Path:
    """Write a study of two arms over common seeds; `b` is ahead of `a` by so much on each."""
    study = Study(arms={"a": {}, "b": {}}, claims=_CLAIMS)
    base = [0.80 + 0.01 * place for place in range(len(gains))]
    study.confirm("a", base)
    study.confirm("b", [value + gain for value, gain in zip(base, gains, strict=True)])
    return study.write(place)


@pytest.mark.parametrize(
    ("gains", "code"),
    [
        ([0.010, 0.012, 0.011, 0.009, 0.008], EXIT_COMPLETE),
        ([0.013, 0.012, 0.011, 0.012, 0.013], EXIT_COMPLETE),  # inside what five seeds foretell
        ([0.030, 0.032, 0.031, 0.029, 0.028], EXIT_DISAGREES),  # supported again, by far more than foretold
        ([-0.010, -0.012, -0.011, -0.009, -0.008], EXIT_DISAGREES),  # the opposite
    ],
)
def test_a_study_agrees_if_its_effects_are_where_they_were_foretold(
    gains: list[float], code: int, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """And no claim is ruled the other way."""
    committed = _write(tmp_path / "committed", [0.010, 0.012, 0.011, 0.009, 0.008])
    anew = _write(tmp_path / "anew", gains)
    assert main([str(committed), str(anew), "--json"]) == code
    told = json.loads(capsys.readouterr().out)
    assert told["agrees"] is (code == EXIT_COMPLETE)
    assert told["claims"][0]["effects"][0]["committed"] == pytest.approx(0.010)
    assert main([str(committed), str(anew)]) == code
    words = capsys.readouterr().out
    assert ("does not agree" in words) is (code == EXIT_DISAGREES)
    assert ("(THE OPPOSITE)" in words) is (gains[0] < 0)


def test_a_comparison_that_is_gone_is_no_agreement(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """An arm that ignores its seed cannot be tested any more: no agreement, and no contradiction."""
    committed = _write(tmp_path / "committed", [0.010, 0.012, 0.011, 0.009, 0.008])
    anew = _write(tmp_path / "anew", [-0.01 * place for place in range(5)])  # `b` is the same on every seed
    assert main([str(committed), str(anew), "--json"]) == EXIT_DISAGREES
    (claim,) = json.loads(capsys.readouterr().out)["claims"]
    assert (claim["anew"], claim["is_opposite"], claim["agrees"]) == ("not testable", False, False)
    assert claim["effects"][0]["anew"] is None


def test_runs_that_are_the_same_to_the_last_bit_are_counted(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """A run again with the same seeds on the same machine is told from an independent one."""
    committed = REFERENCE / "optimizers"
    shutil.copytree(committed, tmp_path / "again", ignore=shutil.ignore_patterns("report"))
    assert main([str(committed), str(tmp_path / "again")]) == EXIT_COMPLETE
    assert "220 of 220 runs of equal configuration and seed" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("other", "reason"),
    [
        (REFERENCE / "dropout", "only a study of the same declaration"),
        (FIRST_VERSION, "not sealed"),
    ],
)
def test_what_cannot_be_compared_is_refused(
    other: Path, reason: str, capsys: pytest.CaptureFixture[str]
) -> None:
    """Another declaration, or none that is sealed."""
    assert main([str(REFERENCE / "optimizers"), str(other)]) == EXIT_REFUSED
    assert reason in capsys.readouterr().err


@pytest.mark.parametrize("quantity", ["difference", "ratio"])
def test_an_independent_repetition_lies_where_it_was_foretold_as_often_as_stated(quantity: str) -> None:
    """2,000 pairs of studies of 5 and 8 seeds: 90 % of the new effects lie in their interval."""
    generator = np.random.default_rng(0)
    gaps, new = generator.normal(0.3, 1.0, (2000, 5)), generator.normal(0.3, 1.0, (2000, 8)).mean(axis=1)
    n_inside = 0
    for own, anew in zip(gaps, new, strict=True):
        test = paired(own.tolist())
        assert test is not None
        ends = (test.mean - test.half_width(0.95), test.mean, test.mean + test.half_width(0.95))
        low, effect, high = map(math.exp, ends) if quantity == "ratio" else ends
        comparison = Comparison(
            arm="b", than="a", n=5, effect=effect, low=low, high=high, level=0.95, df=test.df,
            quantity=quantity, p=test.p, improvement=None,  # type: ignore[arg-type]
        )  # fmt: skip
        first, last = foretold(comparison, 8, 0.90)
        n_inside += first <= (math.exp(anew) if quantity == "ratio" else anew) <= last
    assert n_inside / 2000 == pytest.approx(0.90, abs=0.02)  # 3 standard errors
