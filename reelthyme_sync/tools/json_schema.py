"""The JSON schema of a tool's arguments: msgspec's, with what people wrote about each field, and without references."""

from __future__ import annotations

import datetime
from types import NoneType, UnionType
from typing import TYPE_CHECKING, Annotated, Any, Final, Union, get_args, get_origin, get_type_hints

from typing_extensions import NotRequired, Required

from .documentation import Documentation
from .keys import declare_keys
from .references import REFERENCE, Schema, without_references
from .type_tree import types_within

if TYPE_CHECKING:
    import msgspec

_FORMATS: Final = {datetime.datetime: "date-time", datetime.time: "time"}
"""msgspec leaves these out where a value without time zone is right, too; but a model must be told what to write."""


def json_schema(arguments: type[msgspec.Struct]) -> Schema:
    """What describes the arguments of a call. The docstring of the class describes the tool, and is not repeated."""
    import msgspec

    records = {kind.cls: kind.fields for kind in types_within(arguments) if hasattr(kind, "fields")}
    references, components = msgspec.json.schema_components(records, ref_template=f"{REFERENCE}{{name}}")
    for reference, (kind, fields) in zip(references, records.items(), strict=True):
        _describe_fields(components[reference["$ref"].removeprefix(REFERENCE)], get_origin(kind) or kind, fields)
    for component in components.values():
        if text := Documentation.of(component.pop("description", None)).text:
            component["description"] = text
    schema = without_references(references[0], components)
    return {key: value for key, value in schema.items() if key not in ("title", "description")}


def _describe_fields(component: Schema, kind: type, fields: tuple[msgspec.inspect.Field, ...]) -> None:
    """Write into the schema of a class what its annotations and its docstring say about its fields."""
    hints = get_type_hints(kind, include_extras=True)
    documented = Documentation.of(kind.__doc__).parameters
    in_order = component.get("prefixItems", ())[-len(fields) :]
    schemas = in_order or [component["properties"][field.encode_name] for field in fields]
    for schema, field in zip(schemas, fields, strict=True):
        if in_order:  # a NamedTuple is an array, in which nothing else says which is which
            schema.setdefault("title", field.name)
        _describe(schema, hints.get(field.name, Any))  # a namedtuple may have none
        declare_keys(schema, field.type)
        if line := documented.get(field.name):
            schema.setdefault("description", line)


def _describe(schema: Schema, hint: Any) -> None:
    """Write into a schema what the annotation that it was made of says in plain strings, at any depth."""
    hint, note = _bare(hint)
    if note:
        schema.setdefault("description", note)
    options = [option for option in schema.get("anyOf", ()) if option != {"type": "null"}]
    inner = options[0] if len(options) == 1 else schema
    if isinstance(hint, type) and hint in _FORMATS:
        inner.setdefault("format", _FORMATS[hint])
    arguments = get_args(hint)
    for key, argument in (("items", arguments[:1]), ("additionalProperties", arguments[1:])):
        if argument and isinstance(inner.get(key), dict):
            _describe(inner[key], argument[0])
    for item, argument in zip(inner.get("prefixItems", ()), arguments, strict=False):
        _describe(item, argument)


def _bare(hint: Any) -> tuple[Any, str | None]:
    """An annotation without what is round it (``Annotated``, ``| None``, ``Required``), and the string found there."""
    import msgspec

    note = None
    while True:
        origin, arguments = get_origin(hint), get_args(hint)
        if origin is Annotated:
            note = note or next((extra for extra in arguments[1:] if isinstance(extra, str)), None)
            arguments = arguments[:1]
        elif origin in (Union, UnionType):
            arguments = tuple(kind for kind in arguments if kind not in (NoneType, msgspec.UnsetType))
        elif origin not in (Required, NotRequired):
            return hint, note
        if len(arguments) != 1:
            return hint, note
        (hint,) = arguments
