"""The far end of a session that has real sound devices: speaks in deltas, and hears what is appended."""

from __future__ import annotations

import random
import threading
import time
from typing import Any

import attrs
import numpy as np
from measuring import Samples

from reelthyme_sync.events import (
    InputAudioBufferSpeechStarted,
    ResponseDone,
    ResponseOutputAudioDelta,
    ResponseOutputAudioDone,
)
from reelthyme_sync.pcm import SAMPLE_RATE, decode_base64, encode_base64, ms_to_bytes
from reelthyme_sync.testing import PATIENCE, ScriptedTransport

LONGEST_DELTA = 6000  # samples


@attrs.frozen
class Chunk:
    """One append, and when it came by ``time.monotonic()``."""

    pcm: bytes
    came: float


class FarEnd:
    """A server behind ``transport``."""

    def __init__(self) -> None:
        self.transport = ScriptedTransport(self._hear)
        self.chunks: list[Chunk] = []
        self._heard = bytearray()
        self._changed = threading.Condition()
        self._sizes = random.Random(1)

    def say(self, pcm: bytes, *, item: str = "item_1") -> None:
        """A whole reply at once, as the service sends it, in deltas of random sizes."""
        while pcm:
            size = 2 * self._sizes.randint(1, LONGEST_DELTA)
            self.produce(pcm[:size], item=item)
            pcm = pcm[size:]
        self.complete(item=item)

    def produce(self, pcm: bytes, *, item: str = "item_1") -> None:
        """One delta of a reply of which there is more to come."""
        self.transport.push(ResponseOutputAudioDelta(item_id=item, delta=encode_base64(pcm)))

    def complete(self, *, item: str = "item_1") -> None:
        """The end of a reply."""
        self.transport.push(ResponseOutputAudioDone(item_id=item), ResponseDone())

    def notice_speech(self) -> None:
        """Say that the user has begun to speak."""
        self.transport.push(InputAudioBufferSpeechStarted(item_id="item_of_the_user"))

    def heard(self) -> Samples:
        """All that was appended so far."""
        with self._changed:
            return np.frombuffer(bytes(self._heard), "<i2")

    def wait_loud(self, ms: int) -> None:
        """Until so much sound has come, loud from its first loud sample on."""
        with self._changed:
            assert self._changed.wait_for(lambda: self._loud_ms() >= ms, PATIENCE + ms / 1000)

    def wait_more(self, ms: int) -> None:
        """Until so much more has been recorded."""
        with self._changed:
            target = len(self._heard) + ms_to_bytes(ms)
            assert self._changed.wait_for(lambda: len(self._heard) >= target, PATIENCE + ms / 1000)

    def _hear(self, message: dict[str, Any]) -> tuple[()]:
        if message["type"] == "input_audio_buffer.append":
            chunk = Chunk(decode_base64(message["audio"]), time.monotonic())
            with self._changed:
                self._heard += chunk.pcm
                self.chunks.append(chunk)
                self._changed.notify_all()
        return ()

    def _loud_ms(self) -> float:
        samples = np.frombuffer(bytes(self._heard), "<i2").astype(int)
        (loud,) = np.nonzero(np.abs(samples) > 1000)
        return (loud[-1] - loud[0]) * 1000 / SAMPLE_RATE if loud.size else 0
