"""What arms have in common: one data set and one split, whatever their domains and branches choose."""

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
