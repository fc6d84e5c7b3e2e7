"""What a stream runs between: a speaker's buffer, a microphone's, or both. Pure; knows no device and no thread.

With both, each call of the device gives a recorded block together with the very block that is played for it.
"""

from __future__ import annotations

from typing import Protocol

from attrs import frozen

from ..errors import AudioUnavailable
from ..pcm import BYTES_PER_SAMPLE
from .device_list import NOUN


class Playing(Protocol):
    """Where a stream takes what it plays."""

    def resume(self, *, latency: int) -> None:
        """A stream begins to pull."""

    def pull(self, samples: int, *, lost: bool = False) -> bytes:
        """Give exactly so many samples, mono."""

    def fail(self, error: AudioUnavailable) -> None:
        """The device is gone."""


class Recording(Protocol):
    """Where a stream leaves what it records."""

    def push(self, block: bytes, played: bytes | None = None, *, lost: bool = False) -> None:
        """Take a block, mono, and what was played in the same call."""

    def fail(self, error: AudioUnavailable) -> None:
        """The device is gone."""


@frozen(kw_only=True)
class Ends:
    """The buffers of one stream; at least one of them."""

    speaker: Playing | None = None
    microphone: Recording | None = None

    def resume(self, *, latency: int) -> None:
        """A stream begins, whose sound is heard ``latency`` samples after it was taken."""
        if self.speaker is not None:
            self.speaker.resume(latency=latency)

    def pass_on(self, recorded: bytes | None, samples: int, *, overflow: bool, underflow: bool) -> bytes | None:
        """One call of the device.

        Args:
            recorded: the block that was recorded, mono. If the device has none, silence takes its place, and counts as
                lost: the clocks of both directions stay one.
            samples: the length of a block.
            overflow: some of what was recorded before it was lost.
            underflow: silence had to be played before this call.

        Returns:
            The block to play, mono; None without a speaker.
        """
        played = None if self.speaker is None else self.speaker.pull(samples, lost=underflow)
        if self.microphone is not None:
            block = recorded or bytes(samples * BYTES_PER_SAMPLE)
            self.microphone.push(block, played, lost=overflow or not recorded)
        return played

    def fail(self, reason: str, cause: BaseException | None = None) -> None:
        """Tell each that its device is gone.

        Args:
            reason: the end of a sentence that begins with the name of the device.
            cause: the error it came of.
        """
        if self.speaker is not None:
            self.speaker.fail(_failure(NOUN["output"], reason, cause))
        if self.microphone is not None:
            self.microphone.fail(_failure(NOUN["input"], reason, cause))


def _failure(noun: str, reason: str, cause: BaseException | None) -> AudioUnavailable:
    failure = AudioUnavailable(f"The {noun} {reason}")
    failure.__cause__ = cause
    return failure
