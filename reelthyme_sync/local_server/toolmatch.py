"""Which tool fits a question, and what to call it with: by the words they share. Pure."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from typing import Any, Final

from ..events import FunctionTool
from .numbers import with_digits

_NOISE: Final = """
    a about after again all am an and any are as ask at be been being by call can could current did do does down for
    from function g get gets give given go going has have he her him his how i if in is it its just know let like list
    make me my need now of off on one or our out over please put return returns run set she show so some such tell than
    that the their them then there these they this those to tool up us use user using want was we were what when where
    which who why will with would you your
"""
"""Words that tell nothing about a tool."""

_NAME_WEIGHT: Final = 2
_ENOUGH: Final = 2
"""One word of the tool's name, or two of what describes it."""

_PREPOSITIONS: Final = ("in", "for", "of", "at", "about", "named", "called", "to", "from")
"""What stands before a value, the surest first."""

_END_OF_PHRASE: Final = re.compile(
    r"[.,;!?]|\b(?:today|tonight|tomorrow|yesterday|now|please|is|are|was|will|and|or|in|on|at|for|next|this|like|be"
    r"|right|going)\b",
    re.I,
)
_ARTICLE: Final = re.compile(r"^(?:the|a|an|my)\s+", re.I)
_CAPITALISED: Final = re.compile(r"(?<=[a-z,] )[A-Z][\w'-]+(?: [A-Z][\w'-]+)*")
_WHOLE_TEXT: Final = {"query", "question", "text", "message", "prompt", "request", "input", "search", "content"}


def best_tool(text: str, tools: Sequence[FunctionTool], *, always: bool = False) -> FunctionTool | None:
    """The tool that shares most with ``text``; None when none shares enough, unless one has ``always`` to be called."""
    if not tools:
        return None
    words = _stems(text)
    best = max(tools, key=lambda tool: _score(words, tool))
    return best if always or _score(words, best) >= _ENOUGH else None


def arguments_for(tool: FunctionTool, text: str) -> dict[str, Any]:
    """Arguments read out of ``text``: all that are required, and the optional ones that it mentions."""
    schema = tool.parameters or {}
    required = schema.get("required", [])
    found = {}
    numbers = re.findall(r"\d+(?:\.\d+)?", with_digits(text))
    for name, shape in _shapes(tool).items():
        value = _value(name, shape, text, numbers)
        if value is None and name in required:
            value = _neutral(shape, text)
        if value is not None:
            found[name] = value
    return found


def _score(words: set[str], tool: FunctionTool) -> int:
    shapes = _shapes(tool)
    described = _stems(tool.description or "") | _stems(" ".join(shapes))
    for shape in shapes.values():
        described |= _stems(" ".join(str(value) for value in shape.get("enum", ())))
        described |= _stems(shape.get("description", ""))
    named = _stems(tool.name or "")
    return _NAME_WEIGHT * len(words & named) + len(words & (described - named))


def _shapes(tool: FunctionTool) -> dict[str, dict[str, Any]]:
    """What each argument has to be; of several kinds the first that is something: ``int | None`` is a number."""
    return {name: _one_of(shape) for name, shape in (tool.parameters or {}).get("properties", {}).items()}


def _one_of(shape: dict[str, Any]) -> dict[str, Any]:
    kinds = [kind for kind in shape.get("anyOf", ()) if kind.get("type") != "null"]
    return {**kinds[0], **shape} if kinds else shape


def _stems(text: str) -> set[str]:
    separate = re.sub(r"(?<=[a-z])(?=[A-Z])", " ", text)
    words = re.findall(r"[a-z]+", separate.lower().replace("_", " "))
    noise = _NOISE.split()
    return {re.sub(r"(?<=\w{3})(?:ings?|ed|es|s)$", "", word) for word in words if word not in noise}


def _value(name: str, shape: dict[str, Any], text: str, numbers: list[str]) -> Any:
    if "enum" in shape:
        return _mentioned(shape["enum"], text)
    reader = _READERS.get(str(shape.get("type", "string")))
    return None if reader is None else reader(name, text, numbers)


def _mentioned(values: Sequence[Any], text: str) -> Any:
    said = re.sub(r"[^a-z0-9]+", " ", text.lower())
    words = {str(value): re.sub(r"[^a-z0-9]+", " ", str(value).lower()).strip() for value in values}
    return next((value for value in values if re.search(rf"\b{re.escape(words[str(value)])}\b", said)), None)


def _integer(_name: str, _text: str, numbers: list[str]) -> int | None:
    return int(float(numbers.pop(0))) if numbers else None


def _number(_name: str, _text: str, numbers: list[str]) -> float | None:
    return float(numbers.pop(0)) if numbers else None


def _boolean(name: str, text: str, _numbers: list[str]) -> bool | None:
    if re.search(r"\b(off|not|don't|no|without|disable|stop)\b", text, re.I):
        return False
    return True if re.search(r"\b(on|yes|with|enable|start)\b", text, re.I) or _stems(name) & _stems(text) else None


def _string(name: str, text: str, _numbers: list[str]) -> str | None:
    if name.lower() in _WHOLE_TEXT:
        return text
    if capitalised := _CAPITALISED.search(text):
        return capitalised[0]
    phrase = next(filter(None, (_phrase_after(preposition, text) for preposition in _PREPOSITIONS)), None)
    return phrase.title() if phrase and phrase.islower() else phrase


def _phrase_after(preposition: str, text: str) -> str:
    after = re.search(rf"\b{preposition}\s+(.+)", text, re.I | re.S)
    return _ARTICLE.sub("", _END_OF_PHRASE.split(after[1], maxsplit=1)[0].strip()) if after else ""


_READERS: Final[dict[str, Callable[[str, str, list[str]], Any]]] = {
    "integer": _integer,
    "number": _number,
    "boolean": _boolean,
    "string": _string,
}


def _neutral(shape: dict[str, Any], text: str) -> Any:
    """What is required but was not said: its default, else the first choice, else next to nothing."""
    if "default" in shape:
        return shape["default"]
    if shape.get("enum"):
        return shape["enum"][0]
    kind = str(shape.get("type", "string"))
    return {"integer": 0, "number": 0, "boolean": True, "array": [], "object": {}}.get(kind, text)
