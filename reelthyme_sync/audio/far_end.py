"""What a speaker is given, for a microphone that is no stream with it: the reference of an echo canceller.

The audio thread writes, the capture thread takes as much as it has recorded. So the reference runs as the speaker does,
less what the devices hold: it leads the echo, as a canceller needs it, and never lags.
"""

from __future__ import annotations

import threading
from typing import Final

from ..pcm import ms_to_bytes

KEPT_MS: Final = 2000
"""More than any speaker takes ahead of time; only one that is written faster than it plays gives more."""


class FarEnd:
    """Samples that were written and have not been matched with recorded ones yet. Keeps nothing until one has asked."""

    def __init__(self) -> None:
        self._waiting = bytearray()
        self._asked = False
        self._changing = threading.Lock()

    def write(self, pcm: bytes) -> None:
        """The speaker has been given this. Beyond ``KEPT_MS`` the oldest is forgotten."""
        with self._changing:
            if self._asked:
                self._waiting += pcm
                del self._waiting[: -ms_to_bytes(KEPT_MS)]

    def clear(self) -> None:
        """The speaker has dropped what it was given."""
        with self._changing:
            self._waiting.clear()

    def take(self, size: int) -> bytes:
        """So many bytes for as many that were recorded; silence where the speaker was given nothing."""
        with self._changing:
            self._asked = True
            taken = bytes(self._waiting[:size])
            del self._waiting[:size]
        return taken.ljust(size, b"\0")
