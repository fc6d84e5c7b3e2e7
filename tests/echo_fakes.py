"""An echo control whose doings can be seen."""

from __future__ import annotations

from reelthyme_sync.echo import EchoStats


class Subtracting:
    """Takes each byte of the far end from that of the near end: exact when they are in step, noise when they are not.

    Args:
        withheld: bytes that it gives one call late.
    """

    def __init__(self, *, withheld: int = 0) -> None:
        self._withheld = withheld
        self._held = b""
        self.rests = 0

    def process(self, near: bytes, far: bytes) -> bytes:
        assert len(near) == len(far)
        self._held += bytes((one - other) % 256 for one, other in zip(near, far, strict=True))
        ready = max(0, len(self._held) - self._withheld)
        given, self._held = self._held[:ready], self._held[ready:]
        return given

    def rest(self) -> bytes:
        self.rests += 1
        given, self._held = self._held, b""
        return given

    @property
    def stats(self) -> EchoStats:
        return EchoStats(erle_db=30.0, erl_db=6.0, delay_ms=20.0, double_talk=False, double_talk_ms=0)
