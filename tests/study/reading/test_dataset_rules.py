"""Study files of several data sets: what is refused, what arms and claims become, and what is drawn."""

from pathlib import Path

import pytest

from harness.errors import StudyError
from harness.study.domains import OneOf
from harness.study.plan import plan_study
from harness.study.reading.parse import parse_study

BOTH = "datasets=[fashion_mnist, kmnist]"


def problems_of(text: str, *overrides: str) -> list[str]:
    """Return the problem lines of a study that must be refused."""
    with pytest.raises(StudyError) as caught:
        parse_study(text, "s.yaml", overrides)
    return [line.strip() for line in str(caught.value).splitlines()[1:]]


def test_every_arm_stands_on_each_data_set_under_its_name(study_text: str) -> None:
    """Names of runs tell the data set, the plain name stays known, and so does the entry of the file."""
    study = parse_study(study_text, "s.yaml", (BOTH,))
    assert [arm.name for arm in study.arms] == [
        "sgd@fashion_mnist",
        "adam@fashion_mnist",
        "sgd@kmnist",
        "adam@kmnist",
    ]
    last = study.arms[-1]
    assert (last.plain_name, last.entry, last.dataset, last.fixed["dataset"]) == (
        "adam", "adam", "kmnist", "kmnist"
    )  # fmt: skip
    assert [part.dataset for part in study.by_dataset.values()] == ["fashion_mnist", "kmnist"]


def test_templates_and_conditional_spaces_stand_on_each_data_set(study_text: str) -> None:
    """`for_each` makes its arms first; a `one_of` is the same on each."""
    fork = (
        "arms.sgd={optimizer: {one_of: {sgd: {lr: 0.1}, adam: {lr: 0.01}}}, for_each: {dropout: [0.0, 0.5]}}"
    )
    study = parse_study(study_text, "s.yaml", (BOTH, fork, "claims=[]"))
    arm = study.arms[4]
    assert (arm.name, arm.entry, arm.plain_name) == ("sgd@dropout=0.5@kmnist", "sgd", "sgd@dropout=0.5")
    assert isinstance(arm.space["optimizer"], OneOf)


def test_an_arm_has_the_same_budget_and_seeds_on_each_data_set(study_text: str) -> None:
    """Searches repeated, each repeat's seeds are its own and those of a study of this data set alone."""
    alone = plan_study(parse_study(study_text, "s.yaml", ("search.repeats=2",)))
    plan = plan_study(parse_study(study_text, "s.yaml", ("search.repeats=2", BOTH)))
    assert [(own.search_runs, own.confirm_runs) for own in plan.arms] == [(4, 3)] * 4
    for repeat in range(2):
        for dataset in ("fashion_mnist", "kmnist"):
            name = f"adam@{dataset}"
            assert plan.search_seeds(name, repeat) == alone.search_seeds("adam", repeat)
            assert plan.confirm_seeds(name, repeat) == alone.confirm_seeds("adam", repeat)


def test_a_claim_is_on_every_data_set_unless_it_says_otherwise(study_text: str) -> None:
    """`each: true` becomes one claim a data set, in its place."""
    each = "{says: a, each: true, better: {arm: adam, than: sgd, metric: test_loss}}"
    average = "{says: b, on: average, best: {arm: adam, metric: test_loss}}"
    every = "{says: c, best: {arm: adam, metric: test_loss}}"
    study = parse_study(study_text, "s.yaml", (BOTH, f"claims=[{each}, {average}, {every}]"))
    assert [claim.on for claim in study.claims] == ["fashion_mnist", "kmnist", "average", "every"]
    assert [claim.each for claim in study.claims] == [None] * 4


@pytest.mark.parametrize(
    ("override", "told"),
    [
        ("recipe.dataset=mnist", "recipe.dataset: datasets at the top gives every arm its data sets"),
        ("arms.adam.dataset=mnist", "arms.adam.dataset: datasets at the top gives every arm its data sets"),
        (
            "arms.adam.for_each={dataset: [mnist, kmnist]}",
            "arms.adam.for_each.dataset: datasets at the top gives every arm its data sets",
        ),
        (
            "arms.adam.optimizer={one_of: {adam: {dataset: mnist}}}",
            "arms.adam.optimizer.one_of.adam.dataset: datasets at the top gives every arm its data sets",
        ),
        ("datasets=[mnist]", "datasets: must have at least 2 entries"),
        ("datasets=[mnist, mnits]", "datasets.1: 'mnits' is not known. Did you mean 'mnist'?"),
        (
            "datasets=[mnist, kmnist, mnist]",
            "datasets.2: mnist stands here twice. Remedy: each data set once",
        ),
        (
            'datasets=["idx:/a/digits", "idx:/b/digits"]',
            "datasets.1: idx:/b/digits and idx:/a/digits would both be called digits",
        ),
        ('datasets=[mnist, "idx:/a/every"]', "datasets.1: would be called every, which means another thing"),
        (
            "claims.0.on=kmnit",
            "claims.0.on: there is no data set 'kmnit'. Did you mean 'kmnist'? Valid: every, ",
        ),
        ("published={adam: {source: a, test_loss: 1.0}}", "published.adam: there is no arm 'adam'"),
        ("claims.0.better.arm=adam@kmnist", "claims.0.better.arm: there is no arm 'adam@kmnist'"),
    ],
)
def test_what_contradicts_several_data_sets_is_refused(study_text: str, override: str, told: str) -> None:
    """Each with its place, the rule, and the valid names."""
    overrides = (override,) if override.startswith("datasets") else (BOTH, override)
    assert told in "\n".join(problems_of(study_text, *overrides))


@pytest.mark.parametrize("word", ["on: kmnist", "each: true"])
def test_a_study_of_one_data_set_has_no_claims_on_several(study_text: str, word: str) -> None:
    """There is nothing to choose from."""
    text = study_text.replace("says: Adam is better.,", f"says: Adam is better., {word},")
    name = word.partition(":")[0]
    (told,) = problems_of(text)
    assert told.startswith(f"s.yaml:19: claims.0.{name}: the study is of one data set. Remedy: leave it out")


def test_kinds_that_have_no_average_are_refused(study_text: str) -> None:
    """Shares of runs, times and responses are of one data set each."""
    claim = "claims=[{says: a, on: average, diverges: {arm: sgd}}]"
    (told,) = problems_of(study_text, BOTH, claim)
    assert "on: average goes with better, best, equal, reaches, not with diverges. Remedy: on: every" in told
    both = "claims=[{says: a, on: kmnist, each: true, diverges: {arm: sgd}}]"
    assert "Leave one out" in problems_of(study_text, BOTH, both)[0]


def test_steps_need_a_size_on_each_data_set(study_text: str, images: Path) -> None:
    """An own data set's size is only known once its files are read."""
    text = study_text.replace("epochs: 9", "steps: 100")
    told = problems_of(text, f'datasets=[kmnist, "idx:{images}"]')
    assert "steps needs a data set whose size is known before" in told[0]
