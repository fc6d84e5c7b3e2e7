"""The classes that a tool's parameters are made of: which would be themselves if their fields were merely set."""

import collections
import dataclasses
import datetime
import enum
import json
import uuid
from collections.abc import Callable
from dataclasses import InitVar, dataclass
from typing import Annotated, Any, Generic, Literal, NamedTuple, NewType, TypeVar

import attrs
import msgspec
import pytest
from jsonschema import Draft202012Validator

from reelthyme_sync.tools import BadArguments, Tool

T = TypeVar("T")


def taking(annotation: Any) -> Callable[..., Any]:
    def probe(value):
        return [value]

    probe.__annotations__["value"] = annotation
    return probe


@dataclass
class Computed:
    price: float
    total: float = dataclasses.field(init=False)

    def __post_init__(self):
        self.total = 2 * self.price


@dataclass
class Role:
    name: str
    admin: bool = dataclasses.field(default=False, init=False)


@attrs.define
class AttrsRole:
    name: str
    admin: bool = attrs.field(default=False, init=False)


@dataclass
class Base:
    name: str


@dataclass(init=False)
class NotTaken(Base):
    more: int = 3


@attrs.define
class Lower:
    email: str = attrs.field(converter=str.lower)


@attrs.define
class FromOthers:
    a: int
    b: int = attrs.Factory(lambda self: self.a, takes_self=True)


@attrs.define
class Untyped:
    x = attrs.field()


@dataclass
class Doubled:
    a: int

    def __init__(self, a):
        self.a = 2 * a


@attrs.define
class AttrsDoubled:
    a: int

    def __init__(self, a):
        self.__attrs_init__(2 * a)


class Inherited(Lower):
    pass


class OwnInit(attrs.make_class("Plain", {"a": attrs.field(type=int)})):
    def __init__(self):
        super().__init__(1)


@dataclass
class OwnNew:
    a: int

    def __new__(cls, a):
        return super().__new__(cls)


class Ordered(NamedTuple("Pair", [("low", int), ("high", int)])):
    def __new__(cls, low, high):
        return super().__new__(cls, *sorted((low, high)))


@dataclass
class Scaled:
    a: int
    scale: InitVar[int] = 1


@pytest.mark.parametrize(
    ("kind", "message"),
    [
        (Computed, r"Computed\.total .*a model must not set it; make it a property"),
        (Role, r"Role\.admin .*init=False.* make the Role in the function"),
        (AttrsRole, r"AttrsRole\.admin .*init=False"),
        (NotTaken, r"NotTaken\.more .*a model must not set it"),
        (Lower, r"Lower\.email has a converter.* convert it in __attrs_post_init__"),
        (Inherited, r"Inherited\.email has a converter"),
        (FromOthers, r"FromOthers\.b has a default made of other fields; give it a plain one"),
        (Untyped, r"Untyped\.x has no type; annotate it"),
        (Doubled, "Doubled has its own __init__, which would not be run; .* in __post_init__"),
        (AttrsDoubled, "AttrsDoubled has its own __init__, .* in __attrs_post_init__"),
        (OwnInit, "OwnInit has its own __init__"),
        (OwnNew, "OwnNew has its own __new__"),
        (Ordered, "Ordered has its own __new__, .*take a dataclass with __post_init__"),
        (Scaled, r"Scaled takes scale, .*InitVar.*; make it"),
    ],
)
def test_a_class_that_counts_on_code_that_is_not_run_is_refused(kind, message):
    with pytest.raises(TypeError, match=f"^probe cannot be a tool: parameter value: {message}"):
        Tool.of(taking(kind))


@attrs.frozen
class Holder(Generic[T]):
    inside: T


@dataclass
class Below:
    roles: dict[str, tuple[Role, ...] | None]


RoleId = NewType("RoleId", Role)


@pytest.mark.parametrize(
    "annotation",
    [
        list[Role | None],
        dict[str, Role],
        Holder[Role],
        Below,
        Annotated[tuple[int, Role], "x"],
        RoleId,
        Holder[list[Below]],
    ],
)
def test_such_a_class_is_found_wherever_it_is(annotation):
    with pytest.raises(TypeError, match=r"Role\.admin"):
        Tool.of(taking(annotation))


@attrs.frozen(kw_only=True)
class Aliased:
    _hidden: int = attrs.field(default=1, validator=attrs.validators.gt(0))
    kind: Literal["a"] = attrs.field(default="a", metadata={"note": "internal"})


@dataclass(slots=True, frozen=True)
class Checked:
    self: int
    more: list[int] = dataclasses.field(default_factory=list, kw_only=True)

    def __post_init__(self):
        {1: 2}[self.self]


class Node(msgspec.Struct):
    value: int
    following: "Node | None" = None


@pytest.mark.parametrize(
    ("annotation", "value"),
    [
        (Aliased, {"kind": "a"}),
        (Checked, {"self": 1, "more": [2]}),
        (Holder[Checked], {"inside": {"self": 1, "more": []}}),
        (Node, {"value": 1, "following": {"value": 2, "following": None}}),
    ],
)
def test_a_class_with_no_more_than_fields_and_checks_is_taken(annotation, value):
    assert json.loads(Tool.of(taking(annotation)).call(json.dumps({"value": value}))) == [value]


def test_a_named_tuple_without_hints_takes_any_json():
    Point = collections.namedtuple("Point", "x y", defaults=[0])
    tool = Tool.of(taking(Point))
    assert tool.declaration.parameters["properties"]["value"]["prefixItems"] == [
        {"title": "x"},
        {"title": "y", "default": 0},
    ]
    assert tool.call('{"value": [{"a": 1}]}') == '[[{"a":1},0]]'


# --- names --------------------------------------------------------------------------------------------------


def same(**fields: Any) -> Any:
    return dataclasses.make_dataclass("Same", fields.items(), namespace={"__module__": __name__})


@pytest.mark.parametrize(
    ("one", "other"),
    [
        (same(x=int), same(y=int)),
        (Holder[same(x=int)], Holder[same(y=int)]),
        (enum.Enum("Same", "A", module=__name__), enum.Enum("Same", "B", module=__name__)),
    ],
)
def test_two_classes_of_one_name_are_refused_by_that_name(one, other):
    def go(a: one, b: other): ...

    message = r"go cannot be a tool: parameter b: there are two classes .*Same.* rename one"
    with pytest.raises(TypeError, match=message):
        Tool.of(go)
    with pytest.raises(TypeError, match=r"parameter value: there are two classes .*Same"):
        Tool.of(taking(tuple[one, other]))
    assert Tool.of(taking(tuple[one, one]))


# --- what its checks say ------------------------------------------------------------------------------------


@attrs.define
class Payment:
    amount: int = attrs.field(validator=attrs.validators.in_([1, 2]), metadata={"account": 4711})
    token: str = attrs.field(default="secret", repr=False)

    @token.validator
    def _check(self, attribute, value):
        if value == "index":
            raise IndexError("no such token")


def test_a_validators_error_is_its_text_and_the_path():
    with pytest.raises(BadArguments) as caught:
        Tool.of(taking(list[Payment])).call('{"value": [{"amount": 5}]}')
    assert str(caught.value) == "arguments of probe: 'amount' must be in [1, 2] (got 5) - at `$.value[0]`"


@pytest.mark.parametrize(
    ("annotation", "arguments", "text"),
    [
        (Checked, '{"more": 1, "value": {"self": 3}}', "KeyError: 3 - at `$.value`"),
        (Payment, '{"value": {"amount": 1, "token": "index"}}', "IndexError: no such token - at `$.value`"),
        (set[Any], '{"value": [{}]}', "TypeError: unhashable type: 'dict' - at `$.value`"),
        (Checked, '{"value": {"self": 3}, ', "KeyError: 3"),  # nor is it JSON
    ],
)
def test_whatever_a_check_raises_is_a_bad_argument_of_the_parameter_that_it_is_about(annotation, arguments, text):
    ran = []

    def go(value, more: int = 0):
        ran.append(value)

    go.__annotations__["value"] = annotation
    with pytest.raises(BadArguments) as caught:
        Tool.of(go).call(arguments)
    assert str(caught.value) == f"arguments of go: {text}"
    assert not ran


# --- keys ---------------------------------------------------------------------------------------------------


class Shade(enum.Enum):
    DARK = "dark"


class Size(enum.IntEnum):
    BIG = 9


@dataclass
class Shop:
    stock: list[dict[Shade, int]]


@pytest.mark.parametrize(
    ("annotation", "right", "wrong"),
    [
        (dict[Literal["a", "b"], int], {"a": 1}, {"c": 1}),
        (dict[Literal[1], int], {"1": 1}, {"2": 1}),
        (dict[Shade, int], {"dark": 1}, {"DARK": 1}),
        (dict[Size, int], {"9": 1}, {"8": 1}),
        (dict[int, int], {"1": 1, "-20": 2, "0": 3}, {"01": 1}),
        (dict[float, int], {"1.0": 1, "-2.5": 2, "1e300": 3}, {"a": 1}),
        (dict[int | Literal["all"], int], {"1": 1, "all": 2}, {"some": 1}),
        (dict[str, dict[int, int]], {"a": {"1": 1}}, {"a": {"b": 1}}),
        (tuple[int, dict[int, int] | None] | int, [1, {"1": 1}], [1, {"b": 1}]),
        (list[dict[int, int]] | dict[Shade, int] | str, {"dark": 1}, {"1": 1}),
        (list[dict[int, int]] | dict[Shade, int] | str, [{"1": 1}], [{"dark": 1}]),
        (Shop, {"stock": [{"dark": 1}]}, {"stock": [{"light": 1}]}),
    ],
)
def test_keys_are_declared_as_they_are_read(annotation, right, wrong):
    tool = Tool.of(taking(annotation))
    schema = Draft202012Validator(tool.declaration.parameters)
    assert schema.is_valid({"value": right})
    assert json.loads(tool.call(json.dumps({"value": right}))) == [right]
    assert not schema.is_valid({"value": wrong})
    with pytest.raises(BadArguments):
        tool.call(json.dumps({"value": wrong}))


@pytest.mark.parametrize(
    ("key", "names"),
    [
        (uuid.UUID, {"format": "uuid"}),
        (datetime.date, {"format": "date"}),
        (datetime.datetime, {"format": "date-time"}),
        (datetime.time | None, {"anyOf": [{"format": "time"}]}),
        (datetime.timedelta, {"format": "duration"}),
        (Any, None),
        (str, None),
        (str | int, None),
    ],
)
def test_keys_with_a_format_say_which(key, names):
    assert Tool.of(taking(dict[key, int])).declaration.parameters["properties"]["value"].get("propertyNames") == names


@pytest.mark.parametrize("key", [bool, tuple[int, int], complex, bytes, Role, bool | int])
def test_keys_that_cannot_be_text_are_refused(key):
    with pytest.raises(TypeError, match=r"parameter value: .*(keys.*list of pairs|Role\.admin)"):
        Tool.of(taking(dict[key, int]))
