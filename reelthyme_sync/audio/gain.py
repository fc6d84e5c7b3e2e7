"""Louder and softer. Pure; called by the audio thread."""

from __future__ import annotations

from ..pcm import to_pcm16


def amplify(pcm: bytes, before: float, after: float) -> bytes:
    """PCM16, its samples multiplied. What does not fit into 16 bits is clipped.

    Args:
        pcm: whole samples.
        before: the factor of the sound before this.
        after: the factor from its end on; in between it changes evenly, because a jump would be heard as a click.
    """
    if before == after == 1.0:
        return pcm
    import numpy as np

    samples = np.frombuffer(pcm, "<i2")
    return to_pcm16(samples * np.linspace(before, after, samples.size))
