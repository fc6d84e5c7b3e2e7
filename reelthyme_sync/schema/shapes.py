"""From the annotations of the event classes to checks, walked once per class.

A value is told apart as JSON tells it: by its own type, and an object by its ``type`` and ``role``.
"""

from __future__ import annotations

import types
from collections.abc import Iterable, Iterator, Mapping
from functools import cache
from typing import Any, Final, Literal, TypeAlias, Union, cast, get_args, get_origin

import attrs

from ..events import AudioPcm, RealtimeSession, TaggedPart, TranslationConfig, UnknownPart, Unset
from .problems import Check, Problem, nothing, one_of, unknown
from .rules import FIELDS, OLD_NAMES, OLD_TYPES, RECEIVED_ONLY, RECORDS, REQUIRED, SAID_BY_SERVER

Kinds: TypeAlias = dict[type, Check]
"""What a value may be: each JSON type that it may have, with the check for it."""

_NAMES: Final = {
    str: "a string",
    bool: "a boolean",
    int: "a whole number",
    float: "a number",
    list: "a list",
    dict: "an object",
    types.NoneType: "null",
}


@cache
def record(cls: type) -> Check:
    """The check of an object that has the fields of ``cls`` as its keys."""
    checks, required = _checks(cls), _required(cls)
    known = [field.name for field in _fields(cls) if checks[field.name] is not _said_by_server]
    rules, old = RECORDS.get(cls, ()), OLD_NAMES.get(cls, {})

    def check(value: dict[object, Any]) -> Iterator[Problem]:
        for key, each in value.items():
            inner = checks.get(key)
            if inner is None:
                yield unknown(key, known, old)
                continue
            for problem in inner(each):
                yield problem.below(key)
        for name in required:
            if name not in value:
                yield Problem(f".{name}", "missing")
        for rule in rules:
            yield from rule(value)

    return check


def _fields(cls: type) -> tuple[attrs.Attribute[Any], ...]:
    fields: tuple[attrs.Attribute[Any], ...] = attrs.fields(cast("type[attrs.AttrsInstance]", cls))
    return fields


def _required(cls: type) -> list[str]:
    demanded = REQUIRED.get(cls, ())
    return [field.name for field in _fields(cls) if field.default is attrs.NOTHING or field.name in demanded]


def _checks(cls: type) -> dict[Any, Check]:
    tags = [name for name in ("type", "role") if isinstance(getattr(cls, name, None), str)]
    return {
        **dict.fromkeys(tags, nothing),  # the class was chosen by them
        **{field.name: _by_kind(_field_kinds(cls, field)) for field in _fields(cls)},
        **dict.fromkeys(SAID_BY_SERVER.get(cls, ()), _said_by_server),
    }


def _field_kinds(cls: type, field: attrs.Attribute[Any]) -> Kinds:
    annotation: Any = field.type
    kinds = _kinds(annotation)
    for base in cls.__mro__:
        if (rule := FIELDS.get(base, {}).get(field.name)) is not None:
            return {kind: each if kind is types.NoneType else _both(each, rule) for kind, each in kinds.items()}
    return kinds


def _both(shape: Check, rule: Check) -> Check:
    if shape is nothing:
        return rule

    def check(value: object) -> Iterator[Problem]:
        yield from shape(value)
        yield from rule(value)

    return check


def _said_by_server(_: object) -> Iterable[Problem]:
    return [Problem("", "only the server says it")]


# --- by JSON's types ----------------------------------------------------------------------------------------


def _of(annotation: Any) -> Check:
    return nothing if annotation is Any else _by_kind(_kinds(annotation))


@cache
def _kinds(annotation: Any) -> Kinds:
    members = get_args(annotation) if get_origin(annotation) in (Union, types.UnionType) else (annotation,)
    records = [each for each in members if attrs.has(each) and each not in (UnknownPart, *RECEIVED_ONLY)]
    kinds: Kinds = {dict: _choice(records)} if records else {}
    for member in members:
        if get_origin(member) is Literal:
            kinds[type(get_args(member)[0])] = one_of(get_args(member))
    for member in members:
        if member is not Unset and not attrs.has(member):
            kinds |= _plain(member)  # after the literals: beside a plain string they are only examples
    return kinds


def _plain(member: Any) -> Kinds:
    origin = get_origin(member)
    if member is float:
        return {float: nothing, int: nothing}
    if origin is list:
        return {list: _each(_of(get_args(member)[0]))}
    if origin is dict:
        return {dict: _values(_of(get_args(member)[1]))}
    return {} if origin is Literal else {member: nothing}


def _by_kind(kinds: Kinds) -> Check:
    names = [_NAMES[kind] for kind in kinds if not (kind is int and float in kinds)]
    wanted = " or ".join(names)

    def check(value: object) -> Iterable[Problem]:
        inner = kinds.get(type(value)) or kinds.get(_kind(value))
        return inner(value) if inner else [Problem("", f"must be {wanted}, not {_name(value)}")]

    return check


def _kind(value: object) -> type:
    """The JSON type of a value that is of a subclass, or a tuple: what the encoder makes of it."""
    if isinstance(value, tuple):
        return list
    return next((base for base in type(value).__mro__ if base in _NAMES), type(value))


def _name(value: object) -> str:
    kind = _kind(value)
    return _NAMES.get(kind, kind.__name__)


def _each(inner: Check) -> Check:
    def check(values: list[Any]) -> Iterator[Problem]:
        for index, value in enumerate(values):
            for problem in inner(value):
                yield problem.at(index)

    return check


def _values(inner: Check) -> Check:
    def check(pairs: dict[Any, Any]) -> Iterator[Problem]:
        for key, value in pairs.items():
            if not isinstance(key, str):
                yield Problem("", f"a key must be a string, not {_name(key)}")
            for problem in inner(value):
                yield problem.below(key)

    return check


# --- objects, by their tags ---------------------------------------------------------------------------------


def _choice(records: list[Any]) -> Check:
    tagged = [cls for cls in records if issubclass(cls, TaggedPart)]
    if not tagged:
        (only,) = records
        return record(only)
    by_type: dict[str, list[Any]] = {}
    for cls in tagged:
        by_type.setdefault(cls.type, []).append(cls)
    without = next((_WITHOUT_TYPE[cls] for cls in records if cls in _WITHOUT_TYPE), _missing("type"))
    return _chosen({tag: _by_role(classes) for tag, classes in by_type.items()}, "type", without)


def _by_role(classes: list[Any]) -> Check:
    if len(classes) == 1:
        return record(classes[0])
    return _chosen({cls.role: record(cls) for cls in classes}, "role", _missing("role"))


def _chosen(options: Mapping[Any, Check], key: str, without: Check) -> Check:
    tag_check = _by_kind({str: one_of(tuple(options), OLD_TYPES)})

    def check(value: dict[str, Any]) -> Iterable[Problem]:
        if key not in value:
            return without(value)
        problems = [problem.below(key) for problem in tag_check(value[key])]
        return problems or options[value[key]](value)

    return check


def _missing(key: str) -> Check:
    return lambda _: [Problem(f".{key}", "missing")]


def _untyped_session(value: dict[str, Any]) -> Iterator[Problem]:
    """Only a translation session is updated without a type: known by its language, or by having nothing else."""
    as_translation = list(record(TranslationConfig)(value))
    if value and (not as_translation or _names_language(value)):
        yield from as_translation
    else:
        yield Problem(".type", "missing")
        yield from record(RealtimeSession)(value)


def _names_language(session: dict[str, Any]) -> bool:
    match session:
        case {"audio": {"output": {"language": _}}}:
            return True
    return False


_WITHOUT_TYPE: Final[Mapping[type, Check]] = {
    AudioPcm: lambda value: record(AudioPcm)(value),
    TranslationConfig: _untyped_session,
}
"""What an object may be that has no type, where one of these could stand."""
