"""One conversation on the console: session, sound, transcript, tools, and whoever speaks for the user."""

from __future__ import annotations

import contextlib
import logging
import threading
from collections.abc import Callable, Iterator, Sequence
from typing import TypeAlias

import attrs

from ..audio.devices import Microphone, Speaker
from ..capturing import capture_audio
from ..echo import EchoControl
from ..errors import AudioUnavailable, RealtimeError
from ..events import ConversationItemTruncated, DeviceLost, ResponseCreate, ServerEvent, SessionUpdate
from ..session import Session
from ..streaming import AudioStream, stream
from ..tool_runner import ToolRunner
from ..tools import Tool
from .transcript import Transcript

log = logging.getLogger("reelthyme_sync")

Director: TypeAlias = Callable[[ServerEvent, AudioStream], bool]
"""Sees every event, may make the user speak, and tells whether the conversation is over."""


@attrs.frozen(kw_only=True)
class Conversation:
    """All that one conversation is made of.

    Attributes:
        opening: sent first: the session's configuration.
        microphone: where the user is heard.
        speaker: where the assistant is heard.
        echo: what keeps the assistant out of what the user says; None where it cannot be heard there.
        director: when it is over.
        transcript: what prints it.
        tools: what the assistant may call; the opening tells it of them.
        limit: seconds after which it counts as failed; None lets it go on for ever.
    """

    opening: SessionUpdate
    microphone: Microphone
    speaker: Speaker
    director: Director
    transcript: Transcript
    tools: Sequence[Tool] = ()
    echo: EchoControl | None = None
    limit: float | None = None

    def hold(self, session: Session) -> None:
        """Talk until the director ends it.

        Raises:
            RealtimeError: it was not over by the limit, or the server ended it.
            AudioUnavailable: a device was lost.
        """
        with (
            _limited(session, self.limit),
            stream(session, speaker=self.speaker) as events,
            capture_audio(session, microphone=self.microphone, echo=self.echo),
            contextlib.closing(self._runner(session)) as runner,
        ):
            session.send(self.opening)
            for event in events:
                if isinstance(event, DeviceLost):
                    raise AudioUnavailable(event.message)
                self.transcript.see(event)
                self._note_cut(event, events)
                runner.hear(event)
                if self.director(event, events):
                    events.stop(drain=True)
                    return
        raise RealtimeError("The conversation ended too early: did the server hear and understand what was said?")

    def _note_cut(self, event: ServerEvent, events: AudioStream) -> None:
        if isinstance(event, ConversationItemTruncated):
            self.transcript.cut(event.audio_end_ms, events.received_ms(event.item_id, event.content_index))

    def _runner(self, session: Session) -> ToolRunner:
        runner = ToolRunner(
            ordinal=session.ordinal,
            send=session.send,
            respond=lambda _: session.send(ResponseCreate()),
            failed=lambda error: log.warning("a tool failed: %s", error),
        )
        for tool in self.tools:
            runner.add(tool)
        return runner


@contextlib.contextmanager
def _limited(session: Session, seconds: float | None) -> Iterator[None]:
    """Close the session when the time is up."""
    if seconds is None:
        yield
        return
    timer = threading.Timer(seconds, session.close)
    timer.name, timer.daemon = "reelthyme-limit", True
    timer.start()
    try:
        yield
    finally:
        timer.cancel()
        timer.join()
