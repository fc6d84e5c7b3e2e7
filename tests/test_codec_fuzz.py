"""Bad input, by the ten thousand: an event or a ``ProtocolError``, soon, and nothing else ever."""

import json
import logging
import random
import time
from collections.abc import Iterator
from typing import Any

import orjson
import pytest
from fuzz import frames, outcome
from hypothesis import given, settings
from hypothesis import strategies as st

from reelthyme_sync import codec
from reelthyme_sync.errors import InvalidEvent, ProtocolError
from reelthyme_sync.events import (
    ConversationItemCreate,
    InputText,
    RealtimeSession,
    ResponseOutputAudioDelta,
    SessionUpdate,
    UnknownEvent,
    UserMessage,
)

LONGEST = 5.0  # seconds for one frame of a few kilobytes; it takes microseconds, but the machine may be busy

thorough = settings(max_examples=100)


def many(count: int) -> pytest.MarkDecorator:
    """So many, and ten times as many in the soaks."""
    return pytest.mark.parametrize("count", [count, pytest.param(10 * count, marks=pytest.mark.slow)])


@pytest.fixture(autouse=True)
def silence() -> Iterator[None]:
    """Every event of an unknown shape is logged, and pytest keeps every record."""
    logging.disable(logging.WARNING)
    yield
    logging.disable(logging.NOTSET)


@pytest.fixture(scope="module")
def real() -> list[bytes]:
    return frames.frames(random.Random(20261121))


def test_real_frames_are_what_they_claim(real: list[bytes]) -> None:
    known = [frame for frame in real if not isinstance(outcome.of_server(frame), UnknownEvent)]
    assert len(known) > len(real) * 3 // 4
    assert all(outcome.of_server(frame) or outcome.of_client(frame) for frame in real)


class Tally:
    """How many frames came to what, and the longest that one took."""

    def __init__(self) -> None:
        self.refused = self.unknown = self.understood = 0
        self.longest = 0.0

    def count(self, decode: Any, data: bytes | str) -> None:
        began = time.perf_counter()
        event = decode(data)
        self.longest = max(self.longest, time.perf_counter() - began)
        if event is None:
            self.refused += 1
        elif isinstance(event, UnknownEvent):
            self.unknown += 1
        else:
            self.understood += 1


ENDS = [outcome.of_server, outcome.of_server, outcome.of_beta_server, outcome.of_client]


@many(20_000)
def test_spoiled_bytes(real: list[bytes], count: int) -> None:
    draw, tally = random.Random(1), Tally()
    for number in range(count):
        data = frames.spoiled(draw.choice(real), draw.choice(real), draw)
        tally.count(ENDS[number % 4], data if number % 3 else data.decode("utf-8", "surrogateescape"))
    assert tally.longest < LONGEST
    assert min(tally.refused, tally.unknown, tally.understood) > count // 100


@many(12_000)
def test_junk_in_any_place(real: list[bytes], count: int) -> None:
    draw, tally = random.Random(2), Tally()
    wires = [orjson.loads(frame) for frame in real]
    for number in range(count):
        tally.count(ENDS[number % 4], frames.with_junk(draw.choice(wires), draw))
    assert tally.longest < LONGEST
    assert min(tally.refused, tally.unknown, tally.understood) > count // 1000


def test_every_truncation(real: list[bytes]) -> None:
    for frame in real[::10]:
        for end in range(len(frame)):
            assert outcome.of_server(frame[:end]) is None


@thorough
@given(st.binary() | st.text() | st.text(st.characters(codec=None, categories=["Cs", "L"])))
def test_anything(data: bytes | str) -> None:
    outcome.of_server(data)
    outcome.of_client(data)


json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3),
)


@thorough
@given(json_values)
def test_any_json(value: Any) -> None:
    assert (outcome.of_server(json.dumps(value)) is not None) <= isinstance(value, dict)


@thorough
@given(
    st.dictionaries(st.sampled_from(["session", "response", "item", "delta", "error", "part"]), json_values), st.data()
)
def test_any_event(wire: dict[str, Any], data: st.DataObject) -> None:
    kind = data.draw(st.sampled_from(["session.created", "response.done", "conversation.item.added", "error", "x"]))
    outcome.of_server(json.dumps({**wire, "type": kind}))
    outcome.of_beta_server(json.dumps({**wire, "type": kind}))


class TestRefused:
    @pytest.mark.parametrize(
        "data",
        [
            "[" * 100_000,
            "[" * 100_000 + "]" * 100_000,
            '{"type":"error","error":' + "[" * 100_000 + "]" * 100_000 + "}",
            '{"a":' * 100_000 + "1" + "}" * 100_000,
            '{"type":"error","n":NaN}',
            '{"type":"error","n":Infinity}',
            '{"type":"error","n":-Infinity}',
            '{"type":"error","n":01}',
            '{"type":"error",}',
            '{"type":"error"} {"type":"error"}',
            '{"type":"\\ud83d"}',
            '{"type":"error","message":"\\udc00\\ud800"}',
            '{"type":"\ud83d"}',
            b'{"type":"\xff"}',
            b'{"type":"\xed\xa0\x80"}',
            b'{"type":"\xc0\x80"}',
            '{"type":"error"}'.encode("utf-16"),
            b"\x00" * 1_000_000,
            "\x00",
            "1" * 1_000_000,
            '"' + "x" * 20_000_000,
            '"' + "x" * 20_000_000 + '"',
            '["type","error"]',
            "1e400",
            "-0",
            "true",
        ],
        ids=lambda data: repr(data[:24]),
    )
    def test_with_little_shown(self, data: bytes | str) -> None:
        for decode in (codec.decode, codec.decode_client):
            with pytest.raises(ProtocolError) as refused:
                decode(data)
            assert len(str(refused.value)) <= outcome.LONGEST_MESSAGE


class TestSurvived:
    def test_a_string_of_twenty_megabytes(self) -> None:
        delta = "A" * 20_000_000
        assert codec.decode('{"type":"response.output_audio.delta","delta":"' + delta + '"}') == (
            ResponseOutputAudioDelta(delta=delta)
        )

    def test_a_name_of_twenty_megabytes(self) -> None:
        name = "x" * 20_000_000
        event = codec.decode('{"type":"' + name + '"}')
        assert event.type == name
        assert len(repr(event)) < 200

    def test_a_hundred_thousand_unknown_fields(self) -> None:
        fields = ",".join(f'"f{number}":{number}' for number in range(100_000))
        assert codec.decode('{"type":"response.output_audio.delta","delta":"AAAA",' + fields + "}") == (
            ResponseOutputAudioDelta(delta="AAAA")
        )

    def test_a_key_that_comes_twice_counts_as_it_came_last(self) -> None:
        assert codec.decode('{"type":"x","delta":1,"delta":"AAAA","type":"response.output_audio.delta"}') == (
            ResponseOutputAudioDelta(delta="AAAA")
        )

    @pytest.mark.parametrize("depth", [10, 100, 1000])
    def test_nesting_as_deep_as_json_may_be(self, depth: int) -> None:
        data = '{"type":"x","a":' + "[" * depth + "]" * depth + "}"
        assert codec.decode(data).type == "x"
        item = '{"type":"conversation.item.added","item":{"type":"new","a":' + "[" * depth + "]" * depth + "}}"
        assert codec.decode(item).type == "conversation.item.added"

    @pytest.mark.parametrize("number", ["1e400", "-1e400", "1e308", "123456789012345678901234567890"])
    def test_a_number_beyond_all_bounds(self, number: str) -> None:
        for field in ("audio_start_ms", "item_id"):
            outcome.of_server('{"type":"input_audio_buffer.speech_started","' + field + '":' + number + "}")


@pytest.mark.parametrize("text", ["\ud83d", "before \ud800 after", "\udc80" * 3])
class TestHalfACharacter:
    def test_is_not_sent(self, text: str) -> None:
        for event, place in (
            (SessionUpdate(session=RealtimeSession(instructions=text)), "session.instructions"),
            (ConversationItemCreate(item=UserMessage(content=[InputText(text=text)])), "item.content[0].text"),
            ({"type": "x", "a": [text]}, "a[0]"),
        ):
            with pytest.raises(InvalidEvent) as refused:
                codec.encode(event)
            assert refused.value.problems == (f"{place}: half a character (a lone surrogate)",)

    def test_is_not_sent_as_a_type_or_a_key(self, text: str) -> None:
        for event in ({"type": text}, {"type": "x", text: 1}, UnknownEvent(type="x", raw={"type": "x", text: text})):
            with pytest.raises(InvalidEvent):
                codec.encode(event)
