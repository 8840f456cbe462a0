"""What a user's callable can be called with, by its signature; known once it is imported.

A setting that the signature does not name is refused, also where `**kwargs` would swallow it. Values are
compared with annotations as strictly as those of a study file, with JSON's lists for tuples.
"""

import inspect
import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, get_args, get_type_hints

from pydantic import ConfigDict, PydanticUserError, TypeAdapter, ValidationError
from pydantic.errors import PydanticSchemaGenerationError

from harness.code.resolve import CodeError, call, failure, resolve
from harness.errors import nearest
from harness.recipe.imported import Imported

_KEYWORDS = (inspect.Parameter.POSITIONAL_OR_KEYWORD, inspect.Parameter.KEYWORD_ONLY)


@dataclass(frozen=True, kw_only=True)
class Misfit:
    """Say what a callable cannot be called with."""

    setting: str | None
    """None where it is about the callable itself."""
    message: str


@dataclass(frozen=True, kw_only=True)
class Signature:
    """What a callable takes."""

    reference: str
    parameters: Mapping[str, inspect.Parameter]
    """Those that can be given by name."""
    first: str | None
    """The first parameter, which can be given by its place."""
    takes_any: bool
    """Whether it has `**kwargs`."""
    hints: Mapping[str, Any]
    """The annotations, as far as they can be evaluated."""

    @classmethod
    def of(cls, reference: str) -> "Signature":
        """Read the signature of what a reference names.

        Raises:
            CodeError: It cannot be imported, or has no signature.
        """
        function = resolve(reference)
        try:
            parameters = inspect.signature(function).parameters
        except (TypeError, ValueError) as error:
            raise CodeError(
                f"{reference}: has no signature that Python could read ({error}). Remedy: name a "
                f"function of your own that calls it"
            ) from error
        by_place = (inspect.Parameter.POSITIONAL_ONLY, inspect.Parameter.POSITIONAL_OR_KEYWORD)
        return cls(
            reference=reference,
            parameters={name: each for name, each in parameters.items() if each.kind in _KEYWORDS},
            first=next((name for name, each in parameters.items() if each.kind in by_place), None),
            takes_any=any(each.kind is inspect.Parameter.VAR_KEYWORD for each in parameters.values()),
            hints=_hints(function),
        )

    def misfits(
        self, given: Sequence[str], settings: Mapping[str, Sequence[Any]], *, may_swallow: bool = False
    ) -> Iterator[Misfit]:
        """Yield what does not fit.

        Args:
            given: The arguments that the harness gives.
            settings: Each setting of the study file with the values it can have.
            may_swallow: Let `**kwargs` take settings: what becomes of them is checked otherwise.
        """
        own = [name for name in self.parameters if name not in given]
        for name in given:
            if name not in self.parameters and not self.takes_any:
                takes = ", ".join(self.parameters) or "nothing"
                yield Misfit(setting=None, message=f"is called with {name}, but takes {takes}")
        for name, values in settings.items():
            if name in own:
                yield from self._wrong_values(name, values)
            elif not (self.takes_any and may_swallow):
                swallowed = "its **kwargs would swallow it: it " if self.takes_any else ""
                yield Misfit(setting=name, message=f"{swallowed}names no such setting. {nearest(name, own)}")
        for name in own:
            if self.parameters[name].default is inspect.Parameter.empty and name not in settings:
                yield Misfit(
                    setting=None, message=f"needs {name}, which has no default. Remedy: give it beside import"
                )

    def fitted(self, settings: Mapping[str, Any]) -> dict[str, Any]:
        """Return settings as the annotations want them: lists become tuples where a tuple is asked for."""
        return {name: self._fitted(name, value) for name, value in settings.items()}

    def _fitted(self, name: str, value: Any) -> Any:
        adapter = self._adapter(name)
        try:
            return value if adapter is None else adapter.validate_json(json.dumps(value))
        except ValidationError as error:
            raise CodeError(f"{self.reference}: {name}: {_first(error)}, but is {value!r}") from error

    def _wrong_values(self, name: str, values: Sequence[Any]) -> Iterator[Misfit]:
        adapter = self._adapter(name)
        for value in values:
            try:
                if adapter is not None:
                    adapter.validate_json(json.dumps(value))
            except ValidationError as error:
                yield Misfit(setting=name, message=f"{_first(error)}, but is {json.dumps(value)}")
                return

    def is_real(self, name: str) -> bool:
        """Whether a setting is a number that need not be whole, by its annotation or else its default."""
        hint = self.hints.get(name)
        if hint is not None:
            members = get_args(hint) or (hint,)
            return float in members and int not in members
        return isinstance(self.parameters[name].default, float) if name in self.parameters else False

    def _adapter(self, name: str) -> TypeAdapter[Any] | None:
        """Return what checks a setting's values; None where nothing says what they may be."""
        if name not in self.hints:
            return None
        try:
            return TypeAdapter(self.hints[name], config=ConfigDict(strict=True, arbitrary_types_allowed=True))
        except PydanticUserError:  # a model of the user's own, with a configuration of its own
            return TypeAdapter(self.hints[name])
        except PydanticSchemaGenerationError:
            return None


def _hints(function: Callable[..., Any]) -> dict[str, Any]:
    """Return a callable's annotations; none where they name what is only known to a type checker."""
    target = function.__init__ if inspect.isclass(function) else function
    try:
        return get_type_hints(target)
    except (NameError, TypeError, AttributeError):
        return {}


def _first(error: ValidationError) -> str:
    return (
        str(error.errors(include_url=False)[0]["msg"])
        .replace("Input should", "must")
        .replace("must be a valid", "must be")
    )


def call_with(imported: Imported, *given: Any, **named: Any) -> Any:
    """Call what a recipe imports with its settings.

    Args:
        imported: What is called.
        given: What the harness gives it by place.
        named: What the harness gives it by name.

    Raises:
        CodeError: It does not take this, or raises.
    """
    signature = Signature.of(imported.reference)
    taken = [*([signature.first] if given and signature.first else ()), *named]
    settings = {name: [value] for name, value in imported.settings.items()}
    for misfit in signature.misfits(taken, settings, may_swallow=bool(given)):
        about = f"{misfit.setting}: " if misfit.setting else ""
        raise CodeError(f"{imported.reference}: {about}{misfit.message}")
    return call(imported.reference, *given, **named, **signature.fitted(imported.settings))


def bound(imported: Imported, n_given: int) -> Callable[..., Any]:
    """Return what a recipe imports as a function of the arguments that the harness gives by place.

    Args:
        imported: What is called, again and again: its settings are compared with its signature once.
        n_given: How many arguments it is given.

    Raises:
        CodeError: It does not take this; the function raises it where the user's code raises.
    """
    signature = Signature.of(imported.reference)
    by_place = list(signature.parameters)[:n_given]
    for misfit in signature.misfits(by_place, {name: [value] for name, value in imported.settings.items()}):
        about = f"{misfit.setting}: " if misfit.setting else ""
        raise CodeError(f"{imported.reference}: {about}{misfit.message}")
    function, settings = resolve(imported.reference), signature.fitted(imported.settings)

    def called(*given: Any) -> Any:
        try:
            return function(*given, **settings)
        except (Exception, SystemExit) as error:
            raise CodeError(f"{imported.reference}: {failure(error)}") from error

    return called
