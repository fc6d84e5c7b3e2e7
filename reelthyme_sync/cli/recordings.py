"""The questions that come with the package."""

from __future__ import annotations

from importlib import resources

from ..audio.wav import read_wav


def questions() -> list[bytes]:
    """All three, each with a little silence round it: PCM16 at 24 kHz."""
    folder = resources.files("reelthyme_sync") / "recordings"
    sounds = []
    for number in (1, 2, 3):
        with resources.as_file(folder / f"question_{number}.wav") as path:
            sounds.append(read_wav(path))
    return sounds
