"""What the keys of dictionaries may be: they are text in JSON, and a schema must say what text.

msgspec reads keys of many types, but declares none of them.
"""

from __future__ import annotations

from typing import Any, Final

from .references import Schema
from .type_tree import types_within

_NUMBER: Final = r"-?(0|[1-9][0-9]*)"
_REAL: Final = {"pattern": rf"^{_NUMBER}(\.[0-9]+)?([eE][+-]?[0-9]+)?$"}

_NAMES: Final[dict[str, Schema]] = {
    "AnyType": {},
    "StrType": {},  # msgspec declares its limits
    "IntType": {"pattern": f"^{_NUMBER}$"},
    "FloatType": _REAL,
    "DecimalType": _REAL,
    "DateTimeType": {"format": "date-time"},
    "DateType": {"format": "date"},
    "TimeType": {"format": "time"},
    "TimeDeltaType": {"format": "duration"},
    "UUIDType": {"format": "uuid"},
}
"""What a key of each type looks like."""


def check_keys(annotation: Any) -> None:
    """Refuse dictionaries whose keys cannot be written as text.

    Raises:
        TypeError: it has one.
    """
    for kind in types_within(annotation):
        if hasattr(kind, "key_type"):
            _names(kind.key_type)


def declare_keys(schema: Schema, kind: Any) -> None:
    """Write into the schema of a type what the keys of the dictionaries in it are, down to the next class.

    Args:
        schema: msgspec's, of this type; is changed.
        kind: the type, as ``msgspec.inspect`` gives it.
    """
    import msgspec

    if isinstance(kind, msgspec.inspect.Metadata):
        declare_keys(schema, kind.type)
    elif isinstance(kind, msgspec.inspect.UnionType):  # no union has two types that are one type in JSON
        for option in schema.get("anyOf", ()):
            for part in kind.types:
                declare_keys(option, part)
    elif hasattr(kind, "key_type") and schema.get("type") == "object":
        if names := _names(kind.key_type):
            schema["propertyNames"] = names
        declare_keys(schema.get("additionalProperties", {}), kind.value_type)
    elif hasattr(kind, "item_type") and schema.get("type") == "array":
        declare_keys(schema.get("items", {}), kind.item_type)
    elif isinstance(kind, msgspec.inspect.TupleType):
        for item, part in zip(schema.get("prefixItems", ()), kind.item_types, strict=False):
            declare_keys(item, part)


def _names(key: Any) -> Schema:
    import msgspec

    if isinstance(key, msgspec.inspect.Metadata):
        return _names(key.type)
    if isinstance(key, msgspec.inspect.UnionType):
        options = [_names(part) for part in key.types if not isinstance(part, msgspec.inspect.NoneType)]
        return {"anyOf": options} if all(options) else {}
    if isinstance(key, msgspec.inspect.EnumType):
        return {"enum": [str(member.value) for member in key.cls]}
    if isinstance(key, msgspec.inspect.LiteralType):
        return {"enum": [str(value) for value in key.values if value is not None]}
    names = _NAMES.get(type(key).__name__)
    if names is None:
        raise TypeError("a dictionary with such keys has no JSON form; take a list of pairs, or text for a key")
    return names
