"""The room of a session: its speaker, and a microphone that is not to hear it. They come and go in any order."""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING, Final
from weakref import WeakKeyDictionary

from .audio.devices import Microphone, Speaker
from .audio.far_end import FarEnd
from .session import Session

if TYPE_CHECKING:
    from .echo import EchoControl


class Room:
    """Makes one stream of speaker and microphone where the devices allow it.

    Otherwise the far end tells the microphone what is played.

    Attributes:
        far_end: to be given what the speaker is given.
    """

    def __init__(self) -> None:
        self.far_end = FarEnd()
        self._speaker: Speaker | None = None
        self._microphone: Microphone | None = None
        self._joining = threading.Lock()

    def play(self, speaker: Speaker) -> None:
        """From now on this is the speaker. Not yet written to, so that its first sound is paired, too."""
        with self._joining:
            self._speaker = speaker
            self._join()

    def listen(self, microphone: Microphone, echo: EchoControl) -> Microphone:
        """The microphone, from which ``echo`` takes what the speaker plays."""
        from .audio.echo_free import EchoFree

        with self._joining:
            self._microphone = microphone
            self._join()
        return EchoFree(microphone, echo, self.far_end)

    def _join(self) -> None:
        if self._speaker is not None and self._microphone is not None:
            from .audio.full_duplex import join

            join(self._speaker, self._microphone)


def room_of(session: Session) -> Room:
    """The one room of a session, for as long as that is used."""
    with _finding:
        return _rooms.setdefault(session, Room())


_finding: Final = threading.Lock()
_rooms: Final[WeakKeyDictionary[Session, Room]] = WeakKeyDictionary()
