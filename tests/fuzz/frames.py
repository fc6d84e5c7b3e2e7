"""Real frames to start from, and ways to spoil them. Everything follows from the seed."""

import random
import types
from collections.abc import Iterator
from typing import Any, Final, Literal, Union, get_args, get_origin

import attrs
import orjson

from reelthyme_sync import codec
from reelthyme_sync.events import CLIENT_EVENTS, SERVER_EVENTS, UnknownPart, Unset

NUMBERS: Final = (-1, 0.5, 2**63, -(2**63), 1e308)
JUNK: Final = (None, True, *NUMBERS, "", "x" * 300, "ü\x00", [], [[]], [None], {}, {"type": "x"})
SIGNS: Final = [bytes([each]) for each in b'[]{}",:\\-\x00\xff']
WORDS: Final = [b"null", b"true", b'"type":', b"1e999", b"-1e999", b"NaN", b"Infinity", b"9" * 400, b"[" * 2000]
CHARACTERS: Final = [b"\xed\xa0\x80", b'"\\ud83d"', b'"\\udc00"', b"\\u0000", b"\xef\xbb\xbf"]
TOKENS: Final = (*SIGNS, *WORDS, *CHARACTERS)


def frames(draw: random.Random) -> list[bytes]:
    """Every event with all its fields, and again with a choice of them; and what a beta server makes of some."""
    events = [*SERVER_EVENTS.values(), *CLIENT_EVENTS.values()]
    whole = [codec.encode(_record(cls, draw, 1.0)) for cls in events for _ in range(4)]
    partial = [codec.encode(_record(cls, draw, 0.5)) for cls in events for _ in range(2)]
    return [*whole, *partial, *_beta(whole)]


def _beta(whole: list[bytes]) -> Iterator[bytes]:
    for frame in whole:
        if b".output_audio" in frame[:60] or b".output_text" in frame[:60]:
            yield frame.replace(b".output_", b".", 1)
        elif frame.startswith(b'{"type":"session.'):
            yield codec.encode(orjson.loads(frame), shape="beta")


def _record(cls: type[Any], draw: random.Random, share: float) -> Any:
    fields = attrs.fields(cls)
    chosen = [field for field in fields if field.default is attrs.NOTHING or draw.random() < share]
    return cls(**{field.name: _value(field.type, draw, share) for field in chosen})


def _value(annotation: Any, draw: random.Random, share: float) -> Any:
    origin, args = get_origin(annotation), get_args(annotation)
    if origin in (Union, types.UnionType):
        members = [each for each in args if each is not Unset and (share < 1 or each is not types.NoneType)]
        return _value(draw.choice(members), draw, share)
    if origin is Literal:
        return draw.choice(args)
    if origin is list:
        return [_value(args[0], draw, share) for _ in range(draw.randint(1, 2))]
    if origin is dict:
        return {"key": _value(args[1], draw, share)}
    if annotation is UnknownPart:
        return UnknownPart(type="new", raw={"type": "new", "field": [1, {"deep": None}]})
    if attrs.has(annotation):
        return _record(annotation, draw, share)
    return _scalar(annotation, draw)


def _scalar(annotation: Any, draw: random.Random) -> Any:
    if annotation is str:
        return draw.choice(("", "item_0123456789", "hello, world", "Grüße 👋", "AAAA" * 50))
    if annotation in (int, float):
        return annotation(draw.randint(0, 1 << 20))
    return {bool: True, types.NoneType: None, Any: {"any": ["thing", 1]}}[annotation]


def spoiled(frame: bytes, other: bytes, draw: random.Random) -> bytes:
    """The frame with one to three faults in its bytes, perhaps with a piece of the other frame."""
    data = bytearray(frame)
    for _ in range(draw.randint(1, 3)):
        start = draw.randrange(len(data) + 1)
        end = min(len(data), start + draw.choice((0, 1, 1, 4, 20, 400)))
        piece = draw.randrange(len(other) + 1)
        noise = draw.randbytes(draw.randint(1, 4))
        data[start:end] = draw.choice((b"", draw.choice(TOKENS), noise, other[piece : piece + 60], data[start:end] * 2))
    return bytes(data)


def with_junk(wire: dict[str, Any], draw: random.Random) -> bytes:
    """The event, given as a dictionary, as it is when any one value in it is another: still JSON."""
    container, key = draw.choice(list(_places(wire)))
    kept = container[key]
    container[key] = draw.choice(JUNK)
    data = orjson.dumps(wire)
    container[key] = kept
    return data


def _places(value: Any) -> Iterator[tuple[Any, Any]]:
    pairs = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for key, each in pairs:
        yield value, key
        yield from _places(each)
