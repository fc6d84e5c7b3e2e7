"""A JSON schema that says everything in its place: models, and some servers, do better without references."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import Any, Final, TypeAlias

Schema: TypeAlias = dict[str, Any]

REFERENCE: Final = "#/$defs/"

_ONE: Final = ("items", "additionalProperties", "propertyNames")
_SEVERAL: Final = ("anyOf", "prefixItems")
_NAMED: Final = ("properties",)


def without_references(schema: Schema, components: Mapping[str, Schema]) -> Schema:
    """Put each component where it is referred to; only a recursive one, which has no end, stays under ``$defs``.

    Args:
        schema: may refer to components as ``#/$defs/NAME``, with words of its own beside it, which win.
        components: by name; they may refer to each other.
    """
    recursive = {name for name in components if name in _reached(components[name], components)}

    def plain(part: Schema) -> Schema:
        name = _name(part)
        if name is not None and name not in recursive:
            own = {key: value for key, value in part.items() if key != "$ref"}
            return plain({**components[name], **own})
        return {key: _replaced(key, value, plain) for key, value in part.items() if key != "discriminator"}

    kept = {name: plain(components[name]) for name in sorted(recursive & _reached(schema, components))}
    return {**plain(schema), "$defs": kept} if kept else plain(schema)


def _reached(schema: Schema, components: Mapping[str, Schema]) -> set[str]:
    """The components that a schema refers to, and those that they refer to, and so on."""
    found: set[str] = set()
    waiting = [schema]
    while waiting:
        part = waiting.pop()
        waiting.extend(_parts(part))
        name = _name(part)
        if name is not None and name not in found:
            found.add(name)
            waiting.append(components[name])
    return found


def _name(part: Schema) -> str | None:
    reference = part.get("$ref")
    return reference.removeprefix(REFERENCE) if isinstance(reference, str) else None


def _parts(schema: Schema) -> Iterator[Schema]:
    """The schemas directly inside one: not its defaults and choices, which only look like schemas."""
    yield from (schema[key] for key in _ONE if isinstance(schema.get(key), dict))
    for key in _SEVERAL:
        yield from schema.get(key, ())
    for key in _NAMED:
        yield from schema.get(key, {}).values()


def _replaced(key: str, value: Any, plain: Callable[[Schema], Schema]) -> Any:
    """The value of a keyword, with the schemas directly inside it made plain."""
    if key in _ONE and isinstance(value, dict):
        return plain(value)
    if key in _SEVERAL:
        return [plain(part) for part in value]
    if key in _NAMED:
        return {name: plain(part) for name, part in value.items()}
    return value
