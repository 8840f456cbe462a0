"""Which metrics a study has, and whether search, claims and regions name one of them."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from functools import partial
from math import inf, isfinite

from harness.errors import nearest
from harness.recipe.losses import task_of
from harness.recipe.metrics import (
    METRICS,
    OPEN_RANGES,
    SPLITS,
    TASK_METRICS,
    MeasuredMetric,
    Metric,
    Task,
    in_records,
    task_metrics,
)
from harness.study.claim_kinds import RUN_TIMES, TIMES, Bound, Faster, Monotone, Reaches, Trend
from harness.study.file import StudyFile
from harness.study.reading.domain_rules import origin
from harness.study.reading.source import Path, Source
from harness.study.study import Arm


def metrics_of(file: StudyFile, arms: Sequence[Arm], source: Source) -> dict[str, Metric]:
    """Return the metrics that a study's runs report, the headline first; notes what is wrong with them.

    Args:
        file: As parsed.
        arms: Its arms.
        source: The study file.
    """
    if file.trial is not None:
        _check_plain(file.trial.metrics, ("trial", "metrics"), source)
        for name in [name for name, metric in file.trial.metrics.items() if metric.reference]:
            rule = "a program prints its metrics, and none is imported. Leave import out"
            source.report(("trial", "metrics", name, "import"), rule)
        return dict(file.trial.metrics)
    task = _task(file, arms, source)
    if file.metrics is None:
        return task_metrics(task)
    _check_plain(file.metrics, ("metrics",), source)
    metrics = {name: _metric(name, entry, task, source) for name, entry in file.metrics.items()}
    return {name: metric for name, metric in metrics.items() if metric is not None} or task_metrics(task)


def _check_plain(names: Iterable[str], path: Path, source: Source) -> None:
    """Note metrics under the names of records: `val_accuracy` would be recorded as `val_val_accuracy`."""
    for name in names:
        split, _, plain = name.partition("_")
        if plain and split in SPLITS:
            rule = "a metric is declared without the part of the data, which records put before it"
            source.report((*path, name), f"{rule}. Remedy: {plain}")


def _task(file: StudyFile, arms: Sequence[Arm], source: Source) -> Task:
    """Return what the arms predict, noting where they differ or do not tell."""
    losses = [(arm, loss) for arm in arms for loss in arm.values_of("loss")]
    tasks = [(arm, task_of(loss, file.metrics or {})) for arm, loss in losses]
    for arm, task in tasks:
        if task is None:
            source.report(
                origin(arm, "loss", source),
                "whether an imported loss is of classes or of numbers to predict follows from metrics. "
                "Remedy: metrics: {accuracy: {}} or metrics: {rmse: {}}",
            )
            break
        if task != tasks[0][1]:
            source.report(
                origin(arm, "loss", source),
                f"a study has one task, but this loss is of {task} and others are of {tasks[0][1]}. "
                f"Remedy: one study file a task",
            )
            break
    return (tasks[0][1] if tasks else None) or "classification"


def _metric(name: str, entry: MeasuredMetric, task: Task, source: Source) -> Metric | None:
    """Return what an entry of `metrics` stands for; None where it stands for nothing, which is noted."""
    given = {field: getattr(entry, field) for field in entry.model_fields_set}
    path: Path = ("metrics", name)
    if entry.reference is not None:
        if name in METRICS:
            source.report(path, f"{name} is a metric of ours, and imports nothing. Choose another name")
        elif entry.better is None:
            source.report(path, "better is missing. Remedy: better: higher or better: lower")
        else:
            return Metric(**given)
        return None
    if name not in TASK_METRICS[task]:
        hint = nearest(name, TASK_METRICS[task])
        known = f"is not measured of {task}" if name in METRICS else "is not known"
        remedy = "or give import: package.module:function and better:"
        source.report(path, f"{name!r} {known}. {hint}, {remedy}")
        return None
    own = METRICS[name]
    if entry.better not in (None, own.better):
        source.report((*path, "better"), f"of {name} {own.better} values are better. Leave it out")
        return None
    return own.model_copy(update={**given, "better": own.better})


def check_metrics(
    file: StudyFile,
    arms: Sequence[Arm],
    metrics: Mapping[str, Metric],
    source: Source,
    claim_places: Sequence[int],
) -> None:
    """Note a search, a claim, a region or a published value about a metric that the study does not have.

    Args:
        file: As parsed.
        arms: Its arms.
        metrics: The study's.
        source: The study file.
        claim_places: Position of each claim in the file's list.
    """
    _check_search(file, metrics, source)
    _check_losses_are_one(file, arms, metrics, source)
    every = in_records(metrics)
    of_program = file.trial is not None
    check_range = partial(_check_range, source=source, of_program=of_program)
    check_region = partial(_check_region, source=source, of_program=of_program)
    _check_claims(file, metrics, source, claim_places)
    for path, name, value in _published(file):
        if _check(path, name, [*every, *RUN_TIMES], source):
            check_range(path, name, value)
    for name, region in file.region.items():
        if _check(("region", name), name, [*every, *TIMES], source):
            check_region(("region", name), name, region)
    for name, metric in (file.metrics or {}).items():
        check_region(("metrics", name, "region"), f"val_{name}", metric.region)


def _check_claims(
    file: StudyFile, metrics: Mapping[str, Metric], source: Source, claim_places: Sequence[int]
) -> None:
    """Note claims about a metric that the study does not have, or about values that theirs cannot have."""
    every, of_epochs = in_records(metrics), in_records(metrics, ["val", "train"])
    of_program = file.trial is not None
    check_range = partial(_check_range, source=source, of_program=of_program)
    check_region = partial(_check_region, source=source, of_program=of_program)
    for place, claim in zip(claim_places, file.claims, strict=True):
        path: Path = ("claims", place, claim.kind)
        spec = claim.spec
        if isinstance(spec, Faster):  # its times are its model's own
            if spec.target is not None:
                at = (*path, "target", spec.target.metric)
                if _check(at, spec.target.metric, of_epochs, source):
                    check_range(at, spec.target.metric, spec.target.value)
        elif claim.metric is not None:
            times = RUN_TIMES if isinstance(spec, Trend | Monotone) else ()
            if _check((*path, "metric"), claim.metric, [*every, *times], source):
                if isinstance(spec, Reaches):
                    _check_value(path, spec, every[spec.metric], source, of_program=of_program)
                check_region(("claims", place, "region"), claim.metric, claim.region)


def _published(file: StudyFile) -> Iterator[tuple[Path, str, float]]:
    """Yield each published value: its place, what it is of, and itself."""
    for arm, runs in file.published.items():
        for at, run in enumerate(runs if isinstance(runs, list) else [runs]):
            path: Path = ("published", arm, at) if isinstance(runs, list) else ("published", arm)
            for name, value in run.values().items():
                yield (*path, *(("metrics", name) if name in run.metrics else (name,))), name, value


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


def _check_losses_are_one(
    file: StudyFile, arms: Sequence[Arm], metrics: Mapping[str, Metric], source: Source
) -> None:
    """Note a search that compares losses by their own values."""
    if file.search is None or file.trial is not None or file.search.filled(metrics).metric != "val_loss":
        return
    for arm in arms:
        settings = [name for name in arm.space if name == "huber_delta" or name.startswith("loss.")]
        if settings or len(arm.values_of("loss")) > 1:
            remedy = next((f"val_{name}" for name in metrics if name != "loss"), "val_rmse")
            source.report(
                origin(arm, settings[0] if settings else "loss", source),
                f"val_loss selects, and values of different losses cannot be compared. "
                f"Remedy: search: {{metric: {remedy}}}",
            )
            return


def _check_value(path: Path, spec: Reaches, metric: Metric, source: Source, *, of_program: bool) -> None:
    """Note a value that is bounded from the wrong side, or that no mean can be told from."""
    fitting: Bound = "at_least" if metric.better == "higher" else "at_most"
    place = (*path, spec.bound)
    if spec.bound != fitting:
        rule = f"of {spec.metric} {metric.better} values are better. Remedy: {fitting}: {spec.value:g}"
        source.report(place, rule)
        return
    name, low, high = _bounds(spec.metric, of_program=of_program)
    if low < spec.value < high:
        return
    ends = [f"{word} {end:g}" for word, end in (("above", low), ("below", high)) if isfinite(end)]
    rule = f"must lie {' and '.join(ends)} to be told from a mean {name}, but is {spec.value:g}"
    is_percent = 1 < spec.value < 100
    source.report(place, rule + (_from_percent(name, spec.value, fitting) if is_percent else ""))


def _check_range(path: Path, record: str, value: float, *, source: Source, of_program: bool) -> None:
    """Note a value that a metric of ours cannot have."""
    name, low, high = _bounds(record, of_program=of_program)
    if not low <= value <= high:
        ends = [f"{word} {end:g}" for word, end in (("at least", low), ("at most", high)) if isfinite(end)]
        rule = f"{name} is {' and '.join(ends)}, but this is {value:g}"
        source.report(path, rule + _from_percent(name, value, str(path[-1])))


def _check_region(
    path: Path, record: str | None, region: float | None, *, source: Source, of_program: bool
) -> None:
    """Note a region that holds any two values of a metric of ours."""
    name, low, high = _bounds(record or "", of_program=of_program)
    if region is not None and region >= high - low:
        rule = (
            f"must be below {high - low:g}, since {name} lies between {low:g} and {high:g}, but is {region:g}"
        )
        source.report(path, rule + _from_percent(name, region, str(path[-1])))


def _bounds(record: str, *, of_program: bool) -> tuple[str, float, float]:
    """Return a metric's name, and the bounds of what it can be; a program's can be anything."""
    name = record.partition("_")[2]
    low, high = (-inf, inf) if of_program else OPEN_RANGES.get(name, (-inf, inf))
    return name, low, high


def _from_percent(name: str, value: float, field: str) -> str:
    """Return the remedy for a share that was given in percent; nothing for another value."""
    return f". Remedy: {field}: {value / 100:g}" if name == "accuracy" and 1 <= value <= 100 else ""


def _check(path: Path, name: str, valid: Iterable[str], source: Source) -> bool:
    """Return whether a metric is known; note it where it is not, of whose values nothing is then said."""
    valid = list(valid)
    if name in valid:
        return True
    source.report(path, f"{name!r} is not known. {nearest(name, valid)}")
    return False
