"""What is wrong, where, and what was perhaps meant: the words of every message, and the checks made of one value.

A check gives the problems of a value, with paths that start at the value: whoever holds the value puts its own step
before them. So a valid event costs no path at all.
"""

from __future__ import annotations

import difflib
from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Any, Final, NamedTuple, TypeAlias

_SHOWN: Final = 60  # characters of a value in a message: enough for the longest name of an event
_LIKE: Final = 0.5  # below difflib's own 0.6, so that "text" still finds "output_text"


class Problem(NamedTuple):
    """One fault: the steps to it, such as ``.content[0].text``, and what is wrong there."""

    path: str
    what: str

    def __str__(self) -> str:
        return f"{self.path.removeprefix('.')}: {self.what}"

    def below(self, key: object) -> Problem:
        """The same fault, seen from the object that has it under ``key``."""
        return Problem(f".{short(str(key))}{self.path}", self.what)

    def at(self, index: int) -> Problem:
        """The same fault, seen from the list that has it at ``index``."""
        return Problem(f"[{index}]{self.path}", self.what)


Check: TypeAlias = Callable[[Any], Iterable[Problem]]


def nothing(_: object) -> Iterable[Problem]:
    """Whatever it is, it is right."""
    return ()


def between(low: float, high: float | None = None) -> Check:
    """A number in its bounds, both included. A string instead, such as ``"inf"``, has none."""

    def check(value: float | str) -> Iterator[Problem]:
        if isinstance(value, str):
            return
        if not value >= low:  # so that NaN is caught too
            yield Problem("", f"{value} is below {low}")
        elif high is not None and value > high:
            yield Problem("", f"{value} is above {high}")

    return check


def one_of(options: tuple[Any, ...], old: Mapping[str, str] | None = None) -> Check:
    """One of a closed set of values; ``old`` says what to use instead of others."""

    def check(value: object) -> Iterator[Problem]:
        if value in options:
            return
        if len(options) == 1:
            yield Problem("", f"must be {quoted(options[0])}, not {quoted(value)}")
        else:
            meant = alike(value, options, old=old) if isinstance(value, str) else ""
            yield Problem("", f"{quoted(value)} is not one of {', '.join(map(str, options))}{meant}")

    return check


def not_empty(values: list[Any]) -> Iterator[Problem]:
    """A list that says something."""
    if not values:
        yield Problem("", "must not be empty")


def distinct(values: list[Any]) -> Iterator[Problem]:
    """A list that says nothing twice."""
    for index, value in enumerate(values):
        if value in values[:index]:
            yield Problem("", f"{quoted(value)} is there already").at(index)


def at_most(count: int) -> Check:
    """Text of a limited length."""

    def check(text: str) -> Iterator[Problem]:
        if len(text) > count:
            yield Problem("", f"{len(text)} characters, at most {count}")

    return check


def unknown(name: object, names: Iterable[str], old: Mapping[str, str]) -> Problem:
    """A key that the protocol does not have at this place."""
    return Problem("", f"unknown{alike(str(name), names, old=old)}").below(name)


def alike(name: str, names: Iterable[str], like: float = _LIKE, old: Mapping[str, str] | None = None) -> str:
    """The end of a message: what was perhaps meant, if anything comes near."""
    meant = (old or {}).get(name) or next(iter(difflib.get_close_matches(short(name), names, 1, like)), None)
    if meant is None:
        return ""
    return f"; {meant}" if " " in meant else f"; did you mean {meant}?"  # advice in words, or a name


def quoted(value: object) -> str:
    """A value in a message."""
    return f'"{short(value)}"' if isinstance(value, str) else short(str(value))


def short(text: str) -> str:
    """The beginning of a text, on one line and printable whatever it holds."""
    return repr(text)[1:-1] if len(text) <= _SHOWN else f"{repr(text[:_SHOWN])[1:-1]}…"
