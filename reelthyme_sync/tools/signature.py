"""What a function takes: its parameters with their annotations resolved, or why a model could not call it."""

from __future__ import annotations

import functools
import inspect
from collections.abc import Callable, Iterator, Mapping
from types import SimpleNamespace, UnionType
from typing import Annotated, Any, Final, Union, get_args, get_origin, get_type_hints

import attrs

from .call import ToolCall

_REFUSED: Final[Mapping[Any, str]] = {
    inspect.Parameter.POSITIONAL_ONLY: "is positional-only, and a model names its arguments: remove the slash",
    inspect.Parameter.VAR_POSITIONAL: "stands for any number of arguments: take one list instead",
    inspect.Parameter.VAR_KEYWORD: "stands for arguments of any name: take one dictionary instead",
}
_NAMED: Final = (inspect.Parameter.POSITIONAL_OR_KEYWORD, inspect.Parameter.KEYWORD_ONLY)
_ASYNCHRONOUS: Final = (inspect.iscoroutinefunction, inspect.isasyncgenfunction)


@attrs.frozen
class Parameter:
    """One parameter: its annotation resolved, ``Any`` where there is none."""

    name: str
    annotation: Any
    default: Any = inspect.Parameter.empty

    @property
    def required(self) -> bool:
        """Whether a call must give it."""
        return self.default is inspect.Parameter.empty


@attrs.frozen
class Signature:
    """What is known of a function: its own name and docstring, and what a call gives it.

    Attributes:
        name: the function's own.
        docstring: as it would be shown.
        parameters: what the model gives.
        for_call: the names of those that are given the ``ToolCall``.
    """

    name: str
    docstring: str | None
    parameters: tuple[Parameter, ...]
    for_call: tuple[str, ...] = ()

    @classmethod
    def of(cls, function: Callable[..., Any]) -> Signature:
        """Look at a function, a bound method, a partial, or an object with ``__call__``.

        Raises:
            TypeError: a model could not call it.
        """
        bare, filled_in = _without_partials(function)
        name = getattr(bare, "__name__", type(bare).__name__)
        if inspect.isclass(bare) or not callable(bare):
            raise TypeError(f"{name} cannot be a tool: it is not a function")
        routine = _routine(name, bare)
        if inspect.isgeneratorfunction(routine):
            raise TypeError(f"{name} cannot be a tool: it is a generator; return a list")
        try:
            taken = inspect.signature(function).parameters
        except ValueError as error:  # some builtins
            raise TypeError(f"{name} cannot be a tool: {error}; give a function that calls it") from error
        open_ones = [parameter for parameter in taken.values() if parameter.name not in filled_in]
        known = getattr(inspect.unwrap(routine), "__globals__", {})
        docstring = inspect.getdoc(routine if routine.__doc__ else bare)  # an object may have its class's
        parameters = list(_parameters(name, open_ones, known))
        return cls(
            name,
            docstring,
            tuple(each for each in parameters if not _is_call(each.annotation)),
            tuple(each.name for each in parameters if _is_call(each.annotation)),
        )


def names_for_call(function: Callable[..., Any]) -> tuple[str, ...]:
    """The parameters that are given the ``ToolCall``, of a function that takes all arguments as one dictionary.

    Raises:
        TypeError: it is asynchronous.
    """
    bare, filled_in = _without_partials(function)
    name = getattr(bare, "__name__", type(bare).__name__)
    known = getattr(inspect.unwrap(_routine(name, bare)), "__globals__", {})
    try:
        taken = list(inspect.signature(function).parameters.values())[1:]
        named = [each for each in taken if each.kind in _NAMED and each.name not in filled_in]
        return tuple(each.name for each in named if _is_call(_resolved(name, each, known)))
    except (TypeError, ValueError):  # some builtins do not say what they take, and some annotations cannot be resolved
        return ()


def _routine(name: str, bare: Any) -> Any:
    """What runs when it is called."""
    routine = bare if inspect.isroutine(bare) else bare.__call__
    if any(is_so(routine) for is_so in _ASYNCHRONOUS):
        raise TypeError(f"{name} cannot be a tool: it is asynchronous; give a function that waits for it")
    return routine


def _is_call(annotation: Any) -> bool:
    if get_origin(annotation) in (Annotated, Union, UnionType):
        return any(map(_is_call, get_args(annotation)))
    return annotation is ToolCall


def _without_partials(function: Any) -> tuple[Any, set[str]]:
    """What is called in the end, and the names that have been filled in on the way there."""
    filled_in: set[str] = set()
    while isinstance(function, functools.partial):
        filled_in |= function.keywords.keys()
        function = function.func
    return function, filled_in


def _parameters(function: str, taken: list[inspect.Parameter], known: Mapping[str, Any]) -> Iterator[Parameter]:
    for parameter in taken:
        if refused := _REFUSED.get(parameter.kind):
            raise TypeError(f"{function} cannot be a tool: {parameter.name} {refused}")
        if parameter is taken[0] and parameter.name in ("self", "cls") and parameter.annotation is parameter.empty:
            raise TypeError(f"{function} cannot be a tool: it is not bound; give the method of an object")
        if parameter.name.startswith("__"):
            raise TypeError(
                f"{function} cannot be a tool: {parameter.name} is positional-only by its two underscores: remove them"
            )
        yield Parameter(parameter.name, _resolved(function, parameter, known), parameter.default)


def _resolved(function: str, parameter: inspect.Parameter, known: Mapping[str, Any]) -> Any:
    """The annotation of one parameter: the others, and that of the result, may be names for the type checker alone."""
    if parameter.annotation is parameter.empty:
        return Any
    alone = SimpleNamespace(__annotations__={parameter.name: parameter.annotation})
    try:
        return get_type_hints(alone, dict(known), include_extras=True)[parameter.name]
    except Exception as error:  # a string that is evaluated can raise anything
        raise TypeError(
            f"{function} cannot be a tool: the annotation of {parameter.name} cannot be resolved ({error}); "
            "define or import what it names at the top of the module"
        ) from error
