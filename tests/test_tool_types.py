"""Types at random: a value made for one is right by its schema and accepted by a call, and a wrong one is neither."""

import dataclasses
import datetime
import enum
import itertools
import json
import uuid
from typing import Any, Literal, NamedTuple, Optional

import attrs
import hypothesis.strategies as st
from hypothesis import HealthCheck, given, settings
from jsonschema import Draft202012Validator
from typing_extensions import TypedDict

from reelthyme_sync.tools import BadArguments, Tool

Strategy = st.SearchStrategy[Any]
TEXT = st.text(st.characters(codec="utf-8"), max_size=8)
NUMBERS = itertools.count()
INTEGERS = st.integers(-(2**70), 2**70)
WHOLE = st.integers(-(2**70), 2**70).map(float)


class Level(enum.IntEnum):
    LOW = 1
    HIGH = 9


@attrs.frozen
class Kind:
    """A type, JSON that it is made for, and JSON that it must refuse."""

    annotation: Any
    right: Strategy
    wrong: Strategy


LEAVES = [
    Kind(str, TEXT, st.sampled_from([1, None, True, [], {}])),
    Kind(int, INTEGERS | WHOLE, st.sampled_from([1.5, "1", True, None, []])),
    Kind(
        float,
        st.floats(allow_nan=False, allow_infinity=False) | st.integers(-9, 9),
        st.sampled_from(["1", None, False]),
    ),
    Kind(bool, st.booleans(), st.sampled_from([0, "true", None])),
    Kind(Literal["a", "b c"], st.sampled_from(["a", "b c"]), st.sampled_from(["c", 1, None])),
    Kind(Level, st.sampled_from([1, 9, 9.0]), st.sampled_from([2, "LOW", None])),
    Kind(datetime.datetime, st.datetimes().map(datetime.datetime.isoformat), st.sampled_from([1, None, []])),
    Kind(datetime.date, st.dates().map(datetime.date.isoformat), st.sampled_from([1, None, []])),
    Kind(uuid.UUID, st.uuids().map(str), st.sampled_from([1, None, []])),
]


KEYS = [
    Kind(int, INTEGERS.map(str), st.sampled_from(["1.0", "a", "", "+1", "01", "null"])),
    Kind(Literal["a", "b c"], st.sampled_from(["a", "b c"]), st.sampled_from(["c", "1"])),
    Kind(Level, st.sampled_from(["1", "9"]), st.sampled_from(["2", "LOW"])),
]


def new_name() -> str:
    """For each class its own: msgspec has no schema for two of one name in one module."""
    return f"Made{next(NUMBERS)}"


def optional(kind: Kind) -> Kind:
    return Kind(Optional[kind.annotation], st.none() | kind.right, kind.wrong.filter(lambda wrong: wrong is not None))  # noqa: UP045


def many(kind: Kind) -> Kind:
    wrong = st.tuples(st.lists(kind.right, max_size=2), kind.wrong).map(lambda parts: [*parts[0], parts[1]])
    return Kind(list[kind.annotation], st.lists(kind.right, max_size=3), wrong | st.sampled_from([None, {}, "[]"]))


def named(kind: Kind) -> Kind:
    right = st.dictionaries(TEXT, kind.right, max_size=3)
    return Kind(dict[str, kind.annotation], right, st.dictionaries(TEXT, kind.wrong, min_size=1) | st.just([]))


def keyed(key: Kind, kind: Kind) -> Kind:
    def under(names: Strategy) -> Strategy:
        return st.dictionaries(names, kind.right, min_size=1, max_size=3)

    return Kind(dict[key.annotation, kind.annotation], under(key.right), under(key.wrong))


def pair(one: Kind, other: Kind) -> Kind:
    wrong = st.tuples(one.wrong, other.right).map(list) | st.tuples(one.right, other.wrong).map(list)
    right = st.tuples(one.right, other.right).map(list)
    return Kind(tuple[one.annotation, other.annotation], right, wrong | st.just([]))


def record(make: Any, one: Kind, other: Kind) -> Kind:
    def both(a: Strategy, b: Strategy) -> Strategy:
        return st.fixed_dictionaries({"a": a, "b": b})

    wrong = both(one.wrong, other.right) | both(one.right, other.wrong) | st.just({}) | st.just([])
    return Kind(make(one.annotation, other.annotation), both(one.right, other.right), wrong)


def position(one: Kind, other: Kind) -> Kind:
    return attrs.evolve(
        pair(one, other), annotation=NamedTuple(new_name(), [("a", one.annotation), ("b", other.annotation)])
    )


RECORDS = [
    lambda a, b: attrs.make_class(new_name(), {"a": attrs.field(type=a), "b": attrs.field(type=b)}),
    lambda a, b: dataclasses.make_dataclass(new_name(), [("a", a), ("b", b)]),
    lambda a, b: TypedDict(new_name(), {"a": a, "b": b}),
]


def grown(kinds: st.SearchStrategy[Kind]) -> st.SearchStrategy[Kind]:
    return st.one_of(
        st.builds(optional, kinds),
        st.builds(many, kinds),
        st.builds(named, kinds),
        st.builds(keyed, st.sampled_from(KEYS), kinds),
        st.builds(pair, kinds, kinds),
        st.builds(position, kinds, kinds),
        st.builds(record, st.sampled_from(RECORDS), kinds, kinds),
    )


KINDS = st.recursive(st.sampled_from(LEAVES), grown, max_leaves=6)


def accepts(tool: Tool, text: str) -> bool:
    try:
        tool.call(text)
    except BadArguments:
        return False
    return True


@given(st.data(), KINDS, st.booleans())
@settings(max_examples=100, suppress_health_check=[HealthCheck.too_slow, HealthCheck.filter_too_much])
def test_schema_and_call_agree_with_the_type(data, kind, given_by_default):
    def probe(value=None): ...

    if not given_by_default:
        probe.__defaults__ = ()
    else:
        kind = optional(kind)  # what None by default means
    probe.__annotations__["value"] = kind.annotation
    tool = Tool.of(probe)
    parameters = tool.declaration.parameters
    validator = Draft202012Validator(parameters)
    Draft202012Validator.check_schema(parameters)
    assert "$ref" not in json.dumps(parameters)
    for values, fits in ((kind.right, True), (kind.wrong, False)):
        arguments = {"value": data.draw(values)}
        assert validator.is_valid(arguments) is fits
        assert accepts(tool, json.dumps(arguments)) is fits
    assert validator.is_valid({}) is accepts(tool, "") is given_by_default
    assert validator.is_valid({"value": None, "more": 1}) is accepts(tool, '{"value": null, "more": 1}') is False


@given(st.recursive(st.none() | TEXT, lambda inner: st.lists(inner) | st.dictionaries(TEXT, inner), max_leaves=5))
@settings(max_examples=50)
def test_any_json_passes_through_a_parameter_without_annotation(value):
    tool = Tool.of(lambda value: [value], name="echo")
    assert json.loads(tool.call(json.dumps({"value": value}))) == [value]
