"""The endpoint that the service tells of incoming calls: takes each once, declines some, has the others followed."""

import re
import threading

from flask import Flask, request

from reelthyme_sync import ConnectFailed, InvalidSignature, ProtocolError, RequestFailed, calls, webhooks
from reelthyme_sync.events import AudioConfig, AudioInput, RealtimeCallIncoming, RealtimeSession, Transcription
from reelthyme_sync.supervise import Supervisor, TooManyCalls

from .conversation import INSTRUCTIONS, Conversation

BLOCKED = {"+15550199"}
"""Whoever calls can claim any number: this keeps out a nuisance, and nobody who tries."""

HEARING = AudioInput(transcription=Transcription(model="gpt-transcribe"))
SESSION = RealtimeSession(instructions=INSTRUCTIONS, audio=AudioConfig(input=HEARING))


class Seen:
    """The webhooks that were taken: what the service thinks unanswered it sends again, with the same id."""

    def __init__(self, most: int = 10_000) -> None:
        self._most, self._ids, self._changing = most, dict[str, None](), threading.Lock()

    def take(self, webhook_id: str) -> bool:
        """Whether it comes for the first time."""
        with self._changing:
            is_new = webhook_id not in self._ids
            self._ids[webhook_id] = None
            if len(self._ids) > self._most:
                del self._ids[next(iter(self._ids))]
            return is_new

    def forget(self, webhook_id: str) -> None:
        """Take it again when it comes again."""
        with self._changing:
            self._ids.pop(webhook_id, None)


def create_app(supervisor: Supervisor, *, secret: str | None = None, url: str | None = None, tell=None) -> Flask:
    """The application, which has to answer within seconds: conversations run on the threads of the supervisor.

    Without ``secret`` and ``url`` it is the environment's secret, and OpenAI.
    """
    app, seen, place = Flask(__name__), Seen(), {"url": url} if url else {}
    app.config["MAX_CONTENT_LENGTH"] = 100_000

    @app.post("/openai")
    def told():
        try:
            event = webhooks.unwrap(request.get_data(), request.headers, secret)
        except (InvalidSignature, ProtocolError):
            return "", 400
        if not isinstance(event, RealtimeCallIncoming) or not seen.take(event.id):
            return "", 200
        try:
            answer(event)
        except RequestFailed as error:
            if error.recoverable:
                seen.forget(event.id)
                return "", 503  # the service will send it again
            app.logger.warning("call not answered: %s", error)  # such as 404: the caller has hung up
        except ValueError:  # no id of a call
            return "", 400
        return "", 200

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
            app.logger.warning("call not followed: %s", error)
            calls.hangup(event.call_id, **place)  # better than a line on which nobody helps

    return app
