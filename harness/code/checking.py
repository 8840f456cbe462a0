"""Whether what a study imports takes the settings that its arms give it: told before Ray starts."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from harness.code.named import named_code
from harness.code.process import ask
from harness.code.resolve import CodeError
from harness.code.settings import Misfit, Signature
from harness.recipe.data import DataFacts
from harness.recipe.imported import GIVEN, IMPORT, imported_data, is_imported
from harness.recipe.lengths import leaves_one_sample, split_sizes
from harness.study.domains import Domain, OneOf, Range, extremes
from harness.study.reading.arm_rules import corners
from harness.study.reading.domain_rules import origin
from harness.study.reading.overrides import set_value
from harness.study.reading.problems import study_error
from harness.study.reading.source import Path, Source, read_source
from harness.study.study import Arm, Study

_COMPARE, _REHEARSE = "harness.code.checking:compare", "harness.training.rehearsal:rehearse"
"""What is asked in the process that may import the code; the second one needs torch."""

_GIVEN_BY_PLACE = {"optimizer": 1, "loss": 2, "augment": 2, "metrics": 2}
"""From a field to how many arguments the harness gives first, whatever the callable calls them."""


@dataclass(frozen=True, kw_only=True)
class Use:
    """What an arm imports for a field, with every value that its settings can have."""

    field: str
    reference: str
    place: Path
    """Where the study file names it."""
    settings: Mapping[str, Any]
    """Each setting with a value or a domain."""

    @property
    def question(self) -> dict[str, Any]:
        """What is asked about it, as JSON."""
        return {
            "field": self.field,
            "reference": self.reference,
            "settings": {name: extremes(value) for name, value in self.settings.items()},
            "whole": [n for n, v in self.settings.items() if isinstance(v, Range) and v.is_integer],
        }


def check_code(study: Study, sources: Mapping[str, str], facts: Sequence[DataFacts] = ()) -> None:
    """Refuse imports that fail, and settings that what is imported does not take.

    Args:
        study: A study that is trusted.
        sources: The hashes of its code.
        facts: Of its data sets, in its order: with them, each arm also rehearses two steps.

    Raises:
        StudyError: All that does not fit, each with its line.
    """
    source = source_of(study)
    uses_of = {arm.name: list(_uses(arm, source)) for arm in study.arms}
    own_metrics = {name: each.reference for name, each in study.metrics.items() if each.reference}
    of_metrics = [
        Use(field="metrics", reference=reference, place=("metrics", name), settings={})
        for name, reference in own_metrics.items()
    ]
    uses = [use for each in uses_of.values() for use in each] + of_metrics
    if not uses:
        return
    rehearsed = [arm for arm in study.arms if uses_of[arm.name] or of_metrics] if facts else []
    of_datasets = dict(zip(study.by_dataset, facts, strict=False))
    question = {
        "uses": [use.question for use in uses],
        "rehearsals": [
            {**_rehearsal(arm, of_datasets[arm.dataset]), "metrics": own_metrics} for arm in rehearsed
        ],
    }
    answer = ask(named_code(study), sources, _REHEARSE if rehearsed else _COMPARE, question)
    for use, misfits in zip(uses, answer["misfits"], strict=True):
        for setting, message in misfits:
            told = f"{use.reference}: {message}" if not message.startswith(use.reference) else message
            source.report((*use.place, setting) if setting else use.place, told)
    for arm, failure in zip(rehearsed, answer["failures"], strict=False):
        if failure is not None:
            source.report([*uses_of[arm.name], *of_metrics][0].place, f"arm {arm.name}: {failure}")
    if source.problems:
        raise study_error(source.name, source.problems)


def _rehearsal(arm: Arm, facts: DataFacts) -> dict[str, Any]:
    """Return what an arm's rehearsal needs: the first corner of its space, and what its data look like."""
    n_train, _ = split_sizes(facts, arm.values_of("val_fraction")[0])
    sizes = arm.values_of("batch_size")
    return {
        "configuration": arm.run_configuration(next(corners(arm))),
        "lonely": [size for size in sizes if leaves_one_sample(n_train, size)],
        "data": described(facts),
    }


def described(facts: DataFacts) -> dict[str, Any]:
    """Return what samples have to look like that are drawn in place of a data set's, as JSON."""
    return {
        "kind": facts.kind,
        "shape": list(facts.shape),
        "n_outputs": facts.n_outputs,
        "is_classified": bool(facts.class_sizes),
        "is_bytes": facts.is_bytes,
    }


def source_of(study: Study) -> Source:
    """Return a study's text with its lines and overrides, to tell a place in it."""
    source = read_source(study.text, str(study.path))
    for argument in study.overrides:
        set_value(source, argument)
    return source


def _uses(arm: Arm, source: Source) -> Iterator[Use]:
    """Yield what an arm imports."""
    for field, value in (*arm.fixed.items(), *arm.space.items()):
        place = origin(arm, field, source)
        for imported in _imported(field, value):
            own = {name: each for name, each in imported.items() if name != IMPORT}
            searched = {n.partition(".")[2]: d for n, d in arm.space.items() if n.startswith(f"{field}.")}
            settings = {**own, **(searched if field in arm.fixed else {})}
            yield Use(field=field, reference=imported[IMPORT], place=place, settings=settings)


def _imported(field: str, value: Any) -> Iterator[Mapping[str, Any]]:
    data = imported_data(value) if field == "dataset" and isinstance(value, str) else None
    if data is not None:
        yield data.model_dump()
    elif is_imported(value):
        yield value
    elif isinstance(value, Domain) and not isinstance(value, OneOf):
        yield from (each for each in value.listed if is_imported(each))


def compare(question: Mapping[str, Any]) -> dict[str, Any]:
    """Return what does not fit, where nothing can be rehearsed."""
    return {"misfits": misfits(question["uses"]), "failures": []}


def misfits(questions: list[dict[str, Any]]) -> list[list[tuple[str | None, str]]]:
    """Return what does not fit, for each use; in the process that may import it."""
    return [[(misfit.setting, misfit.message) for misfit in _misfits(question)] for question in questions]


def _misfits(question: Mapping[str, Any]) -> Iterator[Misfit]:
    field, settings = question["field"], question["settings"]
    try:
        signature = Signature.of(question["reference"])
    except CodeError as error:
        yield Misfit(setting=None, message=str(error))
        return
    n_by_place = _GIVEN_BY_PLACE.get(field, 0)
    own = [*([signature.first] if signature.first else []), *signature.parameters]
    by_place = list(dict.fromkeys(own))[:n_by_place]
    given = [*by_place, *GIVEN[field][len(by_place) :]]
    yield from signature.misfits(given, settings, may_swallow=field == "optimizer")
    for name in question["whole"]:
        if signature.is_real(name):
            low, high = settings[name]
            yield Misfit(
                setting=name,
                message=f"a range from {low} to {high} has whole numbers only, and this setting takes all. "
                f"Remedy: low: {float(low)}",
            )
