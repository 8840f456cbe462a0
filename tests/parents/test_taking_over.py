"""Which runs a study takes over from its parent, and which it trains."""

from collections import Counter
from typing import Any

import pytest

from harness.records.events import EpochEnded, RunEnded
from harness.records.journal import read_journal
from harness.seal import sha256_of_declaration
from tests.parents.lab import Lab, starts

FIXED = {"optimizer": "sgd", "lr": 0.1}, {"optimizer": "adam", "lr": 0.001}
TWO = dict(zip("ab", FIXED, strict=True))
SEARCHED = {
    "sgd": {"optimizer": "sgd", "lr": {"low": 0.01, "high": 1.0, "log": True}},
    "adam": {"optimizer": "adam", "lr": {"low": 0.0001, "high": 0.01, "log": True}},
}
SEARCH = {"trials": 4, "early_stopping": "none"}


def test_one_more_arm_trains_that_arm_alone(lab: Lab) -> None:
    """The parent's runs stand in the child's journal, event by event, with where they were trained."""
    parent = lab.run("first", SEARCHED, search=SEARCH)
    more = SEARCHED | {"rmsprop": {"optimizer": "rmsprop", "lr": {"low": 0.0001, "high": 0.01, "log": True}}}
    child = lab.run("second", more, parent="first", search=SEARCH)
    assert Counter((run.arm, run.phase) for run in lab.trained) == {
        ("rmsprop", "search"): 4,
        ("rmsprop", "confirm"): 6,
    }
    before, after = list(read_journal(parent)), list(read_journal(child))
    of_parent = {start.run_id: start for start in starts(before)}
    for start in starts(after):
        origin = start.origin
        if start.arm == "rmsprop":
            assert origin is None
        else:
            assert origin is not None
            assert origin.declarations == (sha256_of_declaration(parent),)
            assert start.model_copy(update={"origin": None}) == of_parent[start.run_id]
    for kind in (EpochEnded, RunEnded):
        taken = [event for event in after if isinstance(event, kind) and event.run_id in of_parent]
        assert taken == [event for event in before if isinstance(event, kind)]


@pytest.mark.parametrize(
    ("changed", "taken"),
    [
        ({}, {"a", "b"}),
        ({"arms": TWO | {"b": {"optimizer": "adam", "lr": 0.002}}}, {"a"}),
        ({"arms": TWO | {"b": {"optimizer": "adam", "lr": 0.001, "beta2": 0.99}}}, {"a"}),
        ({"arms": {"a": FIXED[0], "c": FIXED[1]}}, {"a"}),  # seeds may derive from a name
        ({"arms": {"a": FIXED[1], "b": FIXED[1]}}, {"b"}),  # a name alone makes nothing the same
        ({"claims": [{"says": "x", "best": {"arm": "a", "metric": "test_accuracy"}}]}, {"a", "b"}),
        ({"confirm": {"seeds": 3}}, {"a", "b"}),
        ({"question": "Another?", "baseline": "a"}, {"a", "b"}),
    ],
)
def test_what_is_declared_alike_is_taken_over(lab: Lab, changed: dict[str, Any], taken: set[str]) -> None:
    """By recipe and seeds, not by names; what decides nothing about a run may differ."""
    lab.run("first", TWO)
    arms = changed.pop("arms", TWO)
    lab.run("second", arms, parent="first", **changed)
    assert {run.arm for run in lab.trained} == set(arms) - taken


@pytest.mark.parametrize(
    ("sampler", "trials", "n_taken"),
    [
        ("random", (3, 5), 3),
        ("qmc", (4, 8), 4),
        ("tpe", (3, 5), 3),
        ("tpe", (3, 9), 0),
        ("random", (5, 3), 0),
    ],
)
def test_a_longer_search_begins_with_a_shorter_one_where_it_would_propose_the_same(
    lab: Lab, sampler: str, trials: tuple[int, int], n_taken: int
) -> None:
    """TPE with another number of random proposals starts anew; so does a shorter search."""
    short, long = ({"sampler": sampler, "trials": n, "early_stopping": "none"} for n in trials)
    lab.run("first", SEARCHED, search=short)
    if not n_taken:
        with pytest.raises(Exception, match="none of its runs is a run of this study"):
            lab.run("second", SEARCHED, parent="first", search=long)
        return
    child = lab.run("second", SEARCHED, parent="first", search=long)
    assert Counter(run.phase for run in lab.trained) == {"search": 2 * (trials[1] - n_taken), "confirm": 12}
    alone = lab.run("alone", SEARCHED, search=long)
    configurations = [
        {s.run_id: (s.seed, s.configuration) for s in starts(read_journal(folder)) if s.phase == "search"}
        for folder in (child, alone)
    ]
    assert configurations[0] == configurations[1]
