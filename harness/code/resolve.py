"""Importing what a study names. The one place where code of the user's own comes into a process.

A process must first admit the code with the hashes that were declared; what is not admitted is not imported.
"""

import importlib
import sys
import traceback
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from importlib.abc import PathEntryFinder
from pathlib import Path
from types import ModuleType
from typing import Any

from harness.code.caches import sources_in
from harness.code.named import NamedCode
from harness.code.sources import hash_sources, is_counted, local_part
from harness.errors import StudyError

_HARNESS = Path(__file__).parents[1]


class CodeError(StudyError):
    """Report that a user's code does not do what it is named for; tells the file and line."""


class _Admitted:
    """What this process may import."""

    code: NamedCode | None = None
    sources: Mapping[str, str] = {}


@dataclass(frozen=True, kw_only=True)
class Trusted:
    """Some code, and the hashes of its files for which it is trusted."""

    code: NamedCode
    sources: tuple[tuple[str, str], ...]


class _Trust:
    """What this process may let others import."""

    given: Trusted | None = None


def entrust(code: NamedCode, sources: Mapping[str, str]) -> None:
    """Note that this process may start others that import some code; it does not import any itself."""
    _Trust.given = Trusted(code=code, sources=tuple(sorted(sources.items())))


def trusted() -> Trusted | None:
    """Return the code that this process may let others import."""
    return _Trust.given


def admit(code: NamedCode, sources: Mapping[str, str]) -> None:
    """Let this process import some code, once its files have the declared hashes; done once a process.

    Args:
        code: What a study names.
        sources: The hashes that its declaration holds.

    Raises:
        CodeError: The files are others.
    """
    if code.is_empty or code == _Admitted.code:
        return
    here = hash_sources(code)
    if here != dict(sources):
        changed = sorted(name for name in {*here, *sources} if here.get(name) != sources.get(name))
        raise CodeError(
            f"the code of {code.folder} is not what this study declares: {', '.join(changed[:5])} "
            f"{'differs' if len(changed) == 1 else 'differ'}. Nothing of it was imported. "
            f"Remedy: bring back the declared files, the same on every node"
        )
    if str(code.folder) not in sys.path:
        sys.path.insert(0, str(code.folder))
    if _find_sources not in sys.path_hooks:
        sys.path_hooks.insert(0, _find_sources)
    sys.path_importer_cache.clear()
    _Admitted.code, _Admitted.sources = code, dict(sources)
    entrust(code, sources)


def resolve(reference: str) -> Callable[..., Any]:
    """Return what a reference names.

    Raises:
        CodeError: The module cannot be imported, has nothing of this name, or what it has cannot be called.
    """
    code = _Admitted.code
    if code is None or reference not in code.references:
        raise AssertionError(f"{reference} was not admitted to this process")
    module_name, _, names = reference.partition(":")
    module = _imported(module_name)
    _check_origin(module_name.partition(".")[0], code)
    value: Any = module
    for name in names.split("."):
        try:
            value = getattr(value, name)
        except AttributeError:
            raise CodeError(f"{reference}: {_told(value)} has no {name}. {_has(value)}") from None
    if not callable(value):
        raise CodeError(
            f"{reference}: is {type(value).__name__} and cannot be called. Remedy: name a function or class"
        )
    result: Callable[..., Any] = value
    return result


def call(reference: str, *arguments: Any, **settings: Any) -> Any:
    """Call what a reference names.

    Raises:
        CodeError: It raises; tells where.
    """
    function = resolve(reference)
    try:
        return function(*arguments, **settings)
    except (Exception, SystemExit) as error:
        raise CodeError(f"{reference}: {failure(error)}") from error


def failure(error: BaseException) -> str:
    """Return an error of a user's code in words, with the file and line of theirs that it comes from."""
    frames = traceback.extract_tb(error.__traceback__)
    others = [frame for frame in frames if not _is_ours(frame.filename)] or list(frames)
    place = code_place(error) or (f"{others[-1].filename}:{others[-1].lineno}" if others else "")
    return f"{type(error).__name__}: {error}{f' ({place})' if place else ''}"


def code_place(error: BaseException) -> str | None:
    """Return the last `file:line` of the study's own code that an error comes through; None for none."""
    frames = traceback.extract_tb(error.__traceback__)
    own = [frame for frame in frames if _is_admitted(frame.filename)]
    return f"{own[-1].filename}:{own[-1].lineno}" if own else None


def comes_from_code(error: BaseException) -> bool:
    """Whether the study's own code has raised an error, and not something that it was called by or calls."""
    frames = traceback.extract_tb(error.__traceback__)
    return bool(frames) and _is_admitted(frames[-1].filename)


def _imported(module: str) -> ModuleType:
    try:
        return importlib.import_module(module)
    except SystemExit as error:
        raise CodeError(f"{module}: ends the program when it is imported: {failure(error)}") from error
    except ModuleNotFoundError as error:
        absent = error.name or ""
        if module == absent or module.startswith(f"{absent}."):
            raise CodeError(
                f"{module}: there is no module {absent}. Remedy: see how the study file writes it"
            ) from error
        raise CodeError(
            f"{module}: imports {absent}, which is not installed here: {failure(error)}. "
            f"Remedy: install it into the environment of {sys.executable}"
        ) from error
    except Exception as error:
        raise CodeError(f"{module}: cannot be imported: {failure(error)}") from error


def _find_sources(folder: str) -> PathEntryFinder:
    """Let a folder whose sources were hashed give these, and not what is compiled or lies in a cache.

    Raises:
        ImportError: It is another folder, for Python's own hooks.
    """
    code, place = _Admitted.code, Path(folder)
    if code is None or not place.is_dir():
        raise ImportError
    place = place.resolve()
    parts = [local_part(module, code.folder) for module in code.modules]
    hashed = [part.resolve() if part.is_dir() else code.folder for part in parts if part is not None]
    is_hashed = any(place == code.folder or place.is_relative_to(root) for root in hashed)
    if not is_hashed or not _is_admitted(str(place / "module.py")):
        raise ImportError
    return sources_in(folder)


def _check_origin(top: str, code: NamedCode) -> None:
    """Refuse a module that came from elsewhere than the files that were hashed.

    Raises:
        CodeError: It did; or the user's code has imported more of the study's folder than was hashed.
    """
    place = local_part(top, code.folder)
    if place is not None:
        files = {place, place / "__init__.py"}
        origin = getattr(sys.modules[top], "__file__", None)
        if origin is not None and Path(origin).resolve() not in {file.resolve() for file in files}:
            raise CodeError(
                f"{top}: this process has another module of this name, {origin}. "
                f"Remedy: call {place.name} and its import otherwise"
            )
    _check_helpers(code)


def _check_helpers(code: NamedCode) -> None:
    """Refuse what was imported from the study's folder and stands in no declaration.

    Raises:
        CodeError: There is something.
    """
    for name, module in list(sys.modules.items()):
        file = getattr(module, "__file__", None)
        if not isinstance(file, str) or not Path(file).is_relative_to(code.folder):
            continue
        inside = Path(file).relative_to(code.folder).as_posix()
        if inside not in _Admitted.sources and is_counted(Path(file), code.folder) and not _is_ours(file):
            raise CodeError(
                f"{name}: {file} was imported, and no hash of it was declared: it lies beside what the study "
                f"names. Remedy: move it into {', '.join(code.modules)}, or install it as a package"
            )


def _is_ours(file: str) -> bool:
    return Path(file).is_relative_to(_HARNESS) or file.startswith("<frozen")


def _is_admitted(file: str) -> bool:
    """Whether a file is the user's code; an environment in the study's folder holds that of others."""
    code, path = _Admitted.code, Path(file)
    if code is None or not path.is_relative_to(code.folder):
        return False
    return is_counted(path, code.folder) and not _is_ours(file)


def _told(value: Any) -> str:
    return str(getattr(value, "__name__", value))


def _has(value: Any) -> str:
    names = [name for name in dir(value) if not name.startswith("_") and callable(getattr(value, name, None))]
    return f"It has: {', '.join(names[:20])}" if names else "It has nothing that could be called"
