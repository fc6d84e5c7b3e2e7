"""Who has the floor: the user, while he talks, or the assistant. Pure; one thread at a time.

Decides which responses are wanted; ``sequencer`` decides when they can be asked for and cancelled. Knows no key, no
microphone and no thread.
"""

from __future__ import annotations

from .events import ClientEvent, ServerEvent
from .sequencer import ResponseSequencer


class Floor:
    """The floor of one conversation. Responses beside the conversation do not matter to it.

    Args:
        name: how the ids of our events begin, and of nobody else's in the session.
    """

    def __init__(self, name: str) -> None:
        self._sequencer = ResponseSequencer(name)
        self._taken = False

    def take(self) -> list[ClientEvent]:
        """The user begins to talk: what the assistant says, or is about to say, is not wanted any more."""
        self._taken = True
        return self._sequencer.cancel()

    def leave(self) -> None:
        """The user has said nothing after all."""
        self._taken = False

    def hand_over(self) -> list[ClientEvent]:
        """The user has finished, and waits for an answer."""
        self._taken = False
        _, events = self._sequencer.create()
        return events

    def hear(self, event: ServerEvent) -> list[ClientEvent]:
        """The server has said something. What others make the assistant say is not wanted while the user has a turn."""
        events = self._sequencer.hear(event)
        if self._taken or self._sequencer.waiting:
            events += self._sequencer.cancel_active()
        return events

    def settles(self, event: ServerEvent) -> bool:
        """Whether the event only refuses what we have sent, at no fault of anybody's. To be asked before ``hear``."""
        return self._sequencer.settles(event)
