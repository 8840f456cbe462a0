"""What claims and published values of a study file refer to: arms and recipe fields that must exist."""

from collections.abc import Iterable, Sequence

from harness.errors import nearest
from harness.recipe.configuration import Configuration
from harness.study.claims import Best, Better, Claim, Faster, Optimum, Spec, Trend
from harness.study.published import Published
from harness.study.reading.source import Path, Source
from harness.study.study import Arm


def check_claims(claims: Sequence[Claim], arms: Sequence[Arm], source: Source, places: Sequence[int]) -> None:
    """Note claims about arms or fields that do not exist, and arms compared with themselves.

    Args:
        claims: As parsed.
        arms: The study's arms, templates expanded.
        source: The study file.
        places: Position of each claim in the file's list.
    """
    names = [arm.name for arm in arms]
    templates = list(dict.fromkeys(arm.entry for arm in arms if arm.template))
    for place, claim in zip(places, claims, strict=True):
        path: Path = ("claims", place, claim.kind)
        spec = claim.spec
        for at, name, is_template in _named_arms(spec):
            _check_arm((*path, *at), name, [*names, *(templates if is_template else ())], source)
        for role in ("field", "over"):
            if hasattr(spec, role) and getattr(spec, role) not in Configuration.model_fields:
                field = getattr(spec, role)
                hint = f"there is no recipe field {field!r}. {nearest(field, Configuration.model_fields)}"
                source.report((*path, role), hint)
        _check_pair(path, spec, names, source)
        _check_region(path, claim, source)


def _named_arms(spec: Spec) -> Iterable[tuple[Path, str, bool]]:
    """Yield each arm a claim names: where, its name, and whether it may be a template."""
    may_be_template = isinstance(spec, Optimum | Trend)
    for role in ("arm", "than"):
        if getattr(spec, role, None) is not None:
            yield (role,), getattr(spec, role), may_be_template
    yield from ((("arms", i), name, False) for i, name in enumerate(getattr(spec, "arms", None) or []))


def _check_arm(path: Path, name: str, valid: Sequence[str], source: Source) -> None:
    if name not in valid:
        source.report(path, f"there is no arm {name!r}. {nearest(name, valid)}")


def _check_pair(path: Path, spec: Spec, arms: Sequence[str], source: Source) -> None:
    """Note comparisons that have only one side."""
    named = getattr(spec, "arms", None) or []
    if isinstance(spec, Better | Faster) and spec.arm == spec.than:
        source.report(path, "compares an arm with itself")
    if len(set(named)) < len(named):
        source.report((*path, "arms"), "names an arm twice")
    if isinstance(spec, Best) and len(arms) < 2:
        source.report(path, "needs a study of at least two arms")


def _check_region(path: Path, claim: Claim, source: Source) -> None:
    """Note claims of equality that do not say how large a difference matters."""
    if claim.equal and claim.region is None and not claim.equal.metric.endswith("accuracy"):
        rule = f"{claim.equal.metric} has no default region. Remedy: give the claim a region, such as 0.01"
        source.report(path, rule)


def check_published(published: Published, arms: Sequence[str], source: Source) -> None:
    """Note published values of arms that the study does not have."""
    for name in published:
        if name not in arms:
            source.report(("published", name), f"there is no arm {name!r}. {nearest(name, arms)}")
