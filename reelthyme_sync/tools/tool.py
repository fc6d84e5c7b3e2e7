"""The tool itself: what is declared of a function, and a call of it from JSON text to text."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from typing import Any, Final

import attrs

from ..events import FunctionTool
from ..events.base import UNSET
from .arguments import arguments_type
from .call import ToolCall
from .decoder import ArgumentsDecoder, ObjectDecoder
from .documentation import Documentation
from .json_schema import json_schema
from .output import output_text
from .signature import Signature, names_for_call

_NAME: Final = re.compile(r"[a-zA-Z0-9_-]{1,64}")  # the service's rule


@attrs.frozen(eq=False)
class Tool:
    """A function that the model may call. Any thread may call it, if the function allows it.

    Make one with ``Tool.of``; of a JSON schema that you have already, with ``Tool.defined``.

    Args:
        declaration: what a session is told of it: ``RealtimeSession(tools=[tool.declaration])``.
        function: what runs.
    """

    declaration: FunctionTool
    function: Callable[..., Any]
    _arguments: ArgumentsDecoder | ObjectDecoder = attrs.field(repr=False)
    _for_call: tuple[str, ...] = attrs.field(default=(), repr=False)

    @classmethod
    def of(cls, function: Callable[..., Any], name: str | None = None, description: str | None = None) -> Tool:
        """Make a tool of a function with annotated parameters.

        A parameter may be whatever has a JSON form: the plain types, ``Literal``, enums, dates, lists, dictionaries,
        attrs classes, dataclasses, ``TypedDict``, ``NamedTuple``, in each other and in unions. One without annotation
        takes any JSON; one with a default may be left out; one that may be None must have a default to be left out.
        What ``functools.partial`` has filled in is not the model's to know, nor is a parameter annotated as
        ``ToolCall``, which is given the call itself. Of a class with fields, ``__post_init__``
        and attrs' validators are run, and what they raise is told to the model as ``BadArguments``; a class that counts
        on more (an ``__init__`` of its own, a converter, ``init=False``) is refused.

        A parameter is described by a plain string, ``city: Annotated[str, "the city"]``, or by the docstring (Google,
        NumPy or reST style); so are the fields of the classes that it is made of. For a description the model gets the
        docstring's text above its first section (``Args``, ``Parameters``, ``Returns``, ``Notes``, ``:param``): the
        other sections, and what stands below them, are for people. Tell the model above what it must know.

        Args:
            function: a function, a bound method, a ``functools.partial``, or an object with ``__call__``.
            name: what the model calls it, if that is not the function's name.
            description: what it is for and when to call it, if that is not the docstring's text.

        Raises:
            TypeError: it cannot be one: it is asynchronous, or the model could not give a parameter what it takes.
            ValueError: the name is not 1 to 64 letters, digits, underscores and dashes, all of them ASCII.
        """
        signature = Signature.of(function)
        name = signature.name if name is None else name
        _check_name(name)
        documentation = Documentation.of(signature.docstring)
        arguments = arguments_type(signature)
        declaration = FunctionTool(
            name=name,
            description=(documentation.text if description is None else description) or UNSET,
            parameters=json_schema(arguments),
        )
        return cls(declaration, function, ArgumentsDecoder(name, arguments), signature.for_call)

    @classmethod
    def defined(cls, definition: FunctionTool | Mapping[str, Any], handler: Callable[..., Any]) -> Tool:
        """Make a tool of a JSON schema that you have, and a function that takes all arguments as one dictionary.

        Nothing is checked but that the model has sent a JSON object: what is in it, is the function's to check. It
        may have a further parameter annotated as ``ToolCall``.

        Args:
            definition: what the session is told: ``name``, ``description``, ``parameters``.
            handler: what runs.

        Raises:
            ValueError: the definition has no name, one that the service does not take, or something else in it.
            TypeError: the handler is not a function, or asynchronous.
        """
        declaration = definition if isinstance(definition, FunctionTool) else _declaration(definition)
        if not declaration.name:
            raise ValueError("Missing tool name in definition")
        _check_name(declaration.name)
        if not callable(handler):
            raise TypeError(f'Tool "{declaration.name}" handler must be a function')
        return cls(declaration, handler, ObjectDecoder(declaration.name), names_for_call(handler))

    def call(self, arguments: str, call: ToolCall | None = None) -> str:
        """Run the function and give the text for a ``FunctionCallOutput``.

        A string is given as it is, anything else as JSON. None is ``null``, for only the function knows whether that
        means "done" or "nothing found": let it return a word where the model should say so. So is a number that is
        none (NaN, infinity), as JSON has no other word for it.

        Args:
            arguments: a JSON object, as in ``FunctionCall.arguments``; nothing at all counts as an empty one.
            call: for a function that asks for it.

        Raises:
            BadArguments: they are not JSON, or do not fit the parameters; the function was not run. ``5.0`` fits an
                integer, and ``null`` leaves out a parameter that has a default and does not take null.
            TypeError: the result cannot be made JSON.
            Exception: whatever the function raises.
        """
        given = self._arguments.decode(arguments if arguments.strip() else "{}")
        about = {} if call is None else dict.fromkeys(self._for_call, call)
        if isinstance(self._arguments, ObjectDecoder):
            result = self.function(given, **about)
        else:
            result = self.function(**given, **about)
        try:
            return output_text(result)
        except (TypeError, ValueError, RecursionError) as error:
            raise TypeError(f"the result of {self.declaration.name} cannot be made JSON: {error}") from error


def _declaration(definition: Mapping[str, Any]) -> FunctionTool:
    fields = {key: value for key, value in definition.items() if key != "type"}
    if definition.get("type", "function") != "function" or not fields.keys() <= {"name", "description", "parameters"}:
        raise ValueError(
            f"a tool's definition has a name, a description, parameters and the type 'function', not {dict(definition)}"
        )
    return FunctionTool(**fields)


def _check_name(name: str) -> None:
    if not _NAME.fullmatch(name):
        raise ValueError(f"a tool's name is 1 to 64 of a-z, A-Z, 0-9, _ and -, not {name!r}: give another, name=...")
