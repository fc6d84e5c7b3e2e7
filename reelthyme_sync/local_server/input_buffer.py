"""The sound that the user has sent and that is no item yet, with the turns found in it. Pure: time is bytes."""

from __future__ import annotations

from typing import Final, TypeAlias

from .. import pcm
from ..audio.transcoding import Decoder
from ..events import AudioFormat, SemanticVad, ServerVad
from ..vad import SpeechStarted, SpeechStopped, TurnDetector
from .settings import given

Detection: TypeAlias = ServerVad | SemanticVad | None

_PATIENCE_MS: Final = {"low": 1_200, "medium": 700, "auto": 700, "high": 400}
"""Silence that ends a turn of ``semantic_vad``: a stand-in for a model that judges whether a sentence is whole."""

_LATENCY_MS: Final = 200
"""What the detector may need, beyond the padding, to see that speech has begun."""


_LINE_KEEPS: Final = pcm.ms_to_bytes(600_000)
"""A line is never silent. Where no turns are found, its sound would grow for as long as a call lasts."""


class InputBuffer:
    """Keeps sound until it is taken. Positions are milliseconds from the first byte ever appended."""

    def __init__(self, audio_format: AudioFormat, detection: Detection) -> None:
        self._sound = bytearray()
        self._first = 0
        self._keep_ms = 0
        self._detection: Detection = None
        self._detector: TurnDetector | None = None
        self._format = audio_format
        self._decoder = Decoder(audio_format)
        self._line = Decoder()
        self.detect(detection)

    @property
    def duration_ms(self) -> int:
        """How much waits."""
        return pcm.bytes_to_ms(len(self._sound))

    def detect(self, detection: Detection) -> None:
        """Find turns this way from now on; None: not at all. The same way as before changes nothing."""
        if detection != self._detection or (detection is not None and self._detector is None):
            self._detection = detection
            self._restart()

    def expect(self, audio_format: AudioFormat) -> None:
        """Sound comes in this format from now on."""
        if audio_format != self._format:
            self._format, self._decoder = audio_format, Decoder(audio_format)

    def append(self, data: bytes) -> list[SpeechStarted | SpeechStopped]:
        """Add sound in the format expected; gives the boundaries of turns that show in it."""
        return self._add(self._decoder.push(data))

    def hear(self, sound: bytes) -> list[SpeechStarted | SpeechStopped]:
        """Add 24 kHz PCM16 from a line, cut anywhere; gives the boundaries of turns that show in it."""
        boundaries = self._add(self._line.push(sound))
        self._drop_to(self._end - _LINE_KEEPS)
        return boundaries

    def settle(self) -> None:
        """The client says that the sound ends here: what the resampler has withheld belongs to it."""
        self._sound += self._decoder.rest()

    def begin_turn(self, start_ms: int) -> None:
        """Forget what came before a turn."""
        self._drop_to(pcm.ms_to_bytes(start_ms))

    def end_turn(self, end_ms: int) -> bytes:
        """Take a turn, and leave what came after it."""
        turn = bytes(self._sound[: pcm.ms_to_bytes(end_ms) - self._first])
        self._drop_to(self._first + len(turn))
        return turn

    def take(self) -> bytes:
        """Take everything, in the middle of a turn or not: its end will not be told."""
        sound = bytes(self._sound)
        self._drop_to(self._end)
        self._restart()
        return sound

    @property
    def _end(self) -> int:
        return self._first + len(self._sound)

    def _add(self, sound: bytes) -> list[SpeechStarted | SpeechStopped]:
        self._sound += sound
        if self._detector is None:
            return []
        boundaries = self._detector.push(sound)
        if not self._detector.speaking and not boundaries:
            self._drop_to(self._end - pcm.ms_to_bytes(self._keep_ms))
        return boundaries

    def _drop_to(self, position: int) -> None:
        size = min(max(0, position - self._first), len(self._sound))
        del self._sound[:size]
        self._first += size

    def _restart(self) -> None:
        self._detector, self._keep_ms = None, 0
        if (detection := self._detection) is None:
            return
        start_ms = pcm.bytes_to_ms(self._end)
        if isinstance(detection, SemanticVad):
            self._detector = TurnDetector(
                silence_duration_ms=_PATIENCE_MS.get(given(detection.eagerness, "auto"), 700), start_ms=start_ms
            )
            self._keep_ms = 300 + _LATENCY_MS
            return
        padding = given(detection.prefix_padding_ms, 300)
        self._detector = TurnDetector(
            threshold=given(detection.threshold, 0.5),
            prefix_padding_ms=padding,
            silence_duration_ms=given(detection.silence_duration_ms, 500),
            start_ms=start_ms,
        )
        self._keep_ms = padding + _LATENCY_MS
