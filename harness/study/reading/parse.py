"""From the text of a study file to a `Study`, or to one error that tells every problem at once."""

from collections import Counter
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path as FilePath
from typing import Any, SupportsIndex

from pydantic import ValidationError

from harness.errors import StudyError
from harness.study.arms import expand_arms
from harness.study.claims import on_datasets, with_region
from harness.study.datasets import label_of, on_each
from harness.study.file import Confirm, Search, StudyFile
from harness.study.published import by_arm
from harness.study.reading.arm_rules import check_arms
from harness.study.reading.dataset_rules import check_datasets
from harness.study.reading.effects import check_effects
from harness.study.reading.metrics import check_metrics, metrics_of
from harness.study.reading.overrides import set_value
from harness.study.reading.problems import Problem, study_error
from harness.study.reading.program_rules import check_program
from harness.study.reading.references import check_references
from harness.study.reading.replicates import check_replicates
from harness.study.reading.source import SET, Path, Source, read_source
from harness.study.reading.start_rules import check_starts
from harness.study.reading.wording import message
from harness.study.study import Study


def load_study(path: FilePath, overrides: tuple[str, ...] = ()) -> Study:
    """Read and check a study file.

    Args:
        path: The YAML file.
        overrides: `--set` arguments, applied in order before anything is checked.

    Raises:
        StudyError: The file is missing, or it has problems; the message tells all of them.
    """
    try:
        # As it is, ends of lines too: the study is kept byte for byte.
        text = path.read_bytes().decode("utf-8")
    except UnicodeDecodeError as error:
        raise StudyError(
            f"{path}: cannot be read (not UTF-8 text, from byte {error.start} on). Remedy: save the study "
            f"file as UTF-8 (PowerShell, for instance, writes UTF-16), or give the path of one.",
            place=path,
        ) from error
    except (OSError, ValueError) as error:
        reason = error.strerror if isinstance(error, OSError) else str(error)
        raise StudyError(
            f"{path}: cannot be read ({reason}). Remedy: give the path of a study file, such as "
            f"search_spaces/optimizers.yaml.",
            place=path,
        ) from error
    return parse_study(text, str(path), overrides)


def parse_study(text: str, name: str, overrides: tuple[str, ...] = ()) -> Study:
    """Check a study file's text; see `load_study`."""
    source = read_source(text, name)
    study = _study(source, text, overrides)
    if study is None:
        raise study_error(name, _blamed(source, text, overrides))
    return study


def _blamed(source: Source, text: str, overrides: tuple[str, ...]) -> list[Problem]:
    """Return the problems; those that an override brought have its argument as their place.

    `--set search.sampler=grid` makes every range of the file a problem: the lines of these are innocent.
    """
    earlier = []
    for n in range(len(overrides)):
        before = read_source(text, source.name)
        _study(before, text, overrides[:n])
        earlier.append({(problem.path, problem.message) for problem in before.problems})
    problems = []
    for problem in source.problems:
        brought_by = [n for n, others in enumerate(earlier) if (problem.path, problem.message) not in others]
        if brought_by and not problem.place.startswith(SET):
            place = f"{SET} {overrides[brought_by[-1]]}"
            problems.append(replace(problem, place=place, against=problem.place))
        else:
            problems.append(problem)
    return problems


def _study(source: Source, text: str, overrides: tuple[str, ...]) -> Study | None:
    """Return the study of a file with overrides; None, with every problem noted, where there are any."""
    if not source.problems and not isinstance(source.data, dict):
        source.report((), "must be a mapping with study, question and arms")
    if isinstance(source.data, dict):
        for argument in overrides:
            set_value(source, argument)
    data = _tracked(source.data)
    file = _validate(data, source) if isinstance(source.data, dict) else None
    if file is None or (file.trial is None and any(p.path[:1] == ("trial",) for p in source.problems)):
        return None  # without its program nothing else can be judged
    arms = expand_arms(file)
    metrics = metrics_of(file, arms, source)
    claim_places = data["claims"].places if file.claims else []
    check_metrics(file, arms, metrics, source, claim_places)
    search = file.search.filled(metrics) if file.search else None
    check_arms(arms, search, source)
    check_program(file, arms, source)
    check_starts(file, arms, search, source)
    check_references(file, arms, metrics, source, claim_places)
    check_replicates(file, arms, source)
    check_effects(file, arms, source)
    check_datasets(file, arms, source, claim_places)
    if source.problems:
        return None
    names = [label_of(dataset) for dataset in file.datasets or []]
    claims = [with_region(claim, file.region) for claim in file.claims]
    search = search or Search(trials=1).filled(metrics)
    has_confirm = "confirm" in file.model_fields_set
    return Study(
        name=file.study,
        question=file.question,
        arms=tuple(on_each(arms, file.datasets) if file.datasets else arms),
        search=search,
        confirm=Confirm(seeds=0) if search.sampler == "grid" and not has_confirm else file.confirm,
        resources=file.resources,
        submit=file.submit,
        trial=file.trial,
        parent=FilePath(file.parent) if file.parent is not None else None,
        baseline=file.baseline,
        claims=tuple(own for claim in claims for own in on_datasets(claim, names)),
        published=by_arm(file.published),
        text=text,
        path=FilePath(source.name),
        folder=FilePath(source.name).parent,
        overrides=overrides,
        metrics=metrics,
    )


class _Entries(list[Any]):
    """A list of the file that knows at which place each entry stood, when others have been cut out."""

    def __init__(self, entries: list[Any]) -> None:
        super().__init__(_tracked(entry) for entry in entries)
        self.places = list(range(len(entries)))

    def __delitem__(self, index: SupportsIndex | slice) -> None:
        """Cut out an entry with its place."""
        super().__delitem__(index)
        del self.places[index]


def _tracked(data: Any) -> Any:
    """Return a copy whose lists know the places of their entries."""
    if isinstance(data, dict):
        return {key: _tracked(value) for key, value in data.items()}
    return _Entries(data) if isinstance(data, list) else data


def _validate(data: Any, source: Source) -> StudyFile | None:
    """Return the file's model, noting every problem.

    What breaks a rule is noted, cut out of `data`, and the rest validated again, so that checks across fields
    still see everything that is sound. None when too little is left.
    """
    for _ in range(10):
        try:
            return StudyFile.model_validate(data)
        except ValidationError as error:
            findings = [_Finding(item, data) for item in error.errors(include_url=False)]
        incomplete = _misnamed(findings) | _cut_from(source)
        cut = [_note(finding, source, incomplete) for finding in findings]
        n_cut = sum(_cut(data, path) for path in cut)
        if n_cut == 0:
            return None
    return None


class _Finding:
    """One of pydantic's errors, and where in the document it is."""

    def __init__(self, item: Mapping[str, Any], data: Any) -> None:
        self.item = item
        self.path = _path_in_document(item, data)
        self.is_missing = item["type"] == "missing"


def _misnamed(findings: list[_Finding]) -> set[Path]:
    """Return the mappings whose unknown fields may be what is missing: told once, with the valid names.

    Those are the ones with as many unknown fields as missing ones, and those with no known field at all.
    """
    missing = Counter(finding.path[:-1] for finding in findings if finding.is_missing)
    unknown = Counter(f.path[:-1] for f in findings if f.item["type"] == "extra_forbidden")
    sizes = {finding.path[:-1]: len(finding.item["input"]) for finding in findings if finding.is_missing}
    return {path for path, n in missing.items() if unknown[path] and unknown[path] >= min(n, sizes[path])}


def _cut_from(source: Source) -> set[Path]:
    """Return the mappings of which something was noted and cut out, or a key was not read."""
    return {problem.path[:n] for problem in source.problems for n in range(len(problem.path))}


def _note(finding: _Finding, source: Source, incomplete: set[Path]) -> Path:
    """Note one of pydantic's errors as a problem; return the path to cut out.

    What only follows from an earlier cut (a field now missing, a rule of the whole now broken) is not noted.
    """
    path, parent = finding.path, finding.path[:-1]
    follows = any(problem.path[: len(path)] == path for problem in source.problems)
    if not follows and not (finding.is_missing and parent in incomplete):
        source.report(path, message(finding.item, path, of_program="trial" in source.data))
    return parent if finding.is_missing else path


def _path_in_document(item: Mapping[str, Any], data: Any) -> Path:
    """Return the document's path for the location of pydantic's error, which names kinds of values too."""
    path: list[str | int] = []
    node, location = data, item["loc"]
    for part in location:
        if _has(node, part):
            path.append(node.places[part] if isinstance(node, _Entries) and isinstance(part, int) else part)
            node = node[part]
    return (*path, location[-1]) if item["type"] == "missing" else tuple(path)


def _cut(data: Any, path: Path) -> bool:
    """Remove the value at a path of the document; False when there is nothing to remove."""
    node = data
    for part in path[:-1]:
        index = _index(node, part)
        node = node[index] if _has(node, index) else None
    if not path or not _has(node, _index(node, path[-1])):
        return False
    del node[_index(node, path[-1])]
    return True


def _index(node: Any, part: str | int) -> str | int:
    """Return where in a list the entry is that stood at a place of the file; -1 when it has been cut out."""
    if isinstance(node, _Entries):
        return node.places.index(part) if part in node.places else -1
    return part


def _has(node: Any, part: str | int) -> bool:
    if isinstance(node, list):
        return isinstance(part, int) and 0 <= part < len(node)
    return isinstance(node, dict) and part in node
