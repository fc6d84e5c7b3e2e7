"""The sound of a translation session, as samples: one voice without end, in no item and no response. Pure.

Its owner guards it.
"""

from __future__ import annotations

import logging
from typing import Final

from .audio.mono import mixed
from .audio.resampling import Resampler
from .events import SessionOutputAudioDelta
from .pcm import BYTES_PER_SAMPLE, SAMPLE_RATE, decode_base64
from .playback import AudioPart

log = logging.getLogger("reelthyme_sync")

_RATES: Final = range(4_000, 384_001)
_CHANNELS: Final = range(1, 9)


class Interpretation:
    """What is to be heard of a translation. What cannot be understood is dropped, and said once."""

    def __init__(self) -> None:
        self._parts = 1
        self._shape = SAMPLE_RATE, 1  # rate, channels
        self._resampler = Resampler(SAMPLE_RATE, SAMPLE_RATE)
        self._half = b""  # of a frame that was cut in two
        self._complained = False

    @property
    def part(self) -> AudioPart:
        """What to play it as. Nothing on the wire is called that; it changes when what was queued is dropped."""
        return AudioPart(f"translation_{self._parts}")

    def cut(self) -> None:
        """What was queued is not to be heard; what comes from now on is."""
        self._parts += 1
        self._half = b""
        self._resampler.clear()

    def samples(self, delta: SessionOutputAudioDelta) -> bytes:
        """What of it can be played now, 24 kHz mono. A delta may end anywhere.

        Raises:
            AudioUnavailable: it has to be resampled, and soxr is not installed.
        """
        try:
            return self._convert(delta)
        except ValueError as error:
            if not self._complained:
                self._complained = True
                log.warning("sound of the translation is dropped: %s", error)
            return b""

    def rest(self) -> bytes:
        """The end."""
        self._half = b""
        return self._resampler.rest()

    def _convert(self, delta: SessionOutputAudioDelta) -> bytes:
        if delta.format not in (None, "pcm16"):
            raise ValueError(f"it is in {delta.format!r}, not in pcm16")
        pcm = decode_base64(delta.delta)
        rate, channels = delta.sample_rate or SAMPLE_RATE, delta.channels or 1
        if rate not in _RATES or channels not in _CHANNELS:
            raise ValueError(f"it has {channels} channels at {rate} Hz")
        before = self._reshape(rate, channels) if (rate, channels) != self._shape else b""
        data = self._half + pcm
        whole = len(data) - len(data) % (BYTES_PER_SAMPLE * channels)
        self._half = data[whole:]
        return before + self._resampler.push(mixed(data[:whole], channels))

    def _reshape(self, rate: int, channels: int) -> bytes:
        """From now on it comes in another shape; gives the end of what came in the old one."""
        resampler = Resampler(rate, SAMPLE_RATE)
        before = self.rest()
        self._shape, self._resampler = (rate, channels), resampler
        return before
