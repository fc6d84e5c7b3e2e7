"""Decoding and encoding against the official SDK and bare orjson, in one run: only the ratios mean something."""

from __future__ import annotations

import base64
import json
import timeit
from collections.abc import Callable

import orjson
from openai._utils import maybe_transform
from openai.resources.realtime.realtime import RealtimeConnection
from openai.types.realtime.realtime_client_event_param import RealtimeClientEventParam

from reelthyme_sync import codec
from reelthyme_sync.events import InputAudioBufferAppend

ROUNDS = 7

SMALL = json.dumps(
    {
        "type": "response.output_audio_transcript.delta",
        "event_id": "event_0123456789",
        "response_id": "resp_0123456789",
        "item_id": "item_0123456789",
        "output_index": 0,
        "content_index": 0,
        "delta": " hello there",
        "obfuscation": "abcdefgh",
    }
).encode()
AUDIO = json.dumps(
    {
        "type": "response.output_audio.delta",
        "event_id": "event_0123456789",
        "response_id": "resp_0123456789",
        "item_id": "item_0123456789",
        "output_index": 0,
        "content_index": 0,
        "delta": base64.b64encode(bytes(range(250)) * 48).decode(),
    }
).encode()
CHUNK = base64.b64encode(bytes(4800)).decode()


def best(function: Callable[[], object]) -> float:
    """Microseconds a call, the best of several rounds: the one that other programs disturbed least."""
    timer = timeit.Timer(function)
    count, _ = timer.autorange()
    return min(timer.repeat(ROUNDS, max(1, count // 4))) / max(1, count // 4) * 1e6


def report(what: str, ours: float, official: float, bare: float) -> None:
    print(
        f"{what:<34} {ours:8.2f} us   openai {official:8.2f} us ({official / ours:5.1f} times ours)   "
        f"orjson {bare:6.2f} us (ours is {ours / bare:4.1f} times that)"
    )


def main() -> None:
    parse_event = RealtimeConnection.parse_event
    official = RealtimeConnection.__new__(RealtimeConnection)
    for what, data in (("decode a transcript delta, 250 B", SMALL), ("decode an audio delta, 16 kB", AUDIO)):
        report(
            what,
            best(lambda data=data: codec.decode(data)),
            best(lambda data=data: parse_event(official, data)),
            best(lambda data=data: orjson.loads(data)),
        )
    event = InputAudioBufferAppend(audio=CHUNK)
    plain = {"type": "input_audio_buffer.append", "audio": CHUNK}
    report(
        "encode an append of 4,800 bytes",
        best(lambda: codec.encode(event)),
        best(lambda: json.dumps(maybe_transform(plain, RealtimeClientEventParam))),
        best(lambda: orjson.dumps(plain)),
    )


if __name__ == "__main__":
    main()
