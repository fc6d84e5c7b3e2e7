"""A typed function as a tool: what is declared of it, what a call accepts, and what the model is told."""

import dataclasses
import datetime
import enum
import functools
import json
import math
import operator
import threading
import uuid
from collections.abc import Callable, Iterable
from decimal import Decimal
from typing import Annotated, Any, Generic, Literal, NamedTuple, TypeVar

import attrs
import hypothesis.strategies as st
import msgspec
import pytest
from hypothesis import given, settings
from jsonschema import Draft202012Validator
from typing_extensions import Required, TypedDict

from reelthyme_sync import schema
from reelthyme_sync.errors import RealtimeError
from reelthyme_sync.events import UNSET, RealtimeSession, SessionUpdate
from reelthyme_sync.tools import BadArguments, Tool, error_output

T = TypeVar("T")
Json = dict[str, Any]


class Level(enum.IntEnum):
    LOW = 1
    HIGH = 9


class Unit(enum.Enum):
    """How warm.

    Attributes:
        C: of Celsius
    """

    C = "celsius"
    F = "fahrenheit"


@attrs.frozen
class Place:
    """Somewhere on the map.

    Attributes:
        name: as on the signpost
    """

    name: str
    country: Annotated[str, "two letters"] = "FR"


@dataclasses.dataclass
class Trip:
    stops: Annotated[list[Annotated[Place, "a stop"]] | None, "in order"] = None

    def __post_init__(self):
        if self.stops == []:
            raise ValueError("a trip has stops")


class Point(NamedTuple):
    lat: Annotated[float, "degrees north"]
    lon: float


class Options(TypedDict):
    fast: Required[Annotated[bool, "hurry"]]


@dataclasses.dataclass
class Tree:
    """A tree."""

    place: Place
    branches: "list[Tree]" = dataclasses.field(default_factory=list)


@dataclasses.dataclass
class Box(Generic[T]):
    """A box.

    Attributes:
        content: what is in it
    """

    content: T


def properties(function: Callable[..., Any]) -> Json:
    return declared(function)["properties"]


def declared(function: Callable[..., Any]) -> Json:
    """The schema, after both checks of it: as JSON schema, and as the service's."""
    tool = Tool.of(function, name="probe")
    schema.validate(SessionUpdate(session=RealtimeSession(tools=[tool.declaration])))
    Draft202012Validator.check_schema(tool.declaration.parameters)
    return json.loads(json.dumps(tool.declaration.parameters))


def taking(annotation: Any) -> Callable[..., Any]:
    """A function with one parameter, ``value``, which it gives back in a list, so that a string shows as JSON."""

    def probe(value):
        return [value]

    probe.__annotations__["value"] = annotation
    return probe


def described(annotation: Any) -> Json:
    return properties(taking(annotation))["value"]


# --- the declaration ----------------------------------------------------------------------------------------


def test_a_function_is_declared_by_its_signature_and_its_docstring():
    def get_weather(city: Annotated[str, "the city"], days: int = 1):
        """Get the forecast.

        Of the coming days.

        Args:
            days: how many,
                at most a week
        """

    declaration = Tool.of(get_weather).declaration
    assert (declaration.name, declaration.description) == ("get_weather", "Get the forecast.\n\nOf the coming days.")
    assert declaration.parameters == {
        "type": "object",
        "properties": {
            "city": {"type": "string", "description": "the city"},
            "days": {"type": "integer", "default": 1, "description": "how many, at most a week"},
        },
        "required": ["city"],
        "additionalProperties": False,
    }


def test_a_name_and_a_description_can_be_given():
    declaration = Tool.of(lambda: None, name="idle", description="Do nothing.").declaration
    assert (declaration.name, declaration.description) == ("idle", "Do nothing.")
    assert Tool.of(lambda: None, name="idle").declaration.description is UNSET


@pytest.mark.parametrize(
    "docstring",
    [
        "Go.\n\nArgs:\n    far: how far\n    fast (bool): hurry\n\nReturns:\n    nothing",
        "Go.\n\nParameters\n----------\nfar : int\n    how far\nfast\n    hurry\n\nReturns\n-------\nNone",
        "Go.\n\n:param far: how far\n:param bool fast: hurry\n:returns: nothing",
    ],
    ids=["google", "numpy", "rest"],
)
def test_parameters_are_described_in_any_style_of_docstring(docstring):
    def go(far: int, fast: bool): ...

    go.__doc__ = docstring
    declaration = Tool.of(go).declaration
    assert declaration.description == "Go."
    assert [p["description"] for p in declaration.parameters["properties"].values()] == ["how far", "hurry"]


@given(st.text(st.sampled_from("ab:-\n *`()|\\") | st.characters(codec="utf-8"), max_size=80))
@settings(max_examples=200)
def test_no_docstring_stops_a_tool(docstring):
    def go(far: int): ...

    go.__doc__ = docstring
    assert Tool.of(go).call('{"far": 1}') == "null"


@pytest.mark.parametrize(
    "below",
    [
        "Args:\n    far: how far\n\nAnd this.",
        "Notes\n-----\nAnd this.\n\nParameters\n----------\nfar\n    how far",
        "Returns:\n    And this.\n\nArgs:\n    far: how far",
        ":param far: how far\n:returns: And this.",
    ],
    ids=["google", "numpy", "returns", "rest"],
)
def test_a_description_is_what_stands_above_the_first_section(below):
    def go(far: int): ...

    go.__doc__ = f"Go.\n\nNote:\n    Ask first.\n\n{below}"
    declaration = Tool.of(go).declaration
    assert declaration.description == "Go.\n\nNote:\n    Ask first."
    assert declaration.parameters["properties"]["far"]["description"] == "how far"


def test_parameters_that_are_documented_together_are_all_described():
    def go(far: int, fast: bool):
        """Go.

        Parameters
        ----------
        far, fast
            as you like
        """

    assert [p["description"] for p in properties(go).values()] == ["as you like", "as you like"]


def test_fields_of_classes_are_described_at_any_depth():
    stops = described(Trip)["properties"]["stops"]
    assert stops["description"] == "in order"
    place = stops["anyOf"][0]["items"]
    assert place["description"] == "a stop"
    assert place["properties"]["name"]["description"] == "as on the signpost"
    assert place["properties"]["country"]["description"] == "two letters"
    assert described(Place)["description"] == "Somewhere on the map."
    assert described(Options)["properties"]["fast"] == {"type": "boolean", "description": "hurry"}
    assert described(Box[int])["properties"]["content"] == {"type": "integer", "description": "what is in it"}
    assert described(Annotated[str, msgspec.Meta(description="Meta's")])["description"] == "Meta's"


def test_what_was_written_nearest_to_a_field_wins():
    def go(to: Annotated[Place, "where"], home: Place):
        """Go.

        Args:
            to: not this
            home: back
        """

    assert [p["description"] for p in properties(go).values()] == ["where", "back"]


@pytest.mark.parametrize(
    ("annotation", "expected"),
    [
        (Any, {}),
        (str | None, {"anyOf": [{"type": "string"}, {"type": "null"}]}),
        (Literal["a", "b"], {"enum": ["a", "b"]}),
        (Unit, {"title": "Unit", "enum": ["celsius", "fahrenheit"], "description": "How warm."}),
        (dict[str, Annotated[int, "n"]], {"additionalProperties": {"type": "integer", "description": "n"}}),
        (datetime.datetime, {"type": "string", "format": "date-time"}),
        (list[datetime.time | None], {"type": "array"}),
        (uuid.UUID, {"type": "string", "format": "uuid"}),
    ],
)  # fmt: skip
def test_a_type_has_its_schema(annotation, expected):
    assert expected.items() <= described(annotation).items()


def test_times_say_how_they_are_written_even_inside_others():
    assert described(list[datetime.time | None])["items"]["anyOf"][0] == {"type": "string", "format": "time"}


def test_a_named_tuple_says_what_stands_where():
    titles = [(item["title"], item.get("description")) for item in described(Point)["prefixItems"]]
    assert titles == [("lat", "degrees north"), ("lon", None)]


def test_a_class_written_as_an_array_says_what_stands_after_its_tag():
    class Cat(msgspec.Struct, tag=True, array_like=True):
        lives: Annotated[int, "left"]

    tag, lives = described(Cat)["prefixItems"]
    assert tag == {"enum": ["Cat"]}
    assert lives == {"type": "integer", "title": "lives", "description": "left"}


def test_only_a_recursive_type_is_referred_to():
    assert "$ref" not in json.dumps(declared(taking(dict[str, list[Trip]])))
    found = declared(taking(list[Tree]))
    assert found["properties"]["value"]["items"] == {"$ref": "#/$defs/Tree"}
    assert list(found["$defs"]) == ["Tree"]
    assert found["$defs"]["Tree"]["properties"]["place"]["title"] == "Place"
    Draft202012Validator(found).validate({"value": [{"place": {"name": "a"}, "branches": [{"place": {"name": "b"}}]}]})


def test_what_only_looks_like_a_schema_is_left_alone():
    def go(title: str, default: dict[str, str] = {"$ref": "x", "title": "y"}): ...  # noqa: B006

    found = properties(go)
    assert found["title"] == {"type": "string"}
    assert found["default"]["default"] == {"$ref": "x", "title": "y"}


def test_tagged_classes_are_alternatives_without_references():
    class Cat(msgspec.Struct, tag="cat"):
        lives: int

    class Dog(msgspec.Struct, tag="dog"):
        tricks: list[str]

    tool = Tool.of(taking(Cat | Dog))
    assert "$defs" not in json.dumps(tool.declaration.parameters)
    assert tool.call('{"value": {"type": "dog", "tricks": []}}') == '[{"type":"dog","tricks":[]}]'


# --- what can be a tool -------------------------------------------------------------------------------------


class Home:
    """A home."""

    def lamp(self, on: bool) -> str:
        """Switch the lamp."""
        return f"{self.__class__.__name__} {on}"

    def __call__(self, on: bool) -> str:
        return self.lamp(on)


Switch = bool


@functools.lru_cache
def cached(on: "Switch") -> str:
    """Switch the lamp."""
    return f"Home {on}"


@functools.wraps(cached)
def wrapped(*args, **kwargs):
    return cached(*args, **kwargs)


def by_name_alone(*, on: "bool") -> "OnlyForTheTypeChecker":  # noqa: F821
    """Switch the lamp."""
    return f"Home {on}"


@pytest.mark.parametrize("function", [Home().lamp, Home(), cached, wrapped, by_name_alone])
def test_whatever_can_be_called_by_name_works(function):
    tool = Tool.of(function)
    assert tool.declaration.parameters["properties"] == {"on": {"type": "boolean"}}
    assert tool.declaration.description in ("Switch the lamp.", "A home.")
    assert tool.call('{"on": true}') == "Home True"


def test_what_a_partial_has_filled_in_is_not_the_models_to_know():
    def pay(account: str, amount: int, *, password: str) -> str:
        return f"{account} {amount} {password}"

    tool = Tool.of(functools.partial(functools.partial(pay, password="secret"), "mine"))
    assert tool.declaration.name == "pay"
    assert list(tool.declaration.parameters["properties"]) == ["amount"]
    assert tool.call('{"amount": 3}') == "mine 3 secret"
    with pytest.raises(BadArguments, match="unknown field `password`"):
        tool.call('{"amount": 3, "password": "guess"}')


async def asynchronous(): ...
async def asynchronous_generator():
    yield


def generator():
    yield


def positional(a, /): ...
def positional_of_old(__a, b=1): ...
def reserved(a, __class__=1): ...
def starred(*rest): ...
def double_starred(**options): ...
def unresolvable(good: int, where: "Nowhere"): ...  # noqa: F821
def odd(a: int, c: complex): ...
def lazy(a: Iterable[int]): ...
def ambiguous(a: Place | Tree): ...
def key(a: list[dict[Place, int]]): ...
def inner(a: list[Home]): ...


@pytest.mark.parametrize(
    ("function", "message"),
    [
        (asynchronous, "asynchronous cannot be a tool: it is asynchronous"),
        (functools.partial(asynchronous), "it is asynchronous"),
        (asynchronous_generator, "it is asynchronous"),
        (generator, "it is a generator; return a list"),
        (positional, "a is positional-only, .* remove the slash"),
        (positional_of_old, "__a is positional-only by its two underscores: remove them"),
        (reserved, "__class__ is positional-only"),
        (starred, "rest stands for any number .* one list"),
        (double_starred, "options stands for arguments of any name: take one dictionary"),
        (unresolvable, "annotation of where .*'Nowhere' is not defined.*top of the module"),
        (odd, "parameter c: .*complex.* has no JSON form; take"),
        (lazy, "parameter a: .*Iterable"),
        (inner, "parameter a: .*Home"),
        (ambiguous, "parameter a: .*[Uu]nion"),
        (key, "parameter a: .*keys.*list of pairs"),
        (Home.lamp, "lamp cannot be a tool: it is not bound"),
        (Home, "Home cannot be a tool: it is not a function"),
        (3, "int cannot be a tool: it is not a function"),
        (operator.itemgetter, "not a function"),
        (math.sqrt, "x is positional-only"),
        (iter, "iter cannot be a tool: .*give a function that calls it"),
    ],
)
def test_what_cannot_be_a_tool_says_why_and_what_to_do(function, message):
    with pytest.raises(TypeError, match=message):
        Tool.of(function)


@pytest.mark.parametrize("name", ["", "a b", "größe", "x" * 65, "a\n"])
def test_the_service_refuses_some_names(name):
    with pytest.raises(ValueError, match="1 to 64"):
        Tool.of(cached, name=name)
    assert Tool.of(cached, name="x-Y_9" + "x" * 59).declaration.name


def test_a_lambda_needs_a_name():
    with pytest.raises(ValueError, match=r"'<lambda>': give another, name="):
        Tool.of(lambda: None)


# --- a call -------------------------------------------------------------------------------------------------


def test_arguments_arrive_as_what_they_are_annotated():
    def go(to: Place, when: datetime.date, unit: Unit, at: Point, *, how: Options) -> str:
        assert (to, when, unit) == (Place("Nice"), datetime.date(2026, 5, 1), Unit.C)
        assert (type(at), at.lat, how) == (Point, 1.0, {"fast": True})
        return "gone"

    given = {"to": {"name": "Nice"}, "when": "2026-05-01", "unit": "celsius", "at": [1, 2], "how": {"fast": True}}
    assert Tool.of(go).call(json.dumps(given)) == "gone"


@pytest.mark.parametrize("nothing", ["", " \n", "{}"])
def test_no_arguments_are_none(nothing):
    assert Tool.of(lambda: "done", name="idle").call(nothing) == "done"


def test_what_is_left_out_is_the_functions_own_default():
    nobody, stops = object(), []

    def go(who: Any = nobody, via: list[Place] = stops, until: float = math.inf, pace: str = None):  # noqa: RUF013
        assert who is nobody
        assert via is stops
        return [until, pace]

    tool = Tool.of(go)
    found = tool.declaration.parameters["properties"]
    assert "default" not in found["who"] | found["until"]  # JSON cannot say them
    assert (found["via"]["default"], found["pace"]["default"]) == ([], None)
    assert tool.declaration.parameters["required"] == []
    assert tool.call("{}") == "[null,null]"
    assert tool.call('{"pace": null, "until": 2}') == "[2.0,null]"


def test_what_may_be_none_must_still_be_given():
    tool = Tool.of(taking(int | None))
    assert tool.declaration.parameters["required"] == ["value"]
    assert tool.call('{"value": null}') == "[null]"
    with pytest.raises(BadArguments):
        tool.call("{}")


@pytest.mark.parametrize(
    ("annotation", "arguments", "message"),
    [
        (int, '{"value": "3"}', r"arguments of probe: Expected `int`, got `str` - at `\$.value`"),
        (int, "{}", "missing required field `value`"),
        (int, '{"value": 1, "more": 2}', "unknown field `more`"),
        (list[Place], '{"value": [{"name": "a"}, {"name": 1}]}', r"at `\$.value\[1\].name`"),
        (Trip, '{"value": {"stops": []}}', "a trip has stops"),
        (set[Any], '{"value": [[1]]}', "unhashable"),
        (int, '{"value": 1', "arguments of probe are not valid JSON"),
        (float, '{"value": NaN}', "not valid JSON"),
        (str, '{"value": "\ud800"}', "not valid JSON"),
        (Any, '{"value": ' + "[" * 100_000, "not valid JSON"),
        (int, "[1]", "Expected `object`, got `array`"),
        (int, "null", "Expected `object`, got `null`"),
    ],
)
def test_bad_arguments_are_told_to_the_model(annotation, arguments, message):
    with pytest.raises(BadArguments, match=message) as caught:
        Tool.of(taking(annotation)).call(arguments)
    assert isinstance(caught.value, ValueError)
    assert isinstance(caught.value, RealtimeError)


@pytest.mark.parametrize(
    ("annotation", "number", "given"),
    [
        (int, "5.0", "5"),
        (int, "-0.0", "0"),
        (int, "1e2", "100"),
        (int, "9007199254740993.0", "9007199254740993"),
        (int | str, "5.0", "5"),
        (list[int], "[1, 2.0]", "[1,2]"),
        (dict[str, Point], '{"a": [1.0, 2.5]}', '{"a":[1.0,2.5]}'),
        (Level, "9.0", "9"),
        (Literal[1, "a"], "1.0", "1"),
        (float, "5.0", "5.0"),
        (Any, "5.0", "5.0"),
    ],
)
def test_a_whole_number_is_an_integer_however_it_is_written(annotation, number, given):
    tool = Tool.of(taking(annotation))
    assert tool.call(f'{{"value": {number}}}') == f"[{given}]"
    Draft202012Validator(tool.declaration.parameters).validate({"value": json.loads(number)})


@pytest.mark.parametrize(
    ("annotation", "value", "message"),
    [
        (int, "5.5", r"Expected `int`, got `float` - at `\$.value`"),
        (int, '"5"', r"Expected `int`, got `str` - at `\$.value`"),
        (int, '"5.0"', r"Expected `int`, got `str`"),
        (int, "true", r"Expected `int`, got `bool`"),
        (int, "1e400", "Number out of range"),
        (int, "1e99999999999", "Number out of range"),
        (str, "5.0", r"Expected `str`, got `int`"),
        (Annotated[int, msgspec.Meta(le=4)], "5.0", r"Expected `int` <= 4 - at `\$.value`"),
        (list[int], "[1.0, null]", r"Expected `int`, got `null` - at `\$.value\[1\]`"),
    ],
)
def test_nothing_else_is_made_a_number(annotation, value, message):
    with pytest.raises(BadArguments, match=message):
        Tool.of(taking(annotation)).call(f'{{"value": {value}}}')


def test_a_decimal_stays_exact_beside_a_whole_number():
    def probe(n: int, d: Decimal):
        return [n, d]

    assert Tool.of(probe).call('{"n": 5.0, "d": 0.10000000000000000000001}') == '[5,"0.10000000000000000000001"]'


def test_null_leaves_out_what_has_a_default_and_does_not_take_null():
    def go(must: int | None, days: int = 3, city: str | None = "Paris", other: Any = 1, tags: list[str] = ["a"]):  # noqa: B006
        return [must, days, city, other, tags]

    tool = Tool.of(go)
    everything = '{"must": null, "days": null, "city": null, "other": null, "tags": null}'
    assert tool.call(everything) == '[null,3,null,null,["a"]]'
    assert tool.call('{"must": 1.0, "days": null}') == '[1,3,"Paris",1,["a"]]'
    with pytest.raises(BadArguments, match="unknown field `more`"):
        tool.call('{"must": 1, "more": null}')
    with pytest.raises(BadArguments, match=r"at `\$.tags\[0\]`"):
        tool.call('{"must": 1, "tags": [null]}')
    with pytest.raises(BadArguments, match=r"Expected `int`, got `null` - at `\$.value`"):
        Tool.of(taking(int)).call('{"value": null}')


def test_the_functions_own_exceptions_pass():
    def fail():
        raise LookupError("no such city")

    with pytest.raises(LookupError) as caught:
        Tool.of(fail).call("")
    assert error_output(caught.value) == '{"error":"LookupError: no such city"}'


def test_a_tool_can_be_called_by_many_threads_at_once():
    tool = Tool.of(taking(Trip))
    text = json.dumps({"value": {"stops": [{"name": str(number)} for number in range(200)]}})
    outputs = []
    threads = [threading.Thread(target=lambda: outputs.extend(tool.call(text) for _ in range(50))) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(30)
    assert len(outputs) == 200
    assert len(set(outputs)) == 1


# --- what the model is told ---------------------------------------------------------------------------------


class Colour(str, enum.Enum):
    RED = "red"


@pytest.mark.parametrize(
    ("result", "text"),
    [
        ("plain \u20ac", "plain \u20ac"),
        (Colour.RED, "red"),
        (None, "null"),
        ({"f": 1.5, "n": math.nan, "i": -math.inf}, '{"f":1.5,"n":null,"i":null}'),
        ([Place("Nice")], '[{"country":"FR","name":"Nice"}]'),
        (Trip(), '{"stops":null}'),
        ((Unit.C, Decimal("1.10"), uuid.UUID(int=1)), '["celsius","1.10","00000000-0000-0000-0000-000000000001"]'),
        (datetime.datetime(2026, 5, 1, 9), '"2026-05-01T09:00:00"'),
        ({1: {2}}, '{"1":[2]}'),
    ],
    ids=str,
)
def test_a_result_becomes_text(result, text):
    assert Tool.of(lambda: result, name="probe").call("") == text


ROUND: list[Any] = []
ROUND.append(ROUND)


@pytest.mark.parametrize("result", [object(), 1 + 2j, {(1, 2): 3}, iter([]), "\ud800", ["\ud800"], ROUND])
def test_what_cannot_be_json_names_the_tool(result):
    with pytest.raises(TypeError, match="the result of probe cannot be made JSON: "):
        Tool.of(lambda: result, name="probe").call("")


@pytest.mark.parametrize(
    ("error", "text"),
    [
        (ValueError("no"), "ValueError: no"),
        (TimeoutError(), "TimeoutError"),
        (ValueError("caf\udce9"), "ValueError: caf\\udce9"),
        (FileNotFoundError(2, "gone", "caf\udce9"), "FileNotFoundError: [Errno 2] gone: 'caf\\udce9'"),
    ],
)
def test_an_error_is_told_by_type_and_message(error, text):
    assert json.loads(error_output(error)) == {"error": text}


def test_an_error_that_cannot_say_what_it_is_is_told_by_type():
    class Broken(Exception):
        def __str__(self):
            raise RuntimeError("not even this")

    assert error_output(Broken()) == '{"error":"Broken"}'
    assert error_output(type("Wrong", (Exception,), {"__str__": lambda self: None})()) == '{"error":"Wrong"}'
    assert error_output(type("Odd", (Exception,), {"__format__": lambda self, how: 1})("a")) == '{"error":"Odd"}'
