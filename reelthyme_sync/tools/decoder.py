"""From the text of a call to the arguments of the function, or to an error in words for the model."""

from __future__ import annotations

from decimal import Decimal
from typing import TYPE_CHECKING, Any, get_type_hints

import attrs

from ..errors import BadArguments
from .arguments import fits
from .output import error_text

if TYPE_CHECKING:
    import msgspec


class ArgumentsDecoder:
    """Decodes what a model sends for one tool. Any thread.

    Two habits of models are no errors: ``5.0`` for an integer, which a JSON schema allows, and ``null`` for a parameter
    that has a default and does not take null. Everything else must be as declared.

    Args:
        tool: the name of the tool, for the errors.
        arguments: what ``arguments_type`` made.
    """

    def __init__(self, tool: str, arguments: type[msgspec.Struct]) -> None:
        import msgspec

        self._tool = tool
        self._exact = msgspec.json.Decoder(arguments)
        self._plain = msgspec.json.Decoder(float_hook=_number)
        self._types = get_type_hints(arguments, include_extras=True)
        optional = {field.encode_name for field in msgspec.structs.fields(arguments) if not field.required}
        self._null_is_nothing = {name for name in optional if not fits(b"null", self._types[name])}

    def decode(self, text: str) -> dict[str, Any]:
        """The arguments by name. What was left out is left out here, too: the function's own default applies.

        Raises:
            BadArguments: it is not JSON, or does not fit the parameters.
        """
        import msgspec

        try:
            try:
                decoded = self._exact.decode(text)
            except msgspec.ValidationError:
                decoded = self._exact.decode(self._as_meant(text))
        except msgspec.ValidationError as error:
            raise BadArguments(f"arguments of {self._tool}: {_words(error)}") from error
        except (msgspec.DecodeError, UnicodeError, RecursionError) as error:
            raise BadArguments(f"arguments of {self._tool} are not valid JSON: {error}") from error
        except Exception as error:  # a class's own check may raise anything; what goes into a set may have no hash
            raise BadArguments(f"arguments of {self._tool}: {error_text(error)}{self._place(text)}") from error
        given = ((name, getattr(decoded, name)) for name in decoded.__struct_fields__)
        return {name: value for name, value in given if value is not msgspec.UNSET}

    def _as_meant(self, text: str) -> bytes:
        import msgspec

        given = self._plain.decode(text)
        if isinstance(given, dict):
            nothing = {name for name in self._null_is_nothing if given.get(name, ...) is None}
            given = {name: value for name, value in given.items() if name not in nothing}
        return msgspec.json.encode(given)

    def _place(self, text: str) -> str:
        """The parameter that an error is about, for those to which msgspec adds no path."""
        import msgspec

        try:
            given = msgspec.json.decode(self._as_meant(text))
        except (msgspec.DecodeError, RecursionError):  # what follows is no JSON
            return ""
        for name, value in given.items():
            try:
                msgspec.json.decode(msgspec.json.encode(value), type=self._types[name])
            except Exception:
                return f" - at `$.{name}`"
        return ""


class ObjectDecoder:
    """Decodes what a model sends for a tool whose schema is not ours to check: any JSON object. Any thread."""

    def __init__(self, tool: str) -> None:
        self._tool = tool

    def decode(self, text: str) -> dict[str, Any]:
        """The object.

        Raises:
            BadArguments: it is not JSON, or no object.
        """
        import msgspec

        try:
            return msgspec.json.decode(text, type=dict[str, Any])
        except (msgspec.DecodeError, UnicodeError, RecursionError) as error:
            raise BadArguments(f"arguments of {self._tool} are not a JSON object: {error}") from error


def _number(text: str) -> int | msgspec.Raw:
    """A number with a point or an exponent: an int if it is a whole one, or else as it was written."""
    import msgspec

    number = float(text)
    if not number.is_integer():  # nor is one that is too large
        return msgspec.Raw(text.encode())
    return int(number) if abs(number) < 2**53 else int(Decimal(text))  # from there on a float is not exact


def _words(error: msgspec.ValidationError) -> str:
    """The message, with the path; of an attrs validator's without the objects that it puts after its text."""
    cause = error.__cause__
    if cause is None or not any(isinstance(argument, attrs.Attribute) for argument in cause.args):
        return str(error)
    return f"{cause.args[0]}{str(error).removeprefix(str(cause))}"
