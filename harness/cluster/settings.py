"""What holds for a submission: site profile, then study, then flags; the later has the last word."""

import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any, TypeVar

from pydantic import BaseModel, ValidationError

from harness.errors import EnvironmentMismatchError
from harness.study.reading.problems import study_error
from harness.study.reading.source import Source, read_source
from harness.study.reading.wording import message
from harness.study.submission import Profile

Site = TypeVar("Site", bound=BaseModel)


def profile_path() -> Path:
    """Return where this user's site profile is looked for."""
    base = os.environ.get("XDG_CONFIG_HOME") or Path.home() / ".config"
    return Path(base) / "harness" / "cluster.yaml"


def load_profile(path: Path | None = None) -> Profile:
    """Read a site profile; a default one that does not exist is empty.

    Args:
        path: The file; by default `profile_path()`.

    Raises:
        EnvironmentMismatchError: The file cannot be read.
        StudyError: It has problems; the message tells all of them.
    """
    file = path or profile_path()
    if path is None and not file.exists():
        return Profile()
    try:
        text = file.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        reason = error.strerror if isinstance(error, OSError) else "not UTF-8 text"
        raise EnvironmentMismatchError(
            f"{file}: the site profile cannot be read ({reason}). Remedy: --profile FILE with a readable one"
        ) from error
    source = read_source(text, str(file))
    profile = _validated(source) if not source.problems else None
    if profile is None:
        raise study_error(source.name, source.problems)
    return profile


def _validated(source: Source) -> Profile | None:
    """Return the profile's model; None, with every problem noted, where it breaks a rule."""
    try:
        return Profile.model_validate({} if source.data is None else source.data)
    except ValidationError as error:
        for item in error.errors(include_url=False):
            source.report(item["loc"], message(item, item["loc"], Profile))
        return None


def merged(profile: Site, study: BaseModel, flags: Mapping[str, Any]) -> Site:
    """Return the settings that hold.

    Lists and mappings of flags are added to those of the profile, so that their entries come last and win;
    every other value of a later source replaces an earlier one.

    Args:
        profile: The site's settings of one kind of cluster.
        study: The study's for the same kind, a part of the same fields.
        flags: Field to value, for the flags that were given.

    Raises:
        EnvironmentMismatchError: A flag breaks a rule; the message tells all of them.
    """
    values = profile.model_dump(exclude_unset=True) | study.model_dump(exclude_unset=True)
    for name, value in flags.items():
        match values.get(name), value:
            case list() as before, list():
                values[name] = [*before, *value]
            case dict() as before, dict():
                values[name] = before | value
            case _:
                values[name] = value
    try:
        return type(profile).model_validate(values)
    except ValidationError as error:
        problems = [_flag_problem(item) for item in error.errors(include_url=False)]
        raise EnvironmentMismatchError("\n".join(dict.fromkeys(problems))) from error


def _flag_problem(item: Mapping[str, Any]) -> str:
    """Word a broken rule: profile and study were checked before, so a flag broke it."""
    flag = "--" + str(item["loc"][0]).replace("_", "-").removesuffix("s" if len(item["loc"]) > 1 else "")
    return f"{flag}: {message(item, item['loc'][:1])}"
