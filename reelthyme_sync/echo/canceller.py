"""Acoustic echo cancellation with WebRTC's AEC3. The only place that imports pywebrtc-audio, when it is needed.

Three in a row: the canceller, the residual suppressor, and, if wanted, noise suppression and automatic gain. These come
last, and in a processor of their own, so that they cannot fool the suppressor. Pure; knows no device and no thread.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final, Literal

from ..errors import AudioUnavailable
from ..pcm import SAMPLE_RATE
from .control import EchoStats
from .delay import DelayMeter
from .fader import Fader
from .frames import FRAME_MS, Frames, power
from .meter import EchoMeter
from .residual import ResidualSuppressor

if TYPE_CHECKING:
    from collections.abc import Iterator

    import numpy as np
    from numpy.typing import NDArray

NoiseSuppression = Literal["low", "moderate", "high", "very_high"]

_NOISE_LEVELS: Final = {"low": 0, "moderate": 1, "high": 2, "very_high": 3}
_MOST_GAIN_DB: Final = 12.0
"""What is left of an echo must not become audible again: the gain takes it for a soft voice."""

_TELL_EVERY: Final = 250 // FRAME_MS


class EchoCanceller:
    """Takes the assistant's voice out of the microphone, so that the user can interrupt it without a headset.

    For ``capture_audio(session, echo=EchoCanceller())`` and open speakers. Learns the room from the first second of
    sound that is played, in which nobody can interrupt. Keeps the user's voice while both speak, and delays it by 9 ms.
    An echo may lag by up to 400 ms. Takes 2 % of a core.

    Args:
        noise_suppression: how much of a steady noise to take away, too. At 24 kHz that is 5 dB with ``"low"`` and 7
            with ``"very_high"`` (measured).
        auto_gain: bring a soft voice to an ordinary loudness, by 12 dB at most.

    Raises:
        AudioUnavailable: pywebrtc-audio is not installed; the message says how to.
        ValueError: a noise suppression that does not exist.
    """

    def __init__(self, *, noise_suppression: NoiseSuppression | None = None, auto_gain: bool = False) -> None:
        import numpy as np

        self._float = np.dtype(np.float32)
        self._canceller = _processor(echo_cancellation=True, high_pass_filter=True)
        self._finish = _finish(noise_suppression, auto_gain=auto_gain)
        self._frames = Frames()
        self._stats = EchoStats()
        self._double_talk = 0  # frames
        self._begin()

    def _begin(self) -> None:
        self._suppressor = ResidualSuppressor()
        self._fader = Fader()
        self._meter = EchoMeter()
        self._delay = DelayMeter()
        self._untold = 0  # frames

    @property
    def stats(self) -> EchoStats:
        """What is known of the echo; after ``rest()`` what was known at last. Any thread."""
        return self._stats

    def process(self, near: bytes, far: bytes) -> bytes:
        """Add some sound; gives the near end without its echo, in whole frames of 10 ms.

        Raises:
            ValueError: the two differ in length, or end within a sample.
        """
        return self._cancel(self._frames.push(near, far))

    def rest(self) -> bytes:
        """The end of this sound: what did not fill a frame. What was learnt of the room is forgotten."""
        frames, size = self._frames.rest()
        rest = self._cancel(frames)[:size]
        self._tell(double_talk=False)
        self._canceller.reset()
        if self._finish is not None:
            self._finish.reset()
        self._begin()
        return rest

    def _cancel(self, frames: Iterator[tuple[NDArray[np.int16], NDArray[np.int16]]]) -> bytes:
        return b"".join(self._frame(near, far).tobytes() for near, far in frames)

    def _frame(self, near: NDArray[np.int16], far: NDArray[np.int16]) -> NDArray[np.int16]:
        left = self._canceller.process(near, far)
        near_sound, far_sound, left_sound = [s.astype(self._float) for s in (near, far, left)]
        near_power, far_power, left_power = power(near_sound), power(far_sound), power(left_sound)
        gain = self._suppressor.gain(near_power, far_power, left_power)
        self._delay.add(near, far, far_power)
        self._watch(near_power, far_power, left_power * gain**2)
        out = self._fader.fade(left_sound, gain)
        return out if self._finish is None else self._finish.process(out)

    def _watch(self, near: float, far: float, out: float) -> None:
        double_talk = self._suppressor.double_talk
        self._double_talk += double_talk
        if self._suppressor.far_end_only:
            self._meter.add(near, far, out)
        self._untold += 1
        if self._untold == _TELL_EVERY or double_talk != self._stats.double_talk:
            self._tell(double_talk=double_talk)

    def _tell(self, *, double_talk: bool) -> None:
        self._untold = 0
        erle, erl = self._meter.losses() if self._delay.ms is not None else (None, None)  # else it may be the user
        self._stats = EchoStats(
            erle_db=erle,
            erl_db=erl,
            delay_ms=self._delay.ms,
            double_talk=double_talk,
            double_talk_ms=self._double_talk * FRAME_MS,
        )


def _finish(noise_suppression: NoiseSuppression | None, *, auto_gain: bool) -> Any:
    if noise_suppression is not None and noise_suppression not in _NOISE_LEVELS:
        raise ValueError(f"noise_suppression is one of {', '.join(_NOISE_LEVELS)}, not {noise_suppression!r}")
    if noise_suppression is None and not auto_gain:
        return None
    return _processor(
        noise_suppression=noise_suppression is not None,
        ns_level=_NOISE_LEVELS.get(noise_suppression or "low", 0),
        auto_gain_control=auto_gain,
        agc_max_gain_db=_MOST_GAIN_DB,
    )


def _processor(**options: Any) -> Any:
    try:
        from pywebrtc_audio import AudioProcessor
    except ImportError:
        raise AudioUnavailable(
            'Cancelling an echo needs pywebrtc-audio: pip install "reelthyme_sync[aec]". '
            'Without it, echo="gate" keeps the microphone shut while the assistant is heard'
        ) from None
    return AudioProcessor(sample_rate=SAMPLE_RATE, **options)
