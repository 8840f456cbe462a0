"""`python -m analysis.verdict`: rulings as exit codes, for programs that ask."""

import json
import shutil
from pathlib import Path

import pytest

from analysis import verdict
from analysis.claims.verdict import Ruling

REFERENCE = Path(__file__).parents[3] / "results/reference"
CODES: dict[Ruling, int] = {
    "supported": 0,
    "contradicted": 3,
    "equivalent": 3,
    "inconclusive": 4,
    "not yet": 4,
    "not testable": 2,
}


@pytest.mark.parametrize("study", ["optimizers_published", "initializations_published", "initializations"])
def test_each_ruling_has_its_exit_code(study: str, capsys: pytest.CaptureFixture[str]) -> None:
    """What is decided, and what is not, tell themselves by it."""
    folder = REFERENCE / study
    rulings = json.loads((folder / "report/claims.json").read_text())["claims"]
    for number, claim in enumerate(rulings, start=1):
        code = verdict.main([str(folder), "--claim", str(number), "--json"])
        told = json.loads(capsys.readouterr().out)
        assert [own["number"] for own in told["claims"]] == [number]
        assert told["claims"][0]["ruling"] == claim["ruling"]
        assert code == CODES[claim["ruling"]]


def test_what_is_not_sealed_is_no_verdict(capsys: pytest.CaptureFixture[str]) -> None:
    """Its rulings are told, and that nothing proves their declaration to be older than the data."""
    assert verdict.main([str(Path(__file__).parents[2] / "first_version")]) == 2
    told = capsys.readouterr()
    assert "1. supported" in told.out
    assert "not sealed" in told.err


def test_of_several_claims_the_worst_counts(capsys: pytest.CaptureFixture[str]) -> None:
    """Two supported, two inconclusive: open."""
    assert verdict.main([str(REFERENCE / "optimizers")]) == 4
    assert "1. supported" in capsys.readouterr().out


def test_a_changed_declaration_is_no_verdict(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Journal and declaration disagree: refused, and told."""
    copy = tmp_path / "dropout"
    shutil.copytree(REFERENCE / "dropout", copy)
    declaration = copy / "declaration.json"
    declaration.write_bytes(declaration.read_bytes() + b"\n")
    assert verdict.main([str(copy)]) == 2
    assert "declaration" in capsys.readouterr().err


@pytest.mark.parametrize("claim", ["0", "99", "-1"])
def test_a_claim_that_is_not_there_is_told(claim: str, capsys: pytest.CaptureFixture[str]) -> None:
    """With the numbers that there are."""
    assert verdict.main([str(REFERENCE / "optimizers"), "--claim", claim]) == 2
    assert "from 1 to 4" in capsys.readouterr().err
