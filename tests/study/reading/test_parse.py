from pathlib import Path

import pytest

from harness.errors import StudyError
from harness.recipe.configuration import Configuration
from harness.recipe.optimizers import OPTIMIZERS
from harness.study.claim_kinds import KINDS
from harness.study.domains import Choices, OneOf, Range
from harness.study.reading.parse import load_study, parse_study


def problems_of(text: str, *overrides: str) -> list[str]:
    """Return the problem lines of a study that must be refused."""
    with pytest.raises(StudyError) as caught:
        parse_study(text, "s.yaml", overrides)
    return [line.strip() for line in str(caught.value).splitlines()[1:]]


def test_a_correct_study_becomes_arms_with_fixed_values_and_domains(study_text: str) -> None:
    """The shared recipe is merged into every arm; domains keep their kind."""
    study = parse_study(study_text, "s.yaml")
    sgd, adam = study.arms
    assert sgd.fixed == {
        "model": {"name": "fcn", "hidden": [8]},
        "optimizer": "sgd",
        "batch_size": 500,
        "epochs": 9,
    }
    assert isinstance(sgd.space["lr"], Range)
    assert isinstance(adam.space["beta2"], Choices)
    assert study.search.mode == "min"


def test_five_different_mistakes_are_told_at_once_with_their_lines(study_text: str) -> None:
    """Each problem has file:line, the field's path, the value, the rule, and the nearest name."""
    text = (
        study_text.replace("batch_size: 500", "batchsize: 500")
        .replace("optimizer: adam", "optimizer: adem")
        .replace("high: 0.9}", "high: 1.9}")
        .replace("low: 1e-5", "low: 0")
        .replace("arm: adam", "arm: adm")
    )
    optimizers = ", ".join(OPTIMIZERS)
    fields = ", ".join(Configuration.model_fields)
    assert problems_of(text) == [
        f"s.yaml:5: recipe.batchsize: unknown field. Did you mean 'batch_size'? Valid: {fields}",
        "s.yaml:11: arms.sgd.momentum.high: must be below 1.0, but is 1.9",
        f"s.yaml:13: arms.adam.optimizer: 'adem' is not known. Did you mean 'adam'? Valid: {optimizers}",
        "s.yaml:14: arms.adam.lr.low: must be above 0.0, but is 0",
        "s.yaml:19: claims.0.better.arm: there is no arm 'adm'. Did you mean 'adam'? Valid: sgd, adam",
    ]


@pytest.mark.parametrize(
    ("old", "new", "told"),
    [
        ("low: 1e-3, high: 1.0", "low: 1.0, high: 1e-3", "arms.sgd.lr: low must be below high"),
        (
            "momentum: {low: 0.0, high: 0.9}",
            "beta1: 0.5",
            "arms.sgd.beta1: arm sgd uses sgd, which has no beta1",
        ),
        ("trials: 4", "trials: 0", "search.trials: must be at least 1, but is 0"),
        ("trials: 4", "trials: 4, mode: max", "mode: max would select the worst val_loss"),
        ("trials: 4", "trials: 4, seeds: 2", "seeds above 1 go with sampler: grid"),
        ("{trials: 4,", "{sampler: grid,", "sampler: grid measures every point at full length"),
        ("study: small", "study: ../evil", "takes letters, digits, _ and - only"),
        ("batch_size: 500", 'batch_size: "500"', "recipe.batch_size: must be a whole number, but is '500'"),
        ("batch_size: 500", "batch_size: true", "recipe.batch_size: must be a whole number, but is true"),
        ("  epochs: 9\n", "", "arm sgd has no epochs. Remedy"),
        ("question: Does a small study work?\n", "", "question: this field is required"),
        ("arm: adam, than: sgd", "arm: sgd, than: sgd", "compares an arm with itself"),
        ("choices: [0.9, 0.999]", "choices: []", "must have at least 1 entry"),
        ("optimizer: sgd", "optimizer: {low: 1, high: 2}", "this field takes no range"),
        ("high: 0.9}", "high: 0.9}\n    nesterov: {choices: [true]}", "nesterov needs a momentum above 0"),
        (
            "search: {trials: 4, early_stopping: {grace_epochs: 1, reduction_factor: 3}}\n",
            "",
            "no search section",
        ),
        ("confirm: {seeds: 3}", "confirm: {seeds: 3}\nresources: {gpu: 1.5}", "only whole GPUs"),
    ],
)
def test_a_mistake_is_told_with_its_rule(study_text: str, old: str, new: str, told: str) -> None:
    """Every rule of study files, broken once."""
    assert old in study_text
    assert any(told in problem for problem in problems_of(study_text.replace(old, new)))


def test_one_mistake_hides_no_other_and_invents_none(study_text: str) -> None:
    """What only follows from another mistake is not told."""
    assert problems_of(study_text.replace("trials: 4", "trials: 0")) == [
        "s.yaml:16: search.trials: must be at least 1, but is 0"
    ]


def test_overrides_are_checked_like_the_file(study_text: str) -> None:
    """A bad `--set` is named as the place of its problem."""
    study = parse_study(study_text, "s.yaml", ("recipe.epochs=2", "search.trials=1", "arms.sgd.lr=0.1"))
    assert study.arms[0].max_epochs == 2
    assert study.arms[0].fixed["lr"] == 0.1
    assert problems_of(study_text, "recipe.epochs=0") == [
        "--set recipe.epochs=0: recipe.epochs: must be at least 1, but is 0"
    ]


def test_one_of_opens_a_space_inside_a_choice(study_text: str) -> None:
    """Each branch has its own fields; one that does not fit its optimizer is refused."""
    branches = "optimizer: {one_of: {sgd: {lr: 0.1}, adam: {lr: {low: 1e-4, high: 1e-2}, beta1: 0.8}}}"
    text = study_text.replace(
        "optimizer: adam\n    lr: {low: 1e-5, high: 1e-2, log: true}\n    beta2: {choices: [0.9, 0.999]}\n",
        f"{branches}\n",
    )
    domain = parse_study(text, "s.yaml").arms[1].space["optimizer"]
    assert isinstance(domain, OneOf)
    assert domain.branches["sgd"] == {"lr": 0.1}
    assert any(
        "sgd has no beta1" in p for p in problems_of(text.replace("sgd: {lr: 0.1}", "sgd: {beta1: 0.1}"))
    )


def test_for_each_makes_an_arm_a_value(study_text: str) -> None:
    """Several fields make every combination; names say which."""
    text = study_text.replace(
        "    optimizer: sgd\n", "    optimizer: sgd\n    for_each: {batch_size: [16, 64]}\n"
    )
    text = text.replace("than: sgd", "than: sgd@batch_size=16")
    names = [arm.name for arm in parse_study(text, "s.yaml").arms]
    assert names == ["sgd@batch_size=16", "sgd@batch_size=64", "adam"]


def test_a_grid_needs_the_grid_sampler_and_skips_confirm(study_text: str) -> None:
    """A response study measures every point and has no confirm phase unless asked."""
    text = study_text.replace("{low: 1e-3, high: 1.0, log: true}", "{grid: [0.1, 1.0]}")
    assert any("is a grid, but the sampler is tpe" in problem for problem in problems_of(text))
    grid = text.replace("momentum: {low: 0.0, high: 0.9}", "momentum: {grid: [0.0, 0.9]}")
    grid = grid.replace("{low: 1e-5, high: 1e-2, log: true}", "0.001")
    grid = grid.replace(
        "trials: 4, early_stopping: {grace_epochs: 1, reduction_factor: 3}", "sampler: grid, seeds: 2"
    )
    grid = grid.replace("confirm: {seeds: 3}\n", "")
    study = parse_study(grid, "s.yaml")
    assert study.confirm.seeds == 0
    assert study.early_stopping is None


@pytest.mark.parametrize(("end", "mark"), [("\r\n", ""), ("\r", ""), ("\n", "\ufeff")])
def test_the_text_is_kept_byte_for_byte(study_text: str, tmp_path: Path, end: str, mark: str) -> None:
    """Whatever ends its lines, and with the mark that some editors write first; lines count all the same."""
    path = tmp_path / "s.yaml"
    path.write_bytes(f"{mark}{study_text}".replace("\n", end).encode())
    study = load_study(path)
    copy = tmp_path / "study.yaml"
    copy.write_text(study.text, encoding="utf-8")
    assert copy.read_bytes() == path.read_bytes()
    (problem,) = problems_of(study.text.replace("seeds: 3", "seeds: x"))
    assert problem.startswith("s.yaml:17: confirm.seeds")


def test_a_missing_file_is_a_clear_error(tmp_path: Path) -> None:
    """The path, the reason and a remedy are told."""
    with pytest.raises(StudyError, match=r"nowhere\.yaml: cannot be read \(No such file or directory\)"):
        load_study(tmp_path / "nowhere.yaml")


@pytest.mark.parametrize(
    "path", sorted((Path(__file__).parents[3] / "search_spaces").glob("*.yaml")), ids=str
)
def test_every_shipped_study_is_correct(path: Path) -> None:
    """Each file parses, is named after its study, and names the schema and its command in the header."""
    study = load_study(path)
    assert study.name == path.stem
    header = path.read_text(encoding="utf-8").partition("\nstudy:")[0]
    assert "$schema=study.schema.json" in header
    assert f"python -m harness.sweep search_spaces/{path.name}" in header


@pytest.mark.parametrize(
    ("old", "new", "told"),
    [
        (
            "{name: fcn, hidden: [8]}",
            "{name: lenet}",
            "s.yaml:4: recipe.model: 'lenet' is not known. Did you mean 'lenet5'? Valid: fcn, lenet5,",
        ),
        (
            "{name: fcn, hidden: [8]}",
            "{name: lenet5, hidden: [8]}",
            "s.yaml:4: recipe.model.hidden: unknown field. Valid: name",
        ),
        ("{name: fcn, hidden: [8]}", "{hidden: [8]}", "s.yaml:4: recipe.model: must have 'name', but is {"),
        (
            "epochs: 9",
            "epochs: 9\n  init: kaimin_normal",
            "s.yaml:7: recipe.init: 'kaimin_normal' is not known. Did you mean 'kaiming_normal'?",
        ),
        (
            "epochs: 9",
            "epochs: 9\n  init: {normal: {std: 0}}",
            "s.yaml:7: recipe.init.normal.std: must be above 0.0, but is 0",
        ),
        (
            "epochs: 9",
            "epochs: 9\n  augment: flip",
            "s.yaml:7: recipe.augment: 'flip' is not known. Valid: none, or changes of images, such as {",
        ),
        (
            "epochs: 9",
            "epochs: 9\n  augment: {flip: true, shfit: 2}",
            "s.yaml:7: recipe.augment.shfit: unknown field. Did you mean 'shift'? Valid: flip, shift, cutout",
        ),
        (
            "epochs: 9",
            "epochs: 9\n  augment: {choices: [none, {flip: true}, {shift: -1}]}",
            "s.yaml:7: recipe.augment.choices.2.shift: must be at least 0, but is -1",
        ),
        (
            "epochs: 9",
            "epochs: 9\n  augment: {flip: 1}",
            "s.yaml:7: recipe.augment.flip: must be true or false, but is 1",
        ),
        (
            "epochs: 9",
            "epochs: 9\n  augment: {shift: {choices: [1, 2.5]}}",
            "s.yaml:7: recipe.augment.shift.choices.1: must be a whole number, but is 2.5",
        ),
        (
            "epochs: 9",
            "epochs: 9\n  dataset: fashion_mist",
            "s.yaml:7: recipe.dataset: 'fashion_mist' is not known. Did you mean 'fashion_mnist'?",
        ),
        (
            "epochs: 9",
            "epochs: 9\n  batch_norm: hiden\n  batch_norm_eps: 0.1",
            "s.yaml:7: recipe.batch_norm: 'hiden' is not known. Did you mean 'hidden'?",
        ),
    ],
)
def test_a_wrong_choice_is_told_once_with_the_nearest_right_one(
    study_text: str, old: str, new: str, told: str
) -> None:
    """One problem, whatever the ways in which a field may be written."""
    (problem,) = problems_of(study_text.replace(old, new))
    assert problem.startswith(told)


@pytest.mark.parametrize(
    ("new", "told"),
    [
        (
            "batch_norm_eps: 1e-3",
            "arm sgd uses batch_norm: none and input_norm: standardize, which have no batch_norm_eps",
        ),
        (
            "batch_norm_eps: 1e-3\n  batch_norm: {choices: [hidden, none]}",
            "arm sgd uses batch_norm: none and input_norm: standardize, which have no batch_norm_eps",
        ),
        (
            "lr_schedule: one_cycle\n  warmup_epochs: 1",
            "arm sgd uses lr_schedule: one_cycle, which has no warmup_epochs. Valid: lr_pct_start",
        ),
        (
            "lr_schedule: {one_of: {cosine: {lr_gamma: 0.1}, constant: }}",
            "recipe.lr_schedule.one_of.cosine.lr_gamma: lr_schedule: cosine has no lr_gamma",
        ),
        ("lr_schedule: step", "lr_schedule: step needs lr_step_epochs, which has no default"),
        ("steps: 900", "recipe.steps: arm sgd has both epochs and steps. Leave one out"),
    ],
)
def test_a_field_that_not_every_choice_reads_is_told(study_text: str, new: str, told: str) -> None:
    """With the choice that does not read it."""
    problems = problems_of(study_text.replace("epochs: 9", f"epochs: 9\n  {new}"))
    assert any(told in problem for problem in problems)


@pytest.mark.parametrize(
    "new",
    [
        "input_norm: batch_norm\n  batch_norm: {choices: [none, hidden]}\n  batch_norm_eps: 1e-3",
        "lr_schedule: {one_of: {cosine: {lr_min_factor: 0.1}, step: {lr_step_epochs: 3}, constant: }}",
        "init: {choices: [default, orthogonal, {normal: {std: 0.01}}]}",
        "clip_norm: null\n  lr_schedule: linear\n  warmup_epochs: {low: 0.0, high: 2.0}",
        "model: {choices: [{name: fcn, hidden: [5]}, {name: lenet5}]}",
        "augment: {choices: [none, {flip: true}, {flip: true, shift: 2}]}",
        "augment: {flip: true, shift: {choices: [0, 2]}, cutout: {low: 1, high: 9}}",
    ],
)
def test_fields_that_every_choice_reads_are_taken(study_text: str, new: str) -> None:
    """In ranges, choices and branches."""
    text = study_text.replace("epochs: 9", f"epochs: 9\n  {new}")
    if new.startswith("model"):
        text = text.replace("  model: {name: fcn, hidden: [8]}\n", "")
    assert len(parse_study(text, "s.yaml").arms) == 2


@pytest.mark.parametrize(
    ("new", "longest", "fixed"),
    [
        ("steps: 218", 3, 3),
        ("steps: {choices: [109, 218]}", 3, None),
        ("steps: 100\n  val_fraction: 0.9", 9, 9),
        ("epochs: {low: 3, high: 7}", 7, None),
        ("epochs: 9", 9, 9),
    ],
)
def test_an_arm_knows_its_longest_run(study_text: str, new: str, longest: int, fixed: int | None) -> None:
    """Batches of 500 make 108 steps of 54,000 images, and 12 of 6,000."""
    arm = parse_study(study_text.replace("epochs: 9", new), "s.yaml").arms[0]
    assert (arm.longest_epochs, arm.max_epochs) == (longest, fixed)


@pytest.mark.parametrize(
    ("each", "names"),
    [
        ("model: [{name: fcn}, {name: lenet5}]", ["a@model=fcn", "a@model=lenet5"]),
        (
            "model: [{name: fcn, hidden: [5]}, {name: fcn, hidden: [6, 7]}, {name: lenet5}]",
            ["a@model=name:fcn,hidden:[5]", "a@model=name:fcn,hidden:[6,7]", "a@model=lenet5"],
        ),
        ("init: [default, {normal: {std: 0.1}}]", ["a@init=default", "a@init=normal"]),
        (
            "init: [{normal: {std: 0.1}}, {normal: {std: 0.2}}]",
            ["a@init=normal:std:0.1", "a@init=normal:std:0.2"],
        ),
        (
            "augment: [none, {flip: true}, {flip: true, shift: 2}]",
            ["a@augment=none", "a@augment=flip", "a@augment=flip+shift2"],
        ),
    ],
)
def test_for_each_names_structured_values_so_that_arms_differ(
    study_text: str, each: str, names: list[str]
) -> None:
    """By their name where that is enough, else spelled out."""
    text = f"{study_text.partition('arms:')[0]}arms:\n  a: {{optimizer: sgd, for_each: {{{each}}}}}\n"
    assert [arm.name for arm in parse_study(text, "s.yaml").arms] == names


CLAIM = "  - {says: Adam is better., better: {arm: adam, than: sgd, metric: test_accuracy}}\n"


@pytest.mark.parametrize(
    ("claim", "told"),
    [
        ("{says: x}", "claims.0: a claim has exactly one of better, best, equal, faster, diverges"),
        (
            "{says: x, diverges: {arm: sgd}, best: {arm: sgd, metric: test_loss}}",
            "but this one has best and diverges",
        ),
        (
            "{says: x, bettr: {arm: sgd, than: adam, metric: test_loss}}",
            "unknown field. Did you mean 'better'?",
        ),
        ("{says: x, best: {arm: sg, metric: test_loss}}", "claims.0.best.arm: there is no arm 'sg'"),
        (
            "{says: x, equal: {arms: [sgd, sgd], metric: test_accuracy}}",
            "claims.0.equal.arms: names an arm twice",
        ),
        (
            "{says: x, equal: {arms: [sgd, adm], metric: test_accuracy}}",
            "claims.0.equal.arms.1: there is no arm",
        ),
        ("{says: x, equal: {arms: [sgd, adam], metric: test_loss}}", "test_loss has no default region"),
        (
            "{says: x, faster: {arm: sgd, than: adam, metric: seconds_to}}",
            "metric: seconds_to needs a target",
        ),
        (
            "{says: x, faster: {arm: sgd, than: adam, target: {val_loss: 0.4}}}",
            "metric: train_seconds has no target",
        ),
        (
            "{says: x, faster: {arm: sgd, than: adam, metric: epochs_to, target: {}}}",
            "name exactly one metric of the study",
        ),
        (
            "{says: x, best: {arm: sgd, metric: test_los}}",
            "claims.0.best.metric: 'test_los' is not known. Did you mean 'test_loss'? Valid: train_accuracy,",
        ),
        (
            "{says: x, trend: {arm: sgd, over: lr, metric: seconds_to, direction: rises}}",
            "claims.0.trend.metric: 'seconds_to' is not known",
        ),
        (
            "{says: x, faster: {arm: sgd, than: adam, metric: epochs_to, target: {test_loss: 1}}}",
            "claims.0.faster.target.test_loss: 'test_loss' is not known. Did you mean 'train_loss'?",
        ),
        ("{says: x, diverges: {arm: sgd, more_than: 1}}", "more_than: must be below 1.0, but is 1"),
        ("{says: x, diverges: {arm: sgd}, region: 0.1}", "diverges has no region of equivalence"),
        (
            "{says: x, optimum: {arm: sgd, field: rate, at: 1, metric: val_loss}}",
            "there is no recipe field 'rate'",
        ),
        (
            "{says: x, optimum: {arm: sgd, field: lr, metric: val_loss}}",
            "give either at, one value of the field",
        ),
        (
            "{says: x, optimum: {arm: sgd, field: lr, between: [1, 0.1], metric: val_loss}}",
            "between must go from low to high",
        ),
        (
            "{says: x, trend: {over: lr, metric: val_loss, direction: rises}}",
            "give either arm (a grid or a template)",
        ),
        (
            "{says: x, trend: {arm: t, over: lr, metric: val_loss, direction: rises}}",
            "claims.0.trend.arm: there is no arm 't'",
        ),
        (
            "{says: x, reaches: {arm: adm, metric: test_accuracy, at_least: 0.9}}",
            "claims.0.reaches.arm: there is no arm 'adm'. Did you mean 'adam'?",
        ),
        ("{says: x, reaches: {arm: adam, metric: test_accuracy}}", "give either at_least (where higher"),
        (
            "{says: x, reaches: {arm: adam, metric: test_accuracy, at_least: 0.9, at_most: 0.95}}",
            "give either at_least (where higher",
        ),
        (
            "{says: x, reaches: {arm: adam, metric: test_accuracy, at_least: 90}}",
            "must lie above 0 and below 1 to be told from a mean accuracy, but is 90. Remedy: at_least: 0.9",
        ),
        (
            "{says: x, optimum: {arm: sgd, field: lr, between: [0.1, .inf], metric: val_loss}}",
            "claims.0.optimum.between.1: must be a finite number, but is inf",
        ),
        (
            "{says: x, optimum: {arm: sgd, field: lr, at: .nan, metric: val_loss}}",
            "claims.0.optimum.at: must be a finite number, but is nan",
        ),
        (
            "{says: x, diverges: {arm: sgd, at: {lr: .inf}}}",
            "claims.0.diverges.at.lr: must be a finite number, but is inf",
        ),
        (
            "{says: x, faster: {arm: sgd, than: adam, metric: epochs_to, target: {val_loss: .nan}}}",
            "claims.0.faster.target.val_loss: must be a finite number, but is nan",
        ),
        (
            "{says: x, diverges: {arm: sgd, at: {lrr: 0.5}}}",
            "claims.0.diverges.at.lrr: there is no recipe field 'lrr'. Did you mean 'lr'?",
        ),
        (
            "{says: x, diverges: {arm: sgd, at: {lr: 5}}}",
            "claims.0.diverges.at.lr: arm sgd has no lr 5.0. Valid: {low: 0.001, high: 1.0, log: true}",
        ),
        (
            "{says: x, diverges: {arm: sgd, at: {optimizer: adam}}}",
            "claims.0.diverges.at.optimizer: arm sgd has no optimizer adam. Valid: sgd",
        ),
        (
            "{says: x, optimum: {arm: adam, field: beta2, at: 0.95, metric: val_loss}}",
            "claims.0.optimum.at: arm adam has no beta2 0.95. Valid: 0.9, 0.999",
        ),
        (
            "{says: x, optimum: {arm: adam, field: beta2, between: [0.91, 0.99], metric: val_loss}}",
            "claims.0.optimum.between: arm adam has no beta2 between 0.91 and 0.99. Valid: 0.9, 0.999",
        ),
        (
            "{says: x, optimum: {arm: adam, field: batch_size, at: 500, metric: val_loss}}",
            "claims.0.optimum.field: arm adam has the same batch_size in every run. Valid: lr, beta2",
        ),
        (
            "{says: x, trend: {arm: sgd, over: dropout, metric: val_loss, direction: rises}}",
            "claims.0.trend.over: arm sgd has the same dropout in every run. Valid: lr, momentum",
        ),
        (
            "{says: x, reaches: {arm: adam, metric: test_loss, at_least: 0.3}}",
            "claims.0.reaches.at_least: of test_loss lower values are better. Remedy: at_most: 0.3",
        ),
        (
            "{says: x, reaches: {arm: adam, metric: test_accuracy, at_most: 0.3}}",
            "claims.0.reaches.at_most: of test_accuracy higher values are better. Remedy: at_least: 0.3",
        ),
        (
            "{says: x, reaches: {arm: adam, metric: train_seconds, at_most: 60}}",
            "claims.0.reaches.metric: 'train_seconds' is not known",
        ),
        (
            "{says: x, region: 0.01, reaches: {arm: adam, metric: test_accuracy, at_least: 0.9}}",
            "reaches has no region of equivalence",
        ),
    ],
)
def test_a_claim_that_cannot_be_meant_is_told(study_text: str, claim: str, told: str) -> None:
    """Every rule of claims, broken once, in one line."""
    problems = problems_of(study_text.replace(CLAIM, f"  - {claim}\n"))
    assert len(problems) == 1
    assert told in problems[0]


@pytest.mark.parametrize(
    ("field", "domain", "claim", "is_had"),
    [
        ("batch_size", "{low: 16, high: 64, step: 16}", "diverges: {arm: adam, at: {batch_size: 33}}", False),
        ("batch_size", "{low: 16, high: 64, step: 16}", "diverges: {arm: adam, at: {batch_size: 48}}", True),
        ("batch_size", "{low: 16, high: 64}", "diverges: {arm: adam, at: {batch_size: 16.5}}", False),
        ("batch_size", "{low: 16, high: 64}", "diverges: {arm: adam, at: {batch_size: 33}}", True),
        ("batch_size", "{low: 16, high: 64, step: 16}", "optimum: {between: [33, 40]}", False),
        ("batch_size", "{low: 16, high: 64, step: 16}", "optimum: {between: [40, 48]}", True),
        ("batch_size", "{low: 16, high: 64}", "optimum: {between: [20.2, 20.8]}", False),
        ("dropout", "{low: 0.0, high: 0.5, step: 0.1}", "optimum: {between: [0.25, 0.3]}", True),
    ],
)
def test_a_claim_is_about_a_value_that_a_range_has(
    study_text: str, field: str, domain: str, claim: str, *, is_had: bool
) -> None:
    """On its steps, and whole where the field is."""
    claim = claim.replace("{between", f"{{arm: adam, field: {field}, metric: val_loss, between")
    own = {"batch_size": 500} | {field: domain}
    given = "".join(f"  {name}: {value}\n" for name, value in own.items())
    text = study_text.replace("  batch_size: 500\n", given)
    text = text.replace(CLAIM, f"  - {{says: x, {claim}}}\n")
    told = f"arm adam has no {field} "
    if is_had:
        assert parse_study(text, "s.yaml").claims
    else:
        assert [told in problem for problem in problems_of(text)] == [True]


def test_every_kind_of_claim_is_read(study_text: str) -> None:
    """One of each, with templates where several arms are meant; regions come from the study or the claim."""
    text = study_text.replace(
        "    optimizer: adam\n", "    optimizer: adam\n    for_each: {batch_size: [16, 64, 256]}\n"
    )
    text = (
        text.partition("claims:")[0]
        + """\
region: {test_accuracy: 0.005}
claims:
  - {says: a, better: {arm: sgd, than: adam@batch_size=16, metric: test_accuracy}}
  - {says: b, best: {arm: sgd, metric: test_loss}}
  - {says: c, equal: {arms: [sgd, adam@batch_size=64], metric: test_accuracy}, region: 0.01, source: someone}
  - {says: d, faster: {arm: sgd, than: adam@batch_size=16, metric: seconds_to, target: {val_accuracy: 0.8}}}
  - {says: e, diverges: {arm: sgd, at: {lr: 1, nesterov: true, optimizer: sgd}}}
  - {says: f, optimum: {arm: adam, field: batch_size, between: [16, 64], metric: test_accuracy}}
  - {says: g, trend: {arm: adam, over: batch_size, metric: epoch_seconds, direction: falls}}
  - {says: h, monotone: {arm: adam, over: batch_size, metric: test_accuracy, direction: falls}}
  - {says: i, reaches: {arm: sgd, metric: test_accuracy, at_least: 0.9}}
"""
    )
    claims = parse_study(text, "s.yaml").claims
    assert [claim.kind for claim in claims] == list(KINDS)
    assert [claim.region for claim in claims] == [0.005, None, 0.01, *[None] * 6]
    assert claims[4].diverges is not None
    assert claims[4].diverges.at == {"lr": 1.0, "nesterov": True, "optimizer": "sgd"}


def test_each_claim_keeps_its_line_when_others_are_wrong(study_text: str) -> None:
    """Three mistakes in five claims: each is told at its own place, the sound ones at none."""
    claims = [
        "{says: a, better: {arm: adam, than: sgd, metric: test_accuracy}}",
        "{better: {arm: adam, than: sgd, metric: test_accuracy}}",
        "{says: c}",
        "{says: d, best: {arm: sgd, metric: test_loss}}",
        "{says: e, better: {arm: adam, than: sdg, metric: test_accuracy}}",
    ]
    text = study_text.replace(CLAIM, "".join(f"  - {claim}\n" for claim in claims))
    found = [problem.partition(": ")[2].partition(": ")[0] for problem in problems_of(text)]
    assert found == ["claims.1.says", "claims.2", "claims.4.better.than"]


def test_the_baseline_is_an_arm(study_text: str) -> None:
    """A study may name the arm that the others are compared with; a wrong name is told with the nearest."""
    assert parse_study(study_text, "s.yaml").baseline is None
    assert parse_study(f"{study_text}baseline: sgd\n", "s.yaml").baseline == "sgd"
    (problem,) = problems_of(f"{study_text}baseline: sgdd\n")
    assert "baseline: there is no arm 'sgdd'. Did you mean 'sgd'? Valid: sgd, adam" in problem


def test_published_values_are_read(study_text: str) -> None:
    """One run or several an arm; a value may carry a note; the manifest's form has a list of runs."""
    text = (
        study_text
        + """\
published:
  sgd: {source: study A, test_accuracy: 0.8603, train_loss: {value: 0.2811, note: last mini-batch}}
  adam:
    - {source: study A, test_accuracy: 0.8841}
    - {source: notebook, note: second run, at: {lr: 8e-5}, test_accuracy: 0.8846}
"""
    )
    published = parse_study(text, "s.yaml").published
    assert {arm: [run.model_dump() for run in runs] for arm, runs in published.items()} == {
        "sgd": [
            {
                "source": "study A",
                "note": None,
                "at": None,
                "values": {"train_loss": 0.2811, "test_accuracy": 0.8603},
                "notes": {"train_loss": "last mini-batch"},
            }
        ],
        "adam": [
            {"source": "study A", "note": None, "at": None, "values": {"test_accuracy": 0.8841}, "notes": {}},
            {
                "source": "notebook",
                "note": "second run",
                "at": {"lr": 8e-5},
                "values": {"test_accuracy": 0.8846},
                "notes": {},
            },
        ],
    }


@pytest.mark.parametrize(
    ("published", "told"),
    [
        ("sgd: {test_accuracy: 0.9}", "published.sgd.source: this field is required"),
        ("sgd: {source: x}", "published.sgd: holds no value. Valid: train_loss"),
        (
            "sgd: [{source: x, metrics: {test_acuracy: 1}}]",
            "sgd.0.metrics.test_acuracy: 'test_acuracy' is not known. Did you mean 'test_accuracy'?",
        ),
        ("sgd: {source: x, test_acc: 0.9}", "unknown field. Did you mean 'test_accuracy'?"),
        ("sgd: {source: x, test_loss: a}", "published.sgd.test_loss: must be a number, but is 'a'"),
        ("sgd: {source: x, test_loss: {value: 1}}", "published.sgd.test_loss.note: this field is required"),
        ("sgd: []", "must have at least 1 entry"),
        ("sgd: {source: x, test_loss: 1, at: {rl: 1}}", "published.sgd.at.rl: there is no recipe field 'rl'"),
        ("sgdd: {source: x, test_loss: 1}", "published.sgdd: there is no arm 'sgdd'. Did you mean 'sgd'?"),
    ],
)
def test_a_mistake_in_published_values_is_told(study_text: str, published: str, told: str) -> None:
    """Sources are required, names are those of the runs' columns."""
    problems = problems_of(f"{study_text}published:\n  {published}\n")
    assert len(problems) == 1
    assert told in problems[0]
