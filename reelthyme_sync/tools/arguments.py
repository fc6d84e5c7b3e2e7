"""The type that the arguments of a call are decoded into, made from a signature."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any

from .classes import check_classes
from .keys import check_keys
from .signature import Parameter, Signature

if TYPE_CHECKING:
    import msgspec


def arguments_type(signature: Signature) -> type[msgspec.Struct]:
    """A class with a field for each parameter, and the function's docstring for its own.

    A parameter that has a default may be absent, and its field is ``msgspec.UNSET`` then.

    Raises:
        TypeError: an annotation has no JSON form, or none that a model could write.
    """
    import msgspec

    fields: list[Any] = []
    classes: dict[str, Any] = {}
    for parameter in signature.parameters:
        _check(signature.name, parameter, classes)
        fields.append((parameter.name, parameter.annotation) if parameter.required else _optional(parameter))
    return msgspec.defstruct(
        signature.name,
        fields,
        namespace={"__doc__": signature.docstring},
        kw_only=True,
        forbid_unknown_fields=True,
    )


def fits(text: bytes, annotation: Any) -> bool:
    """Whether JSON text can be decoded as what is annotated."""
    import msgspec

    try:
        msgspec.json.decode(text, type=annotation)
    except (TypeError, ValueError):
        return False
    return True


def _check(function: str, parameter: Parameter, classes: dict[str, Any]) -> None:
    """One by one, because msgspec does not say whose the annotation is. The classes are those met so far, by name."""
    import msgspec

    try:
        check_classes(parameter.annotation, classes)
        msgspec.json.schema(parameter.annotation, schema_hook=_no_schema)
        msgspec.json.Decoder(parameter.annotation)  # knows of some that the schema does not
        check_keys(parameter.annotation)
    except Exception as error:  # annotations inside classes are evaluated here, and can raise anything
        raise TypeError(f"{function} cannot be a tool: parameter {parameter.name}: {error}") from error


def _no_schema(kind: type) -> dict[str, Any]:
    raise TypeError(f"{kind} has no JSON form; take what a model can write (str, list, a dataclass), and convert it")


def _optional(parameter: Parameter) -> tuple[str, Any, Any]:
    """Absent unless given: what a function takes by default need not be JSON, and must not be copied."""
    import msgspec

    annotation = parameter.annotation
    if parameter.default is None and not fits(b"null", annotation):
        annotation = annotation | None  # `city: str = None` is common, and means this
    absent = annotation | msgspec.UnsetType
    try:
        default = msgspec.json.encode(parameter.default)
    except (TypeError, ValueError, RecursionError):  # a sentinel, an open file
        return parameter.name, absent, msgspec.UNSET
    if fits(default, annotation):  # infinity does not
        absent = Annotated[absent, msgspec.Meta(extra_json_schema={"default": msgspec.json.decode(default)})]
    return parameter.name, absent, msgspec.UNSET
