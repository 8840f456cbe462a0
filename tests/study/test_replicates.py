"""Repeats of searches, looks, and the seeds of both."""

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from harness.declaration import Declaration
from harness.errors import StudyError
from harness.recipe.data import DataFacts
from harness.records.folder import ResultsFolder
from harness.study.estimate import cost_of
from harness.study.looks import Looks, looks_of
from harness.study.plan import confirm_seeds_of, plan_study, search_seeds_of
from harness.study.preview import preview
from harness.study.reading.parse import parse_study
from harness.study.seeds import confirm_seeds, derive_seed, distinct_seeds, search_seeds

REFERENCE = Path(__file__).parents[2] / "results" / "reference"
DECLARED = {
    path.parent.name: Declaration.read(ResultsFolder(path.parent))
    for path in sorted(REFERENCE.glob("*/declaration.json"))
}
SEARCHED_ONCE = [name for name, declared in DECLARED.items() if declared.search.max_repeats == 1]
"""Reference studies that declare every seed of theirs."""
FASHION_MNIST = DataFacts(n_train=60_000, shape=(1, 28, 28), class_sizes=(6_000,) * 10, n_outputs=10)
FIXED = ("arms.sgd={optimizer: sgd, lr: 0.1}", "arms.adam={optimizer: adam}")
"""Overrides with which no arm searches."""


@pytest.mark.parametrize(
    ("count", "looks"),
    [
        (10, (10,)),
        (0, (0,)),
        (Looks(min=5, max=20), (5, 8, 12, 20)),
        (Looks(min=5, max=12), (5, 8, 12)),
        (Looks(min=5, max=6), (5, 6)),
        (Looks(min=6, max=40), (6, 9, 14, 22, 35, 40)),
        (Looks(min=5, max=9, looks=[5, 7, 9]), (5, 7, 9)),
    ],
)
def test_each_look_is_so_much_later_than_the_one_before(count: int | Looks, looks: tuple[int, ...]) -> None:
    """1.6 times, rounded down, and the last is the largest number; those given overrule the rule."""
    assert looks_of(count) == looks


@given(st.integers(5, 200), st.integers(1, 5000))
def test_looks_ascend_from_min_to_max(first: int, more: int) -> None:
    """Whatever they are."""
    looks = looks_of(Looks(min=first, max=first + more))
    assert looks == tuple(sorted(set(looks)))
    assert (looks[0], looks[-1]) == (first, first + more)


@pytest.mark.parametrize(
    ("overrides", "plan"),
    [
        ((), ("seed", (3,), 1, True)),
        (("search.repeats=1",), ("seed", (3,), 1, True)),
        (("search.repeats=4",), ("repeat", (4,), 4, False)),
        (("search.repeats={min: 5, max: 12}",), ("repeat", (5, 8, 12), 12, False)),
        (("arms.adam={optimizer: adam}", "search.repeats=2"), ("repeat", (2,), 2, False)),
        ((*FIXED, "confirm.seeds={min: 5, max: 20}"), ("seed", (5, 8, 12, 20), 1, True)),
        ((*FIXED, "search=null", "confirm.seeds=0"), ("seed", (1,), 1, True)),
    ],
)
def test_a_replicate_is_a_repeat_where_searches_are_repeated(
    study_text: str, overrides: tuple[str, ...], plan: tuple[str, tuple[int, ...], int, bool]
) -> None:
    """Else it is a seed, which then all arms have in common."""
    found = plan_study(parse_study(study_text, "s.yaml", overrides))
    assert (found.unit, found.looks, found.max_repeats, found.seeds_are_common) == plan


@pytest.mark.parametrize(
    ("overrides", "told"),
    [
        (["search.repeats=0"], "search.repeats: must be at least 1, but is 0"),
        (["search.repeats=1001"], "search.repeats: must be at most 1000, but is 1001"),
        (["search.repeats=many"], "search.repeats: must be a whole number, but is 'many'"),
        (["search.repeats={min: 4, max: 9}"], "search.repeats.min: must be at least 5, but is 4: fewer"),
        (["search.repeats={min: 5}"], "search.repeats.max: this field is required"),
        (["search.repeats={min: 5, mx: 9}"], "search.repeats.mx: unknown field. Did you mean 'max'?"),
        (
            ["search.repeats={min: 9, max: 9}"],
            "min must be below max, but they are 9 and 9. Remedy: a larger",
        ),
        (
            ["search.repeats={min: 5, max: 9, looks: [5, 9, 7]}"],
            "looks must ascend from min = 5 to max = 9, but are [5, 9, 7]. Remedy: looks: [5, 8, 9]",
        ),
        (["search.repeats.max=9"], "search.repeats.min: this field is required"),
        (
            ["confirm.seeds.max=9"],
            "confirm.seeds has nothing below it to set, it is 3. Remedy: --set confirm",
        ),
        (
            ["confirm.seeds={min: 5, max: 9}"],
            "confirm.seeds: takes min and max only where no arm searches, but sgd does: one search is then",
        ),
        (
            [*FIXED, "search.repeats=5"],
            "seeds are then the replicates. Remedy: leave it out, and confirm: {seeds: 5}",
        ),
        ([*FIXED, "search.repeats=1"], "search.repeats: no arm searches anything, so nothing reads it"),
        (["search={sampler: grid, repeats: 2}"], "repeats does not go with sampler: grid"),
    ],
)
def test_what_cannot_be_repeated_is_refused(study_text: str, overrides: list[str], told: str) -> None:
    """The message names the argument, the field, its value, the rule and what to write instead."""
    with pytest.raises(StudyError) as refused:
        parse_study(study_text, "s.yaml", tuple(overrides))
    problems = str(refused.value).splitlines()[1:]
    assert any(told in problem and problem.startswith("  --set ") for problem in problems), problems


def test_the_place_of_a_first_look_that_is_too_early_is_its_line(study_text: str) -> None:
    """In the file itself."""
    text = study_text.replace("trials: 4,", "trials: 4, repeats: {min: 3, max: 9},")
    with pytest.raises(StudyError, match=r"s\.yaml:16: search\.repeats\.min: must be at least 5, but is 3"):
        parse_study(text, "s.yaml")


@pytest.mark.parametrize("study", SEARCHED_ONCE)
def test_studies_that_search_once_have_the_seeds_they_always_had(study: str) -> None:
    """Those that the reference studies declared when they were run, of which none would else run again."""
    declared = DECLARED[study]
    assert [*declared.search_seeds, *declared.confirm_seeds]
    for arm in declared.arms:
        assert list(search_seeds_of(declared.search, arm, 0)) == declared.search_seeds
        assert list(confirm_seeds_of(declared.search, declared.confirm, arm, 0)) == declared.confirm_seeds


@given(st.integers(0, 2**32 - 1), st.integers(1, 5), st.integers(0, 20))
def test_seeds_of_one_search_are_drawn_as_they_were(seed: int, searched: int, count: int) -> None:
    """No word is added, and the search's own are left out."""
    taken = distinct_seeds(seed, "search", searched)
    assert search_seeds(seed, "a", 0, searched) == tuple(taken)
    expected = tuple(distinct_seeds(seed, "confirm", count, taken=taken))
    assert confirm_seeds(seed, "a", 0, count, common=True, searched=searched) == expected


def test_seeds_of_repeats_are_their_own() -> None:
    """Of the words seed, phase, arm, `repeat`, repeat, index; the first search has all arms' seed."""
    assert search_seeds(7, "a", 0, 1) == search_seeds(7, "b", 0, 1) == (derive_seed(7, "search", 0),)
    assert search_seeds(7, "a", 2, 1) == (derive_seed(7, "search", "a", "repeat", 2, 0),)
    expected = tuple(derive_seed(7, "confirm", "a", "repeat", 2, index) for index in range(3))
    assert confirm_seeds(7, "a", 2, 3, common=False) == expected


@given(st.integers(0, 2**32 - 1))
def test_no_two_replicates_of_an_arm_share_a_seed(seed: int) -> None:
    """Nor is a winner confirmed on a seed of its own or another repeat's search."""
    searched = [search_seeds(seed, "a", repeat, 1)[0] for repeat in range(8)]
    confirmed = [s for repeat in range(8) for s in confirm_seeds(seed, "a", repeat, 3, common=False)]
    assert len({*searched, *confirmed}) == 8 + 24


def test_more_repeats_leave_the_seeds_of_those_before(study_text: str) -> None:
    """A study may be continued with more of them."""
    few, many = (plan_study(parse_study(study_text, "s.yaml", (f"search.repeats={n}",))) for n in (2, 20))
    for arm, repeat in (("sgd", 0), ("sgd", 1), ("adam", 1)):
        assert few.search_seeds(arm, repeat) == many.search_seeds(arm, repeat)
        assert few.confirm_seeds(arm, repeat) == many.confirm_seeds(arm, repeat)


def test_the_preview_counts_repeats(study_text: str) -> None:
    """5 x (4 + 3) runs, at most 12 x."""
    overrides = ("search.repeats={min: 5, max: 12}", "search.early_stopping=none")
    study = parse_study(study_text, "s.yaml", overrides)
    text = preview(study, FASHION_MNIST)
    assert "arm sgd: 5 to 12 repeats of 4 search runs, 3 confirm runs: 35 to 84 runs in all" in text
    assert "looks: after 5, 8, 12 repeats" in text
    assert cost_of(plan_study(study)).runs == (2 * 35, 2 * 84)
    fixed = preview(parse_study(study_text, "s.yaml", ("search.repeats=2",)), FASHION_MNIST)
    assert "arm sgd: 2 repeats of 4 search runs, 3 confirm runs: 14 runs in all" in fixed
    assert "looks:" not in fixed
