"""JSON to events and back: exact out, lenient in.

It owns the one converter, and knows no event by name: what it does to a value follows from the value's annotation.
It has no state but the converter's cache, so every thread may call it.

Out: all that is set is sent as it is, ``None`` as null; only ``UNSET`` is left out.
In: whatever the peer sends, the caller gets an event and no surprise inside it. A new event, or one in a new shape,
comes as ``UnknownEvent``; a new item, content part or tool as ``UnknownPart``. Where something required is absent or
null it reads as ``""``, ``0`` or empty. A string outside its ``Literal`` passes, and fields unknown here are ignored.
"""

from __future__ import annotations

import logging
import math
import types
from collections.abc import Callable, Iterator, Mapping
from typing import Any, Final, Literal, NamedTuple, TypeVar, Union, get_args, get_origin

import attrs
import cattrs
import orjson

from . import beta
from .beta import Shape
from .errors import InvalidEvent, ProtocolError
from .events.base import (
    CLIENT_EVENTS,
    SERVER_EVENTS,
    UNSET,
    ClientEvent,
    Event,
    Part,
    ServerEvent,
    TaggedPart,
    UnknownEvent,
    UnknownPart,
    Unset,
)

T = TypeVar("T")
Reader = Callable[[Any, Any], Any]

_log = logging.getLogger(__name__)
_INTEGERS: Final = range(-(2**63), 2**64)  # what orjson writes
_SHOWN: Final = 40  # characters of a broken message in an error: enough to know it, too few to leak it


def encode(event: Event | Mapping[str, Any], *, shape: Shape = "ga") -> bytes:
    """An event as the wire wants it.

    A mapping with a ``type`` is sent as it is: use it for what this version has no class for. ``shape="beta"`` says it
    in the words of a server that has stayed with the beta.

    Raises:
        InvalidEvent: it holds something that JSON cannot say, such as a NaN; ``problems`` says where.
    """
    if isinstance(event, Part):
        raise InvalidEvent(f"a {type(event).__name__} is sent inside an event, not alone")
    try:
        wire = unstructure(event) if shape == "ga" else beta.from_ga(unstructure(event))
        if not (problems := list(_flaws(wire, ""))):
            return orjson.dumps(wire)
    except (RecursionError, orjson.JSONEncodeError):
        raise InvalidEvent("an event that is nested too deeply, or holds itself, cannot be sent") from None
    raise InvalidEvent(f"{wire['type']} cannot be sent", problems)


def decode(data: str | bytes, *, shape: Shape = "ga") -> ServerEvent:
    """What a server sent; an ``UnknownEvent`` where this version does not know it.

    The events and sessions of a beta server are understood always. With ``shape="beta"`` the settings of its responses
    and the content of its items come in today's words too.

    Raises:
        ProtocolError: it is not JSON, not an object, or has no ``type``.
    """
    raw = _parse(data)
    if shape == "beta" or raw["type"] in beta.TELLTALES:
        return _read(beta.to_ga(raw), raw, SERVER_EVENTS)
    return _read(raw, raw, SERVER_EVENTS)


def decode_client(data: str | bytes) -> ClientEvent | UnknownEvent:
    """What a client sent: ``decode`` for the other end of the wire.

    Raises:
        ProtocolError: it is not JSON, not an object, or has no ``type``.
    """
    raw = _parse(data)
    return _read(raw, raw, CLIENT_EVENTS)


def unstructure(value: Event | Part | Mapping[str, Any]) -> dict[str, Any]:
    """An event as the dictionary that ``encode`` writes; or a part, such as the body of a REST call.

    Raises:
        InvalidEvent: it is none of these, or it is an event without a ``type``.
    """
    if not isinstance(value, (Event, Part, Mapping)):  # a union is made anew each time
        raise InvalidEvent(f"an event or a mapping can be sent, not {type(value).__name__}")
    wire: dict[str, Any] = _converter.unstructure(dict(value) if isinstance(value, Mapping) else value)
    if not isinstance(value, Part) and not isinstance(wire.get("type"), str):
        raise InvalidEvent("an event without a type cannot be sent", ["type: must be the name of the event"])
    return wire


def structure(raw: object, shape: type[T]) -> T:
    """A value of the wire as ``shape``, a class of ``events``: for what comes by another road than the socket.

    Raises:
        TypeError: something in it has another type than the protocol says.
    """
    return _converter.structure(raw, shape)


# --- in -----------------------------------------------------------------------------------------------------


def _read(wire: dict[str, Any], raw: dict[str, Any], classes: Mapping[str, type[T]]) -> T | UnknownEvent:
    """Read ``wire``, which is ``raw`` in today's words."""
    if (cls := classes.get(wire["type"])) is not None:
        try:
            return structure(wire, cls)
        except TypeError as error:
            _log.warning("%s has an unknown shape (%s): it comes as UnknownEvent", raw["type"], error)
    return UnknownEvent(type=raw["type"], event_id=_word(raw.get("event_id")), raw=raw)


def _parse(data: str | bytes) -> dict[str, Any]:
    try:
        raw = orjson.loads(data)
    except orjson.JSONDecodeError:
        raise ProtocolError(f"not JSON: {_beginning(data)}") from None
    if not isinstance(raw, dict):
        raise ProtocolError(f"no JSON object: {_beginning(data)}")
    if not isinstance(raw.get("type"), str):
        raise ProtocolError(f"no event type: {_beginning(data)}")
    return raw


def _beginning(data: str | bytes) -> str:
    return repr(data[:_SHOWN])[:_SHOWN]


def _mismatch(wanted: str, value: object) -> TypeError:
    return TypeError(f"{type(value).__name__} where {wanted} should be")


def _read_same(value: object, wanted: type) -> object:
    if type(value) is not wanted:
        raise _mismatch(wanted.__name__, value)
    return value


def _read_int(value: object, _: object) -> int:
    """A server that counts fractions of a millisecond is no reason to lose the event."""
    if type(value) is int:
        return value
    if type(value) is float:
        return int(value)
    raise _mismatch("int", value)


def _read_float(value: object, _: object) -> float:
    if type(value) is float or type(value) is int:
        return value
    raise _mismatch("float", value)


def _literal_reader(literal: Any) -> Reader:
    kind = _literal_kind(literal)
    read = _converter.get_structure_hook(kind)
    return lambda value, _: read(value, kind)


def _literal_kind(literal: Any) -> type:
    return type(get_args(literal)[0])


def _list_reader(wanted: Any) -> Reader:
    (member,) = get_args(wanted)
    read = _converter.get_structure_hook(member)

    def read_list(value: object, _: object) -> list[Any]:
        if not isinstance(value, list):
            raise _mismatch("list", value)
        return [read(each, member) for each in value]

    return read_list


def _dict_reader(wanted: Any) -> Reader:
    _, member = get_args(wanted)
    read = _converter.get_structure_hook(member)
    keep_null = member is Any

    def read_dict(value: object, _: object) -> dict[str, Any]:
        if not isinstance(value, dict):
            raise _mismatch("dict", value)
        return {key: read(each, member) for key, each in value.items() if keep_null or each is not None}

    return read_dict


def _record_reader(cls: type[Any]) -> Reader:
    """Read an attrs class: null counts as absent unless the field is nullable, absent as empty if it is required."""
    fields = [_Field.of(field) for field in attrs.fields(cls)]

    def read_record(value: object, _: object) -> object:
        if not isinstance(value, dict):
            raise _mismatch("dict", value)
        given = {}
        for name, kind, shape, read, nullable, empty in fields:
            each = value.get(name)
            if type(each) is kind:  # most fields: nothing is left to read
                given[name] = each
            elif each is not None:
                given[name] = read(each, shape)
            elif nullable and name in value:
                given[name] = None
            elif empty is not None:
                given[name] = read(empty(), shape)
        return cls(**given)

    return read_record


class _Field(NamedTuple):
    """How one field of a record is read."""

    name: str
    kind: type | None
    """A type whose instances are taken as they are."""
    shape: Any
    read: Reader
    nullable: bool
    empty: Callable[[], object] | None
    """What stands for a required value that is absent."""

    @classmethod
    def of(cls, field: attrs.Attribute[Any]) -> _Field:
        kind = _literal_kind(field.type) if get_origin(field.type) is Literal else field.type
        return cls(
            name=field.name,
            kind=kind if kind in (str, int, float, bool) else None,
            shape=field.type,
            read=_converter.get_structure_hook(field.type),
            nullable=types.NoneType in get_args(field.type),
            empty=_empty(field.type) if field.default is attrs.NOTHING else None,
        )


def _empty(wanted: Any) -> Callable[[], object]:
    origin = get_origin(wanted)
    kind = _literal_kind(wanted) if origin is Literal else origin or wanted
    return kind if kind in (str, int, float, bool, list, dict) else dict


def _union_reader(union: Any) -> Reader:
    """Read one of several shapes: JSON's own types tell them apart, and among objects their tag."""
    records = [member for member in get_args(union) if attrs.has(member)]
    others = [member for member in get_args(union) if member not in records and member is not Unset]
    readers = {kind: _bound_reader(member) for member in others for kind in _json_types(member)}
    if records:
        readers[dict] = _tagged_reader(records)
    wanted = " or ".join(kind.__name__ for kind in readers)

    def read_union(value: object, _: object) -> object:
        reader = readers.get(type(value))
        if reader is None:
            raise _mismatch(wanted, value)
        return reader(value)

    return read_union


def _json_types(member: Any) -> tuple[type, ...]:
    origin = get_origin(member)
    kind = _literal_kind(member) if origin is Literal else origin or member
    return (int, float) if kind in (int, float) else (kind,)


def _bound_reader(shape: Any) -> Callable[[Any], object]:
    read = _converter.get_structure_hook(shape)
    return lambda value: read(value, shape)


def _tagged_reader(records: list[Any]) -> Callable[[dict[str, Any]], object]:
    """Choose a class by ``type``, and among messages by ``role``."""
    known = [cls for cls in records if cls is not UnknownPart]
    tagged = {_tag(cls): _bound_reader(cls) for cls in known if issubclass(cls, TaggedPart)}
    untagged = next((_bound_reader(cls) for cls in known if not issubclass(cls, TaggedPart)), None)

    def read_tagged(raw: dict[str, Any]) -> object:
        tag = _word(raw.get("type"))
        reader = tagged.get((tag, _word(raw.get("role")))) or tagged.get((tag, ""))
        if reader is not None:
            return reader(raw)
        if untagged is not None and (raw.get("type") is None or not tagged):
            return untagged(raw)
        return _read_unknown(raw)

    return read_tagged


def _tag(cls: type[TaggedPart]) -> tuple[str, str]:
    return cls.type, getattr(cls, "role", "")


def _read_unknown(raw: dict[str, Any]) -> UnknownPart:
    return UnknownPart(type=_word(raw.get("type")), raw=raw)


def _word(value: object) -> str:
    return value if isinstance(value, str) else ""


# --- out ----------------------------------------------------------------------------------------------------


def _record_writer(cls: type[Any]) -> Callable[[Any], dict[str, Any]]:
    names = [field.name for field in attrs.fields(cls)]
    # Where `type` is a field, the class attribute is a slot and no string.
    constants = {name: tag for name in ("type", "role") if isinstance(tag := getattr(cls, name, None), str)}

    def write_record(value: object) -> dict[str, Any]:
        wire = dict(constants)
        for name in names:
            field = getattr(value, name)
            if field is not UNSET:
                wire[name] = _converter.unstructure(field)
        return wire

    return write_record


def _flaws(value: object, path: str) -> Iterator[str]:
    """What JSON cannot say. orjson would write NaN as null, and not say where it met anything else."""
    if isinstance(value, dict):
        for key, each in value.items():
            if not isinstance(key, str):
                yield f"{path or 'event'}: a key must be a string, not {type(key).__name__}"
            elif not (type(each) is str and each.isascii()):  # most fields, and all large ones: no call for them
                yield from _flaws(each, f"{path}.{key}" if path else key)
    elif isinstance(value, list | tuple):
        for index, each in enumerate(value):
            yield from _flaws(each, f"{path}[{index}]")
    elif (flaw := _scalar_flaw(value)) is not None:
        yield f"{path}: {flaw}"


def _scalar_flaw(value: object) -> str | None:
    if isinstance(value, str):
        return None if value.isascii() or _is_unicode(value) else "half a character (a lone surrogate)"
    if value is None or isinstance(value, bool):
        return None
    if isinstance(value, int):
        return None if value in _INTEGERS else "a number beyond 64 bits"
    if isinstance(value, float):
        return None if math.isfinite(value) else "not a finite number"
    return f"{type(value).__name__} is nothing that JSON can say"


def _is_unicode(text: str) -> bool:
    try:
        text.encode()
    except UnicodeEncodeError:
        return False
    return True


# --- the converter --------------------------------------------------------------------------------------------
# It asks for a hook when it first meets a class: building all of them would triple the time of the import.


def _origin_is(*origins: object) -> Callable[[Any], bool]:
    return lambda wanted: get_origin(wanted) in origins


def _make_converter() -> cattrs.Converter:
    converter = cattrs.Converter(detailed_validation=False)
    converter.register_structure_hook_factory(attrs.has, _record_reader)
    converter.register_structure_hook_factory(_origin_is(Union, types.UnionType), _union_reader)
    converter.register_structure_hook_factory(_origin_is(Literal), _literal_reader)
    converter.register_structure_hook_factory(_origin_is(list), _list_reader)
    converter.register_structure_hook_factory(_origin_is(dict), _dict_reader)
    for kind in (str, bool, types.NoneType):
        converter.register_structure_hook(kind, _read_same)
    converter.register_structure_hook(int, _read_int)
    converter.register_structure_hook(float, _read_float)
    converter.register_unstructure_hook_factory(attrs.has, _record_writer)
    converter.register_unstructure_hook(UnknownEvent, lambda event: event.raw)
    converter.register_unstructure_hook(UnknownPart, lambda part: part.raw)
    converter.register_unstructure_hook(Unset, lambda unset: unset)
    return converter


_converter: Final = _make_converter()
