"""The room of a session: its speaker, and microphones that are not to hear it. They come and go in any order."""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING

from .audio.devices import Microphone, Speaker

if TYPE_CHECKING:
    from .audio.echo_free import EchoFree
    from .echo import EchoControl


class Room:
    """Makes one stream of speaker and microphone where the devices allow it.

    Otherwise the microphone is told what the speaker is given. Of several speakers the latest counts. A session has one
    room: ``session.shared(Room)``.
    """

    def __init__(self) -> None:
        self._speaker: Speaker | None = None
        self._ears: tuple[EchoFree, ...] = ()
        self._changing = threading.Lock()

    def play(self, speaker: Speaker) -> Played:
        """From now on this is the speaker. Not yet written to, so that its first sound is paired, too.

        Returns:
            To be told what the speaker is given.
        """
        with self._changing:
            self._ears = tuple(ear for ear in self._ears if not ear.closed)
            for ear in self._ears if self._speaker is not None else ():
                ear.move_speaker()
            self._speaker = speaker
            self._join()
        return Played(self, speaker)

    def listen(self, microphone: Microphone, echo: EchoControl) -> EchoFree:
        """The microphone, from which ``echo`` takes what the speaker plays, until it is closed."""
        from .audio.echo_free import EchoFree

        ear = EchoFree(microphone, echo)
        with self._changing:
            self._ears = (*(ear for ear in self._ears if not ear.closed), ear)
            self._join()
        return ear

    def ears_for(self, speaker: Speaker) -> tuple[EchoFree, ...]:
        """The microphones that hear this speaker. Any thread, at any time."""
        return self._ears if speaker is self._speaker else ()

    def _join(self) -> None:
        if self._speaker is not None and self._ears:
            from .audio.full_duplex import join

            for ear in self._ears:
                join(self._speaker, ear.microphone)


class Played:
    """Told what one speaker is given, for the microphones of its room."""

    def __init__(self, room: Room, speaker: Speaker) -> None:
        self._room = room
        self._speaker = speaker

    def write(self, pcm: bytes) -> None:
        """The speaker is given this."""
        for ear in self._room.ears_for(self._speaker):
            ear.far_end.write(pcm)

    def clear(self) -> None:
        """The speaker drops what it was given."""
        for ear in self._room.ears_for(self._speaker):
            ear.far_end.clear()
