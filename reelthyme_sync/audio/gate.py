"""A noise gate that knows a voice from a noise. Pure: time is the number of samples pushed."""

from __future__ import annotations

from collections import deque

from ..pcm import ms_to_bytes
from ..vad import START_WINDOW_MS, SpeechStarted, TurnDetector


class Gate:
    """Lets speech pass, and puts silence in the place of everything else.

    For ``capture_audio(session, gate=Gate())`` in a noisy room: the server's turn detection then does not take a
    keyboard for a voice. The timeline is kept: as much comes out as goes in, but all of it ``pre_roll_ms`` later, since
    a voice is known to be one only after its first syllable. Finds speech with WebRTC's detector where
    ``webrtcvad-wheels`` is installed, and by its loudness elsewhere.

    Args:
        threshold: 0 to 1; higher asks for a clearer voice.
        pre_roll_ms: how much sound before the discovery of speech passes too: the fixed delay. 160 at least.
        hold_ms: how long the gate stays open after the last voice.

    Raises:
        ValueError: the pre-roll is shorter than what the detector needs.
    """

    def __init__(self, *, threshold: float = 0.5, pre_roll_ms: int = 300, hold_ms: int = 500) -> None:
        if pre_roll_ms < START_WINDOW_MS:
            raise ValueError(f"pre_roll_ms must be {START_WINDOW_MS} at least, not {pre_roll_ms}")
        self._detector = TurnDetector(
            threshold=threshold, prefix_padding_ms=pre_roll_ms - START_WINDOW_MS, silence_duration_ms=hold_ms
        )
        self._delay = ms_to_bytes(pre_roll_ms)
        self._held = bytearray()
        self._position = 0  # of the first byte that is held, counted from the first that was pushed
        self._restart()
        self._switches: deque[int] = deque()  # positions at which the gate opens and closes, in turn
        self._open = False

    def push(self, pcm: bytes) -> bytes:
        """Add sound (whole samples); gives as much, of what was pushed ``pre_roll_ms`` ago."""
        self._held += pcm
        for boundary in self._detector.push(pcm):
            ms = boundary.audio_start_ms if isinstance(boundary, SpeechStarted) else boundary.audio_end_ms
            self._switches.append(ms_to_bytes(ms))
        return self._pass(len(pcm))

    def rest(self) -> bytes:
        """The end of the sound: the last ``pre_roll_ms`` of it. The next may begin."""
        rest = self._pass(len(self._held))
        self._restart()
        return rest

    def _restart(self) -> None:
        """What comes out before the first sample does."""
        self._held += bytes(self._delay)
        self._position -= self._delay

    def _pass(self, size: int) -> bytes:
        end = self._position + size
        passed = bytearray()
        while self._switches and self._switches[0] < end:
            passed += self._take(self._switches.popleft() - self._position)
            self._open = not self._open
        return bytes(passed + self._take(end - self._position))

    def _take(self, size: int) -> bytes:
        taken = bytes(self._held[:size])
        del self._held[:size]
        self._position += size
        return taken if self._open else bytes(size)
