import datetime
import json

import pytest

from reelthyme_sync.events import FunctionTool
from reelthyme_sync.local_server.answers import STORY, Answers, Call, Calls, Question, Say
from reelthyme_sync.local_server.numbers import with_digits
from reelthyme_sync.local_server.script import read_script


def calling(name, arguments):
    return Calls((Call(name, arguments),))


def tool(name, description="", required=(), **properties):
    parameters = {"type": "object", "properties": properties, "required": list(required)}
    return FunctionTool(name=name, description=description, parameters=parameters)


WEATHER = tool(
    "get_weather",
    "The weather in a city",
    ["city"],
    city={"type": "string"},
    unit={"type": "string", "enum": ["celsius", "fahrenheit"]},
)
LIGHT = tool(
    "set_light",
    "Switch a lamp",
    ["room", "on"],
    room={"type": "string", "enum": ["kitchen", "living_room"]},
    on={"type": "boolean"},
    level={"type": "integer"},
)
SUM = tool("addNumbers", "", ["a", "b"], a={"type": "number"}, b={"type": "number"})
SEARCH = tool("find", "Search the handbook", ["query"], query={"type": "string"})
ANSWERS = Answers(lambda: datetime.datetime(2026, 11, 21, 14, 5))


def words(text):
    answer = ANSWERS.answer(Question(text))
    assert isinstance(answer, Say)
    return answer.text


@pytest.mark.parametrize(
    ("text", "answer"),
    [
        ("stop what is six times seven", "6 times 7 is 42."),
        ("What is twenty-one plus one hundred and two?", "21 plus 102 is 123."),
        ("12.5 / 5", "12.5 divided by 5 is 2.5."),
        ("What is ten divided by three?", "10 divided by 3 is 3.33."),
        ("what is one divided by zero", "Nothing can be divided by zero."),
        ("what is seven minus nine", "7 minus 9 is -2."),
        ("What time is it?", "It is 14:05."),
        ("what day is it", "Today is Saturday, November 21."),
        ("please repeat after me, the quick brown fox", "the quick brown fox"),
        ("Say exactly: 'Ahoy!'", "Ahoy!"),
        ("tell me a story", STORY),
        ("stop", "All right."),
        ("", "I heard something, but I could not make out any words."),
    ],
)
def test_answers(text, answer):
    assert words(text) == answer


def test_small_talk_and_what_is_not_understood():
    assert words("hello how are you today").startswith("Hello! I am fine")
    assert words("who won the cup").startswith("I understood: who won the cup.")


def test_without_a_question_it_follows_the_instructions_or_greets():
    assert ANSWERS.answer(Question(instructions="Say: welcome aboard", spoken_to=False)) == Say("welcome aboard")
    assert ANSWERS.answer(Question(spoken_to=False)).text.startswith("Hello!")


def test_beside_the_conversation_it_says_what_it_is_told_to_say_and_not_what_answers_the_user():
    asked = Question(text="What is two plus two?", outputs=["7"], aside="Say exactly: content")
    assert ANSWERS.answer(asked) == Say("content")
    assert ANSWERS.answer(Question(text="What is two plus two?", aside="What did he say?")).text == "2 plus 2 is 4."


@pytest.mark.parametrize(
    ("text", "call"),
    [
        ("what is the weather going to be like in paris tomorrow", calling("get_weather", {"city": "Paris"})),
        (
            "What's the weather in New York in fahrenheit?",
            calling("get_weather", {"city": "New York", "unit": "fahrenheit"}),
        ),
        ("Turn off the lamp in the living room", calling("set_light", {"room": "living_room", "on": False})),
        ("set the kitchen light to level thirty", calling("set_light", {"room": "kitchen", "on": True, "level": 30})),
        ("add the numbers 2 and forty", calling("addNumbers", {"a": 2.0, "b": 40.0})),
        ("search the handbook for holidays", calling("find", {"query": "search the handbook for holidays"})),
        ("hello how are you today", None),
        ("stop what is six times seven", None),
    ],
)
def test_a_tool_is_called_when_it_fits(text, call):
    answer = ANSWERS.answer(Question(text, tools=[WEATHER, LIGHT, SUM, SEARCH]))
    assert (answer if isinstance(answer, Calls) else None) == call


def test_an_argument_that_may_be_null_is_of_its_other_kind():
    maybe = tool("forecast", "", ["days"], days={"anyOf": [{"type": "null"}, {"type": "integer"}]})
    assert ANSWERS.answer(Question("the forecast for 3 days in Paris", tools=[maybe])) == calling(
        "forecast", {"days": 3}
    )


def test_a_tool_that_must_be_called_gets_all_that_it_requires():
    assert ANSWERS.answer(Question("hi", tools=[LIGHT], must_call=True)) == calling(
        "set_light", {"room": "kitchen", "on": True}
    )


@pytest.mark.parametrize(
    ("output", "answer"),
    [
        (
            '{"city": "Paris", "degrees": 18, "forecast": "Light rain in the morning"}',
            "City: Paris. Degrees: 18. Light rain in the morning.",
        ),
        ('{"error": "no such city", "retry": false}', "Error: no such city. Retry: no."),
        ("It is sunny!", "It is sunny!"),
        ("[1, 2]", "1, 2."),
        ("null", "The tool is done."),
        ("", "The tool gave nothing."),
    ],
)
def test_outputs_are_read_aloud(output, answer):
    assert ANSWERS.answer(Question("What is the weather?", tools=[WEATHER], outputs=[output])) == Say(answer)


@pytest.mark.parametrize(
    ("text", "digits"),
    [
        ("twenty one times two", "21 times 2"),
        ("two thousand three hundred", "2300"),
        ("one million", "1000000"),
        ("six and seven", "6 and 7"),
        ("one twenty", "1 20"),
    ],
)
def test_numbers_in_words(text, digits):
    assert with_digits(text) == digits


def test_a_picture_is_not_taken_for_words():
    assert ANSWERS.answer(Question("", pictures=1)) == Say("You show me a picture, but I cannot see.")
    assert ANSWERS.answer(Question("", pictures=2)) == Say("You show me 2 pictures, but I cannot see.")


def test_a_script_comes_first(tmp_path):
    path = tmp_path / "script.json"
    path.write_text(
        json.dumps(
            [
                {"when": "opening hours", "say": "Nine to five."},
                {"when": "order \\d+", "call": {"name": "find_order", "arguments": {"number": 17}}},
                {"when": "order", "call": {"name": "list_orders"}},
                {"when": "lamps", "call": [{"name": "lamp", "arguments": {"on": True}}, {"name": "lamp"}]},
            ]
        )
    )
    answers = Answers(datetime.datetime.now, read_script(path))
    assert answers.answer(Question("What are your Opening Hours?")) == Say("Nine to five.")
    assert answers.answer(Question("Where is order 17?")) == calling("find_order", {"number": 17})
    assert answers.answer(Question("Where is my order?")) == calling("list_orders", {})
    assert answers.answer(Question("the lamps")) == Calls((Call("lamp", {"on": True}), Call("lamp", {})))
    assert answers.answer(Question("what is two plus two")) == Say("2 plus 2 is 4.")


@pytest.mark.parametrize(
    "script",
    [
        '[{"when": "x", "call": []}]',
        "{}",
        '[{"say": "x"}]',
        '[{"when": "x"}]',
        '[{"when": "(", "say": "x"}]',
        "[7]",
        "?",
    ],
)
def test_a_script_that_is_none_says_where(tmp_path, script):
    path = tmp_path / "script.json"
    path.write_text(script)
    with pytest.raises(ValueError, match=r"script\.json|unexpected"):
        read_script(path)
