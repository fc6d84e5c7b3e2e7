"""Numbers as people say them: words to integers and back. Pure."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Final

_WORDS: Final = (
    "zero one two three four five six seven eight nine ten eleven twelve thirteen fourteen fifteen sixteen seventeen "
    "eighteen nineteen twenty thirty forty fifty sixty seventy eighty ninety"
)
_VALUES: Final = dict(zip(_WORDS.split(), [*range(20), *range(20, 100, 10)], strict=True))
_SCALES: Final = {"hundred": 100, "thousand": 1_000, "million": 1_000_000}

TOKEN: Final = re.compile(r"\d+(?:\.\d+)?|[a-z']+|[-+*/x]")


def with_digits(text: str) -> str:
    """``text`` in lower case with every spoken number in digits: ``twenty-one times two`` is ``21 times 2``."""
    return " ".join(_merged(TOKEN.findall(re.sub(r"(?<=[a-z])-(?=[a-z])", " ", text.lower()))))


def _merged(tokens: list[str]) -> Iterator[str]:
    number: int | None = None
    last = 0
    for index, token in enumerate(tokens):
        if token in _VALUES:
            if number is not None and not _continues(last, _VALUES[token]):
                yield str(number)
                number = None
            last = _VALUES[token]
            number = (number or 0) + last
        elif token in _SCALES and number is not None:
            number, last = _scaled(number, _SCALES[token]), _SCALES[token]
        elif token == "and" and number is not None and tokens[index + 1 : index + 2] and last in _SCALES.values():
            continue
        else:
            if number is not None:
                yield str(number)
                number = None
            yield token
    if number is not None:
        yield str(number)


def _continues(last: int, value: int) -> bool:
    """Whether a word goes on with the number before it: ``twenty one`` does, ``one twenty`` are two numbers."""
    return last in _SCALES.values() or (20 <= last < 100 and value < 10)


def _scaled(number: int, scale: int) -> int:
    """``two thousand three hundred``: the scale applies to what came after the last greater one."""
    small = number % 1_000 if scale < 1_000 else number
    return number - small + small * scale


def spoken(value: float) -> str:
    """A result as one would say it: whole numbers without a point, others to two places."""
    return str(int(value)) if value == int(value) else f"{value:.2f}".rstrip("0")
