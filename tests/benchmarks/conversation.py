"""A long spoken conversation as a server sends it: 300 answers of ten seconds, 21,300 events, 101 MB."""

from __future__ import annotations

import base64
import itertools
import json
import random
from collections.abc import Iterator
from typing import Any, Final

TURNS: Final = 300
DELTAS: Final = 20  # a turn; each 250 ms of sound and two words
EVENTS: Final = TURNS * (11 + 3 * DELTAS)

_SOUND: Final = base64.b64encode(random.Random(1).randbytes(12_000)).decode()
_WORDS: Final = (" hello", " there")
_TRANSCRIPT: Final = "".join(_WORDS) * DELTAS
_FORMAT: Final = {"type": "audio/pcm", "rate": 24000}
_USAGE: Final = {
    "total_tokens": 300,
    "input_tokens": 100,
    "output_tokens": 200,
    "input_token_details": {
        "text_tokens": 50,
        "audio_tokens": 50,
        "image_tokens": 0,
        "cached_tokens": 64,
        "cached_tokens_details": {"text_tokens": 64, "audio_tokens": 0, "image_tokens": 0},
    },
    "output_token_details": {"text_tokens": 50, "audio_tokens": 150},
}
_LIMITS: Final = [
    {"name": "requests", "limit": 1000, "remaining": 999, "reset_seconds": 60},
    {"name": "tokens", "limit": 50000, "remaining": 49950, "reset_seconds": 60},
]


def messages() -> Iterator[bytes]:
    """Every event of the conversation, in its order."""
    numbers = itertools.count()
    for turn in range(TURNS):
        for event in _turn(turn):
            yield json.dumps({**event, "event_id": f"event_{next(numbers):08d}"}).encode()


def _turn(number: int) -> Iterator[dict[str, Any]]:
    response_id, item_id = f"resp_{number:08d}", f"item_{number:08d}"
    output = {"response_id": response_id, "output_index": 0}
    part = {**output, "item_id": item_id, "content_index": 0}
    item = {"id": item_id, "type": "message", "status": "in_progress", "role": "assistant", "content": []}
    done = {**item, "status": "completed", "content": [{"type": "output_audio", "transcript": _TRANSCRIPT}]}

    yield {"type": "response.created", "response": _response(response_id, status="in_progress")}
    yield {"type": "response.output_item.added", **output, "item": item}
    yield {"type": "conversation.item.added", "previous_item_id": "item_before", "item": item}
    yield {"type": "response.content_part.added", **part, "part": {"type": "audio", "transcript": ""}}
    for _ in range(DELTAS):
        for word in _WORDS:
            yield {"type": "response.output_audio_transcript.delta", **part, "delta": word, "obfuscation": "abcdefgh"}
        yield {"type": "response.output_audio.delta", **part, "delta": _SOUND}
    yield {"type": "response.output_audio.done", **part}
    yield {"type": "response.output_audio_transcript.done", **part, "transcript": _TRANSCRIPT}
    yield {"type": "response.content_part.done", **part, "part": {"type": "audio", "transcript": _TRANSCRIPT}}
    yield {"type": "conversation.item.done", "previous_item_id": "item_before", "item": done}
    yield {"type": "response.output_item.done", **output, "item": done}
    yield {
        "type": "response.done",
        "response": _response(response_id, status="completed", output=[done], usage=_USAGE),
    }
    yield {"type": "rate_limits.updated", "rate_limits": _LIMITS}


def _response(response_id: str, **changes: object) -> dict[str, Any]:
    return {
        "object": "realtime.response",
        "id": response_id,
        "status_details": None,
        "output": [],
        "conversation_id": "conv_1",
        "output_modalities": ["audio"],
        "max_output_tokens": "inf",
        "audio": {"output": {"format": _FORMAT, "voice": "marin"}},
        "usage": None,
        "metadata": None,
        **changes,
    }
