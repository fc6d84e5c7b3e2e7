"""The answering brain: what was said, and which tools there are -> a sentence, or a call of a tool. Pure.

It is honest about what it is: a few hundred lines that know some small talk, arithmetic, the time and a story, and that
otherwise repeat what they understood. It never invents a fact.
"""

from __future__ import annotations

import datetime
import re
from collections.abc import Callable, Sequence
from typing import Any, Final, TypeAlias

import attrs

from ..events import FunctionTool
from .numbers import spoken, with_digits
from .reading import read_aloud
from .script import Line
from .toolmatch import arguments_for, best_tool


@attrs.frozen
class Question:
    """What a response is asked to answer.

    Attributes:
        text: the words of the last user message; "" when there is none.
        tools: the tools that may be called.
        must_call: whether one of them has to be.
        outputs: what the tools gave since that message.
        instructions: those of the response, else of the session.
        spoken_to: whether there is a user message at all.
        pictures: how many it shows.
        aside: the instructions of a response beside the conversation, which say what is wanted instead of a message.
    """

    text: str = ""
    tools: Sequence[FunctionTool] = ()
    must_call: bool = False
    outputs: Sequence[str] = ()
    instructions: str = ""
    spoken_to: bool = True
    pictures: int = 0
    aside: str = ""


@attrs.frozen
class Say:
    """Answer with words."""

    text: str


@attrs.frozen
class Call:
    """Ask for a tool."""

    name: str
    arguments: dict[str, Any]


@attrs.frozen
class Calls:
    """Answer with one call, or with several at once."""

    calls: tuple[Call, ...]


Answer: TypeAlias = Say | Calls

STORY: Final = (
    "Once upon a time there was a small lighthouse at the end of a long pier. "
    "Every evening it lit its lamp, and every evening the fishing boats came home. "
    "One night a thick fog rolled in from the sea, so thick that nobody could see the light at all. "
    "The lighthouse thought for a while, and then it began to sing. "
    "It sang all the songs that the sailors had taught it over the years, one after another, as loud as it could. "
    "Far out on the water an old captain heard the music and turned his wheel. "
    "Behind him came a second boat, and then a third, until the whole fleet followed the song back to the harbour. "
    "In the morning the fog was gone, and the sailors painted the lighthouse a bright and cheerful red. "
    "And ever since that night, when the weather is clear and the sea is calm, you can still hear it hum."
)
"""About 40 seconds of speech: long enough to be interrupted."""

_ABOUT: Final = "the local server: I run on this machine, without a network"
_SMALL_TALK: Final = (
    (r"\bhow are you\b|\bhow do you do\b", "Hello! I am fine, thank you. What can I do for you?"),
    (r"\bhear me\b", "Yes, I can hear you well."),
    (r"\byour name\b|\bwho are you\b|\bwhat are you\b", f"I am {_ABOUT}."),
    (
        r"\bwhat can you do\b|\bhelp me\b",
        "I can do sums, tell the time, tell a story, repeat what you say, and call your tools.",
    ),
    (r"\bthank(s| you)\b", "You are welcome."),
    (r"\b(good ?bye|bye|see you)\b", "Goodbye! It was nice to talk with you."),
    (r"\bgood (morning|afternoon|evening)\b|^(hello|hi|hey)\b", f"Hello! I am {_ABOUT}. How can I help you?"),
    (r"\b(story|tale)\b", STORY),
    (r"\bjoke\b", "Why did the thread cross the road? To get to the other side of the queue."),
)
_STOP: Final = re.compile(r"(stop|wait|be quiet|never mind|that is enough)( please)?")
_ECHO: Final = re.compile(r"\b(?:say|repeat)(?: after me| exactly| the words?| this)*\b[\s:,]*(.+)", re.I | re.S)
_OPERATION: Final = re.compile(
    r"(\d+(?:\.\d+)?) (plus|\+|minus|-|times|x|\*|multiplied by|divided by|over|/) (\d+(?:\.\d+)?)"
)
_WORD_FOR: Final = {"+": "plus", "-": "minus", "x": "times", "*": "times", "multiplied by": "times"} | {
    "over": "divided by",
    "/": "divided by",
}


class Answers:
    """Finds the answer to a question.

    Args:
        clock: tells the time of day.
        script: lines that come before everything else; the first whose condition fits is taken.
    """

    def __init__(self, clock: Callable[[], datetime.datetime], script: Sequence[Line] = ()) -> None:
        self._clock = clock
        self._script = tuple(script)

    def answer(self, question: Question) -> Answer:
        """What to say, or which tool to call."""
        if (asked := _ECHO.match(question.aside.strip())) is not None:
            return Say(_plain(asked))
        if question.outputs:
            return Say(" ".join(read_aloud(output) for output in question.outputs))
        return self._scripted(question) or self._called(question) or Say(self._words(question))

    def _scripted(self, question: Question) -> Answer | None:
        line = next((line for line in self._script if line.fits(question.text)), None)
        if line is None:
            return None
        return Calls(tuple(Call(*call) for call in line.calls)) if line.calls else Say(line.say)

    def _called(self, question: Question) -> Calls | None:
        tool = best_tool(question.text, question.tools, always=question.must_call)
        return None if tool is None else Calls((Call(tool.name or "", arguments_for(tool, question.text)),))

    def _words(self, question: Question) -> str:
        text = question.text.strip()
        if not question.spoken_to:
            return _echo(question.instructions) or f"Hello! I am {_ABOUT}. How can I help you?"
        if not text and question.pictures:
            return f"You show me {_counted(question.pictures, 'picture')}, but I cannot see."
        if not text:
            return "I heard something, but I could not make out any words."
        return (
            _echo(text)
            or _sum(text)
            or self._time(text)
            or _small_talk(text)
            or _acknowledgement(text)
            or f"I understood: {text.rstrip('.')}. I am {_ABOUT}, and I do not know more about that."
        )

    def _time(self, text: str) -> str | None:
        now = self._clock()
        if re.search(r"\bwhat time\b|\bthe time\b", text, re.I):
            return f"It is {now:%H:%M}."
        if re.search(r"\bwhat (day|date)\b|\bthe date\b", text, re.I):
            return f"Today is {now:%A}, {now:%B} {now.day}."
        return None


def _counted(number: int, thing: str) -> str:
    return f"a {thing}" if number == 1 else f"{number} {thing}s"


def _echo(text: str) -> str | None:
    found = _ECHO.search(text)
    return _plain(found) if found else None


def _plain(found: re.Match[str]) -> str:
    return found[1].strip().strip("\"'").strip()


def _sum(text: str) -> str | None:
    found = _OPERATION.search(with_digits(text))
    if found is None:
        return None
    left, operator, right = float(found[1]), _WORD_FOR.get(found[2], found[2]), float(found[3])
    if operator == "divided by" and right == 0:
        return "Nothing can be divided by zero."
    result = {"plus": left + right, "minus": left - right, "times": left * right}.get(operator)
    value = left / right if result is None else result
    return f"{spoken(left)} {operator} {spoken(right)} is {spoken(value)}."


def _small_talk(text: str) -> str | None:
    return next((reply for pattern, reply in _SMALL_TALK if re.search(pattern, text, re.I)), None)


def _acknowledgement(text: str) -> str | None:
    return "All right." if _STOP.fullmatch(text.lower().strip(" .!")) else None
