"""Answers telephone calls: declines some, and has the others followed on threads of their own."""

import logging
import re

from flask import Flask

from reelthyme_sync import ConnectFailed, calls
from reelthyme_sync.events import AudioConfig, AudioInput, RealtimeCallIncoming, RealtimeSession, Transcription
from reelthyme_sync.supervise import Supervisor, TooManyCalls

from .conversation import INSTRUCTIONS, Conversation
from .webhook import Once, create_endpoint

BLOCKED = {"+15550199"}
"""Whoever calls can claim any number: this keeps out a nuisance, and nobody who tries."""

HEARING = AudioInput(transcription=Transcription(model="gpt-transcribe"))
SESSION = RealtimeSession(instructions=INSTRUCTIONS, audio=AudioConfig(input=HEARING))

log = logging.getLogger(__name__)


def create_app(supervisor: Supervisor, *, secret: str | None = None, url: str | None = None, tell=None) -> Flask:
    """The application. Without ``secret`` and ``url`` it is the environment's secret, and OpenAI."""
    place = {"url": url} if url else {}

    def answer(event: RealtimeCallIncoming) -> None:
        number = re.search(r"\+?[0-9]+", event.caller or "")
        if number is not None and number[0] in BLOCKED:
            calls.reject(event.call_id, timeout=3, **place)
            return
        calls.accept(event.call_id, session=SESSION, timeout=3, **place)
        conversation = Conversation(event.call_id, place, tell)
        try:
            supervisor.follow(event.call_id, conversation.hold, open_timeout=3, **place)
        except (ConnectFailed, TooManyCalls) as error:
            log.warning("call not followed: %s", error)
            calls.hangup(event.call_id, **place)  # better than a line on which nobody helps

    return create_endpoint(Once(answer), secret)
