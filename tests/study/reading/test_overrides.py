import pytest

from harness.errors import StudyError
from harness.study.reading.parse import parse_study


def problems_of(text: str, *overrides: str) -> list[str]:
    """Return the problem lines of a study that must be refused."""
    with pytest.raises(StudyError) as caught:
        parse_study(text, "s.yaml", overrides)
    return [line.strip() for line in str(caught.value).splitlines()[1:]]


@pytest.mark.parametrize(
    ("override", "told"),
    [
        ("arms.sgd.lr={low: 1, hih: 2}", "arms.sgd.lr.hih: unknown field. Did you mean 'high'?"),
        ("arms.sgd.lr={low: 1, high: [2]}", "arms.sgd.lr.high: must be a number, but is [2]"),
        ("arms.sgd.lr={low: 0.1, low: 1}", "arms.sgd.lr.low: the key 'low' was already given"),
        ("arms.sgd.lr={low: 0.1", "arms.sgd.lr: not valid YAML"),
        (
            "arms.sgd.lr.low=10",
            "arms.sgd.lr: low must be below high, but low = 10.0 and high = 1.0 (s.yaml:10)",
        ),
        ("search.sampler=cmaes", "arms.adam.beta2: beta2 has choices, but sampler: cmaes moves in numeric"),
        ("arms.sgd.optimizer=adam", "arms.sgd.momentum: arm sgd uses adam, which has no momentum"),
        ("search.metric=val_los", "search.metric: 'val_los' is not known"),
        (
            "search.early_stopping=off",
            "search.early_stopping: 'off' is not known. Valid: none; or a mapping of grace_epochs,",
        ),
        ("claims.0.better.than=adam", "claims.0.better: compares an arm with itself"),
    ],
)
def test_what_an_override_breaks_is_told_at_it(study_text: str, override: str, told: str) -> None:
    """Also where it shows at a line of the file, which is right without it and only named."""
    problem = problems_of(study_text, override)[0]
    assert problem.startswith(f"--set {override}: {told}"), problem


def test_of_several_overrides_the_one_that_brought_a_problem_is_named(study_text: str) -> None:
    """And a mistake of the file stays one of the file."""
    text = study_text.replace("trials: 4", "trials: 0")
    problems = problems_of(text, "recipe.epochs=3", "arms.sgd.optimizer=adam", "confirm.seeds=2")
    assert [problem.partition(": ")[0] for problem in problems] == [
        "s.yaml:16",
        "--set arms.sgd.optimizer=adam",
    ]


@pytest.mark.parametrize(
    ("overrides", "told"),
    [
        (
            ["recipe.lr=0.1"],
            "lr: every arm gives its own lr, so nothing reads it. Remedy: --set arms.sgd.lr=... --set",
        ),
        (["recipe.epochs=2", "recipe.epochs=3"], "--set recipe.epochs=3 comes later and replaces it"),
        (["recipe.epochs=2", "recipe={}"], "--set recipe={} comes later and replaces it"),
        (
            ["recipe.clip_norm=1", "arms.sgd.clip_norm=null"],
            "null leaves the clip_norm of recipe as it is",
        ),
        (["region.test_loss=0.1"], "region.test_loss: no claim is about test_loss"),
        (
            ["arms.sgd.for_each={lr: [1, 2]}", "arms.sgd.lr=3", "claims=[]"],
            "arms.sgd.lr: for_each of sgd gives lr. Remedy: --set arms.sgd.for_each.lr=[...]",
        ),
        (
            ["arms.sgd.optimizer={one_of: {sgd: {lr: 1, momentum: 0}}}", "arms.sgd.lr=3"],
            "arms.sgd.lr: every branch of sgd gives its own lr",
        ),
        (
            ["arms={a: {optimizer: sgd}}", "claims=[]", "search.trials=9"],
            "search.trials: no arm searches anything, so nothing reads it",
        ),
    ],
)
def test_an_override_without_effect_is_refused(study_text: str, overrides: list[str], told: str) -> None:
    """It would change nothing, and nobody would notice."""
    assert any(
        told in problem and problem.startswith("--set ") for problem in problems_of(study_text, *overrides)
    )


@pytest.mark.parametrize(
    "overrides",
    [
        ["recipe.clip_norm=1", "arms.sgd.clip_norm=2"],
        ["recipe.clip_norm=null"],
        ["recipe.activation=relu"],
        ["arms.sgd.lr=null", "recipe.lr=0.1"],
        ["recipe.model={name: fcn}", "recipe.model.hidden=[3]", "recipe.model.hidden.0=4"],
        ["confirm.seeds=3", "confirm.seeds=3"],
        ["region.test_accuracy=0.1"],
        ["arms={a: {optimizer: sgd}}", "claims=[]", "search.winner=best"],
    ],
)
def test_an_override_that_something_reads_is_taken(study_text: str, overrides: list[str]) -> None:
    """Some arms may have their own value, and a default may be spelled out."""
    assert parse_study(study_text, "s.yaml", tuple(overrides)).overrides == tuple(overrides)


def test_an_override_makes_no_arm_of_a_mistyped_name(study_text: str) -> None:
    """It would train beside the others; an arm that is given as a whole is a new one."""
    (problem,) = problems_of(study_text, "arms.sdg.batch_size=64")
    assert problem == (
        "--set arms.sdg.batch_size=64: arms.sdg: there is no arm 'sdg'. Did you mean 'sgd'? "
        "Valid: sgd, adam. Remedy for a new one: --set arms.sdg={...}"
    )
    new = ("arms.two={optimizer: sgd, lr: 0.1}", "arms.two.lr=0.2")
    assert parse_study(study_text, "s.yaml", new).arms[2].fixed["lr"] == 0.2


def test_an_arm_that_was_set_is_the_origin_of_its_fields(study_text: str) -> None:
    """The recipe's line, which has a value for other arms, is innocent."""
    text = study_text.replace("  epochs: 9\n", "  epochs: 9\n  lr: 0.1\n")
    override = "arms.sgd={optimizer: sgd, lr: {grid: [0.1, 0.2]}}"
    (problem,) = problems_of(text, override)
    assert problem.startswith(f"--set {override}: arms.sgd.lr: lr is a grid")


def test_an_arm_may_be_named_by_digits(study_text: str) -> None:
    """Its name in a dotted key is a name, and the digits below a list a position."""
    text = study_text.replace("  sgd:\n", '  "16":\n').replace("than: sgd", 'than: "16"')
    study = parse_study(text, "s.yaml", ("arms.16.lr=0.5", "arms.adam.beta2.choices.1=0.99"))
    assert study.arms[0].fixed["lr"] == 0.5
    assert study.arms[1].space["beta2"].listed == [0.9, 0.99]


@pytest.mark.parametrize("part", ["\u00b2", "\u0663", "-1", "7", "9" * 5000, "x"])
def test_a_list_has_no_entry_but_its_own(study_text: str, part: str) -> None:
    """Digits of other scripts, negative and huge positions are no positions."""
    (problem,) = problems_of(study_text, f"arms.adam.beta2.choices.{part}=0.5")
    assert f"the list has no entry {part!r} to set" in problem
