"""A valve for push-to-talk: sound passes while it is open. Pure.

One thread pushes; any other may open and close, without a lock, because each is one assignment that the pushing thread
reads once for every block. Who closes it still has to wait for a block that is just passing.
"""

from __future__ import annotations

from ..pcm import bytes_to_ms, ms_to_bytes


class Valve:
    """Closed at first. What comes while it is closed is kept for ``pre_roll_ms``, and passes first when it opens.

    So whoever presses a key while the first syllable is already out is heard from its beginning.
    """

    def __init__(self, pre_roll_ms: float) -> None:
        self._most = ms_to_bytes(pre_roll_ms)
        self._kept = b""
        self._open = False
        self._passed = 0

    @property
    def passed_ms(self) -> int:
        """Milliseconds that have come since the valve was last opened; the pre-roll does not count."""
        return bytes_to_ms(self._passed)

    def open(self) -> None:
        """Let sound pass from now on."""
        self._passed = 0
        self._open = True  # last: a block that passes meanwhile is counted

    def close(self) -> None:
        """Let none pass."""
        self._open = False

    def push(self, pcm: bytes) -> bytes:
        """Add sound (whole samples); gives what passes."""
        if not self._open:
            self._kept = (self._kept + pcm)[-self._most :] if self._most else b""
            return b""
        self._passed += len(pcm)
        pre_roll, self._kept = self._kept, b""
        return pre_roll + pcm

    def rest(self) -> bytes:
        """Nothing: what is kept was never meant to be heard."""
        return b""
