"""What the claims of a study with a parent are worth: nothing that was made after the data goes unmarked."""

from collections.abc import Iterator, Sequence
from typing import Any

import pytest

from analysis import listing, verdict
from analysis.claims import Verdict
from analysis.facts import Facts
from analysis.load import load_study
from analysis.report import write_report
from harness.commands.planning.marks import foretold_marks
from harness.errors import ResultsError
from harness.records.events import ParentDeclared
from harness.records.folder import ResultsFolder
from harness.records.journal import read_journal, write_journal
from tests.drill import write_images
from tests.parents.lab import Lab, better

TWO = {"a": {"optimizer": "sgd", "lr": 0.1}, "b": {"optimizer": "adam", "lr": 0.001}}
FRESH = {"c": {"optimizer": "rmsprop", "lr": 0.001}, "d": {"optimizer": "adamw", "lr": 0.001}}
APART = {"a": 0.5, "b": 0.6, "c": 0.7, "d": 0.8}
"""Far enough for every claim of an order to be supported."""


def ruled(folder: ResultsFolder) -> Sequence[Verdict]:
    """Return the verdicts of a study."""
    return Facts(load_study(folder.root)).verdicts


@pytest.fixture(autouse=True)
def foretold(lab: Lab) -> Iterator[None]:
    """Compare what a dry run of the test's last child would foretell with what its claims came to."""
    yield
    if lab.takeover is not None:
        folder = ResultsFolder(lab.root / lab.takeover.declared.study)
        if any(isinstance(event, ParentDeclared) for event in read_journal(folder)):
            assert foretold_marks(lab.takeover) == [own.made for own in ruled(folder)]


def made(folder: ResultsFolder) -> list[tuple[str, str | None]]:
    """Return how each claim is ruled, and when it was made."""
    return [(own.ruling, own.made) for own in ruled(folder)]


def test_a_claim_of_the_parent_stays_what_it_was(lab: Lab) -> None:
    """Ruling, numbers and family are the parent's, also beside claims that are another's."""
    claims = [better("b", "a"), {"says": "b is best.", "best": {"arm": "b", "metric": "test_accuracy"}}]
    parent = lab.run("first", TWO, claims=claims, means=APART)
    child = lab.run("second", TWO | FRESH, parent="first", claims=[*claims, better("c", "a")], means=APART)
    (same, best, new), (before, _) = ruled(child), ruled(parent)
    row = same.as_row()
    assert (row.pop("made"), row.pop("family")) == ("in the parent", load_study(parent.root).seal.sha256)
    assert row == before.as_row()
    assert (best.ruling, best.made) == ("contradicted", "after the data")  # best of four is another claim
    assert new.short == "supported after the data"
    assert new.ruling_in_words() == "supported (made after the data: exploratory)"


def test_a_claim_about_fresh_arms_alone_was_made_before_its_data(lab: Lab) -> None:
    """It is a family of its own, as in a study of its own: a fresh arm against a known one is none."""
    lab.run("first", TWO, claims=[better("b", "a")] * 4, means=APART)
    claims = [better("d", "c"), better("d", "a"), better("b", "a")]
    child = lab.run("second", TWO | FRESH, parent="first", claims=claims, means=APART)
    assert made(child) == [
        ("supported", "before the data"),
        ("supported", "after the data"),
        ("supported", "in the parent"),
    ]
    alone = lab.run("alone", FRESH, claims=[better("d", "c")], means=APART)
    (fresh, *_), (same,) = ruled(child), ruled(alone)
    assert fresh.p_adjusted == same.p_adjusted


@pytest.mark.parametrize(
    "copies",
    [
        {"c": TWO["a"], "d": TWO["b"]},
        {"c": TWO["a"] | {"lr": 0.1000001}, "d": TWO["b"] | {"beta1": 0.9}},
        {"c": TWO["a"] | {"weight_decay": 1e-9}, "d": TWO["b"] | {"activation": "relu"}},
        {"c": TWO["a"] | {"lr": {"low": 0.01, "high": 1.0}}, "d": FRESH["d"]},
        {"c": {"optimizer": {"one_of": {"sgd": {"lr": 0.2}, "rmsprop": {"lr": 0.1}}}}, "d": FRESH["d"]},
    ],
)
def test_a_copy_under_another_name_is_not_fresh(lab: Lab, copies: dict[str, Any]) -> None:
    """On the seeds of the original it comes out much as that did: whoever copies knows the result."""
    lab.run("first", TWO, means=APART)
    search = {"search": {"trials": 2, "early_stopping": "none"}}
    child = lab.run("second", TWO | copies, parent="first", claims=[better("d", "c")], means=APART, **search)
    assert made(child) == [("supported", "after the data")]


def test_an_arm_that_was_changed_is_not_fresh(lab: Lab) -> None:
    """It has its name and its seeds from the parent, whose results it was changed by."""
    lab.run("first", TWO, means=APART)
    changed = {"a": TWO["a"], "b": FRESH["c"]} | FRESH
    child = lab.run("second", changed, parent="first", claims=[better("c", "b")], means=APART)
    assert made(child) == [("supported", "after the data")]


def test_leaving_out_claims_does_not_ease_the_others(lab: Lab) -> None:
    """Of six claims none passes Holm's procedure; the best of them alone would, and does not."""
    means = {"a": 0.5, "b": 0.5045}
    claims = [better("b", "a", region=0.0001 * (1 + n)) for n in range(6)]
    parent = lab.run("first", TWO, claims=claims, means=means)
    alone = lab.run("alone", TWO, claims=claims[:1], means=means)
    child = lab.run("second", TWO, parent="first", claims=claims[:1], means=means)
    assert {own.ruling for own in ruled(parent)} == {"inconclusive"}
    assert [own.ruling for own in ruled(alone)] == ["supported"]
    assert made(child) == [("inconclusive", "in the parent")]


def test_claims_added_one_by_one_stay_marked(lab: Lab) -> None:
    """Over three generations nothing is ruled without a mark but what the first study declared."""
    claims = [better("b", "a")]
    lab.run("g0", TWO | FRESH, claims=claims, means=APART)
    for generation, pair in enumerate(["ca", "da", "cb"], start=1):
        claims = [better(*pair), *claims]
        child = lab.run(
            f"g{generation}", TWO | FRESH, parent=f"g{generation - 1}", claims=claims, means=APART
        )
        assert not lab.trained
    assert made(child) == [("supported", "after the data")] * 3 + [("supported", "in the parent")]


def test_fresh_claims_are_inherited_as_what_they_were(lab: Lab) -> None:
    """A grandchild has its grandparent's claim, its parent's fresh one, and one of its own, marked."""
    old, fresh, late = better("b", "a"), better("d", "c"), better("c", "a")
    first = lab.run("first", TWO, claims=[old], means=APART)
    second = lab.run("second", TWO | FRESH, parent="first", claims=[old, fresh], means=APART)
    third = lab.run("third", TWO | FRESH, parent="second", claims=[old, fresh, late], means=APART)
    assert not lab.trained
    assert made(third) == [("supported", "in the parent")] * 2 + [("supported", "after the data")]
    families = [load_study(folder.root).seal.sha256 for folder in (first, second, third)]
    assert [own.family for own in ruled(third)] == families


def test_more_seeds_make_a_claim_another_one(lab: Lab) -> None:
    """Whoever adds seeds knows what the first ones said: the longer study rules, with the mark."""
    lab.run("first", TWO, claims=[better("b", "a")], means=APART)
    child = lab.run(
        "second", TWO, parent="first", claims=[better("b", "a")], means=APART, confirm={"seeds": 9}
    )
    assert [(run.arm, run.number) for run in lab.trained] == [(arm, n) for n in (6, 7, 8) for arm in "ab"]
    (verdict_of_nine,) = ruled(child)
    assert (verdict_of_nine.n, verdict_of_nine.short) == (9, "supported after the data")


def test_times_of_a_parent_are_not_compared_with_those_of_another_session(lab: Lab) -> None:
    """Within the parent they stay comparable, as its runs were one at a time in one session."""
    lab.run("first", TWO)
    faster = [
        {"says": f"{arm} is faster.", "faster": {"arm": arm, "than": "a", "metric": "epoch_seconds"}}
        for arm in "bc"
    ]
    child = lab.run("second", TWO | FRESH, parent="first", claims=faster)
    within, across = ruled(child)
    assert "sessions" in across.reason
    assert across.ruling == "not testable"
    assert within.ruling != "not testable"


def test_the_mark_is_seen_and_does_not_pass_for_support(lab: Lab, capsys: pytest.CaptureFixture[str]) -> None:
    """In the report, its JSON, the list of studies; and a program that asks is told that it is open."""
    lab.run("first", TWO, claims=[better("b", "a")], means=APART)
    claims = [better("b", "a"), better("c", "a")]
    child = lab.run("second", TWO | FRESH, parent="first", claims=claims, means=APART)
    write_report(child.root)
    page = (child.report / "report.md").read_text()
    assert "supported (made after the data: exploratory)" in page
    assert "1 of 2 made after the data" in page
    assert '"made": "after the data"' in (child.report / "claims.json").read_text()
    assert verdict.main([str(child.root), "--claim", "1"]) == 0
    assert verdict.main([str(child.root), "--claim", "2"]) == verdict.EXIT_OPEN
    listing.main([str(lab.root)])
    assert "1 supported, 1 supported after the data" in capsys.readouterr().out


def test_a_journal_that_keeps_other_ancestors_is_refused(lab: Lab) -> None:
    """Without the parent's declaration a claim would pass for one that was made before the data."""
    lab.run("first", TWO, means=APART)
    child = lab.run("second", TWO, parent="first", claims=[better("b", "a")], means=APART)
    without = [event for event in read_journal(child) if not isinstance(event, ParentDeclared)]
    write_journal(child.journal, without)
    with pytest.raises(ResultsError, match="keeps other ancestors than"):
        ruled(child)


LOOKS = {"confirm": {"seeds": {"min": 5, "max": 8}}}


def test_looks_of_the_parent_decide_its_claims_and_those_of_the_child_its_own(lab: Lab) -> None:
    """What was decided at 5 stays so; a new claim that is open there gets its arms further seeds."""
    lab.run("first", TWO, claims=[better("b", "a")], means=APART, **LOOKS)
    assert len(lab.trained) == 10
    means, claims = APART | {"c": 0.6045}, [better("c", "b", region=1e-4), better("b", "a")]
    child = lab.run(
        "second",
        TWO | FRESH,
        parent="first",
        claims=claims,
        means=means,
        **LOOKS,
    )
    assert {(run.arm, run.number) for run in lab.trained} == {
        *((arm, number) for arm in "cd" for number in range(5)),
        *((arm, number) for arm in "bc" for number in range(5, 8)),
    }
    late, old = ruled(child)
    assert (old.ruling, old.made, old.look) == ("supported", "in the parent", 5)
    assert (late.made, late.look) == ("after the data", 8)


def test_repeats_give_a_copy_data_of_its_own(lab: Lab) -> None:
    """Their seeds derive from an arm's name: what the original came to does not foretell its copy."""
    repeated = {"search": {"trials": 1, "repeats": 2, "early_stopping": "none"}, "confirm": {"seeds": 1}}
    searched = {
        name: {"optimizer": optimizer, "lr": {"low": 1e-4, "high": 1e-2}}
        for name, optimizer in {"a": "sgd", "b": "adam", "c": "sgd", "d": "adam"}.items()
    }
    two = {name: searched[name] for name in "ab"}
    lab.run("first", two, means=APART, **repeated)
    claims = [better("d", "c"), better("d", "a")]
    child = lab.run("second", searched, parent="first", claims=claims, means=APART, **repeated)
    assert [own.made for own in ruled(child)] == ["before the data", "after the data"]


def test_claims_on_several_data_sets_are_told_apart_by_their_arms(lab: Lab) -> None:
    """On the parent's data sets a claim stays; on one more of them "on every" is another claim."""
    places = [lab.images_of(name) for name in ("one", "two", "three")]
    for n, place in enumerate(places):
        write_images(place, n_classes=4 + n)
    names = [f"idx:{place}" for place in places]
    means = {f"{arm}@{place.name}": mean for arm, mean in APART.items() for place in places}
    claims = [better("b", "a"), better("b", "a", on="one")]
    lab.run("first", TWO, claims=claims, means=means, datasets=names[:2])
    child = lab.run("second", TWO, parent="first", claims=claims, means=means, datasets=names)
    assert {run.arm for run in lab.trained} == {"a@three", "b@three"}
    assert made(child) == [("supported", "after the data"), ("supported", "in the parent")]
