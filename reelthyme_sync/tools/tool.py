"""The tool itself: what is declared of a function, and a call of it from JSON text to text."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any, Final

import attrs

from ..events import FunctionTool
from ..events.base import UNSET
from .arguments import arguments_type
from .decoder import ArgumentsDecoder
from .documentation import Documentation
from .json_schema import json_schema
from .output import output_text
from .signature import Signature

_NAME: Final = re.compile(r"[a-zA-Z0-9_-]{1,64}")  # the service's rule


@attrs.frozen(eq=False)
class Tool:
    """A function that the model may call. Make one with ``Tool.of``; any thread may call it, if the function allows it.

    Args:
        declaration: what a session is told of it: ``RealtimeSession(tools=[tool.declaration])``.
        function: what runs.
    """

    declaration: FunctionTool
    function: Callable[..., Any]
    _arguments: ArgumentsDecoder = attrs.field(repr=False)

    @classmethod
    def of(cls, function: Callable[..., Any], name: str | None = None, description: str | None = None) -> Tool:
        """Make a tool of a function with annotated parameters.

        A parameter may be whatever has a JSON form: the plain types, ``Literal``, enums, dates, lists, dictionaries,
        attrs classes, dataclasses, ``TypedDict``, ``NamedTuple``, in each other and in unions. One without annotation
        takes any JSON; one with a default may be left out; one that may be None must have a default to be left out.
        What ``functools.partial`` has filled in is not the model's to know. Of a class with fields, ``__post_init__``
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
        if not _NAME.fullmatch(name):
            raise ValueError(
                f"a tool's name is 1 to 64 of a-z, A-Z, 0-9, _ and -, not {name!r}: give another, name=..."
            )
        documentation = Documentation.of(signature.docstring)
        arguments = arguments_type(signature)
        declaration = FunctionTool(
            name=name,
            description=(documentation.text if description is None else description) or UNSET,
            parameters=json_schema(arguments),
        )
        return cls(declaration, function, ArgumentsDecoder(name, arguments))

    def call(self, arguments: str) -> str:
        """Run the function and give the text for a ``FunctionCallOutput``.

        A string is given as it is, anything else as JSON. None is ``null``, for only the function knows whether that
        means "done" or "nothing found": let it return a word where the model should say so. So is a number that is
        none (NaN, infinity), as JSON has no other word for it.

        Args:
            arguments: a JSON object, as in ``FunctionCall.arguments``; nothing at all counts as an empty one.

        Raises:
            BadArguments: they are not JSON, or do not fit the parameters; the function was not run. ``5.0`` fits an
                integer, and ``null`` leaves out a parameter that has a default and does not take null.
            TypeError: the result cannot be made JSON.
            Exception: whatever the function raises.
        """
        result = self.function(**self._arguments.decode(arguments if arguments.strip() else "{}"))
        try:
            return output_text(result)
        except (TypeError, ValueError, RecursionError) as error:
            raise TypeError(f"the result of {self.declaration.name} cannot be made JSON: {error}") from error
