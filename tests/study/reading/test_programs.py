"""Study files of programs, and start points: what they become, and what is wrong with them."""

from typing import Any

import pytest

from harness.errors import StudyError
from harness.study.domains import Choices, Range
from harness.study.reading.parse import parse_study
from harness.study.study import Study

_TRIAL = """
study: program
question: Which width?
trial:
  command: [python, train.py, "--lr={lr}", "--width={width}", "--seed={seed}", "{epochs}"]
  epochs: 10
  timeout_minutes: 30
  inputs: [data/]
  metrics: {accuracy: {better: higher, scale: 100, unit: pp, region: 0.002}}
"""

_SEARCH = "search: {trials: 4, metric: val_accuracy}\n"

_SMALL = "  small: {parameters: {lr: {low: 1e-4, high: 1e-1, log: true}, width: 8}}\n"


def _parsed(arms: str, search: str = _SEARCH, trial: str = _TRIAL, **settings: Any) -> Study:
    overrides = tuple(f"{key.replace('__', '.')}={value}" for key, value in settings.items())
    return parse_study(f"{trial}arms:\n{arms}{search}", "study.yaml", overrides)


def _problem(arms: str, search: str = _SEARCH, trial: str = _TRIAL) -> str:
    with pytest.raises(StudyError) as error:
        _parsed(arms, search, trial)
    head, *problems = str(error.value).splitlines()
    assert "1 problem" in head, problems
    return problems[0].strip()


def test_parameters_of_any_name_become_values_and_domains() -> None:
    """Numbers of both kinds make a range of fractions; a run has the epochs of the trial beside them."""
    study = _parsed(
        "  one: {parameters: {lr: {low: 1e-4, high: 1, log: true}, width: {choices: [8, wide]}}}\n"
    )
    (arm,) = study.arms
    assert arm.space == {
        "lr": Range(low=1e-4, high=1.0, log=True),
        "width": Choices(choices=[8, "wide"]),
    }
    assert arm.longest_epochs == 10
    assert arm.run_configuration({"lr": 0.5, "width": 8}) == {"epochs": 10, "lr": 0.5, "width": 8}
    assert study.trial is not None
    assert study.trial.timeout_minutes == 30


def test_the_declared_metric_selects_and_its_direction_counts() -> None:
    """Without `search.metric` too."""
    study = _parsed(_SMALL, "search: {trials: 4}\n")
    assert (study.search.metric, study.search.mode) == ("val_accuracy", "max")


def test_arms_are_made_from_lists_of_parameters() -> None:
    """As `for_each` does with recipe fields."""
    study = _parsed("  some: {parameters: {lr: 0.1}, for_each: {parameters: {width: [8, 16]}}}\n", "")
    assert [(arm.name, arm.fixed["width"]) for arm in study.arms] == [
        ("some@width=8", 8),
        ("some@width=16", 16),
    ]


def test_a_branch_may_give_what_the_command_takes() -> None:
    """Where every branch gives it."""
    arm = "  one: {parameters: {width: {one_of: {thin: {lr: 0.1}, wide: {lr: {low: 0.1, high: 1}}}}}}\n"
    assert _parsed(arm).arms[0].values_of("lr") == [0.1, 0.1, 1.0]


def test_overrides_reach_trial_and_parameters() -> None:
    """By their dotted keys."""
    study = _parsed(_SMALL, trial__epochs=3, arms__small__parameters__width=32)
    assert study.arms[0].fixed == {"width": 32, "epochs": 3}


@pytest.mark.parametrize(
    ("parameters", "problem"),
    [
        (
            "lr: 0.1",
            "5: trial.command.3: {width}: arm a cannot fill it, width is no parameter of it. Valid: lr",
        ),
        (
            "lr: 1, width: 8, drop: 2",
            "11: arms.a.parameters.drop: no word of trial.command takes drop of arm a",
        ),
        (
            "width: {one_of: {wide: {lr: 0.2}, deep: {}}}",
            "5: trial.command.2: {lr}: arm a cannot fill it, lr is given in some branches only.",
        ),
        (
            "lr: .nan, width: 8",
            "11: arms.a.parameters.lr: must be a finite number, text, true, false or a list",
        ),
        (
            "lr: {lo: 1}, width: 8",
            "11: arms.a.parameters.lr: must be a finite number, text, true, false or a",
        ),
        (
            "lr: {low: no, high: 1}, width: 8",
            "11: arms.a.parameters.lr.low: must be a finite number, but is 'no'",
        ),
        (
            "lr: {low: 0, high: 0.5, log: true}, width: 8",
            "11: arms.a.parameters.lr: a log range needs low above",
        ),
        (
            "lr: 1, width: 8, seed: 3",
            "11: arms.a.parameters.seed: seed is what every run has anyway: {seed}",
        ),
        (
            "lr: 1, width: 8, B: 3",
            "11: arms.a.parameters.B: 'B': a parameter takes letters, digits and _, a small",
        ),
        (
            "lr: 18446744073709551615, width: 8",
            "11: arms.a.parameters.lr: a whole number lies between -2^63 and 2^63 - 1, but this is 1844",
        ),
        (
            "lr: [0.1, [-9223372036854775809]], width: 8",
            "11: arms.a.parameters.lr: a whole number lies between -2^63 and 2^63 - 1, but this is -9223",
        ),
        (
            "lr: {low: 1, high: 9223372036854775808}, width: 8",
            "11: arms.a.parameters.lr.high: a whole number lies between -2^63 and 2^63 - 1",
        ),
        (
            f"lr: {{low: 1, high: 1{'0' * 400}}}, width: 8",
            "11: arms.a.parameters.lr.high: this number is too large: 308 digits are the most",
        ),
        (
            'lr: "\\ud800", width: 8',
            "11: arms.a.parameters.lr: must be text, but holds half of a character",
        ),
        (
            "lr: {choices: [1, true]}, width: 8",
            "11: arms.a.parameters.lr: lr lists 1 and true, which a sampler cannot tell apart",
        ),
        (
            'lr: 1, width: 8}, for_each: {parameters: {lr: ["\\ud800"]}',
            "11: arms.a.for_each.parameters.lr.0: must be text, but holds half of a character",
        ),
        (
            "lr: 1, width: 8}, for_each: {parameters: {lr: [2, 3]}",
            "11: arms.a.parameters.lr: for_each of a gives lr. Remedy: leave it out",
        ),
        (
            "lr: 1, width: {one_of: {thin: {lr: 2}, wide: {lr: 3}}}",
            "11: arms.a.parameters.lr: every branch of a gives its own lr",
        ),
        (
            'lr: "a\\0", width: 8',
            "11: arms.a.parameters.lr: holds a NUL character, which no command line can",
        ),
    ],
)
def test_parameters_that_do_not_fit_are_told_with_their_line(parameters: str, problem: str) -> None:
    """Value, rule and remedy."""
    assert _problem(f"  a: {{parameters: {{{parameters}}}}}\n").startswith(f"study.yaml:{problem}")


@pytest.mark.parametrize(
    ("arm", "hint"),
    [
        ("{x: 1}", "Valid: parameters, for_each, start. Remedy for a parameter: parameters: {x: ...}"),
        (
            "{parameters: {lr: 1, width: 8}, for_each: {x: [1, 2]}}",
            "Valid: parameters. Remedy for a parameter: parameters: {x: ...}",
        ),
        ("{paramters: {lr: 1}}", "Did you mean 'parameters'? Valid: parameters, for_each, start"),
    ],
)
def test_a_parameter_beside_parameters_is_told_where_it_stands(arm: str, hint: str) -> None:
    """And not that recipe fields would be valid, of which a program has none; a slip is only told as one."""
    _, told = _problem(f"  a: {arm}\n", "").split(": unknown field. ")
    assert told == hint


def test_a_metric_is_declared_without_its_part_of_the_data() -> None:
    """The harness then waited for val_val_accuracy, in vain."""
    trial = _TRIAL.replace("metrics: {accuracy:", "metrics: {val_accuracy:")
    problem = _problem(_SMALL, "search: {trials: 4}\n", trial)
    assert problem.startswith("study.yaml:9: trial.metrics.val_accuracy: a metric is declared without")
    assert problem.endswith("Remedy: accuracy")


def test_a_recipe_and_a_program_exclude_each_other() -> None:
    """Whichever was meant, the other is not read."""
    assert _problem(_SMALL, f"{_SEARCH}recipe: {{batch_size: 8}}\n") == (
        "study.yaml:13: recipe: goes with the built-in training, and trial names a program. "
        "Remedy: leave it out; what arms share stands in the command"
    )
    recipe = "study: a\nquestion: b\nrecipe: {model: {name: fcn}, optimizer: sgd, batch_size: 8, epochs: 1}\n"
    assert _problem("  a: {optimizer: sgd, parameters: {lr: 1, width: 8}}\n").startswith(
        "study.yaml:11: arms.a.optimizer: goes with the built-in training, and trial names a program"
    )
    problem = _problem("  a: {lr: 0.1, parameters: {width: 8}}\n", "", recipe)
    assert problem.startswith("study.yaml:5: arms.a.parameters: parameters are those of a program")


def test_of_a_damaged_trial_only_its_own_problems_are_told() -> None:
    """What the rest of the file means depends on it: no arm is said to lack a recipe."""
    assert _problem(_SMALL, trial=_TRIAL.replace("epochs: 10", "epochs: 0")) == (
        "study.yaml:6: trial.epochs: must be at least 1, but is 0"
    )


def test_metrics_of_a_program_stand_in_its_trial() -> None:
    """Those of the built-in training would not be measured."""
    problem = _problem(_SMALL, f"{_SEARCH}metrics: {{rmse: {{}}}}\n")
    assert problem.startswith("study.yaml:13: metrics: goes with the built-in training")


def test_a_search_by_what_the_program_does_not_declare_is_refused() -> None:
    """The nearest declared name is told."""
    problem = _problem(_SMALL, "search: {trials: 4, metric: val_loss}\n")
    assert problem == "study.yaml:12: search.metric: 'val_loss' is not known. Valid: val_accuracy"


def test_claims_are_about_parameters_of_the_program() -> None:
    """Not about recipe fields."""
    trend = "{over: batch_size, direction: rises, metric: test_accuracy, arm: small}"
    problem = _problem(_SMALL, f"{_SEARCH}claims:\n  - {{says: x, trend: {trend}}}\n")
    assert problem.endswith("there is no recipe field 'batch_size'. Valid: width, epochs, lr")


_SGD = "  sgd: {optimizer: sgd, lr: {low: 1e-3, high: 1.0, log: true}, start: [%s]}\n"
_RECIPE = "study: a\nquestion: b\nrecipe: {model: {name: fcn}, batch_size: 8, epochs: 1}\n"


def test_start_points_take_the_form_of_their_domain() -> None:
    """A whole number in a range of fractions is a fraction; of a recipe as of a program."""
    arm = _parsed(_SGD % "{lr: 1}", trial=_RECIPE).arms[0]
    assert arm.start == ({"lr": 1.0},)
    assert isinstance(arm.start[0]["lr"], float)


@pytest.mark.parametrize(
    ("arms", "search", "problem"),
    [
        (_SGD % "{lr: 2.0}", _SEARCH, "5: arms.sgd.start.0.lr: 2.0 is not in {low: 0.001, high: 1.0"),
        (
            _SGD % "{momentum: 1}",
            _SEARCH,
            "5: arms.sgd.start.0.momentum: arm sgd does not search it here. Valid",
        ),
        (
            _SGD % "{lr: 0.1}, {lr: 0.2}",
            "search: {trials: 1}\n",
            "5: arms.sgd.start: has 2 points, which count as trials, and search.trials is 1",
        ),
        (
            "  sgd: {optimizer: sgd, lr: {grid: [0.1, 0.2]}, start: [{lr: 0.1}]}\n",
            "search: {sampler: grid}\n",
            "5: arms.sgd.start: sampler: grid runs every point, in its order. Leave it out",
        ),
        (
            "  sgd: {optimizer: sgd, lr: 0.1, start: [{lr: 0.1}]}\n",
            "",
            "5: arms.sgd.start: arm sgd searches nothing, so there is nothing to start. Leave it out",
        ),
        (
            f"{_SGD % '{lr: 0.1}'}  adam: {{optimizer: adam, lr: {{low: 1e-4, high: 1e-2}}}}\n",
            _SEARCH,
            "6: arms.adam: arm adam has 0 start points, arm sgd has 1: known good points are an advantage",
        ),
    ],
)
def test_start_points_that_do_not_fit_are_told(arms: str, search: str, problem: str) -> None:
    """Outside of a domain, of another field, or more than others have."""
    assert _problem(arms, search, _RECIPE).startswith(f"study.yaml:{problem}")
