"""The replies of a session: those under way, and the last that are finished. Pure."""

from __future__ import annotations

import logging
from collections import OrderedDict
from typing import Final

from ..conversation import item_id
from ..errors import AudioUnavailable
from ..events import (
    AudioFormat,
    ConversationItemAdded,
    ConversationItemCreated,
    Reconnected,
    Response,
    ResponseContentPartDone,
    ResponseCreated,
    ResponseDone,
    ResponseOutputAudioDelta,
    ResponseOutputAudioTranscriptDelta,
    ResponseOutputAudioTranscriptDone,
    ResponseOutputItemDone,
    ResponseOutputTextDelta,
    ResponseOutputTextDone,
    ServerEvent,
    SessionCreated,
    SessionUpdated,
)
from ..formats import output_format
from ..placing import Placing
from .reply import Reply
from .under_way import UnderWay

log = logging.getLogger("reelthyme_sync")

KEPT: Final = 64
"""How many finished replies a book remembers."""

KEPT_BYTES: Final = 64 * 2**20
"""Of their sound, 23 minutes: with more than that, it remembers fewer."""


class ReplyBook:
    """Makes replies of the events of one session. Give it all of them; it never raises on one.

    Quick enough for the thread that reads: microseconds for each delta.

    Args:
        keep_audio: whether replies have their sound; without it nothing is decoded.
    """

    def __init__(self, *, keep_audio: bool = True) -> None:
        self._keep_audio = keep_audio
        self._open: OrderedDict[str, UnderWay] = OrderedDict()
        self._placing = Placing()
        self._placed: set[str] = set()  # items that were put into the conversation while something was open
        self._finished: OrderedDict[str, Reply] = OrderedDict()
        self._bytes = 0
        self._session_format: AudioFormat | None = None
        self._complained = False

    def find(self, response_id: str) -> Reply | None:
        """A finished reply: one of the last 64, or fewer where they hold more than 64 MiB of sound."""
        return self._finished.get(response_id)

    def process_event(self, event: ServerEvent, cost_usd: float | None = None) -> Reply | None:
        """Take what an event says; gives the reply that it finishes, once.

        Args:
            event: any.
            cost_usd: what the response cost that this event ends, for ``Reply.cost_usd``.
        """
        match event:
            case ResponseOutputAudioDelta():
                self._sound(event)
            case ResponseOutputTextDelta() | ResponseOutputAudioTranscriptDelta():
                if reply := self._under_way(event.response_id):
                    reply.say(event)
            case ResponseOutputTextDone() | ResponseOutputAudioTranscriptDone() | ResponseContentPartDone():
                if reply := self._under_way(event.response_id):
                    reply.complete(event)
            case ResponseOutputItemDone():
                if reply := self._under_way(event.response_id):
                    reply.describe(event)
            case ConversationItemAdded() | ConversationItemCreated():
                if self._open:
                    self._placed.add(item_id(event.item))
            case ResponseCreated():
                if reply := self._under_way(event.response.id):
                    reply.audio_format = output_format(event.response)
                    reply.in_conversation = self._placing.in_conversation(event.response)
            case ResponseDone():
                return self._end(event.response, cost_usd)
            case SessionCreated() | SessionUpdated() | Reconnected():
                self._session_format = output_format(event.session)
        return None

    def _under_way(self, response_id: str) -> UnderWay | None:
        """The response, which begins if nobody has said so; None if it is over: what comes now is late."""
        if response_id and response_id in self._finished:
            return None
        if response_id not in self._open:
            self._open[response_id] = UnderWay()
            if len(self._open) > KEPT:  # that many at once are of a server that never says that one is done
                self._open.popitem(last=False)
        return self._open[response_id]

    def _sound(self, event: ResponseOutputAudioDelta) -> None:
        if not self._keep_audio or (reply := self._under_way(event.response_id)) is None:
            return
        try:
            reply.sound(event, self._session_format)
        except (ValueError, AudioUnavailable) as error:
            if not self._complained:
                self._complained = True
                log.warning("a reply lacks some of its sound: %s", error)

    def _end(self, response: Response, cost_usd: float | None) -> Reply | None:
        if (under_way := self._under_way(response.id)) is None:
            return None
        del self._open[response.id]
        in_conversation = self._placing.in_conversation(response)
        if under_way.in_conversation is None or response.conversation_id is not None:
            under_way.in_conversation = in_conversation
        reply = under_way.end(response, self._placed, cost_usd)
        if not self._open:
            self._placed.clear()
        self._keep(reply)
        return reply

    def _keep(self, reply: Reply) -> None:
        before = self._finished.pop(reply.response_id, None)  # some servers give no ids
        self._finished[reply.response_id] = reply
        self._bytes += len(reply.pcm) - (len(before.pcm) if before is not None else 0)
        while len(self._finished) > KEPT or (self._bytes > KEPT_BYTES and len(self._finished) > 1):
            self._bytes -= len(self._finished.popitem(last=False)[1].pcm)
