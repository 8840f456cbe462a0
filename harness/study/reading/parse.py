"""From the text of a study file to a `Study`, or to one error that tells every problem at once."""

from collections.abc import Mapping
from pathlib import Path as FilePath
from typing import Any, SupportsIndex

from pydantic import ValidationError

from harness.errors import StudyError, nearest
from harness.study.arms import expand_arms
from harness.study.claims import with_region
from harness.study.file import Confirm, Search, StudyFile
from harness.study.published import by_arm
from harness.study.reading.arm_rules import check_arms
from harness.study.reading.problems import study_error
from harness.study.reading.references import check_claims, check_published
from harness.study.reading.source import Path, Source, read_source, set_value
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
        text = path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        reason = error.strerror if isinstance(error, OSError) else "not UTF-8 text"
        raise StudyError(
            f"{path}: cannot be read ({reason}). Remedy: give the path of a study file, such as "
            f"search_spaces/optimizers.yaml."
        ) from error
    return parse_study(text, str(path), overrides)


def parse_study(text: str, name: str, overrides: tuple[str, ...] = ()) -> Study:
    """Check a study file's text; see `load_study`."""
    source = read_source(text, name)
    if not source.problems and not isinstance(source.data, dict):
        source.report((), "must be a mapping with study, question and arms")
    if isinstance(source.data, dict):
        for argument in overrides:
            set_value(source, argument)
    data = _tracked(source.data)
    file = _validate(data, source) if isinstance(source.data, dict) else None
    if file is None:
        raise study_error(name, source.problems)
    search = file.search.filled() if file.search else None
    arms = expand_arms(file)
    check_arms(arms, search, source)
    names = [arm.name for arm in arms]
    claims = [with_region(claim, file.region) for claim in file.claims]
    check_claims(claims, arms, source, data["claims"].places if claims else [])
    check_published(file.published, names, source)
    if file.baseline is not None and file.baseline not in names:
        source.report(("baseline",), f"there is no arm {file.baseline!r}. {nearest(file.baseline, names)}")
    if source.problems:
        raise study_error(name, source.problems)
    search = search or Search(trials=1).filled()
    has_confirm = "confirm" in file.model_fields_set
    return Study(
        name=file.study,
        question=file.question,
        arms=tuple(arms),
        search=search,
        confirm=Confirm(seeds=0) if search.sampler == "grid" and not has_confirm else file.confirm,
        resources=file.resources,
        submit=file.submit,
        baseline=file.baseline,
        claims=tuple(claims),
        published=by_arm(file.published),
        text=text,
        overrides=overrides,
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
            cut = [_note(item, source, data) for item in error.errors(include_url=False)]
        n_cut = sum(_cut(data, path) for path in cut)
        if n_cut == 0:
            return None
    return None


def _note(item: Mapping[str, Any], source: Source, data: Any) -> Path:
    """Note one of pydantic's errors as a problem; return the path to cut out.

    What only follows from an earlier cut (a field now missing, a rule of the whole now broken) is not noted.
    """
    path, exists = _path_in_document(item["loc"], data)
    if not any(problem.path[: len(path)] == path for problem in source.problems):
        source.report(path, message(item, path))
    return path if exists else path[:-1]


def _path_in_document(loc: tuple[str | int, ...], data: Any) -> tuple[Path, bool]:
    """Return the document's path for pydantic's location, which also holds tags; and whether it exists."""
    path: list[str | int] = []
    node = data
    for part in loc:
        if _has(node, part):
            path.append(node.places[part] if isinstance(node, _Entries) and isinstance(part, int) else part)
            node = node[part]
        elif part == loc[-1] and not str(part).startswith(("<", "[")):
            return (*path, part), False
    return tuple(path), True


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
