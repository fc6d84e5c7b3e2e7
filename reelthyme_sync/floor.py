"""Who has the floor: the user, while he talks, or the assistant. Pure; one thread at a time.

Decides what is to be sent so that the service never refuses it: a response is cancelled only while one is active, and
asked for only when none is. Knows no key, no microphone and no thread.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from typing import Final, TypeAlias

from .events import (
    UNSET,
    Error,
    Response,
    ResponseCancel,
    ResponseCreate,
    ResponseCreated,
    ResponseDone,
    ServerEvent,
)

Wanted: TypeAlias = ResponseCancel | ResponseCreate

_UNKNOWN: Final = ""
"""The id of a response of which we know only that it stands in our way."""

_BUSY: Final = "conversation_already_has_active_response"
_IDLE: Final = "response_cancel_not_active"


class Floor:
    """The floor of one conversation. Responses beside the conversation do not matter to it.

    Args:
        name: how the ids of our events begin, and of nobody else's in the session.
    """

    def __init__(self, name: str) -> None:
        self._name = name
        self._numbers = itertools.count(1)
        self._names_conversations = False
        self._taken = False
        self._owed = False  # an answer, which is asked for when nothing is active any more
        self._active: str | None = None
        self._asking = False  # our last response.create may still be on its way
        self._asked: str | None = None  # its event id
        self._cancelling = False  # the active one

    def take(self) -> list[Wanted]:
        """The user begins to talk: what the assistant says, or is about to say, is not wanted any more."""
        self._taken, self._owed = True, False
        return list(self._cancel())

    def leave(self) -> None:
        """The user has said nothing after all."""
        self._taken = False

    def hand_over(self) -> list[Wanted]:
        """The user has finished, and waits for an answer."""
        self._taken, self._owed = False, True
        return list(self._ask())

    def hear(self, event: ServerEvent) -> list[Wanted]:
        """The server has said something."""
        match event:
            case ResponseCreated(response=response) if self._is_in_conversation(response):
                self._active, self._cancelling, self._asking = response.id, False, False
                return list(self._cancel()) if self._taken or self._owed else []
            case ResponseDone(response=response) if self._active in (response.id, _UNKNOWN):
                return list(self._free())
            case Error(error=error) if self._asked is not None and error.event_id == self._asked:
                return list(self._refused(error.code == _BUSY))
            case Error() if self._cancelling and self._active == _UNKNOWN and self.settles(event):
                return list(self._free())  # it ended before we came
        return []

    def settles(self, event: ServerEvent) -> bool:
        """Whether the event only refuses what we have sent, at no fault of anybody's. To be asked before ``hear``."""
        if not isinstance(event, Error) or event.error.code not in (_BUSY, _IDLE):
            return False
        return (event.error.event_id or "").startswith(self._name)

    def _is_in_conversation(self, response: Response) -> bool:
        """A server that has never named a conversation does not say that a response is beside it."""
        self._names_conversations |= response.conversation_id is not None
        return response.conversation_id is not None or not self._names_conversations

    def _refused(self, busy: bool) -> Iterator[Wanted]:
        """Somebody else's response came in between: ours is asked for again when that has ended."""
        self._asking = False
        if busy and not self._taken:
            self._owed = True
            if self._active is None:
                self._active, self._cancelling = _UNKNOWN, False
            yield from self._cancel()

    def _free(self) -> Iterator[Wanted]:
        self._active, self._cancelling = None, False
        yield from self._ask()

    def _cancel(self) -> Iterator[Wanted]:
        if self._active is not None and not self._cancelling:
            self._cancelling = True
            yield ResponseCancel(event_id=self._next_id(), response_id=self._active or UNSET)

    def _ask(self) -> Iterator[Wanted]:
        if self._owed and self._active is None and not self._asking:
            self._owed, self._asking, self._asked = False, True, self._next_id()
            yield ResponseCreate(event_id=self._asked)

    def _next_id(self) -> str:
        return f"{self._name}_{next(self._numbers)}"
