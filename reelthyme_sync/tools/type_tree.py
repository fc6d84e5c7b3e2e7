"""What a type is made of, as msgspec sees it."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any


def types_within(annotation: Any) -> Iterator[Any]:
    """A type and all that are met inside it, each once and the outermost first, as ``msgspec.inspect.Type``.

    Raises:
        TypeError: msgspec does not know one of them.
    """
    import msgspec

    yield from _walk(msgspec.inspect.type_info(annotation), set())


def _walk(node: Any, seen: set[int]) -> Iterator[Any]:
    import msgspec

    if id(node) in seen:
        return
    seen.add(id(node))
    if isinstance(node, msgspec.inspect.Type):
        yield node
    for name in node.__struct_fields__:
        value = getattr(node, name)
        for part in value if isinstance(value, tuple) else (value,):
            if isinstance(part, msgspec.inspect.Type | msgspec.inspect.Field):
                yield from _walk(part, seen)
