"""What a tool gave, as a person would say it. Pure."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Final

_LIKE_A_SENTENCE: Final = 4
"""Words."""


def read_aloud(output: str) -> str:
    """Sentences made of a tool's output: of JSON by its names and values, of other text as it is."""
    try:
        value = json.loads(output)
    except ValueError:
        return _sentence(output.strip() or "The tool gave nothing")
    return _sentence("The tool is done" if value in (None, "", {}, []) else _said(value))


def _said(value: object) -> str:
    if isinstance(value, Mapping):
        return " ".join(_sentence(_entry(str(name), each)) for name, each in value.items())
    if isinstance(value, list):
        return ", ".join(_said(each) for each in value)
    if isinstance(value, bool):
        return "yes" if value else "no"
    return "nothing" if value is None else str(value)


def _entry(name: str, value: object) -> str:
    """A value that is a sentence speaks for itself; a number or a word needs its name."""
    if isinstance(value, str) and len(value.split()) >= _LIKE_A_SENTENCE:
        return value
    return f"{name.replace('_', ' ')}: {_said(value)}"


def _sentence(text: str) -> str:
    start = text[:1].upper() + text[1:]
    return start if start.endswith((".", "!", "?")) else f"{start}."
