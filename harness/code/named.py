"""What a study names that is not the harness's: references that are imported, programs, what these read."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from harness.errors import StudyError
from harness.recipe.imported import IMPORT, imported_data, is_imported
from harness.study.domains import Domain, OneOf
from harness.study.study import Study


@dataclass(frozen=True, kw_only=True)
class NamedCode:
    """What a study names that is not the harness's, and where it is looked for."""

    folder: Path
    """That of the study file, absolute."""
    references: tuple[str, ...] = ()
    """`package.module:name` of everything that is imported, sorted."""
    commands: tuple[tuple[str, ...], ...] = ()
    """Programs that are started, as their words."""
    inputs: tuple[str, ...] = ()
    """Files and folders that a program reads, relative to the folder."""

    @property
    def is_empty(self) -> bool:
        """Whether the study names nothing of the kind."""
        return not (self.references or self.commands)

    @property
    def modules(self) -> tuple[str, ...]:
        """The top-level modules of what is imported, each once."""
        return tuple(
            dict.fromkeys(reference.partition(":")[0].partition(".")[0] for reference in self.references)
        )

    def as_plain(self) -> dict[str, Any]:
        """Return it as JSON has it, for another process."""
        lists = {"references": list(self.references), "commands": [list(words) for words in self.commands]}
        return {"folder": str(self.folder), **lists, "inputs": list(self.inputs)}

    @classmethod
    def of_plain(cls, plain: Mapping[str, Any]) -> "NamedCode":
        """Return what `as_plain` wrote."""
        return cls(
            folder=Path(plain["folder"]),
            references=tuple(plain["references"]),
            commands=tuple(tuple(words) for words in plain["commands"]),
            inputs=tuple(plain["inputs"]),
        )


def named_code(study: Study) -> NamedCode:
    """Return what a study names."""
    values = [value for arm in study.arms for value in (*arm.fixed.values(), *arm.space.values())]
    references = {reference for value in values for reference in _references(value)}
    references |= {data.reference for data in map(imported_data, _datasets(study)) if data is not None}
    references |= {metric.reference for metric in study.metrics.values() if metric.reference}
    trial = study.trial
    return NamedCode(
        folder=followed(study.folder),
        references=tuple(sorted(references)),
        commands=() if trial is None else (tuple(trial.command),),
        inputs=() if trial is None else tuple(trial.inputs),
    )


def _datasets(study: Study) -> Iterator[str]:
    """Yield the names of a study's data sets; of a program there are none."""
    yield from (part.dataset for part in study.by_dataset.values())


def _references(value: Any) -> Iterator[str]:
    """Yield every reference in a value or a domain, in branches too."""
    if isinstance(value, Domain):
        for inner in value.branches.values() if isinstance(value, OneOf) else value.listed:
            yield from _references(inner)
    elif is_imported(value):
        yield str(value[IMPORT])
    elif isinstance(value, Mapping):
        for inner in value.values():
            yield from _references(inner)


def followed(place: Path) -> Path:
    """Return a place without symbolic links.

    Raises:
        StudyError: They cannot be followed.
    """
    try:
        return place.resolve()
    except (OSError, RuntimeError) as error:
        raise StudyError(
            f"{place}: cannot be followed ({error}). Remedy: mend its symbolic links", place=place
        ) from error
