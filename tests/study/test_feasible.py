"""What cannot train on a data set is refused before anything is started; what is odd is told."""

import pytest

from harness.errors import StudyError
from harness.recipe.data import DataFacts
from harness.study.feasible import check_feasible, oddities
from harness.study.plan import plan_study
from harness.study.preview import preview
from harness.study.reading.parse import parse_study

FORTY = DataFacts(n_train=40, shape=(1, 8, 8), class_sizes=(20, 20), n_outputs=2)
"""Of which 36 train with a tenth to validate."""


def refusal(text: str, *overrides: str, images: DataFacts = FORTY) -> list[str]:
    """Return the problems of a study, a line each; a dry run tells the same ones."""
    study = parse_study(text, "s.yaml", overrides)
    with pytest.raises(StudyError) as refused:
        check_feasible(study, images)
    with pytest.raises(StudyError) as previewed:
        preview(study, images)
    assert str(refused.value) == str(previewed.value)
    return [line.strip() for line in str(refused.value).splitlines()]


@pytest.mark.parametrize(
    ("overrides", "told"),
    [
        (("recipe.batch_norm=hidden", "recipe.batch_size=35"), "batch_size 35 with batch_norm hidden"),
        (
            ("recipe.batch_norm=after_activation", "recipe.batch_size={choices: [4, 5, 7]}"),
            "batch_size 5, 7 with",
        ),
        (
            ("recipe.batch_norm={choices: [none, hidden]}", "recipe.batch_size={choices: [36, 5]}"),
            "batch_size 5",
        ),
        (("recipe.batch_norm=hidden", "recipe.batch_size={low: 4, high: 60}"), "batch_size 5, 7, 35 with"),
        (
            ("recipe.batch_norm=hidden", "recipe.batch_size={low: 4, high: 64, log: true}"),
            "batch_size 5, 7, 35",
        ),
        (
            ("recipe.batch_norm=hidden", "recipe.batch_size={low: 2, high: 38, step: 3}"),
            "batch_size 5, 35 with",
        ),
    ],
)
def test_a_last_batch_of_one_image_is_refused_with_its_sizes(
    study_text: str, overrides: tuple[str, ...], told: str
) -> None:
    """35 = 5 x 7, so that 36 images in batches of 5, 7 or 35 leave one, whatever domain holds these sizes."""
    head, *lines = refusal(study_text, *overrides)
    assert head == "study small on fashion_mnist: 2 problems, nothing was started"
    assert lines[0].startswith(f"arms.sgd: {told}")
    assert "leaves one of 36 training samples for the last batch" in lines[0]


def test_batch_sizes_of_branches_meet_the_norm_of_others(study_text: str) -> None:
    """Only the combination fails: a schedule's branch with BatchNorm, an optimizer's with batches of 5."""
    optimizer = "{one_of: {sgd: {batch_size: 5}, adam: {batch_size: 4}}}"
    schedule = "{one_of: {constant: {batch_norm: none}, linear: {batch_norm: hidden}}}"
    arm = f"arms.adam={{optimizer: {optimizer}, lr_schedule: {schedule}, lr: 0.1}}"
    (_, problem) = refusal(study_text, arm)
    assert problem.startswith(
        "arms.adam: batch_size 5 with batch_norm hidden leaves one of 36 training samples"
    )


@pytest.mark.parametrize(
    "overrides",
    [
        ("recipe.batch_size=5",),
        ("recipe.batch_norm=hidden", "recipe.batch_size={choices: [4, 6, 36, 500]}"),
        ("recipe.batch_norm=hidden", "recipe.batch_size={low: 2, high: 38, step: 4}"),
        ("recipe.input_norm=batch_norm", "recipe.batch_size=35"),
    ],
)
def test_batches_that_train_are_let_through(study_text: str, overrides: tuple[str, ...]) -> None:
    """Without BatchNorm a single image trains; other sizes leave none, or more than one."""
    check_feasible(parse_study(study_text, "s.yaml", overrides), FORTY)


def test_a_split_without_a_class_is_refused(study_text: str) -> None:
    """A tenth of 30 images in classes of 26 and 4 are 3 and no image."""
    images = DataFacts(n_train=30, shape=(1, 8, 8), class_sizes=(26, 0, 4), n_outputs=3)
    (_, problem) = refusal(study_text, images=images)
    assert problem == (
        "val_fraction: 0.1 leaves class 2, of 4 samples, without validation samples. "
        "Remedy: a fraction that gives both parts at least one sample of every class"
    )
    fashion = DataFacts(n_train=60_000, shape=(1, 28, 28), class_sizes=(6_000,) * 10, n_outputs=10)
    assert "leaves class 1, of 6000" in refusal(study_text, "recipe.val_fraction=0.00002", images=fashion)[1]


def test_images_too_small_for_a_model_are_refused(study_text: str) -> None:
    """LeNet-5 among the choices, for images of 8 x 8 pixels."""
    model = "recipe.model={choices: [{name: fcn}, {name: lenet5}]}"
    assert refusal(study_text, model)[1] == (
        "arms.sgd: model lenet5 needs images of at least 16 pixels a side, and these have 8 x 8. "
        "Remedy: model: {name: fcn}, or larger images"
    )


@pytest.mark.parametrize(
    ("space", "told"),
    [
        ("{choices: [0.1, 0.2, 0.3]}", "only 3 configurations"),
        ("{low: 0.1, high: 0.3, step: 0.1}", "only 3 configurations"),
        ("0.1", "only one configuration"),
        ("{low: 0.1, high: 0.3}", None),
        ("{choices: [0.1, 0.2, 0.3, 0.4]}", None),
    ],
)
def test_fewer_configurations_than_trials_are_told(study_text: str, space: str, told: str | None) -> None:
    """Four trials of three rates, or of one; of a range there is no end."""
    arm = f"arms.adam={{optimizer: adam, lr: {space}}}"
    study = parse_study(study_text, "s.yaml", (arm, "confirm.seeds=0", "recipe.batch_size=36"))
    odd = list(oddities(study, plan_study(study), FORTY))
    if told is None:
        assert odd == []
    else:
        assert odd == [
            (
                f"arm adam has {told} to search, so some of its 4 search runs repeat others on the same "
                f"seed, to the same result"
            )
        ]
        assert f"note: {odd[0]}" in preview(study, FORTY)


def test_configurations_of_branches_add_up(study_text: str) -> None:
    """Two momenta and one adam are three."""
    arm = "arms.adam={lr: 0.1, optimizer: {one_of: {sgd: {momentum: {choices: [0.0, 0.9]}}, adam: {}}}}"
    study = parse_study(study_text, "s.yaml", (arm, "recipe.batch_size=36"))
    assert "arm adam has only 3 configurations" in next(oddities(study, plan_study(study), FORTY))


@pytest.mark.parametrize(
    ("override", "told"),
    [
        (
            "search.early_stopping.grace_epochs=9",
            "no run of arm sgd can be stopped early: grace_epochs is 9, and",
        ),
        (
            "search.average_epochs=10",
            "the metric of arm sgd is averaged over fewer epochs than average_epochs = 10",
        ),
        (
            "recipe.batch_size=37",
            "batch_size 37 of arm sgd is above its 36 training samples: an epoch",
        ),
    ],
)
def test_settings_without_effect_are_told(study_text: str, override: str, told: str) -> None:
    """Each by itself, for both arms; the study as it is has none of them."""
    text = study_text.replace("batch_size: 500", "batch_size: 36")
    sound = parse_study(text, "s.yaml")
    assert list(oddities(sound, plan_study(sound), FORTY)) == []
    study = parse_study(text, "s.yaml", (override,))
    odd = list(oddities(study, plan_study(study), FORTY))
    assert len(odd) == 2
    assert odd[0].startswith(told)


TABLE = DataFacts(n_train=40, shape=(3,), n_outputs=1, kind="table", is_bytes=False)


@pytest.mark.parametrize(
    ("facts", "overrides", "told"),
    [
        (
            TABLE,
            (),
            "has 1 numbers to predict for each sample and no classes. Remedy: loss: mse",
        ),
        (FORTY, ("recipe.loss=mse",), "loss: fashion_mnist has 2 classes and no numbers to predict."),
        (
            TABLE,
            ("recipe.loss=mse", "recipe.model={name: lenet5}"),
            "model lenet5 needs images, and these samples have shape (3,). Remedy: model: {name: fcn}",
        ),
        (
            TABLE,
            ("recipe.loss=l1", "recipe.input_norm={constants: {mean: 0.1, std: 0.2}}"),
            "arms.sgd: input_norm: constants are of pixels scaled to 0-1",
        ),
        (
            TABLE,
            ("recipe.loss=mse", "recipe.input_norm=batch_norm", "recipe.batch_size=7"),
            "arms.sgd: batch_size 7 with input_norm batch_norm leaves one of 36 training samples",
        ),
        (
            TABLE,
            ("recipe.loss=mse", "recipe.input_norm={choices: [unit, batch_norm]}", "recipe.batch_size=1"),
            "arms.sgd: batch_size 1 with input_norm batch_norm leaves one of 36 training samples",
        ),
        (
            FORTY,
            ("recipe.input_norm={constants: {mean: [0.1, 0.2], std: 0.2}}",),
            "constants: mean has 2 values, and these images have 1 channels",
        ),
        (
            TABLE,
            ("recipe.loss=mse", "recipe.augment={choices: [none, {flip: true}]}"),
            "arms.sgd: augment: flip is of images, and these samples have shape (3,). Remedy: augment: none",
        ),
        (
            FORTY,
            ("recipe.augment={shift: 8}",),
            "augment: shift: 8 is not below the 8 pixels of a side of these images. Remedy: shift: 7",
        ),
        (
            FORTY,
            ("recipe.augment={flip: true, cutout: {low: 2, high: 9}}",),
            "arms.sgd: augment: cutout: 9 is not below the 8 pixels",
        ),
        (
            DataFacts(n_train=40, shape=(1, 8, 8), class_sizes=(20, 20), n_outputs=2, n_val=8),
            ("recipe.val_fraction=0.2",),
            "0.2 is not read, since fashion_mnist has a validation part of its own, of 8 samples",
        ),
        (
            DataFacts(n_train=4, shape=(3,), n_outputs=1, kind="table", is_bytes=False),
            ("recipe.loss=mse",),
            "val_fraction: 0.1 of 4 samples leaves a part empty.",
        ),
    ],
)
def test_data_and_recipe_must_fit(
    study_text: str, facts: DataFacts, overrides: tuple[str, ...], told: str
) -> None:
    """Task, shape, scaling and split of the data set, against what the arms ask for."""
    of_numbers = ("claims=[]", "search.metric=val_loss") if "loss=" in str(overrides) else ()
    assert any(told in problem for problem in refusal(study_text, *overrides, *of_numbers, images=facts))
