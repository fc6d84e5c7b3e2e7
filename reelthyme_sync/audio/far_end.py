"""What a speaker is given, for a microphone that is no stream with it: the reference of an echo canceller.

The audio thread writes, the capture thread takes as much as it has recorded. So the reference runs as the speaker does,
less what the devices hold: it leads the echo, as a canceller needs it, and does not lag.
"""

from __future__ import annotations

import threading
from typing import Final

from ..pcm import ms_to_bytes
from .buffers import LATE_READER_S

KEPT_MS: Final = 1000 * (LATE_READER_S + 2)
"""As long as a microphone waits for a reader that is stuck, and more than any speaker takes ahead of time."""


class FarEnd:
    """Samples that were written and have not been matched with recorded ones yet. For one microphone."""

    def __init__(self) -> None:
        self._waiting = bytearray()
        self._changing = threading.Lock()

    def write(self, pcm: bytes) -> None:
        """The speaker has been given this. Beyond ``KEPT_MS`` the oldest is forgotten."""
        with self._changing:
            self._waiting += pcm
            del self._waiting[: -ms_to_bytes(KEPT_MS)]

    def clear(self) -> None:
        """Nothing of what was written will be heard any more; or it is not known when."""
        with self._changing:
            self._waiting.clear()

    def take(self, size: int) -> bytes:
        """So many bytes for as many that were recorded; silence where the speaker was given nothing."""
        with self._changing:
            taken = bytes(self._waiting[:size])
            del self._waiting[:size]
        return taken.ljust(size, b"\0")
