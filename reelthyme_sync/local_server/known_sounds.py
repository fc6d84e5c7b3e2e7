"""What the server's own voice has said into telephones, to be known again when it comes out of a line. Pure.

The ears get most words of that voice wrong, and need a third of its length for it. So a telephone's sentences are known
by their samples, which reach the server unchanged; every other sound goes to the ears.
"""

from __future__ import annotations

from typing import Final

_MOST: Final = 256
"""Sentences: more than telephones say at a time."""


class KnownSounds:
    """Sentences and their sound. ``words`` may be asked by one thread while another remembers."""

    def __init__(self) -> None:
        self._known: tuple[tuple[bytes, str], ...] = ()

    def remember(self, sentence: str, sound: bytes) -> None:
        """Know this again. Its quiet ends are not counted on: a turn may begin and end inside them."""
        quarter = len(sound) // 8 * 2
        if middle := sound[quarter : len(sound) - quarter]:
            others = (each for each in self._known if each[0] != middle)
            self._known = (*others, (middle, sentence.strip()))[-_MOST:]

    def words(self, sound: bytes) -> str:
        """The sentences in ``sound``, in their order; ``""`` when none is known."""
        found = [(sound.find(middle), sentence) for middle, sentence in self._known]
        return " ".join(sentence for place, sentence in sorted(found) if place >= 0)
