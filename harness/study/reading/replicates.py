"""What a study may count as replicates: repeats of searches where arms search, seeds where none does."""

from collections.abc import Sequence
from typing import Any

from harness.study.file import StudyFile
from harness.study.looks import Looks
from harness.study.reading.source import Source
from harness.study.study import Arm


def check_replicates(file: StudyFile, arms: Sequence[Arm], source: Source) -> None:
    """Note repeats of no search, looks at numbers of seeds where arms search, and looks at no claims.

    Where something of an arm has been cut out, nobody knows whether it searches.
    """
    if any(problem.path[:1] in {("arms",), ("recipe",)} for problem in source.problems):
        return
    is_searched = any(arm.space for arm in arms)
    repeats, seeds = file.search.repeats if file.search else 1, file.confirm.seeds
    if repeats != 1 and not is_searched:
        source.report(
            ("search", "repeats"),
            f"is {_as_written(repeats)}, but no arm searches anything: seeds are then the replicates. "
            f"Remedy: leave it out, and confirm: {{seeds: {_as_written(repeats)}}}",
        )
    if isinstance(seeds, Looks) and is_searched:
        searching = next(arm.name for arm in arms if arm.space)
        source.report(
            ("confirm", "seeds"),
            f"takes min and max only where no arm searches, but {searching} does: one search is then one "
            f"replicate, however many seeds confirm it. "
            f"Remedy: search: {{repeats: {_as_written(seeds)}}} and confirm: {{seeds: 2}}",
        )
    for place, count in ((("search", "repeats"), repeats), (("confirm", "seeds"), seeds)):
        if isinstance(count, Looks) and not file.claims:
            source.report(
                place,
                f"is {_as_written(count)}, but the study has no claims: the looks decide these, and with "
                f"nothing open the study ends at the first. Remedy: one number, or claims",
            )


def _as_written(count: int | Looks) -> str:
    """Return a count as a study file writes it."""
    if isinstance(count, int):
        return str(count)
    parts: dict[str, Any] = count.model_dump(exclude_none=True)
    return "{" + ", ".join(f"{name}: {value}" for name, value in parts.items()) + "}"
