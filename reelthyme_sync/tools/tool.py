"""The tool itself: what is declared of a function, and a call of it from JSON text to text."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import TYPE_CHECKING, Any, Final

import attrs

from ..errors import BadArguments
from ..events import FunctionTool
from ..events.base import UNSET
from .arguments import arguments_type
from .documentation import Documentation
from .json_schema import json_schema
from .output import output_text
from .signature import Signature

if TYPE_CHECKING:
    import msgspec

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
    _arguments: msgspec.json.Decoder[Any] = attrs.field(repr=False)

    @classmethod
    def of(cls, function: Callable[..., Any], name: str | None = None, description: str | None = None) -> Tool:
        """Make a tool of a function with annotated parameters.

        A parameter may be whatever has a JSON form: the plain types, ``Literal``, enums, dates, lists, dictionaries,
        attrs classes, dataclasses, ``TypedDict``, ``NamedTuple``, in each other and in unions. One without annotation
        takes any JSON; one with a default may be left out; one that may be None must have a default to be left out.
        What ``functools.partial`` has filled in is not the model's to know.

        A parameter is described by a plain string, ``city: Annotated[str, "the city"]``, or by the docstring (Google,
        NumPy or reST style); so are the fields of the classes that it is made of.

        Args:
            function: a function, a bound method, a ``functools.partial``, or an object with ``__call__``.
            name: what the model calls it, if that is not the function's name.
            description: what it is for and when to call it, if that is not the docstring's text.

        Raises:
            TypeError: it cannot be one: it is asynchronous, or the model could not give a parameter what it takes.
            ValueError: the name is not 1 to 64 letters, digits, underscores and dashes, all of them ASCII.
        """
        import msgspec

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
        return cls(declaration, function, msgspec.json.Decoder(arguments))

    def call(self, arguments: str) -> str:
        """Run the function and give the text for a ``FunctionCallOutput``.

        A string is given as it is, anything else as JSON. None is ``null``, for only the function knows whether that
        means "done" or "nothing found": let it return a word where the model should say so. So is a number that is
        none (NaN, infinity), as JSON has no other word for it.

        Args:
            arguments: a JSON object, as in ``FunctionCall.arguments``; nothing at all counts as an empty one.

        Raises:
            BadArguments: they are not JSON, or do not fit the parameters.
            TypeError: the result cannot be made JSON.
            Exception: whatever the function raises.
        """
        result = self.function(**self._given(arguments))
        try:
            return output_text(result)
        except (TypeError, ValueError, RecursionError) as error:
            raise TypeError(f"the result of {self.declaration.name} cannot be made JSON: {error}") from error

    def _given(self, arguments: str) -> dict[str, Any]:
        """The arguments by name. What was left out is left out here, too: the function's own default applies."""
        import msgspec

        try:
            decoded = self._arguments.decode(arguments if arguments.strip() else "{}")
        except msgspec.ValidationError as error:
            raise BadArguments(f"arguments of {self.declaration.name}: {error}") from error
        except (msgspec.DecodeError, UnicodeError, RecursionError) as error:
            raise BadArguments(f"arguments of {self.declaration.name} are not valid JSON: {error}") from error
        except TypeError as error:  # what is to go into a set, or to be a key, cannot be hashed
            raise BadArguments(f"arguments of {self.declaration.name}: {error}") from error
        given = ((name, getattr(decoded, name)) for name in decoded.__struct_fields__)
        return {name: value for name, value in given if value is not msgspec.UNSET}
