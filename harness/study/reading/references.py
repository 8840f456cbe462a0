"""What claims and published values of a study file refer to: arms and recipe fields that must exist."""

from collections.abc import Iterable, Iterator, Mapping, Sequence

from harness.errors import nearest
from harness.recipe.configuration import Configuration
from harness.recipe.imported import IMPORT, is_imported
from harness.recipe.metrics import Metric, in_records
from harness.study.claim_kinds import Best, Better, Diverges, Faster, Monotone, Optimum, Spec, Trend
from harness.study.claims import Claim, with_region
from harness.study.datasets import on_each
from harness.study.file import StudyFile
from harness.study.reading.claimed_settings import check_settings
from harness.study.reading.source import Path, Source
from harness.study.study import Arm


def check_references(
    file: StudyFile,
    arms: Sequence[Arm],
    metrics: Mapping[str, Metric],
    source: Source,
    claim_places: Sequence[int],
) -> None:
    """Note claims, published values and a baseline that name what does not exist.

    An arm that has been cut out for its own problems does exist: nothing is said about its name.

    Args:
        file: As parsed.
        arms: The study's arms, templates expanded.
        metrics: The study's metrics.
        source: The study file.
        claim_places: Position of each claim in the file's list.
    """
    names = _Names(arms, source)
    is_whole = not any(problem.path[:1] in {("arms",), ("recipe",)} for problem in source.problems)
    for place, claim in zip(claim_places, file.claims, strict=True):
        path = ("claims", place, claim.kind)
        _check_claim(path, claim, names, source)
        if is_whole and not any(problem.path[: len(path)] == path for problem in source.problems):
            check_settings(path, claim.spec, arms, source)
        _check_region(path, with_region(claim, file.region), in_records(metrics), source)
    published = _Names(on_each(arms, file.datasets) if file.datasets else arms, source)
    for name, runs in file.published.items():
        published.check(("published", name), name)
        for at, run in enumerate(runs if isinstance(runs, list) else [runs]):
            inside: Path = (
                ("published", name, at, "at") if isinstance(runs, list) else ("published", name, "at")
            )
            for field in run.at or {}:
                if field not in names.fields:
                    source.report((*inside, field), names.no_field(field))
    if file.baseline is not None:
        names.check(("baseline",), file.baseline)


class _Names:
    """The arms that may be named."""

    def __init__(self, arms: Sequence[Arm], source: Source) -> None:
        self.arms = [arm.name for arm in arms]
        self.fields = _fields(arms)
        self.templates = list(dict.fromkeys(arm.entry for arm in arms if arm.template))
        self._source = source
        at_top = [problem.path for problem in source.problems if problem.path[:1] == ("arms",)]
        self._cut_out = {path[1] for path in at_top if len(path) > 1} - {arm.entry for arm in arms}
        self._has_all = len(at_top) == 0 or all(len(path) > 1 for path in at_top)

    def check(self, path: Path, name: str, *, may_be_template: bool = False) -> None:
        """Note that there is no such arm."""
        valid = [*self.arms, *(self.templates if may_be_template else ())]
        if self._has_all and name not in valid and name.partition("@")[0] not in self._cut_out:
            self._source.report(path, f"there is no arm {name!r}. {nearest(name, valid)}")

    def no_field(self, name: str) -> str:
        """Return that there is no such field."""
        return f"there is no recipe field {name!r}. {nearest(name, self.fields)}"


def _fields(arms: Sequence[Arm]) -> list[str]:
    """Return the recipe fields and the settings of what arms import, or the parameters of a program."""
    if not any(arm.is_program for arm in arms):
        return [*Configuration.model_fields, *dict.fromkeys(_settings(arms))]
    return list(dict.fromkeys(name for arm in arms for world, _ in arm.worlds() for name in world))


def _settings(arms: Sequence[Arm]) -> Iterator[str]:
    """Yield the dotted names of what arms import is made with."""
    for arm in arms:
        yield from (field for field in arm.space if "." in field)
        for field, value in arm.fixed.items():
            if is_imported(value):
                yield from (f"{field}.{setting}" for setting in value if setting != IMPORT)


def _check_claim(path: Path, claim: Claim, names: _Names, source: Source) -> None:
    """Note a claim about arms or fields that do not exist, and an arm compared with itself."""
    spec = claim.spec
    for at, name, is_template in _named_arms(spec):
        names.check((*path, *at), name, may_be_template=is_template)
    for role in ("field", "over"):
        field = getattr(spec, role, None)
        if field is not None and field not in names.fields:
            source.report((*path, role), names.no_field(field))
    for field in (spec.at or {}) if isinstance(spec, Diverges) else ():
        if field not in names.fields:
            source.report((*path, "at", field), names.no_field(field))
    _check_pair(path, spec, names.arms, source)


def _named_arms(spec: Spec) -> Iterable[tuple[Path, str, bool]]:
    """Yield each arm a claim names: where, its name, and whether it may be a template."""
    may_be_template = isinstance(spec, Optimum | Trend | Monotone)
    for role in ("arm", "than"):
        if getattr(spec, role, None) is not None:
            yield (role,), getattr(spec, role), may_be_template
    yield from ((("arms", i), name, False) for i, name in enumerate(getattr(spec, "arms", None) or []))


def _check_pair(path: Path, spec: Spec, arms: Sequence[str], source: Source) -> None:
    """Note comparisons that have only one side."""
    named = getattr(spec, "arms", None) or []
    if isinstance(spec, Better | Faster) and spec.arm == spec.than:
        source.report(path, "compares an arm with itself")
    if len(set(named)) < len(named):
        source.report((*path, "arms"), "names an arm twice")
    if isinstance(spec, Best) and len(arms) < 2:
        source.report(path, "needs a study of at least two arms")


def _check_region(path: Path, claim: Claim, metrics: Mapping[str, Metric], source: Source) -> None:
    """Note claims of equality that do not say how large a difference matters."""
    metric = metrics.get(claim.equal.metric) if claim.equal else None
    if claim.equal and metric and claim.region is None and metric.region is None:
        rule = f"{claim.equal.metric} has no default region. Remedy: give the claim a region, such as 0.01"
        source.report(path, rule)
