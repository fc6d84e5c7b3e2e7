"""One attempt to tell a new server all that it has to know: what to send, and what of the answers is not for the user.

Pure. The server answers in order, so that everything before the last answer that is waited for belongs to it or is new.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from ..conversation import item_id
from ..events import (
    ConversationCreated,
    ConversationItemAdded,
    ConversationItemCreated,
    ConversationItemDeleted,
    ConversationItemDone,
    Error,
    ServerEvent,
    SessionCreated,
    SessionUpdated,
)
from ..events.connection import NotRestored, Reconnected
from ..events.server_events import AnySession


class Restoration:
    """What is sent to a new server before anything else, and its answers.

    Args:
        settings: the ``session.update`` that restores the settings; None when nobody changed them.
        items: the ``conversation.item.create`` for each item, in order.
        unfinished: ids of items whose ``done`` the user has not seen: it is let through.
        not_restored: what is known from the beginning to be lost.
        resent: how many events follow that the old server had not answered.
        audio_lost_ms: sound that no server got.
    """

    def __init__(
        self,
        settings: Mapping[str, Any] | None,
        items: Sequence[Mapping[str, Any]],
        *,
        unfinished: set[str],
        not_restored: Sequence[NotRestored],
        resent: int,
        audio_lost_ms: float,
    ) -> None:
        self.messages = [*([settings] if settings else []), *items]
        self.audio_lost_ms = audio_lost_ms
        self.told = False
        """Whether the user has got the report."""
        self.session: AnySession | None = None
        """What the server says that the session is, once it has."""
        self._settings_id = settings["event_id"] if settings else ""
        self._item_of = {event["event_id"]: event["item"]["id"] for event in items}
        self._event_of = {restored: event_id for event_id, restored in self._item_of.items()}
        self._unfinished = unfinished
        self._awaited = dict.fromkeys(event["event_id"] for event in self.messages)
        self._not_restored = list(not_restored)
        self._resent = resent

    @property
    def complete(self) -> bool:
        """Whether the server has answered everything."""
        return self.session is not None and not self._awaited

    def takes(self, event: ServerEvent) -> bool:
        """Whether the event is an answer to what was sent here, and not for the user."""
        match event:
            case SessionCreated():
                self.session = event.session
                return True
            case ConversationCreated():
                return True
            case SessionUpdated() if self._settings_id in self._awaited:
                self.session = event.session
                self._awaited.pop(self._settings_id)
                return True
            case ConversationItemAdded() | ConversationItemCreated() | ConversationItemDone():
                return self._takes_item(event)
            case ConversationItemDeleted():
                self._event_of.pop(event.item_id, None)  # an item of that id is a new one from now on
            case Error():
                return self._takes_refusal(event.error.event_id, event.error.message)
        return False

    def report(self, *, planned: bool, attempts: int) -> Reconnected:
        """What to tell the user. What the server has not answered counts as lost."""
        self.told = True
        late = [self._lost(event_id, "the server did not confirm it") for event_id in self._awaited]
        not_restored = [*self._not_restored, *late]
        lost = {item.item_id for item in not_restored}
        return Reconnected(
            event_id="",
            session=self.session or Reconnected().session,
            planned=planned,
            attempts=attempts,
            restored=[restored for restored in self._item_of.values() if restored not in lost],
            not_restored=not_restored,
            resent=self._resent,
            audio_lost_ms=round(self.audio_lost_ms),
        )

    def _takes_item(self, event: ConversationItemAdded | ConversationItemCreated | ConversationItemDone) -> bool:
        if (restored := item_id(event.item)) not in self._event_of:
            return False
        self._awaited.pop(self._event_of[restored], None)
        if isinstance(event, ConversationItemDone) and restored in self._unfinished:
            self._unfinished.discard(restored)
            return False
        return True

    def _takes_refusal(self, event_id: str | None, why: str) -> bool:
        """A refusal may come after the report, too late to be told: it is not for the user even then."""
        if event_id is None or (event_id not in self._item_of and event_id != self._settings_id):
            return False
        if event_id in self._awaited:
            self._awaited.pop(event_id)
            self._not_restored.append(self._lost(event_id, why))
        return True

    def _lost(self, event_id: str, why: str) -> NotRestored:
        return NotRestored(item_id=self._item_of.get(event_id, "session"), reason=why)
