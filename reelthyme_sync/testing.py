"""Fakes for the tests of applications: a wire, a speaker and a microphone that do what they are told.

    transport = ScriptedTransport()
    session = Session(transport)
    transport.push({"type": "session.created", "session": {}})
    assert session.receive(timeout=5).type == "session.created"

For tests over a real socket, pytest users get the fixture ``realtime_server``: a local server, as long as one test.
``signed_webhook`` makes the request that tells of an incoming call.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterable, Mapping
from typing import Any, Final, TypeAlias

import orjson

from . import codec, webhooks
from ._mailbox import Mailbox, MailboxEnded
from .audio.buffers import InputBuffer, OutputBuffer
from .errors import ConnectionClosed, ConnectionLost
from .events import RealtimeCallIncoming, ServerEvent, UnknownEvent
from .pcm import SAMPLE_RATE, bytes_to_ms, ms_to_bytes, ms_to_samples

Incoming: TypeAlias = ServerEvent | Mapping[str, Any] | bytes
"""What the peer sends: an event, its dictionary, or the very bytes."""

PATIENCE: Final = 15.0
"""Seconds that a wait of these fakes lasts at most. Only a test that fails ever waits that long."""


class ScriptedTransport:
    """A transport without a wire.

    Args:
        reply: gets every message that is sent, decoded, and gives what the peer says to it.
        answers_close: whether the peer answers our goodbye. One that does not is mute: only ``abort`` ends it.
    """

    def __init__(
        self, reply: Callable[[dict[str, Any]], Iterable[Incoming]] | None = None, *, answers_close: bool = True
    ) -> None:
        self.sent: list[dict[str, Any]] = []
        self.pings = 0
        self.released = False
        self._reply = reply
        self._answers_close = answers_close
        self._inbound: Mailbox[bytes | ConnectionClosed] = Mailbox()
        self._changed = threading.Condition()

    def push(self, *messages: Incoming) -> None:
        """Let the peer send."""
        for message in messages:
            self._inbound.put(message if isinstance(message, bytes) else codec.encode(message))

    def hang_up(self, code: int | None = 1000, reason: str = "") -> None:
        """Let the peer end the session: cleanly with 1000, not so with another code or none."""
        kind = ConnectionClosed if code == 1000 else ConnectionLost
        self._inbound.put(kind(f"the peer hung up ({code})", code=code, reason=reason))
        self._inbound.end()

    def wait_sent(self, wire_name: str, *, count: int = 1) -> dict[str, Any]:
        """The ``count``-th message of that type that we sent; waits for it.

        Raises:
            TimeoutError: it was not sent.
        """
        with self._changed:
            if not self._changed.wait_for(lambda: len(self._sent(wire_name)) >= count, PATIENCE):
                raise TimeoutError(f"{wire_name} was not sent; what was: {[message['type'] for message in self.sent]}")
            return self._sent(wire_name)[count - 1]

    def recv(self) -> bytes:
        """What was pushed."""
        try:
            message = self._inbound.get()
        except MailboxEnded:
            raise ConnectionLost("aborted") from None
        if isinstance(message, ConnectionClosed):
            raise message
        return message

    def send(self, data: bytes) -> None:
        """Keep the message in ``sent``, and let the peer reply."""
        message = orjson.loads(data)
        with self._changed:
            self.sent.append(message)
            self._changed.notify_all()
        if self._reply is not None:
            self.push(*self._reply(message))

    def ping(self) -> None:
        """Count it."""
        with self._changed:
            self.pings += 1
            self._changed.notify_all()

    def wait_pings(self, count: int) -> None:
        """Wait until that many pings have been sent.

        Raises:
            TimeoutError: they were not.
        """
        with self._changed:
            if not self._changed.wait_for(lambda: self.pings >= count, PATIENCE):
                raise TimeoutError(f"{self.pings} pings instead of {count}")

    def finish(self) -> None:
        """Our goodbye."""
        if self._answers_close:
            self.hang_up()

    def abort(self) -> None:
        """End ``recv``."""
        self._inbound.end()

    def close(self) -> None:
        """Note that the session has let go."""
        self.released = True

    def _sent(self, wire_name: str) -> list[dict[str, Any]]:
        return [message for message in self.sent if message["type"] == wire_name]


class FakeSpeaker(OutputBuffer):
    """A speaker whose listener hears when the test says so: ``advance``.

    It cuts sharply, where a real one fades, so that what sounded can be compared with what was sent.
    """

    sample_rate = SAMPLE_RATE

    def __init__(self, *, capacity_ms: float = 40) -> None:
        super().__init__(ms_to_samples(capacity_ms), fade=0)
        self.closed = threading.Event()

    def advance(self, ms: float) -> bytes:
        """Let ``ms`` milliseconds pass; gives what sounded in them."""
        return self.pull(ms_to_samples(ms))

    def waiting_ms(self) -> int:
        """Milliseconds that have been written, and wait for time to pass."""
        with self._changed:
            return bytes_to_ms(len(self._waiting))

    def wait_waiting(self, ms: float) -> None:
        """Wait until that much has been written.

        Raises:
            TimeoutError: it was not.
        """
        with self._changed:
            if not self._changed.wait_for(lambda: len(self._waiting) >= ms_to_bytes(ms), PATIENCE):
                raise TimeoutError(f"{bytes_to_ms(len(self._waiting))} ms wait instead of {ms}")

    def write(self, pcm: bytes) -> None:
        """As a speaker, and tell whoever waits for it."""
        super().write(pcm)
        with self._changed:
            self._changed.notify_all()

    def close(self) -> None:
        """Release."""
        self.closed.set()


class FakeMicrophone(InputBuffer):
    """A microphone that hears what the test says: ``push``."""

    sample_rate = SAMPLE_RATE

    def __init__(self) -> None:
        super().__init__()
        self.closed = threading.Event()

    def close(self) -> None:
        """Release."""
        self.closed.set()


def signed_webhook(
    event: RealtimeCallIncoming | UnknownEvent | Mapping[str, Any],
    secret: str,
    *,
    webhook_id: str = "wh_test",
    timestamp: int | None = None,
) -> tuple[bytes, dict[str, str]]:
    """The body and the headers with which the service would tell your web server of ``event``.

        call = RealtimeCallIncoming(id="evt_1", data=IncomingCall(call_id="rtc_1"))
        body, headers = signed_webhook(call, secret)
        assert flask_app.test_client().post("/openai", data=body, headers=headers).status_code == 200

    Args:
        event: what happened.
        secret: the one that your server knows.
        webhook_id: the same for each repetition of one webhook.
        timestamp: when it was signed, in Unix seconds; by default now.

    Raises:
        ValueError: the secret begins with ``whsec_`` and is no base64.
    """
    body = orjson.dumps(codec.unstructure(event))
    signed_at = int(time.time()) if timestamp is None else timestamp
    return body, webhooks.signed_headers(body, secret, webhook_id=webhook_id, timestamp=signed_at)
