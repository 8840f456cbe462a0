"""What holds for a submission: site profile, then study, then flags; the later has the last word.

Each field of a target's settings is a flag of `harness.submit`.
"""

import argparse
import os
import shlex
import stat
from collections.abc import Mapping
from pathlib import Path
from typing import Any, TypeVar, get_args, get_origin

from pydantic import BaseModel, ValidationError
from pydantic.fields import FieldInfo

from harness.errors import EnvironmentMismatchError
from harness.study.reading.problems import study_error
from harness.study.reading.source import Source, read_source
from harness.study.reading.wording import message
from harness.study.submission import Profile

Site = TypeVar("Site", bound=BaseModel)

_METAVARS = {
    "address": "http://HOST:PORT",
    "image": "IMAGE",
    "mem": "16G",
    "namespace": "NAMESPACE",
    "python": "PATH",
    "setup": "LINE",
    "storage": "pvc:NAME|URI",
    "time": "04:00:00",
    "worker_memory": "8Gi",
    "working_dir": "DIR",
}
"""Where the field's name alone does not show what a value looks like."""


def profile_path() -> Path:
    """Return where this user's site profile is looked for.

    Raises:
        EnvironmentMismatchError: This user has no home.
    """
    try:
        base = os.environ.get("XDG_CONFIG_HOME") or Path.home() / ".config"
    except RuntimeError as error:
        raise EnvironmentMismatchError(
            "~/.config/harness/cluster.yaml: the home folder, where the site profile is looked for, is not "
            "known. Remedy: HOME=DIR, XDG_CONFIG_HOME=DIR, or --profile FILE"
        ) from error
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
    try:
        text = file.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        if path is None and isinstance(error, FileNotFoundError | NotADirectoryError):
            return Profile()
        reason = error.strerror if isinstance(error, OSError) else "not UTF-8 text"
        raise EnvironmentMismatchError(
            f"{file}: the site profile cannot be read ({reason}). Remedy: --profile FILE with a readable one",
            place=file,
        ) from error
    source = read_source(text, str(file))
    profile = _validated(source) if not source.problems else None
    if profile is None:
        raise study_error(source.name, source.problems)
    _refuse_what_others_write(file, profile)
    return profile


def _refuse_what_others_write(file: Path, profile: Profile) -> None:
    """Refuse to run what any user of the machine may have written.

    Raises:
        EnvironmentMismatchError: The profile says what a shell runs, and everybody can write it.
    """
    named = [name for name in ("setup", "python", "sbatch_args") if getattr(profile.slurm, name)]
    for place in (file, file.resolve().parent):
        mode = place.stat().st_mode
        if named and mode & stat.S_IWOTH and not mode & stat.S_ISVTX:
            raise EnvironmentMismatchError(
                f"{place}: everybody on this machine can write here (mode {stat.S_IMODE(mode):o}), and "
                f"{', '.join(f'slurm.{name}' for name in named)} of the site profile {file.name} would run "
                f"as you. Remedy: chmod o-w {shlex.quote(str(place))}, once you have looked at what it holds",
                place=place,
            )


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


def add_flags(parser: argparse.ArgumentParser, settings: type[BaseModel]) -> None:
    """Add a flag for every field; one that holds a list or a mapping may be repeated."""
    group = parser.add_argument_group(
        "settings", "over those of the study, which are over the site profile's"
    )
    for name, field in settings.model_fields.items():
        kind = _kind(field)
        flag = "--" + name.replace("_", "-")
        text = (field.description or "").replace("%", "%%")
        described: dict[str, Any] = {"dest": f"flag.{name}", "help": text}
        if kind is list:
            group.add_argument(
                flag.removesuffix("s"), action="append", metavar=_metavar(name, "ARG"), **described
            )
        elif kind is dict:
            group.add_argument(flag, action="append", metavar="KEY=VALUE", type=_pair, **described)
        elif choices := _choices(field):
            group.add_argument(flag, choices=choices, **described)
        else:
            group.add_argument(
                flag,
                metavar=_metavar(name, "N" if kind in {int, float} else name.upper()),
                type=kind if kind in {int, float} else str,
                **described,
            )


def given(options: argparse.Namespace) -> dict[str, Any]:
    """Return the settings that flags gave: field to value."""
    values = {
        name.removeprefix("flag."): value
        for name, value in vars(options).items()
        if name.startswith("flag.") and value is not None
    }
    return {name: dict(value) if _is_pairs(value) else value for name, value in values.items()}


def _kind(field: FieldInfo) -> type:
    """Return what a flag's text is turned into; text where a field takes both numbers and text."""
    inner = [kind for kind in _members(field.annotation) if kind is not type(None)]
    return inner[0] if len(inner) == 1 and isinstance(inner[0], type) else str


def _members(annotation: Any) -> list[Any]:
    """Return the alternatives of a type: unions opened, annotations dropped, containers without contents."""
    if hasattr(annotation, "__metadata__"):
        return _members(annotation.__origin__)
    origin = get_origin(annotation)
    if origin in {list, dict}:
        return [origin]
    parts = [member for part in get_args(annotation) for member in _members(part)]
    return list(dict.fromkeys(parts)) or [annotation]


def _choices(field: FieldInfo) -> list[str]:
    return [member for member in _members(field.annotation) if isinstance(member, str)]


def _metavar(name: str, otherwise: str) -> str:
    return _METAVARS.get(name, otherwise)


def _pair(text: str) -> tuple[str, str]:
    key, separator, value = text.partition("=")
    if not separator or not key:
        raise argparse.ArgumentTypeError(f"must have the form KEY=VALUE, but is {text!r}")
    return key, value


def _is_pairs(value: Any) -> bool:
    return isinstance(value, list) and bool(value) and isinstance(value[0], tuple)
