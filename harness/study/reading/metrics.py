"""Which metrics a study has, and whether search, claims and regions name one of them."""

from collections.abc import Iterable, Mapping, Sequence

from harness.errors import nearest
from harness.recipe.metrics import Metric, in_records, task_metrics
from harness.study.claims import RUN_TIMES, TIMES, Faster, Monotone, Trend
from harness.study.file import StudyFile
from harness.study.reading.source import Path, Source


def metrics_of(file: StudyFile) -> dict[str, Metric]:
    """Return the metrics that a study's runs report, the headline first."""
    return task_metrics("classification") if file.trial is None else dict(file.trial.metrics)


def check_metrics(
    file: StudyFile, metrics: Mapping[str, Metric], source: Source, claim_places: Sequence[int]
) -> None:
    """Note a search, a claim or a region about a metric that the study does not have.

    Args:
        file: As parsed.
        metrics: The study's.
        source: The study file.
        claim_places: Position of each claim in the file's list.
    """
    _check_search(file, metrics, source)
    every, of_epochs = in_records(metrics), in_records(metrics, ["val", "train"])
    for place, claim in zip(claim_places, file.claims, strict=True):
        path, spec = ("claims", place, claim.kind), claim.spec
        if isinstance(spec, Faster):  # its times are its model's own
            if spec.target is not None:
                _check((*path, "target", spec.target.metric), spec.target.metric, of_epochs, source)
        elif claim.metric is not None:
            times = RUN_TIMES if isinstance(spec, Trend | Monotone) else ()
            _check((*path, "metric"), claim.metric, [*every, *times], source)
    for name in file.region:
        _check(("region", name), name, [*every, *TIMES], source)


def _check_search(file: StudyFile, metrics: Mapping[str, Metric], source: Source) -> None:
    """Note a search by what is no validation metric of the study's, or towards its worst value."""
    search = file.search
    if search is None:
        return
    known = in_records(metrics, ["val"])
    if "metric" in search.model_fields_set:
        _check(("search", "metric"), search.metric, known, source)
    filled = search.filled(metrics)
    is_known = "metric" not in search.model_fields_set or search.metric in known
    if is_known and search.mode not in (None, filled.mode):
        rule = f"mode: {search.mode} would select the worst {filled.metric}. Remedy: mode: {filled.mode}"
        source.report(("search",), rule)


def _check(path: Path, name: str, valid: Iterable[str], source: Source) -> None:
    valid = list(valid)
    if name not in valid:
        source.report(path, f"{name!r} is not known. {nearest(name, valid)}")
