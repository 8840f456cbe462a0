from hypothesis import given
from hypothesis import strategies as st

from harness.recipe.data import DataFacts
from harness.study.plan import plan_study
from harness.study.preview import preview
from harness.study.reading.parse import parse_study
from harness.study.seeds import derive_seed, distinct_seeds

FASHION_MNIST = DataFacts(n_train=60_000, shape=(1, 28, 28), class_sizes=(6_000,) * 10, n_outputs=10)


def test_seeds_of_search_and_confirm_never_meet(study_text: str) -> None:
    """The winner is measured on seeds the search has not seen."""
    plan = plan_study(parse_study(study_text, "s.yaml"))
    searched, confirmed = plan.search_seeds("sgd", 0), plan.confirm_seeds("sgd", 0)
    assert len(searched) == 1
    assert len(set(confirmed)) == 3
    assert not set(searched) & set(confirmed)


@given(st.integers(0, 2**32 - 1), st.integers(0, 2**32 - 1))
def test_seeds_derive_from_the_study_seed_alone(first: int, second: int) -> None:
    """Equal seeds give equal seeds, others give others."""
    assert (derive_seed(first, "confirm", 1) == derive_seed(second, "confirm", 1)) == (first == second)


def test_taken_seeds_are_left_out() -> None:
    """A seed that the search used is skipped, the order of the others kept."""
    three = distinct_seeds(0, "confirm", 3)
    assert distinct_seeds(0, "confirm", 2, taken=three[:1]) == three[1:]


def test_an_arm_with_nothing_to_search_goes_straight_to_confirm(study_text: str) -> None:
    """It costs no search runs."""
    text = study_text.replace("beta2: {choices: [0.9, 0.999]}", "beta2: 0.9")
    plan = plan_study(parse_study(text, "s.yaml", ("arms.adam.lr=0.001",)))
    assert [(arm.search_runs, arm.confirm_runs) for arm in plan.arms] == [(4, 3), (0, 3)]


def test_a_grid_runs_every_point_with_every_seed(study_text: str) -> None:
    """2 x 3 points and 2 seeds are 12 runs."""
    text = study_text.replace(
        "trials: 4, early_stopping: {grace_epochs: 1, reduction_factor: 3}", "sampler: grid, seeds: 2"
    )
    text = text.replace("{low: 1e-3, high: 1.0, log: true}", "{grid: [0.1, 1.0]}")
    text = text.replace("{low: 0.0, high: 0.9}", "{grid: [0.0, 0.5, 0.9]}")
    plan = plan_study(parse_study(text, "s.yaml", ("arms.adam.lr=0.001",)))
    assert [arm.search_runs for arm in plan.arms] == [12, 4]


def test_the_preview_tells_runs_and_steps(study_text: str) -> None:
    """54,000 training images in batches of 500 are 108 steps, nine epochs 972."""
    text = preview(parse_study(study_text, "s.yaml"), FASHION_MNIST)
    assert "arm sgd: 4 search runs, 3 confirm runs" in text
    assert "9 epochs of 108 steps = 972 steps" in text
    assert "lr from 0.001 to 1, log scale" in text


def test_the_preview_of_a_batch_size_that_every_branch_gives(study_text: str) -> None:
    """A size that the branches overrule is no size of a run."""
    branches = "{one_of: {sgd: {lr: 0.1, batch_size: 5400}, adam: {lr: 0.1, batch_size: 5400}}}"
    study = parse_study(study_text, "s.yaml", (f"arms.sgd={{optimizer: {branches}}}",))
    assert "9 epochs of 10 steps = 90 steps" in preview(study, FASHION_MNIST)


def test_the_preview_of_a_run_that_ends_within_an_epoch(study_text: str) -> None:
    """1,000 steps of 108 an epoch."""
    text = preview(parse_study(study_text.replace("epochs: 9", "steps: 1000"), "s.yaml"), FASHION_MNIST)
    assert "a full run takes 1000 steps: 10 epochs of 108, the last one cut short" in text


def test_the_preview_reckons_with_the_split_that_is_made(study_text: str) -> None:
    """Of 150 images 7 % are 10.5 and give the even 10, so that 140 train: one more than a batch of 139."""
    study = parse_study(study_text, "s.yaml", ("recipe.val_fraction=0.07", "recipe.batch_size=139"))
    assert "9 epochs of 2 steps = 18 steps" in preview(
        study, DataFacts(n_train=150, shape=(1, 28, 28), class_sizes=(75, 75), n_outputs=10)
    )
