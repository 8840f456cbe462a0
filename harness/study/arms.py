"""Arms of a study file: the shared recipe merged in, templates expanded."""

import itertools
import json
import re
from typing import Any

from harness.recipe.augmentation import augmentation_in_words
from harness.recipe.imported import is_imported, merged, reference_of
from harness.study.domains import split_space
from harness.study.file import StudyFile
from harness.study.space_models import given_fields
from harness.study.starts import started_in
from harness.study.study import Arm, Template
from harness.study.trial import Trial, plain_parameters


def expand_arms(file: StudyFile) -> list[Arm]:
    """Return the study's arms; a template with `for_each` makes one arm a combination of its values."""
    shared = given_fields(file.recipe) if file.trial is None else {}
    arms: list[Arm] = []
    own: Any
    for name, own in file.arms.items():
        each, given = _each(own, file.trial), _given(own, file.trial)
        labels = [[f"{field}={label}" for label in _labels(values)] for field, values in each.items()]
        for values, parts in zip(itertools.product(*each.values()), itertools.product(*labels), strict=True):
            combination = dict(zip(each, values, strict=True))
            fixed, space = split_space(merged(shared, given, combination))
            arm_name = f"{name}@{','.join(parts)}" if parts else name
            template = Template(name=name, values=combination) if parts else None
            arms.append(
                Arm(
                    name=arm_name,
                    template=template,
                    fixed=fixed,
                    space=space,
                    start=started_in(space, own.start),
                    is_program=file.trial is not None,
                )
            )
    return arms


def _each(own: Any, trial: Trial | None) -> dict[str, list[Any]]:
    """Return the fields, or parameters of a program, with a list of values that an entry makes arms of."""
    if trial is None:
        return given_fields(own.for_each)
    return dict((own.for_each.parameters if own.for_each else None) or {})


def _given(own: Any, trial: Trial | None) -> dict[str, Any]:
    """Return what an entry itself says: recipe fields, or parameters of a program and its epochs."""
    return (
        given_fields(own) if trial is None else {**plain_parameters(own.parameters), "epochs": trial.epochs}
    )


def _labels(values: list[Any]) -> list[str]:
    """Return what an arm's name calls each value: a structure by its name, if no other has it."""
    short = [_label(value) for value in values]
    return [
        label if short.count(label) == 1 else _spelled_out(value)
        for label, value in zip(short, values, strict=True)
    ]


def _label(value: Any) -> str:
    if is_imported(value):
        return reference_of(value).rpartition(":")[2]
    if isinstance(value, dict):
        if (changes := augmentation_in_words(value)) is not None:
            return changes.replace(" ", "")
        return str(value.get("name", next(iter(value))))
    return value if isinstance(value, str) else json.dumps(value)


def _spelled_out(value: Any) -> str:
    """Return a value as JSON without the marks that file names had better not have."""
    return re.sub(r'["{} ]', "", json.dumps(value, separators=(",", ":")))
