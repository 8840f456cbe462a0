"""Whatever study passes the checks before the start takes a step, at any point that its search can reach."""

import json
from collections.abc import Mapping
from typing import Any

import optuna
import torch
from hypothesis import HealthCheck, event, given, settings
from hypothesis import strategies as st

from harness.errors import StudyError
from harness.recipe.data import DataFacts
from harness.study.feasible import check_feasible
from harness.study.reading.parse import parse_study
from harness.study.study import Study
from harness.training.data.arrays import Samples
from harness.training.setup import set_up_run
from harness.training.step import take_step
from harness.tuning.space import suggest

TRIALS = 3
"""Points of each arm that take a step."""


def listed(values: st.SearchStrategy[Any]) -> st.SearchStrategy[Any]:
    """Return a value, or choices of some."""
    several = st.lists(values, min_size=1, max_size=3).map(lambda some: {"choices": some})
    return st.one_of(values, several)


def ranged(low: int, high: int) -> st.SearchStrategy[Any]:
    """Return a whole number, choices, or a range with steps or without."""
    number, width = st.integers(low, high), st.integers(1, 6)
    whole = st.builds(lambda start, size: {"low": start, "high": start + size}, number, width)
    stepped = st.builds(
        lambda start, step, count: {"low": start, "high": start + step * count, "step": step},
        number, width, st.integers(1, 4),
    )  # fmt: skip
    return st.one_of(listed(number), whole, stepped)


MODELS = st.sampled_from([{"name": "fcn", "hidden": [3]}, {"name": "lenet5"}, {"name": "simple_cnn"}])
NESTEROV = st.fixed_dictionaries(
    {"momentum": listed(st.sampled_from([0.9, 0.5, 0.0])), "nesterov": listed(st.booleans())},
    optional={"dampening": listed(st.sampled_from([0.0, 0.5]))},
)
SGD = st.one_of(NESTEROV, st.just({}), st.just({"momentum": {"low": 0.0, "high": 0.9}, "dampening": 0.5}))
SIZES: dict[str, st.SearchStrategy[Any]] = {
    "batch_norm": listed(st.sampled_from(["none", "hidden", "after_activation"])),
    "batch_size": ranged(1, 40),
}
AUGMENT = st.fixed_dictionaries(
    {}, optional={"flip": st.booleans(), "shift": st.integers(0, 18), "cutout": st.integers(0, 18)}
)
SEARCHED = st.fixed_dictionaries(
    {}, optional={"flip": listed(st.booleans()), "shift": ranged(0, 14), "cutout": listed(st.integers(0, 16))}
)
ANY = st.fixed_dictionaries(
    {},
    optional={
        "warmup_epochs": listed(st.sampled_from([0.0, 0.5, 2.0])),
        "dropout": listed(st.just(0.5)),
        "model": listed(MODELS),
        "augment": st.one_of(listed(st.just("none") | AUGMENT), SEARCHED),
    },
)
BRANCH = st.fixed_dictionaries(SIZES)
ARMS = st.one_of(
    st.builds(lambda sgd, sizes: {"optimizer": "sgd", **sgd, **sizes}, SGD, BRANCH),
    BRANCH.map(lambda sizes: {"optimizer": {"choices": ["adam", "rmsprop"]}, **sizes}),
    st.builds(
        lambda sgd, sizes, others: {"optimizer": {"one_of": {"sgd": {**sgd, **sizes}, "adam": others}}},
        SGD, BRANCH, BRANCH,
    ),
)  # fmt: skip
RECIPES = st.fixed_dictionaries(
    {
        "model": st.just({"name": "fcn", "hidden": [3]}),
        "epochs": listed(st.integers(1, 3)),
        "lr": st.sampled_from([0.01, {"low": 0.001, "high": 0.1, "log": True}]),
        "val_fraction": st.sampled_from([0.1, 0.2, 0.35]),
    }
)
IMAGES = st.tuples(st.sampled_from([12, 16, 17]), st.lists(st.integers(4, 25), min_size=2, max_size=3))
"""Pixels a side, and images of each class."""


def labelled(side: int, sizes: list[int]) -> Samples:
    """Return noise of so many images a class."""
    pixels = torch.randint(0, 256, (sum(sizes), 1, side, side), generator=torch.Generator().manual_seed(0))
    labels = torch.repeat_interleave(torch.arange(len(sizes)), torch.tensor(sizes))
    return Samples(inputs=pixels.to(torch.uint8), targets=labels)


def study_text(recipe: Mapping[str, Any], arm: Mapping[str, Any]) -> str:
    """Return a study file; JSON is YAML."""
    whole = {
        "study": "s", "question": "q", "recipe": recipe, "arms": {"a": arm}, "search": {"trials": TRIALS}
    }  # fmt: skip
    return json.dumps(whole)


@settings(max_examples=100, suppress_health_check=[HealthCheck.too_slow, HealthCheck.filter_too_much])
@given(recipe=RECIPES, arm=ARMS, own=ANY, images=IMAGES, seed=st.integers(0, 2**32 - 1))
def test_what_passes_the_checks_trains(
    recipe: dict[str, Any], arm: dict[str, Any], own: dict[str, Any], images: Any, seed: int
) -> None:
    """An epoch with its last batch, wherever a random search goes: no rule is met first in a run."""
    side, sizes = images
    try:
        study = parse_study(study_text(recipe, {**arm, **own}), "s.yaml")
        n_train, n_outputs = sum(sizes), len(sizes)
        shape, class_sizes = (1, side, side), tuple(sizes)
        facts = DataFacts(n_train=n_train, shape=shape, class_sizes=class_sizes, n_outputs=n_outputs)
        check_feasible(study, facts)
    except StudyError:
        event("refused")
        return
    event("trains")
    check_trains(study, labelled(side, sizes), seed)


def check_trains(study: Study, data: Samples, seed: int) -> None:
    """Take the first and the last step of an epoch at points that a random search goes to."""
    sampler = optuna.samplers.RandomSampler(seed=seed)
    optuna.logging.set_verbosity(optuna.logging.ERROR)
    trials = optuna.create_study(sampler=sampler)
    for _ in range(TRIALS):
        contestant = study.arms[0]
        configuration = contestant.configuration(suggest(trials.ask(), contestant.space))
        setup = set_up_run(configuration, seed, data)
        setup.predictor.model.train()
        first, *_, last = (batches := list(setup.batches())) + batches
        for batch in (first, last):
            take_step(setup, data, batch, setup.lr_of_step(0))


@settings(max_examples=30, suppress_health_check=[HealthCheck.too_slow, HealthCheck.filter_too_much])
@given(
    norm=listed(st.sampled_from(["batch_norm", "standardize", "none"])),
    batch_size=ranged(1, 12),
    n_train=st.integers(10, 30),
    seed=st.integers(0, 2**32 - 1),
)
def test_a_table_that_passes_the_checks_trains(norm: Any, batch_size: Any, n_train: int, seed: int) -> None:
    """Its BatchNorm is of single features, so that it too needs two samples a batch."""
    model = {"name": "fcn", "hidden": [3]}
    recipe = {"model": model, "epochs": 1, "loss": "mse", "optimizer": "sgd", "lr": 0.01}
    facts = DataFacts(n_train=n_train, shape=(3,), n_outputs=1, kind="table", is_bytes=False)
    try:
        study = parse_study(study_text(recipe, {"input_norm": norm, "batch_size": batch_size}), "s.yaml")
        check_feasible(study, facts)
    except StudyError:
        event("refused")
        return
    event("trains")
    values = torch.rand((n_train, 4), generator=torch.Generator().manual_seed(0))
    check_trains(study, Samples(inputs=values[:, :3], targets=values[:, 3:], kind="table"), seed)
