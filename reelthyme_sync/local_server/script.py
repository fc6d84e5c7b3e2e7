"""Scripted answers: a JSON file that says what to answer to what, so that a demo or a test is word for word the same.

[{"when": "opening hours", "say": "We are open from nine to five."},
 {"when": "order (number )?[0-9]+", "call": {"name": "find_order", "arguments": {"number": 17}}},
 {"when": "both lamps", "call": [{"name": "lamp", "arguments": {"number": 1}}, {"name": "lamp"}]}]
"""

from __future__ import annotations

import os
import re
from pathlib import Path
from typing import Any

import attrs
import orjson


@attrs.frozen
class Line:
    """One answer, and when to give it.

    Attributes:
        when: a regular expression, searched in what was said without regard to case.
        say: the words of the answer.
        calls: the tools to call instead, by name, and what to call each with; all in one response.
    """

    when: re.Pattern[str]
    say: str = ""
    calls: tuple[tuple[str, dict[str, Any]], ...] = ()

    def fits(self, text: str) -> bool:
        """Whether this is the answer to ``text``."""
        return bool(self.when.search(text))


def read_script(path: str | os.PathLike[str]) -> list[Line]:
    """The lines of a script.

    Raises:
        ValueError: it is no such file; the message says where.
        OSError: it cannot be read.
    """
    raw = orjson.loads(Path(path).read_bytes())
    if not isinstance(raw, list):
        raise ValueError(f"{os.fspath(path)}: a script is a list of answers")  # noqa: TRY004 - the file is at fault
    return [_line(entry, f"{os.fspath(path)}[{index}]") for index, entry in enumerate(raw)]


def _line(entry: Any, place: str) -> Line:
    try:
        when = re.compile(entry["when"], re.IGNORECASE)
        if "call" in entry:
            first, *others = entry["call"] if isinstance(entry["call"], list) else [entry["call"]]
            return Line(when, calls=tuple((call["name"], call.get("arguments", {})) for call in (first, *others)))
        return Line(when, say=entry["say"])
    except (KeyError, TypeError, ValueError, AttributeError, re.error) as error:
        raise ValueError(
            f'{place}: an answer is {{"when": "...", "say": "..."}} or '
            f'{{"when": "...", "call": {{"name": "...", "arguments": {{}}}}}}, or a list of such calls ({error!r})'
        ) from None
