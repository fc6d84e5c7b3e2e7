"""Turn detection: where in a stream of 24 kHz PCM16 somebody speaks.

Owns the decision only. Knows no clock, thread, socket or event: time is the number of samples pushed. One thread at a
time pushes: the loop of the local server, or the capture thread of a microphone.
"""

from __future__ import annotations

from collections import deque
from typing import Any, Final, Protocol

import attrs

from . import pcm

FRAME_MS: Final = 20
_START_WINDOW: Final = 8
_START_VOICED: Final = 6
"""Speech begins with 6 voiced frames of 8 (120 ms): a click or a door stays below it, the shortest word does not."""

START_WINDOW_MS: Final = _START_WINDOW * FRAME_MS
"""How far behind the first voiced frame speech is found to have begun, at most."""

_FLOOR: Final = 40.0
"""A frame below this level holds no voice. WebRTC goes on saying so for 100 ms after a click."""


@attrs.frozen
class SpeechStarted:
    """Somebody began to speak; ``audio_start_ms`` counts from the first sample and includes the prefix padding."""

    audio_start_ms: int


@attrs.frozen
class SpeechStopped:
    """The silence has lasted; ``audio_end_ms`` counts from the first sample and includes that silence."""

    audio_end_ms: int


class FrameClassifier(Protocol):
    """Tells whether a frame of 20 ms at 24 kHz holds a voice."""

    def is_speech(self, frame: bytes) -> bool:
        """One decision for one frame; frames come in order."""


class TurnDetector:
    """Finds the turns in a stream of 24 kHz PCM16.

    Args:
        threshold: 0 to 1; higher asks for a clearer voice.
        prefix_padding_ms: how much sound before the voice belongs to the turn.
        silence_duration_ms: how long a silence ends the turn.
        start_ms: the position of the first sample that will be pushed.
    """

    def __init__(
        self,
        *,
        threshold: float = 0.5,
        prefix_padding_ms: int = 300,
        silence_duration_ms: int = 500,
        start_ms: int = 0,
    ) -> None:
        self._classifier = _classifier(threshold)
        self._prefix_ms = prefix_padding_ms
        self._silence_ms = silence_duration_ms
        self._chunker = pcm.Chunker(pcm.ms_to_samples(FRAME_MS))
        self._first_ms = start_ms
        self._now_ms = start_ms
        self._recent: deque[bool] = deque(maxlen=_START_WINDOW)
        self._speaking = False
        self._quiet_ms = 0

    @property
    def speaking(self) -> bool:
        """Whether a turn has started and not stopped."""
        return self._speaking

    def push(self, sound: bytes) -> list[SpeechStarted | SpeechStopped]:
        """Hear some more sound, of any length; gives the boundaries that it contains, in order."""
        boundaries = (self._hear(frame) for frame in self._chunker.push(sound))
        return [boundary for boundary in boundaries if boundary is not None]

    def _hear(self, frame: bytes) -> SpeechStarted | SpeechStopped | None:
        voiced = self._classifier.is_speech(frame)
        self._now_ms += FRAME_MS
        return self._while_speaking(voiced) if self._speaking else self._while_quiet(voiced)

    def _while_quiet(self, voiced: bool) -> SpeechStarted | None:
        self._recent.append(voiced)
        if sum(self._recent) < _START_VOICED:
            return None
        self._speaking, self._quiet_ms = True, 0
        frames_since = len(self._recent) - list(self._recent).index(True)
        self._recent.clear()
        return SpeechStarted(max(self._first_ms, self._now_ms - frames_since * FRAME_MS - self._prefix_ms))

    def _while_speaking(self, voiced: bool) -> SpeechStopped | None:
        self._quiet_ms = 0 if voiced else self._quiet_ms + FRAME_MS
        if self._quiet_ms < self._silence_ms:
            return None
        self._speaking, self._first_ms = False, self._now_ms  # the padding of the next turn must not reach into this
        return SpeechStopped(self._now_ms)


def _classifier(threshold: float) -> FrameClassifier:
    try:
        return WebRtcClassifier(threshold)
    except ImportError:
        return EnergyClassifier(threshold)


class WebRtcClassifier:
    """The detector of WebRTC, which works at 8 kHz inside whatever rate it is given.

    Raises:
        ImportError: ``webrtcvad-wheels`` is not installed.
    """

    def __init__(self, threshold: float) -> None:
        import webrtcvad

        self._vad: Any = webrtcvad.Vad(min(3, int(threshold * 4)))
        self._decimator = _Decimator()

    def is_speech(self, frame: bytes) -> bool:
        """One decision for one frame; frames come in order."""
        voiced = bool(self._vad.is_speech(self._decimator.push(frame), 8_000))
        return voiced and _level(frame) >= _FLOOR


class EnergyClassifier:
    """Loud enough is speech: for machines without ``webrtcvad-wheels``, and for quiet rooms."""

    def __init__(self, threshold: float) -> None:
        self._level = 100 + 1_400 * threshold

    def is_speech(self, frame: bytes) -> bool:
        """One decision for one frame."""
        return _level(frame) >= self._level


def _level(frame: bytes) -> float:
    import numpy as np

    samples = np.frombuffer(frame, np.int16).astype(np.float64)
    return float(np.sqrt(np.mean(samples * samples)))


class _Decimator:
    """24 kHz to 8 kHz: a windowed-sinc low pass at 3.6 kHz, then every third sample. Carries its history over."""

    _TAPS: Final = 63
    _STEP: Final = 3

    def __init__(self) -> None:
        import numpy as np

        position = np.arange(self._TAPS) - self._TAPS // 2
        taps = np.sinc(2 * 3_600 / pcm.SAMPLE_RATE * position) * np.hamming(self._TAPS)
        self._taps = taps / taps.sum()
        self._history = np.zeros(self._TAPS - 1)

    def push(self, frame: bytes) -> bytes:
        """A third as many samples, delayed by 1.3 ms."""
        import numpy as np

        samples = np.concatenate([self._history, np.frombuffer(frame, np.int16)])
        self._history = samples[len(samples) - self._TAPS + 1 :]
        low = np.convolve(samples, self._taps, "valid")[:: self._STEP]
        return pcm.to_pcm16(low)
