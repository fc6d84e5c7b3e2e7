"""Tools of ready schemas, and functions that ask for the call itself."""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import Annotated, Any

import pytest

from reelthyme_sync.events import UNSET, FunctionTool
from reelthyme_sync.tools import BadArguments, Tool, ToolCall

DEFINITION = {
    "type": "function",
    "name": "get_weather",
    "description": "Get the weather.",
    "parameters": {"type": "object", "properties": {"city": {"type": "string"}}},
}
CALL = ToolCall("call_1", "item_1", "r1", "get_weather", "{}")


def given(arguments: Any) -> Any:
    return arguments


@pytest.mark.parametrize("definition", [DEFINITION, {key: DEFINITION[key] for key in DEFINITION if key != "type"}])
def test_a_definition_is_declared_as_it_is(definition):
    tool = Tool.defined(definition, given)
    assert tool.declaration == FunctionTool(**{key: DEFINITION[key] for key in DEFINITION if key != "type"})


def test_one_that_is_an_event_part_already_too():
    declaration = FunctionTool(name="get_weather")
    assert Tool.defined(declaration, given).declaration is declaration


@pytest.mark.parametrize(
    ("arguments", "result"), [('{"city":"Paris","more":[1]}', '{"city":"Paris","more":[1]}'), ("", "{}"), (" ", "{}")]
)
def test_the_handler_gets_all_arguments_as_one_dictionary_unchecked(arguments, result):
    assert Tool.defined(DEFINITION, given).call(arguments) == result


@pytest.mark.parametrize("arguments", ["{", "[]", "1", "null", '"city"', '{"a": "\ud800"}'])
def test_only_an_object_will_do(arguments):
    with pytest.raises(BadArguments, match="arguments of get_weather are not a JSON object"):
        Tool.defined(DEFINITION, given).call(arguments)


@pytest.mark.parametrize(
    "definition", [{}, {"type": "function"}, {"name": ""}, FunctionTool(), FunctionTool(name=UNSET)]
)
def test_a_definition_has_a_name(definition):
    with pytest.raises(ValueError, match="Missing tool name in definition"):
        Tool.defined(definition, given)


@pytest.mark.parametrize(
    "definition",
    [
        {"name": "no spaces"},
        {"name": "get_weather", "type": "mcp"},
        {"name": "get_weather", "strict": True},
        {"type": "function", "function": DEFINITION},
    ],
)
def test_one_that_the_service_would_refuse_is_refused_here(definition):
    with pytest.raises(ValueError, match="a tool's"):
        Tool.defined(definition, given)


def test_a_handler_is_a_function():
    with pytest.raises(TypeError, match='Tool "get_weather" handler must be a function'):
        Tool.defined(DEFINITION, "handler")


async def asynchronous(arguments):
    return arguments


def test_one_that_waits_by_itself():
    with pytest.raises(TypeError, match="asynchronous"):
        Tool.defined(DEFINITION, asynchronous)


def test_builtins_and_partials_are_functions():
    assert Tool.defined(DEFINITION, dict).call('{"a":1}') == '{"a":1}'
    assert Tool.defined(DEFINITION, functools.partial(max, default=3)).call("{}") == "3"


# --- the call itself --------------------------------------------------------------------------------------------------


def typed(city: str, call: ToolCall) -> str:
    return f"{city} {call.call_id}"


def annotated(city: str, call: Annotated[ToolCall, "not for the model"]) -> str:
    return f"{city} {call.call_id}"


def optional(city: str, call: ToolCall | None = None) -> str:
    return f"{city} {call and call.call_id}"


@pytest.mark.parametrize("function", [typed, annotated, optional])
def test_a_function_that_asks_for_the_call_is_given_it_and_the_model_is_not_told(function: Callable[..., str]):
    tool = Tool.of(function)
    assert list(tool.declaration.parameters["properties"]) == ["city"]
    assert tool.call('{"city":"Paris"}', CALL) == "Paris call_1"
    with pytest.raises(BadArguments):
        tool.call('{"city":"Paris","call":null}', CALL)


def test_one_that_can_do_without_does():
    assert Tool.of(optional).call('{"city":"Paris"}') == "Paris None"
    with pytest.raises(TypeError, match="call"):
        Tool.of(typed).call('{"city":"Paris"}')


def test_others_are_not_given_it():
    assert Tool.of(given).call('{"arguments":1}', CALL) == "1"


def test_a_handler_of_a_definition_may_ask_for_it_too():
    def handler(arguments: dict[str, Any], *, call: ToolCall) -> list[Any]:
        return [arguments, call.call_id]

    assert Tool.defined(DEFINITION, handler).call('{"a":1}', CALL) == '[{"a":1},"call_1"]'


def test_a_call_is_not_cancelled_until_somebody_says_so():
    assert not CALL.cancelled
    assert ToolCall("call_1", "item_1", "r1", "get_weather", "{}", is_cancelled=lambda: True).cancelled
