"""Acoustic echo cancellation with WebRTC's AEC3. The only place that imports pywebrtc-audio, when it is needed.

Three in a row: the canceller, the residual suppressor, and, if wanted, noise suppression and automatic gain. These come
last, and in a processor of their own, so that they cannot fool the suppressor. What the suppressor needs to know of the
room is in ``acoustics``. Pure; knows no device and no thread.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final, Literal

from ..errors import AudioUnavailable
from ..pcm import SAMPLE_RATE
from .acoustics import Acoustics
from .control import EchoStats
from .fader import Fader
from .frames import FRAME_MS, Frames, Powers, power
from .meter import EchoMeter
from .residual import ECHO_LASTS, ResidualSuppressor
from .resting import RestingCanceller

if TYPE_CHECKING:
    from collections.abc import Iterator

    import numpy as np
    from numpy.typing import NDArray

NoiseSuppression = Literal["low", "moderate", "high", "very_high"]

_NOISE_LEVELS: Final = {"low": 0, "moderate": 1, "high": 2, "very_high": 3}
_MOST_GAIN_DB: Final = 12.0
"""What is left of an echo must not become audible again: the gain takes it for a soft voice."""

_SILENT: Final = 1.0
"""The power of a far end that nobody hears."""

_TELL_EVERY: Final = 240 // FRAME_MS


class EchoCanceller:
    """Takes the assistant's voice out of the microphone, so that the user can interrupt it without a headset.

    For ``capture_audio(session, echo=EchoCanceller())`` and open speakers. Learns the room from the first 1 to 2 s of
    speech that are played, in which nobody can interrupt; after that a voice that is not in what was played is let
    through, and the room's own noise takes the place of everything else. With a headset it finds within 0.6 s that
    there is no echo, and lets everything pass. Delays the user by 9 ms, and gives whole frames of 20 ms. An echo may
    lag by up to 400 ms. Rests while no echo is possible, and with a headset on.

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
        self._canceller = RestingCanceller(_processor(echo_cancellation=True, high_pass_filter=True))
        self._finish = _finish(noise_suppression, auto_gain=auto_gain)
        self._frames = Frames()
        self._stats = EchoStats()
        self._double_talk = 0  # frames
        self._begin()

    def _begin(self) -> None:
        self._acoustics = Acoustics()
        self._suppressor = ResidualSuppressor()
        self._fader = Fader()
        self._meter = EchoMeter()
        self._begun = False
        self._since_sound = ECHO_LASTS  # frames
        self._untold = 0  # frames

    @property
    def stats(self) -> EchoStats:
        """What is known of the echo; after ``rest()`` what was known at last. Any thread."""
        return self._stats

    def process(self, near: bytes, far: bytes) -> bytes:
        """Add some sound; gives the near end without its echo, in whole frames of 20 ms.

        Raises:
            ValueError: the two differ in length, or end within a sample.
        """
        return self._cancel(self._frames.push(near, far))

    def rest(self) -> bytes:
        """The end of this sound: what did not fill a frame. What was learnt of the room is forgotten."""
        frames, size = self._frames.rest()
        rest = self._cancel(frames)[:size]
        if self._begun:  # or a second call would take back what was known
            self._tell(double_talk=False)
        self._canceller.reset()
        if self._finish is not None:
            self._finish.reset()
        self._begin()
        return rest

    def _cancel(self, frames: Iterator[tuple[NDArray[np.int16], NDArray[np.int16]]]) -> bytes:
        return b"".join(self._frame(near, far).tobytes() for near, far in frames)

    def _frame(self, recorded: NDArray[np.int16], played: NDArray[np.int16]) -> NDArray[np.int16]:
        near, far = recorded.astype(self._float), played.astype(self._float)
        far_power = power(far)
        sounds = far_power > _SILENT
        self._since_sound = 0 if sounds else self._since_sound + 1
        silent = self._since_sound >= ECHO_LASTS
        needed = not (silent or self._acoustics.without_echo)
        left = self._canceller.process(recorded, played if sounds else None, needed=needed)
        self._begun = True
        powers = Powers(power(near), far_power, power(left))
        suppressor = self._suppressor
        gain = suppressor.gain(powers.far, voice=self._acoustics.voice(near, far, powers, silent=silent))
        self._acoustics.learn(
            near, far, powers, echo_possible=suppressor.echo_possible, double_talk=suppressor.double_talk
        )
        if self._acoustics.without_echo:
            out, double_talk = self._fader.fade(near, 1.0), False
        else:
            out, double_talk = self._fader.fade(left, gain, self._acoustics.noise.more()), suppressor.double_talk
            if suppressor.far_end_only:
                self._meter.add(powers.near, powers.far, power(out.astype(self._float)))
        self._note(double_talk)
        return out if self._finish is None else self._finish.process(out)

    def _note(self, double_talk: bool) -> None:
        self._double_talk += double_talk
        self._untold += 1
        if self._untold == _TELL_EVERY or double_talk != self._stats.double_talk:
            self._tell(double_talk=double_talk)

    def _tell(self, *, double_talk: bool) -> None:
        self._untold = 0
        sure = self._acoustics.delay_ms is not None  # else what was measured may be the user
        erle, erl = self._meter.losses() if sure else (None, None)
        self._stats = EchoStats(
            erle_db=erle,
            erl_db=erl,
            delay_ms=self._acoustics.delay_ms,
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
