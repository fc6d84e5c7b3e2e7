"""What a brain wants done that takes time: sound to be heard, and sound to be made. Pure."""

from __future__ import annotations

from typing import TypeAlias

import attrs


@attrs.frozen
class Hear:
    """A job: find the words in ``sound``, then call ``heard`` with them."""

    item_id: str
    sound: bytes = attrs.field(repr=False)


@attrs.frozen
class Perform:
    """A job: say ``text`` (when there is one) with this voice, then send what ``perform`` gives for the sound."""

    response_id: str
    text: str = ""
    voice: str = ""
    speed: float = 1.0


Job: TypeAlias = Hear | Perform
