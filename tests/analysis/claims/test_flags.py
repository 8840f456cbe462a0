"""Flags: what weakens a verdict without deciding it."""

from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from analysis.blocks.registry import TABLES
from analysis.facts import Facts
from analysis.load import load_study
from harness.manifest import CONFIRM_SEEDS, Change, Resumption
from harness.study.claims import Claim
from tests.analysis.claims.made import ZIGZAG, arms_at, best, decided, template, trend, verdicts

if TYPE_CHECKING:
    from tests.analysis.conftest import Study


def test_flags_name_what_weakens_a_verdict(three_arms: "Study", tmp_path: Path) -> None:
    """SGD's rate is at its upper edge; a confirm run of RMSprop diverged."""
    three_arms.add("rmsprop", "confirm", seed=999, status="diverged", epochs=1)
    (verdict,) = verdicts(three_arms, tmp_path, best("adam"))
    assert [(flag.name, flag.arm) for flag in verdict.flags] == [
        ("edge", "sgd"),
        ("diverged seeds", "rmsprop"),
    ]
    assert verdict.flags[1].detail == "1 of 9 confirm runs of rmsprop diverged"


def beats(arm: str, than: str) -> dict[str, Any]:
    """Return a claim that an arm is better than another."""
    return {"better": {"arm": arm, "than": than, "metric": "test_accuracy"}}


def test_failed_seeds_are_named_beside_the_ruling(three_arms: "Study", tmp_path: Path) -> None:
    """Two of RMSprop's confirm runs failed: what is left of its seeds decides, and the claim says so."""
    for run in [run for run in three_arms.runs if run.arm == "rmsprop" and run.phase == "confirm"][:2]:
        run.status = "failed"
    (verdict,) = verdicts(three_arms, tmp_path, beats("adam", "rmsprop"))
    assert verdict.n == 6
    assert [(flag.name, flag.arm) for flag in verdict.flags] == [("failed seeds", "rmsprop")]
    detail = "2 of 8 confirm runs of rmsprop failed and are missing in what it rests on"
    assert verdict.flags[0].detail == detail
    (elsewhere,) = verdicts(three_arms, tmp_path / "sgd", beats("adam", "sgd"))
    assert "failed seeds" not in {flag.name for flag in elsewhere.flags}


def test_failed_runs_of_a_grid_are_named_too(measured: "Study", tmp_path: Path) -> None:
    """Without a confirm phase its search runs are what is measured."""
    next(run for run in measured.runs if run.arm == "adam" and run.status == "completed").status = "failed"
    claim = {"trend": {"over": "batch_size", "direction": "falls", "metric": "epoch_seconds", "arm": "adam"}}
    (verdict,) = verdicts(measured, tmp_path, claim)
    details = [flag.detail for flag in verdict.flags if flag.name == "failed seeds"]
    assert details == ["1 of 9 search runs of adam failed and are missing in what it rests on"]


def test_a_rate_next_to_divergence_is_flagged(new_study: "type[Study]", tmp_path: Path) -> None:
    """The next larger rate that was tried diverged."""
    study = new_study(arms={arm: {"lr": {"low": 1e-4, "high": 1.0, "log": True}} for arm in "ab"})
    for arm in "ab":
        study.search(arm, [0.01, 0.05, 0.5], best=0.05)
        study.confirm(arm, [0.90, 0.91], lr=0.05)
    next(run for run in study.runs if run.arm == "b" and run.lr == 0.5).status = "diverged"
    (verdict,) = verdicts(study, tmp_path, best("a"))
    assert [(flag.name, flag.arm) for flag in verdict.flags] == [
        ("next to divergence", "b"),
        ("few seeds", None),
    ]


def test_seeds_added_after_a_look_are_flagged(new_study: "type[Study]", tmp_path: Path) -> None:
    """A session with more confirm seeds than the first one: their number was not fixed beforehand."""
    folder = arms_at(new_study, {"a": 0.90, "b": 0.88}).write(tmp_path)
    records = load_study(folder)
    more = Change(field=CONFIRM_SEEDS, before=5, after=10)
    later = Resumption(at="2026-01-03", command=["x"], changes=[more], loss=None)
    claimed = [Claim.model_validate({"says": "x", **best("a")})]
    records = replace(
        records,
        declaration=records.declaration.model_copy(update={"claims": claimed}),
        manifest=records.manifest.model_copy(update={"resumed": [later]}),
    )
    (verdict,) = decided(Facts(records))
    assert [flag.name for flag in verdict.flags] == ["seeds added later"]
    assert "confirm.seeds: 5 before, 10 now" in verdict.flags[0].detail


def test_batch_sizes_at_one_rate_are_flagged(new_study: "type[Study]", tmp_path: Path) -> None:
    """A trend over batch sizes that share a learning rate is a trend of that rate's fit as well."""
    study = template(new_study, {16: 0.90, 128: 0.89, 1024: 0.88})
    (verdict,) = verdicts(study, tmp_path, trend("falls"))
    assert [flag.name for flag in verdict.flags] == ["rate not tuned"]


def test_unequal_budgets_decide_no_comparison_but_rates(new_study: "type[Study]", tmp_path: Path) -> None:
    """Five times the search runs: arms are not compared, and flagged; one arm's rate is not a comparison."""
    study = new_study(arms={arm: {"lr": {"low": 1e-4, "high": 1.0, "log": True}} for arm in "ab"})
    study.search("a", [0.01 * factor for factor in range(1, 11)], best=0.05)
    study.search("b", [0.01, 0.05], best=0.05)
    for arm in "ab":
        study.confirm(arm, [0.90 + offset for offset in ZIGZAG], lr=0.05)
    compared, rate = verdicts(study, tmp_path, best("a"), {"diverges": {"arm": "a"}})
    assert compared.ruling == "not testable"
    assert "unequal budget" in {flag.name for flag in compared.flags}
    assert rate.ruling == "contradicted"


def test_a_collapsed_seed_is_named(new_study: "type[Study]", tmp_path: Path) -> None:
    """One of ten seeds completed at 11 %, hardly above chance; without any, the caption says what may be."""
    study = arms_at(new_study, {"a": 0.90, "b": 0.88})
    study.claims = [{"says": "x", **best("a")}]
    facts = study.facts(tmp_path / "whole")
    said = TABLES["claims"].caption(facts, facts.verdicts)
    assert "No arm's 10 replicates collapsed to chance; up to 26 % of further ones may." in said
    study.runs[0].test_accuracy = 0.11
    (verdict,) = verdicts(study, tmp_path, best("a"))
    assert [(flag.name, flag.arm) for flag in verdict.flags] == [("collapsed seeds", "a")]
