"""Rules of arms: one data set and one split for all; values that are met, and names that can be."""

import pytest

from harness.errors import StudyError
from harness.study.reading.parse import parse_study
from harness.study.study import Study

BRANCHES = "optimizer: {{one_of: {{sgd: {{{}}}, adam: {{{}}}}}}}\n"


def problems(text: str) -> list[str]:
    """Return the problems of a study file, a line each."""
    with pytest.raises(StudyError) as refused:
        parse_study(text, "s.yaml")
    return [line.strip() for line in str(refused.value).splitlines()[1:]]


def with_branches(study_text: str, sgd: str, adam: str) -> str:
    """Return a study whose second arm chooses its optimizer, each choice with settings of its own."""
    own = "optimizer: adam\n    lr: {low: 1e-5, high: 1e-2, log: true}\n    beta2: {choices: [0.9, 0.999]}\n"
    assert own in study_text
    return study_text.replace(own, BRANCHES.format(sgd, adam))


def test_arms_with_different_validation_parts_are_refused(study_text: str) -> None:
    """Their losses and throughputs are not comparable, and the manifest can declare one split only."""
    text = study_text.replace("    optimizer: adam\n", "    optimizer: adam\n    val_fraction: 0.3\n")
    (problem,) = problems(text)
    assert problem == (
        "s.yaml:14: arms.adam.val_fraction: a study splits its data in one way, but its arms hold out "
        "several shares: 0.1, 0.3. Remedy: one val_fraction, in recipe"
    )


@pytest.mark.parametrize("domain", ["{low: 0.1, high: 0.3}", "{choices: [0.1, 0.3]}"])
def test_a_searched_validation_part_is_refused(study_text: str, domain: str) -> None:
    """It was declared as 0.1."""
    text = study_text.replace("  epochs: 9\n", f"  epochs: 9\n  val_fraction: {domain}\n")
    (problem,) = problems(text)
    assert problem.startswith("s.yaml:7: recipe.val_fraction: a study splits its data in one way")
    assert "0.1, 0.3" in problem


def test_a_data_set_in_a_branch_is_refused(study_text: str) -> None:
    """Fashion-MNIST was prepared and declared, and the runs trained on the others."""
    text = with_branches(study_text, "lr: 0.1, dataset: mnist", "lr: 0.001, dataset: kmnist")
    (problem,) = problems(text)
    assert problem == (
        "s.yaml:13: arms.adam.optimizer.one_of.sgd.dataset: a study runs on one data set, but its arms use "
        "several: fashion_mnist, mnist, kmnist. Remedy: one study file a data set"
    )


def test_a_data_set_in_one_branch_leaves_the_default_to_the_other(study_text: str) -> None:
    """A branch that names none trains on the default."""
    (problem,) = problems(with_branches(study_text, "lr: 0.1, dataset: mnist", "lr: 0.001"))
    assert "several: fashion_mnist, mnist." in problem


def test_several_data_sets_are_told_with_their_place(study_text: str) -> None:
    """Arms of several, and a searched one."""
    text = study_text.replace("    optimizer: adam\n", "    optimizer: adam\n    dataset: kmnist\n")
    assert "s.yaml:14: arms.adam.dataset: a study runs on one data set" in problems(text)[0]
    searched = study_text.replace("  epochs: 9\n", "  epochs: 9\n  dataset: {choices: [mnist, kmnist]}\n")
    assert "s.yaml:7: recipe.dataset: a study runs on one data set" in problems(searched)[0]


def test_the_one_data_set_and_split_are_the_studys(study_text: str) -> None:
    """Given in the recipe, in every branch, or by default."""

    def data(study: Study) -> tuple[str, float]:
        return study.dataset, study.val_fraction

    assert data(parse_study(study_text, "s.yaml")) == ("fashion_mnist", 0.1)
    shared = ("recipe.dataset=mnist", "recipe.val_fraction=0.2")
    assert data(parse_study(study_text, "s.yaml", shared)) == ("mnist", 0.2)
    same = with_branches(study_text, "lr: 0.1, val_fraction: 0.2", "lr: 0.001, val_fraction: 0.2")
    sgd = ("arms.sgd.val_fraction=0.2",)
    assert data(parse_study(same, "s.yaml", sgd)) == ("fashion_mnist", 0.2)


def test_a_field_that_every_branch_gives_is_there(study_text: str) -> None:
    """What an arm must have may stand in its branches; one branch without it is told."""
    text = with_branches(study_text, "lr: 0.1, epochs: 3", "lr: 0.001, epochs: 5")
    text = text.replace("  epochs: 9\n", "").replace(
        "    optimizer: sgd\n", "    optimizer: sgd\n    epochs: 9\n"
    )
    arm = parse_study(text, "s.yaml").arms[1]
    assert (arm.shortest_epochs, arm.longest_epochs, arm.max_epochs) == (3, 5, None)
    assert problems(text.replace("lr: 0.001, epochs: 5", "lr: 0.001")) == [
        "s.yaml:12: arms.adam: arm adam has no epochs. Remedy: give them, or steps, here or in recipe"
    ]


RATES = "{low: 1e-3, high: 1.0, log: true}"


@pytest.mark.parametrize(
    ("domain", "told"),
    [
        ("{low: 0.1, high: 0.9, step: 0.5}", "which miss high = 0.9 and end at 0.6. Remedy: high: 0.6, or"),
        ("{low: 0.1, high: 0.9, step: 2}", "which miss high = 0.9: only 0.1 would be tried. Remedy: a step"),
        ("{low: 0.1, high: 0.9, step: .inf}", "must be a finite number, but is inf"),
        ("{choices: [0.1, 0.2, 1e-1]}", "lr lists 0.1 twice. Remedy: each value once"),
        (
            "{low: 0.1, high: 1000001.0, step: 3}",
            "which miss high = 1000001 and end at 999999.1. Remedy: high: 99",
        ),
    ],
)
def test_values_never_or_twice_tried_are_refused(study_text: str, domain: str, told: str) -> None:
    """A range whose steps miss its end was tried at its lower bound alone, and nobody was told."""
    (problem,) = problems(study_text.replace(RATES, domain))
    assert problem.startswith("s.yaml:10: arms.sgd.lr")
    assert told in problem


@pytest.mark.parametrize(
    "domain", ["{low: 0.1, high: 0.7, step: 0.2}", "{low: 0.0001, high: 0.9999, step: 0.0001}"]
)
def test_a_step_that_divides_its_range_is_taken(study_text: str, domain: str) -> None:
    """Reckoned in decimals: as floats 0.7 - 0.1 is no multiple of 0.2."""
    parse_study(study_text.replace(RATES, domain), "s.yaml")


def test_a_whole_number_s_step_divides_its_range_too(study_text: str) -> None:
    """From 16 to 100 in steps of 32 ends at 80."""
    text = study_text.replace("batch_size: 500", "batch_size: {low: 16, high: 100, step: 32}")
    assert problems(text) == [
        (
            "s.yaml:5: recipe.batch_size: batch_size goes from 16 in steps of 32, which miss high = 100 and "
            "end at 80. Remedy: high: 80, or a step that fits"
        )
    ]


def test_a_grid_s_point_stands_there_once(study_text: str) -> None:
    """A model with its defaults written out is the one that leaves them out; in a branch it is found too."""
    text = with_branches(study_text, "lr: {choices: [0.1, 0.1]}", "lr: 0.001")
    (problem,) = problems(text)
    assert (
        problem == "s.yaml:13: arms.adam.optimizer.one_of.sgd.lr: lr lists 0.1 twice. Remedy: each value once"
    )
    same = "model: {choices: [{name: fcn}, {name: fcn, hidden: [300, 200]}]}"
    assert "twice" in problems(study_text.replace("model: {name: fcn, hidden: [8]}", same))[0]


@pytest.mark.parametrize(
    ("minutes", "told"),
    [
        (".inf", "must be a finite number, but is inf"),
        ("1e9", "must be at most 525600.0, but is 1000000000.0"),
        ("1e-9", "must be at least 0.001, but is 1e-09"),
    ],
)
def test_a_limit_that_no_clock_takes_is_refused(study_text: str, minutes: str, told: str) -> None:
    """The timer overflowed, or was set to nothing, in every run."""
    (problem,) = problems(study_text + f"resources: {{stall_minutes: {minutes}}}\n")
    assert told in problem


def test_names_that_no_folder_can_have_are_refused(study_text: str) -> None:
    """A data set's folder in the name, and one of 30 layers."""
    own = "  adam:\n    optimizer: adam\n"
    folder = study_text.replace(own, f'{own}    for_each: {{dataset: ["idx:/data/mine"]}}\n')
    told = problems(folder)[0]
    assert told.startswith(
        "s.yaml:14: arms.adam.for_each.dataset: makes an arm of the name adam@dataset=idx:/data/"
    )
    assert "Remedy: give dataset in recipe" in told
    models = ", ".join(f"{{name: fcn, hidden: [{', '.join([str(size)] * 60)}]}}" for size in (100, 200))
    long = problems(study_text.replace(own, f"{own}    for_each: {{model: [{models}]}}\n"))[0]
    assert long.startswith("s.yaml:14: arms.adam.for_each: makes an arm whose name has 2")
    assert "bytes, above 200, too long for a folder: adam@model=name:fcn,hidden:[100,100" in long


@pytest.mark.parametrize(
    ("recipe", "told"),
    [
        (
            "batch_norm: {choices: [none, hidden]}, batch_size: {choices: [1, 500]}",
            "batches of at least 2 samples",
        ),
        ("epochs: {choices: [9, 1]}, warmup_epochs: {choices: [0, 3]}", "leaves nothing of 1 epochs"),
        ("steps: {choices: [300, 120]}, warmup_epochs: {choices: [0, 1.9]}", "leaves nothing of 120 steps"),
    ],
)
def test_every_combination_of_fields_with_a_common_rule_is_tried(
    study_text: str, recipe: str, told: str
) -> None:
    """The first values go together and so do the last; the first of one and the last of the other do not."""
    text = study_text.replace("  batch_size: 500\n  epochs: 9\n", "").replace(
        "{name: fcn, hidden: [8]}", "{name: fcn}"
    )
    fields = {"batch_size": "500", "epochs": "9"} | dict(part.split(": ", 1) for part in recipe.split("}, "))
    if "steps" in fields:
        del fields["epochs"]
    lines = "".join(
        f"  {name}: {value}{'}' if value.count('{') > value.count('}') else ''}\n"
        for name, value in fields.items()
    )
    assert told in problems(text.replace("recipe:\n", f"recipe:\n{lines}"))[0]


RATES_BY_SCHEDULE = "{one_of: {constant: {lr: 1}, linear: {lr: 2}}}"


@pytest.mark.parametrize(
    ("old", "new", "told"),
    [
        (
            "    optimizer: sgd\n",
            "    optimizer: sgd\n    clip_norm: null\n",
            "s.yaml:11: arms.sgd.clip_norm: null leaves the clip_norm of recipe as it is. Remedy: another",
        ),
        (
            "    optimizer: sgd\n",
            "    optimizer: sgd\n    batch_size: 99\n    for_each: {batch_size: [16, 17]}\n",
            "s.yaml:11: arms.sgd.batch_size: for_each of sgd gives batch_size. Remedy: leave it out",
        ),
        (
            "    optimizer: sgd\n",
            f"    optimizer: sgd\n    lr: 0.5\n    lr_schedule: {RATES_BY_SCHEDULE}\n",
            "s.yaml:11: arms.sgd.lr: every branch of sgd gives its own lr. Remedy: set it in the branches",
        ),
        (
            "    optimizer: sgd\n",
            "    optimizer: sgd\n    lr_schedule: {one_of: {constant: {clip_norm: null}, linear: {}}}\n",
            "lr_schedule.one_of.constant.clip_norm: null leaves the clip_norm of the arm as it is",
        ),
    ],
)
def test_a_setting_that_nothing_reads_is_refused(study_text: str, old: str, new: str, told: str) -> None:
    """Clipping that was switched off was done all the same."""
    text = study_text.replace("  epochs: 9\n", "  epochs: 9\n  clip_norm: 1.0\n").replace(old, new)
    text = text.replace(f"    lr: {RATES}\n", "") if "lr: 0.5" in new else text
    (problem,) = problems(text.partition("claims:")[0])
    assert told in problem


def test_nothing_may_stand_where_nothing_would(study_text: str) -> None:
    """In the recipe, in an arm, and where a value stands in some branches only."""
    text = study_text.replace("  epochs: 9\n", "  epochs: 9\n  clip_norm: null\n")
    own = "    optimizer: sgd\n    clip_norm: null\n    dropout: 0.5\n"
    branches = "    lr_schedule: {one_of: {constant: {dropout: 0.1}, linear: {}}}\n"
    assert (
        "clip_norm"
        not in parse_study(text.replace("    optimizer: sgd\n", own + branches), "s").arms[0].fixed
    )


@pytest.mark.parametrize("mark", ["\\n", "\\e", "\\u202e"])
def test_names_that_no_terminal_can_show_are_refused(mark: str) -> None:
    """They would name folders too, and stand in the comments of other files."""
    program = (
        "study: p\nquestion: q\ntrial:\n  command: [python, x.py, '{x}']\n  epochs: 2\n"
        "  metrics: {m: {better: lower}}\n"
        f"arms:\n  a: {{for_each: {{parameters: {{x: ['b', \"c{mark}d\"]}}}}}}\n"
    )
    (problem,) = problems(program)
    assert problem.startswith("s.yaml:8: arms.a.for_each.parameters.x: makes an arm of the name 'a@x=c\\")
    assert problem.isprintable()


def test_every_value_of_a_branch_is_tried(study_text: str) -> None:
    """Nesterov's method with the second of a branch's momenta, which is none."""
    branch = "lr: 0.1, nesterov: true, momentum: {choices: [0.9, 0.0]}"
    (problem,) = problems(with_branches(study_text, branch, "lr: 0.001"))
    assert "nesterov needs a momentum above 0" in problem


def test_a_branch_s_field_is_not_searched_elsewhere(study_text: str) -> None:
    """Which of the two counted depended on the fields' order; what was given was not used."""
    text = with_branches(study_text, "lr: 0.5", "beta2: 0.9").replace(
        "  epochs: 9\n", f"  epochs: 9\n  lr: {RATES}\n"
    )
    assert problems(text) == [
        (
            "s.yaml:14: arms.adam.optimizer.one_of.sgd.lr: arm adam also searches lr outside of this one_of. "
            "Remedy: give it in every branch and not outside"
        )
    ]
    schedule = "    lr_schedule: {one_of: {constant: {lr: 0.2}, linear: {}}}\n"
    two = with_branches(study_text, "lr: 0.5", "lr: 0.9").replace("claims:", "claims:")
    two = two.replace("search: {trials", schedule + "search: {trials")
    assert problems(two) == [
        (
            "s.yaml:14: arms.adam.lr_schedule.one_of.constant.lr: the one_of of optimizer gives lr too. "
            "Remedy: leave one of them out"
        )
    ]


def test_a_grid_of_branches_is_refused(study_text: str) -> None:
    """It ran the first branch and left the others out, without a word."""
    text = with_branches(study_text, "lr: 0.1", "lr: 0.001").replace(RATES, "{grid: [0.1, 1.0]}")
    text = text.replace("momentum: {low: 0.0, high: 0.9}", "momentum: 0.9")
    search = "trials: 4, early_stopping: {grace_epochs: 1, reduction_factor: 3}"
    assert problems(text.replace(search, "sampler: grid")) == [
        (
            "s.yaml:13: arms.adam.optimizer: sampler: grid knows no one_of. "
            "Remedy: sampler: tpe, or one arm a branch"
        )
    ]
