"""What a study can reach and its data set cannot give, told before anything is started; and what is odd.

A dry run and the start of a sweep ask the same questions here. What a study file says by itself is checked
where it is read.
"""

from collections.abc import Iterator, Mapping
from typing import Any

from harness.errors import StudyError
from harness.recipe.augmentation import Augmentation
from harness.recipe.configuration import Configuration
from harness.recipe.data import DataFacts
from harness.recipe.imported import is_imported
from harness.recipe.lengths import emptied_class, leaves_one_sample, split_sizes
from harness.recipe.models import LEAST_SIDES
from harness.study.domains import Domain, Range, extremes, n_points
from harness.study.file import EarlyStopping
from harness.study.plan import ArmPlan, Plan
from harness.study.study import Arm, Study

_MOST_NAMED = 6
"""Of values that a message lists."""


def check_feasible(study: Study, facts: DataFacts) -> None:
    """Refuse a study of which some run could not train on its data set.

    Args:
        study: The parsed study.
        facts: Of its data set.

    Raises:
        StudyError: All that cannot be, with the values that make it so.
    """
    problems = [*_task_problems(study, facts), *_split_problems(study, facts)]
    for arm in study.arms:
        of_arm = [
            *_last_batch_problems(arm, study, facts),
            *_shape_problems(arm, facts),
            *_augment_problems(arm, facts),
        ]
        problems += dict.fromkeys(of_arm)
    if problems:
        count = "1 problem" if len(problems) == 1 else f"{len(problems)} problems"
        head = f"study {study.name} on {study.dataset}: {count}, nothing was started"
        raise StudyError("\n".join([head, *(f"  {problem}" for problem in problems)]))


def oddities(study: Study, plan: Plan, facts: DataFacts | None) -> Iterator[str]:
    """Yield what is possible and seldom meant: runs that repeat others, and settings without an effect.

    Args:
        study: The study.
        plan: Its plan.
        facts: Of its data set; None where a program trains.
    """
    for arm_plan in plan.arms:
        arm = arm_plan.arm
        n_configurations = n_points(arm.space)
        n_proposed = arm_plan.search_runs // study.search.seeds
        if n_configurations is not None and n_proposed > n_configurations:
            present = "one configuration" if n_configurations == 1 else f"{n_configurations} configurations"
            yield (
                f"arm {arm.name} has only {present} to search, so some of its {n_proposed} "
                f"search runs repeat others on the same seed, to the same result"
            )
        yield from _without_effect(study, arm_plan)
        if facts is not None:
            yield from _whole_epoch_batches(study, arm, facts)


def _without_effect(study: Study, arm_plan: ArmPlan) -> Iterator[str]:
    """Yield settings of the search that an arm's runs are too short for."""
    arm, search, stopping = arm_plan.arm, study.search, study.early_stopping
    is_asked_for = stopping not in (None, EarlyStopping()) and arm_plan.search_runs
    if stopping and is_asked_for and stopping.grace_epochs >= arm.longest_epochs:
        yield (
            f"no run of arm {arm.name} can be stopped early: grace_epochs is {stopping.grace_epochs}, and "
            f"its longest run has {arm.longest_epochs} epochs"
        )
    if search.average_epochs > arm.shortest_epochs:
        yield (
            f"the metric of arm {arm.name} is averaged over fewer epochs than average_epochs = "
            f"{search.average_epochs}: its shortest run has {arm.shortest_epochs}"
        )


def _whole_epoch_batches(study: Study, arm: Arm, facts: DataFacts) -> Iterator[str]:
    """Yield that an arm can have batches larger than its training part: an epoch is then one step."""
    n_train, _ = split_sizes(facts, study.val_fraction)
    largest = max(arm.values_of("batch_size"))
    if largest > n_train:
        yield (
            f"batch_size {largest} of arm {arm.name} is above its {n_train} training samples: an epoch is "
            f"then one step"
        )


def _task_problems(study: Study, facts: DataFacts) -> Iterator[str]:
    """Yield that the loss is of classes where there are none, or of numbers where there are classes."""
    if facts.task == study.task:
        return
    if facts.task == "regression":
        yield (
            f"loss: {study.dataset} has {facts.n_outputs} numbers to predict for each sample and no classes. "
            f"Remedy: loss: mse, l1 or huber; for classes give targets of whole numbers"
        )
    else:
        yield (
            f"loss: {study.dataset} has {facts.n_outputs} classes and no numbers to predict. Remedy: loss: "
            f"cross_entropy; for regression give targets of a float type"
        )


def _split_problems(study: Study, facts: DataFacts) -> Iterator[str]:
    """Yield that a split would leave a part, or a class in it, without samples."""
    default = Configuration.model_fields["val_fraction"].default
    if facts.n_val is not None:
        if study.val_fraction != default:
            yield (
                f"val_fraction: {study.val_fraction:g} is not read, since {study.dataset} has a validation "
                f"part of its own, of {facts.n_val} samples. Remedy: leave it out"
            )
        return
    if facts.is_grouped:
        return
    sizes = {class_: size for class_, size in enumerate(facts.class_sizes) if size}
    emptied = emptied_class(list(sizes.values()), study.val_fraction) if sizes else None
    if emptied is not None:
        position, part = emptied
        class_, size = list(sizes.items())[position]
        yield (
            f"val_fraction: {study.val_fraction:g} leaves class {class_}, of {size} samples, without {part} "
            f"samples. Remedy: a fraction that gives both parts at least one sample of every class"
        )
    if not all(split_sizes(facts, study.val_fraction)):
        yield (
            f"val_fraction: {study.val_fraction:g} of {facts.n_train} samples leaves a part empty. "
            f"Remedy: a fraction that gives both parts at least one sample"
        )


def _last_batch_problems(arm: Arm, study: Study, facts: DataFacts) -> Iterator[str]:
    """Yield which batch sizes leave BatchNorm a single sample, in every combination of branches."""
    if facts.is_grouped:  # whose sizes each seed draws anew
        return
    n_train, _ = split_sizes(facts, study.val_fraction)
    for world, _ in arm.worlds():
        norms = [
            f"batch_norm {place}" for place in _values(world.get("batch_norm")) if place not in {None, "none"}
        ]
        if facts.kind == "table" and "batch_norm" in _values(world.get("input_norm")):
            norms.append("input_norm batch_norm")
        possible = _whole_numbers(world["batch_size"], most=n_train)
        sizes = [size for size in possible if leaves_one_sample(n_train, size)]
        if norms and sizes:
            named = ", ".join(str(size) for size in sizes[:_MOST_NAMED])
            more = f" and {len(sizes) - _MOST_NAMED} more" if len(sizes) > _MOST_NAMED else ""
            yield (
                f"arms.{arm.name}: batch_size {named}{more} with {' or '.join(norms)} leaves one "
                f"of {n_train} training samples for the last batch, and BatchNorm cannot normalise a single "
                f"sample. Remedy: other batch sizes; for a range, choices or a step that leave these out"
            )


def _shape_problems(arm: Arm, facts: DataFacts) -> Iterator[str]:
    """Yield models and scalings that do not take samples of this shape."""
    for model in arm.values_of("model"):
        least = LEAST_SIDES.get(model.get("name"))
        if least is None:
            continue
        if facts.kind != "image":
            yield (
                f"arms.{arm.name}: model {model['name']} needs images, and these samples have shape "
                f"{facts.shape}. Remedy: model: {{name: fcn}}"
            )
        elif min(facts.shape[1:]) < least:
            _, height, width = facts.shape
            yield (
                f"arms.{arm.name}: model {model['name']} needs images of at least {least} pixels a side, and "
                f"these have {height} x {width}. Remedy: model: {{name: fcn}}, or larger images"
            )
    for norm in arm.values_of("input_norm"):
        if isinstance(norm, Mapping):
            yield from _constants_problems(arm, norm["constants"], facts)


def _augment_problems(arm: Arm, facts: DataFacts) -> Iterator[str]:
    """Yield changes of images where there are none, or that reach beyond the other side of one."""
    changes = [
        each for each in arm.values_of("augment") if isinstance(each, Mapping) and not is_imported(each)
    ]
    for name in Augmentation.model_fields:
        searched = extremes(arm.space[f"augment.{name}"]) if f"augment.{name}" in arm.space else []
        most = max([*(each.get(name, 0) for each in changes), *searched], default=0)
        if most and facts.kind != "image":
            yield (
                f"arms.{arm.name}: augment: {name} is of images, and these samples have shape {facts.shape}. "
                f"Remedy: augment: none, or code of your own by import"
            )
        elif name != "flip" and facts.kind == "image" and most >= (least := min(facts.shape[1:])):
            yield (
                f"arms.{arm.name}: augment: {name}: {most} is not below the {least} pixels of a side of "
                f"these images. Remedy: {name}: {least - 1} at most"
            )


def _constants_problems(arm: Arm, constants: Mapping[str, Any], facts: DataFacts) -> Iterator[str]:
    """Yield constants of pixels where there are none, or of another number of channels."""
    if not facts.is_bytes or facts.kind != "image":
        yield (
            f"arms.{arm.name}: input_norm: constants are of pixels scaled to 0-1, and these samples are "
            f"no images of bytes. Remedy: input_norm: standardize"
        )
        return
    for name, given in constants.items():
        if isinstance(given, list) and len(given) != facts.shape[0]:
            yield (
                f"arms.{arm.name}: input_norm: constants: {name} has {len(given)} values, and these images "
                f"have {facts.shape[0]} channels. Remedy: one value for all, or one a channel"
            )


def _values(value: Any) -> list[Any]:
    return value.listed if isinstance(value, Domain) else [value]


def _whole_numbers(value: Any, most: int) -> Iterator[int]:
    """Yield every whole number that a field can be, those of a range up to `most`."""
    if isinstance(value, Range):
        yield from range(value.low, min(value.high, most) + 1, int(value.step or 1))
    else:
        yield from _values(value)
