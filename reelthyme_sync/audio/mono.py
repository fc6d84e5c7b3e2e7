"""Between mono and what a device insists on. Pure; PCM16 with its channels interleaved."""

from __future__ import annotations

from ..pcm import to_pcm16


def mixed(pcm: bytes, channels: int) -> bytes:
    """All channels as one: their average."""
    if channels == 1:
        return pcm
    import numpy as np

    return to_pcm16(np.frombuffer(pcm, "<i2").reshape(-1, channels).mean(axis=1))


def spread(pcm: bytes, channels: int) -> bytes:
    """One channel as many: the same on each."""
    if channels == 1:
        return pcm
    import numpy as np

    return np.frombuffer(pcm, "<i2").repeat(channels).tobytes()
