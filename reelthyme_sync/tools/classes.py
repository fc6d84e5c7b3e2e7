"""The classes that parameters are made of, and why a model could not make an object of one.

The fields of an object are set by msgspec, not by the class: of the class's own code it runs ``__post_init__``
(``__attrs_post_init__``) and attrs' validators, nothing else. A class that counts on more is refused.
"""

from __future__ import annotations

import dataclasses
import enum
import inspect
from collections.abc import Iterator
from typing import Annotated, Any, Final, get_args, get_origin, get_type_hints

import attrs

_MARKS: Final = ("__attrs_attrs__", "__dataclass_fields__", "__struct_fields__", "_fields", "__total__")
"""What a class with fields has: one of attrs, a dataclass, a Struct, a NamedTuple, a TypedDict."""

_BEHIND: Final = ("__supertype__", "__value__", "__bound__")
"""Where a NewType, an alias and a TypeVar keep what they stand for."""

_GENERATED: Final = ("<string>", "<attrs generated")
"""Where the code is from that dataclasses, NamedTuple and attrs write."""


def check_classes(annotation: Any, known: dict[str, Any]) -> None:
    """Refuse a class that would not be itself if its fields were merely set, and a second class of the same name.

    Args:
        annotation: may hold classes at any depth, also in the fields of others.
        known: the classes met so far, by name; those of this annotation are added.

    Raises:
        TypeError: a class has code of its own that would not be run, or a field that is not for others to set.
        Exception: whatever the annotations of a class raise when they are evaluated.
    """
    for hint in _classes_within(annotation):
        _check(_class_of(hint))
        if known.setdefault(_name(hint), hint) != hint:
            raise TypeError(f"there are two classes {_name(hint)}, and a schema needs a name for each; rename one")


def _classes_within(annotation: Any) -> Iterator[Any]:
    """The enums and the classes with fields that are met inside an annotation, each once; ``Box[int]`` as it stands."""
    seen: list[Any] = []  # no set: an annotation may hold what cannot be hashed
    waiting = [annotation]
    while waiting:
        hint = waiting.pop()
        if hint in seen:
            continue
        seen.append(hint)
        waiting += get_args(hint)[:1] if get_origin(hint) is Annotated else get_args(hint)
        waiting += [getattr(hint, name) for name in _BEHIND if hasattr(hint, name)]
        kind = _class_of(hint)
        if isinstance(kind, type) and any(hasattr(kind, mark) for mark in _MARKS):
            yield hint
            waiting += get_type_hints(kind, include_extras=True).values()
        elif isinstance(kind, enum.EnumMeta):
            yield hint


def _name(hint: Any) -> str:
    """What msgspec tells two classes apart by: the module, the name, and the names of a generic one's arguments."""
    kind = _class_of(hint)
    of = ", ".join(getattr(argument, "__name__", repr(argument)) for argument in get_args(hint))
    return f"{kind.__module__}.{kind.__qualname__}" + (f"[{of}]" if of else "")


def _check(kind: Any) -> None:
    if attrs.has(kind):
        _check_attributes(kind)
        _check_making(kind, "__init__", {field.alias or field.name: field.name for field in attrs.fields(kind)})
    elif dataclasses.is_dataclass(kind):
        _check_making(kind, "__init__", {field.name: field.name for field in dataclasses.fields(kind)})
    elif issubclass(kind, tuple):
        _check_making(kind, "__new__", {name: name for name in kind._fields})


def _class_of(hint: Any) -> Any:
    return get_origin(hint) or hint


def _check_attributes(kind: Any) -> None:
    """What attrs has and dataclasses do not."""
    hints = get_type_hints(kind)
    for field in attrs.fields(kind):
        name = f"{kind.__qualname__}.{field.name}"
        if field.name not in hints:
            raise TypeError(f"{name} has no type; annotate it")
        if field.converter is not None:
            raise TypeError(f"{name} has a converter, which would not be run; convert it in __attrs_post_init__")
        if isinstance(field.default, attrs.Factory) and field.default.takes_self:  # type: ignore[arg-type]
            raise TypeError(
                f"{name} has a default made of other fields; give it a plain one and replace it in __attrs_post_init__"
            )


def _check_making(kind: Any, method: str, fields: dict[str, str]) -> None:
    """See that an object is made by generated code, which takes all fields (here by its names for them)."""
    after = "__attrs_post_init__" if attrs.has(kind) else "__post_init__"
    cure = f"check and compute in {after}" if method == "__init__" else "take a dataclass with __post_init__"
    for name in (method, "__new__"):
        if not _is_generated(getattr(kind, name)):
            raise TypeError(f"{kind.__qualname__} has its own {name}, which would not be run; {cure}")
    taken = list(inspect.signature(getattr(kind, method)).parameters)[1:]
    for alias, name in fields.items():
        if alias not in taken:
            raise TypeError(
                f"{kind.__qualname__}.{name} is not taken by __init__ (init=False), and a model must not set it; "
                f"make it a property, or take the other fields and make the {kind.__qualname__} in the function"
            )
    for extra in taken:
        if extra not in fields:
            raise TypeError(f"{kind.__qualname__} takes {extra}, which is no field (InitVar); make it one")


def _is_generated(method: Any) -> bool:
    code = getattr(method, "__code__", None)
    return method is object.__new__ or (code is not None and code.co_filename.startswith(_GENERATED))
