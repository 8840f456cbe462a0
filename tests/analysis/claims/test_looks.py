"""Claims at planned looks: decided early, given up, or open; and what a running study is told of that."""

from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
from scipy import stats

from analysis.blocks.registry import TABLES
from analysis.claims.decide import standing
from analysis.facts import Facts
from analysis.load import load_study
from harness.study.seeds import confirm_seeds, search_seeds

if TYPE_CHECKING:
    from tests.analysis.conftest import Study

LOOKS = {"looks": [5, 8, 12, 20], "weights": [0.25] * 4}
NOISE = 0.002 * np.random.default_rng(1).normal(size=(3, 20))
"""Of three arms; far from any difference."""
LOG_RANGE = {"low": 1e-4, "high": 1.0, "log": True}


def better(arm: str, than: str, metric: str = "test_accuracy") -> dict[str, Any]:
    """Return a claim about a metric without a region of equivalence in the way."""
    return {"says": "x", "better": {"arm": arm, "than": than, "metric": metric}}


def sequential(new_study: "type[Study]", means: dict[str, float], n: dict[str, int]) -> "Study":
    """Return arms without a search, planned for up to 20 seeds, of which each has run the first n."""
    study = new_study(arms={arm: {} for arm in means}, plan=LOOKS, confirm_runs=20)
    study.claims = [better("a", "b", "test_loss"), better("b", "c", "test_loss")]
    for place, (arm, mean) in enumerate(means.items()):
        study.confirm(arm, [float(mean + noise) for noise in NOISE[place][: n[arm]]])
    return study


def in_plan(study: "Study", path: Path) -> Facts:
    """Return the facts of a study that declares 20 common seeds, 100 to 119."""
    seeds = {"confirm_seeds": list(range(100, 120)), "confirm": {"seeds": {"min": 5, "max": 20}}}
    return Facts(load_study(study.write(path, **seeds)))


APART = {"a": 0.95, "b": 0.90, "c": 0.90}


def test_a_claim_is_decided_at_the_first_look(new_study: "type[Study]", tmp_path: Path) -> None:
    """Five points apart: decided after 5 of 20 seeds; the other claim is open and says what it waits for."""
    facts = in_plan(sequential(new_study, APART, {"a": 5, "b": 7, "c": 6}), tmp_path)
    found, open_ = facts.verdicts
    assert (found.ruling, found.look, found.n) == ("supported", 5, 5)
    assert "stopped at n = 5 of 20 because the difference was large there" in found.reason
    assert open_.ruling == "not yet"
    assert open_.reason.startswith("open at n = 5, the next look is at 8: 7 of 8 seeds of b have ended")


def test_the_driver_is_told_which_arms_go_on(new_study: "type[Study]", tmp_path: Path) -> None:
    """After the first look only b and c are needed: a stopped early by its look."""
    grounds = in_plan(sequential(new_study, APART, {"a": 5, "b": 5, "c": 5}), tmp_path).grounds
    seen = standing(grounds, 5)
    assert (dict(seen.decided), list(seen.open), set(seen.needed_arms)) == ({0: "supported"}, [1], {"b", "c"})
    assert seen.why == "1 of 2 claims are open at 5 seeds: b, c must go on"


def test_a_look_that_is_not_complete_decides_nothing(new_study: "type[Study]", tmp_path: Path) -> None:
    """Four of five seeds of c: nothing is decided, and every arm is needed."""
    grounds = in_plan(sequential(new_study, APART, {"a": 5, "b": 5, "c": 4}), tmp_path).grounds
    seen = standing(grounds, 5)
    assert (dict(seen.decided), list(seen.open), set(seen.needed_arms)) == ({}, [0, 1], {"a", "b", "c"})
    assert seen.why == "the look at 5 seeds is not complete: 4 of 5 seeds of c have ended"


def test_an_arm_that_stopped_early_holds_no_later_look_up(new_study: "type[Study]", tmp_path: Path) -> None:
    """B and c have all 20 seeds, a its first 5: the first claim keeps its look, the second has its own."""
    facts = in_plan(sequential(new_study, APART, {"a": 5, "b": 20, "c": 20}), tmp_path)
    found, last = facts.verdicts
    assert (found.ruling, found.look) == ("supported", 5)
    assert last.ruling == "inconclusive"
    assert last.look in {8, 12, 20}
    assert standing(facts.grounds, 20).needed_arms == frozenset()


def test_hopeless_claims_are_given_up(new_study: "type[Study]", tmp_path: Path) -> None:
    """The same noise in both arms but for a hair: even one standard error more would decide nothing."""
    study = sequential(new_study, {"a": 0.9, "b": 0.9}, {"a": 0, "b": 0})
    study.claims = study.claims[:1]
    gaps = [0.002, -0.002, 0.001, -0.001, 0.0001]
    study.confirm("a", [0.9 + gap for gap in gaps])
    study.confirm("b", [0.9 - 0.3 * gap for gap in gaps])
    facts = in_plan(study, tmp_path)
    (verdict,) = facts.verdicts
    assert verdict.ruling == "inconclusive"
    assert "stopped at n = 5: even one standard error more would decide nothing at n = 20" in verdict.reason
    assert standing(facts.grounds, 5).why == "every claim is decided at 5 seeds"


def test_seeds_beyond_the_plan_rule_nothing(new_study: "type[Study]", tmp_path: Path) -> None:
    """Ten seeds of which five were planned: n is 5, and the others are counted as exploratory."""
    study = new_study(arms={"a": {}, "b": {}}, confirm_runs=5, claims=[better("a", "b")])
    study.plan = {"looks": [5], "weights": [1.0]}
    for place, (arm, mean) in enumerate({"a": 0.95, "b": 0.9}.items()):
        study.confirm(arm, [float(mean + noise) for noise in NOISE[place][:10]])
    (verdict,) = study.facts(tmp_path).verdicts
    assert (verdict.n, verdict.ruling) == (5, "supported")
    assert {arm: own.beyond_plan for arm, own in verdict.replicates.items()} == {"a": 5, "b": 5}


def repeated(new_study: "type[Study]", lost: int | None) -> "Study":
    """Return `tuned`, searched five times with two confirm seeds each, and `fixed`, which searches nothing.

    Args:
        new_study: The builder.
        lost: The repeat whose search finds no winner, if any.
    """
    study = new_study(arms={"tuned": {"lr": LOG_RANGE}, "fixed": {}}, claims=[better("tuned", "fixed")])
    study.search_settings, study.confirm_runs = {"repeats": 5}, 10
    study.search_runs = {"tuned": 5, "fixed": 0}
    study.plan = {"unit": "repeat", "looks": [5], "weights": [1.0], "seeds_are_common": False}
    for repeat in range(5):
        (seed,) = search_seeds(0, "tuned", repeat, 1)
        run = study.add(
            "tuned", "search", repeat=repeat, seed=seed, status="diverged" if repeat == lost else "completed"
        )
        study.winners_of_repeats["tuned", repeat] = None if repeat == lost else run.run_id
        for arm, mean in (("tuned", 0.95), ("fixed", 0.90)):
            for place, own in enumerate(confirm_seeds(0, arm, repeat, 2, common=False)):
                if arm == "fixed" or repeat != lost:
                    noise = float(NOISE[place + (arm == "fixed"), repeat])
                    study.add(
                        arm,
                        "confirm",
                        repeat=repeat,
                        seed=own,
                        test_accuracy=mean + noise,
                        val_loss=0.4 + noise,
                    )
    return study


def facts_of(study: "Study", path: Path) -> Facts:
    """Return the facts of a study of repeats with two confirm seeds each."""
    return Facts(load_study(study.write(path, confirm={"seeds": 2}, confirm_seeds=[])))


def test_repeats_of_a_search_are_what_n_counts(new_study: "type[Study]", tmp_path: Path) -> None:
    """Five searches, each the mean of two runs, against ten seeds, by Welch's test; about the procedure."""
    facts = facts_of(repeated(new_study, None), tmp_path)
    (verdict,) = facts.verdicts
    tuned = 0.95 + NOISE[:2, :5].mean(axis=0)
    fixed = 0.90 + NOISE[1:3, :5].ravel()
    expected = stats.ttest_ind(tuned, fixed, equal_var=False)
    assert (verdict.ruling, verdict.scope, verdict.unit, verdict.n) == (
        "supported",
        "procedure",
        "repeats",
        5,
    )
    assert verdict.p == pytest.approx(expected.pvalue)
    assert {arm: own.n for arm, own in verdict.replicates.items()} == {"tuned": 5, "fixed": 10}
    assert verdict.ruling_in_words() == "supported"
    assert list(TABLES["results"].compute(facts)["n"]) == [5, 10]


def test_a_search_without_a_winner_is_a_missing_replicate(new_study: "type[Study]", tmp_path: Path) -> None:
    """At chance it would undo the difference: not testable, where four repeats alone would have said yes."""
    (verdict,) = facts_of(repeated(new_study, 3), tmp_path).verdicts
    assert (verdict.ruling, verdict.replicates["tuned"].missing) == ("not testable", 1)
    assert "replicates are missing" in verdict.reason


def repeats_of(new_study: "type[Study]", ends: str) -> "Study":
    """Return `tuned`, each of whose searches has three confirm runs, and `fixed`, which searches nothing.

    Args:
        new_study: The builder.
        ends: A letter a search: d, its runs diverge; c, none does; l, the later ones; n, it has no winner.
    """
    study = new_study(arms={"tuned": {"lr": LOG_RANGE}, "fixed": {}}, search_settings={"repeats": len(ends)})
    study.confirm_runs, study.search_runs = 3 * len(ends), {"tuned": len(ends), "fixed": 0}
    study.plan = {"unit": "repeat", "looks": [len(ends)], "weights": [1.0], "seeds_are_common": False}
    for repeat, end in enumerate(ends):
        (seed,) = search_seeds(0, "tuned", repeat, 1)
        run = study.add(
            "tuned", "search", repeat=repeat, seed=seed, status="diverged" if end == "n" else "completed"
        )
        study.winners_of_repeats["tuned", repeat] = None if end == "n" else run.run_id
        for arm in ("tuned", "fixed"):
            for place, own in enumerate(confirm_seeds(0, arm, repeat, 3, common=False)):
                has_diverged = arm == "tuned" and (end == "d" or (end == "l" and place > 0))
                if arm == "fixed" or end != "n":
                    status = "diverged" if has_diverged else "completed"
                    study.add(arm, "confirm", repeat=repeat, seed=own, status=status)
    return study


@pytest.mark.parametrize(
    ("ends", "ruling", "counted"),
    [
        ("ddddd", "not testable", "5 of 5 repeats diverged in their first confirm run, and no outcome of 5"),
        ("ddddddll", "inconclusive", "6 of 8 repeats diverged in their first confirm run"),
        ("dddddddd", "supported", "8 of 8 repeats diverged in their first confirm run"),
        ("ddddddnn", "not testable", "replicates are missing"),
    ],
)
def test_a_rate_of_divergence_counts_one_run_a_search(
    new_study: "type[Study]", tmp_path: Path, ends: str, ruling: str, counted: str
) -> None:
    """What a search chose diverges on all its seeds: 15 runs of five searches are five, and p is .0625."""
    study = repeats_of(new_study, ends)
    study.claims = [{"says": "x", "diverges": {"arm": "tuned"}}]
    (verdict,) = Facts(load_study(study.write(tmp_path, confirm={"seeds": 3}, confirm_seeds=[]))).verdicts
    assert (verdict.ruling, verdict.unit) == (ruling, "repeats")
    assert verdict.n == len(ends) - ends.count("n")
    assert verdict.reason.startswith(counted)


def test_few_replicates_are_called_what_they_are(new_study: "type[Study]", tmp_path: Path) -> None:
    """Three searches are three repeats; an arm that searches nothing has seeds, here nine of them."""
    study = repeats_of(new_study, "ccc")
    study.claims = [
        {"says": "x", "diverges": {"arm": "tuned", "more_than": 0.9}},
        {"says": "y", "diverges": {"arm": "fixed", "more_than": 0.9}},
    ]
    facts = Facts(load_study(study.write(tmp_path, confirm={"seeds": 3}, confirm_seeds=[])))
    tuned, fixed = facts.verdicts
    assert [flag.detail.split(",")[0] for flag in tuned.flags] == ["a claim rests on 3 repeats"]
    assert (tuned.unit, fixed.unit, fixed.n, fixed.flags) == ("repeats", "seeds", 9, ())


def test_new_images_widen_an_interval(new_study: "type[Study]", tmp_path: Path) -> None:
    """Each arm errs on images of its own: what these decide, others may not; without predictions, null."""
    rng = np.random.default_rng(4)
    labels = rng.integers(0, 10, size=200)
    study = new_study(arms={"a": {}, "b": {}}, labels=labels.tolist(), claims=[better("a", "b")])
    for arm, hard in (("a", slice(0, 10)), ("b", slice(10, 40))):
        predictions = np.tile(labels, (5, 1))
        predictions[:, hard] = (labels[hard] + 1) % 10
        predictions[range(5), 100 + np.arange(5)] += 1
        predictions["ab".index(arm), 110] += 1
        study.classify(arm, (predictions % 10).tolist())
    (verdict,) = study.facts(tmp_path / "with").verdicts
    assert verdict.new_images is not None
    decisive = verdict.as_row()
    assert verdict.new_images.low < decisive["low"] < 0.1 < decisive["high"] < verdict.new_images.high
    study = new_study(arms={"a": {}, "b": {}}, claims=[better("a", "b")])
    for place, arm in enumerate("ab"):
        study.confirm(arm, [float(0.9 + noise) for noise in NOISE[place][:5]])
    (verdict,) = study.facts(tmp_path / "without").verdicts
    assert (verdict.new_images, verdict.no_new_images) == (None, "the journal holds no predictions")
