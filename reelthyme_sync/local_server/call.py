"""One call: a session that outlives its sockets. Sound over a line, events to all who listen. Runs on one loop.

Whoever has the line (WebRTC, or a telephone) brings what the caller says and takes what the caller hears, and so is
the clock of both. Knows no socket, no HTTP and no SDP.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable
from typing import Literal, TypeAlias

import attrs

from .. import codec
from ..errors import ProtocolError
from ..events import InputAudioBufferDtmfEventReceived, ServerEvent
from .call_brain import CallBrain
from .labour import Labour
from .listener import Listener
from .settings import AnySettings
from .speech import Speech

State: TypeAlias = Literal["ringing", "answered", "ended"]


@attrs.frozen
class Terms:
    """What the server brings to each of its calls.

    Attributes:
        brain: makes one for the settings of a session.
        speech: the server's.
        speed: how many times faster than real time responses are made; they are heard as fast as the line takes them.
        lifetime: seconds until an answered call expires.
    """

    brain: Callable[[AnySettings], CallBrain]
    speech: Speech
    speed: float
    lifetime: float


class Call:
    """A call, from its ringing to its end. A browser's is answered from the start.

    All methods are for the loop's thread, and none awaits. While it rings, and after its end, the
    caller hears silence and nobody hears the caller.

    Attributes:
        id: ``rtc_…``, which nobody can guess.
        owners: the keys and secrets that may follow and end it; None: any key that the server takes.
        answered: set once it has been accepted.
        ended: set once, when either side has hung up.
        failed: whether it ended because the server broke down.
        sip_code: with which it was rejected.
        target_uri: where it was passed on to.
    """

    def __init__(self, call_id: str, terms: Terms, owners: frozenset[str | None] | None = None) -> None:
        self.id = call_id
        self.owners = owners
        self.answered = asyncio.Event()
        self.ended = asyncio.Event()
        self.failed = False
        self.sip_code: int | None = None
        self.target_uri: str | None = None
        self._terms = terms
        self._brain: CallBrain | None = None
        self._labour: Labour | None = None
        self._listeners: list[Listener] = []

    @property
    def state(self) -> State:
        """How far it has come."""
        if self.ended.is_set():
            return "ended"
        return "answered" if self.answered.is_set() else "ringing"

    def accept(self, settings: AnySettings) -> None:
        """Answer it: its session begins."""
        self._brain = self._terms.brain(settings)
        self._labour = Labour(
            self._brain, self._terms.speech, tell=self._told, failed=self._fail, speed=self._terms.speed
        )
        self._labour.start(self._expire)
        self.answered.set()

    def reject(self, sip_code: int) -> None:
        """Decline it."""
        self.sip_code = sip_code
        self.hang_up()

    def refer(self, target_uri: str) -> None:
        """Pass it on, with which it ends here."""
        self.target_uri = target_uri
        self.hang_up()

    def hang_up(self) -> None:
        """End it, if it has not ended. Those who listen are told what waits for them, and then are let go."""
        if self.ended.is_set():
            return
        self.ended.set()
        if self._labour is not None:
            self._labour.cancel()
        for listener in self._listeners:
            listener.finish()

    def hear(self, sound: bytes) -> None:
        """What the caller says, silence too: 24 kHz mono PCM16, cut anywhere. It finds turns as ``append`` does."""
        if self._brain is not None and not self.ended.is_set():
            self._tell(self._brain.hear(sound))

    def sound(self, count: int) -> bytes:
        """The next ``count`` bytes that the caller hears, 24 kHz mono PCM16; silence where there is nothing."""
        if self._brain is None or self.ended.is_set():
            return bytes(count)
        sound, events = self._brain.take(count)
        self._tell(events)
        return sound

    def press(self, digit: str) -> None:
        """A key of a telephone: 0 to 9, ``*``, ``#``, A to D."""
        if self.state == "answered":
            wire = codec.unstructure(InputAudioBufferDtmfEventReceived(event=digit, received_at=int(time.time())))
            del wire["event_id"]  # the one event that has none
            self._say(codec.encode(wire).decode())

    def receive(self, data: str | bytes) -> None:
        """An event from one who listens."""
        if self._brain is None or self.ended.is_set():
            return
        try:
            event = codec.decode_client(data)
        except ProtocolError as error:
            self._tell(self._brain.receive_nonsense(str(error)))
        else:
            self._tell(self._brain.receive(event, data))

    def listen(self, send: Callable[[str], Awaitable[None]]) -> Listener:
        """Tell ``send`` every event from now on, ``session.created`` first; the call must have been answered."""
        assert self._brain is not None, "a call that rings has no session"
        listener = Listener(send)
        for event in self._brain.open():
            listener.tell(codec.encode(event).decode())
        if self.ended.is_set():
            listener.finish()
        else:
            self._listeners.append(listener)
        return listener

    async def _told(self, events: list[ServerEvent]) -> None:
        self._tell(events)

    def _tell(self, events: list[ServerEvent]) -> None:
        """Start what the brain wants done, and tell all what it answered."""
        assert self._labour is not None
        self._labour.begin()
        for event in events:
            self._say(codec.encode(event).decode())

    def _say(self, text: str) -> None:
        self._listeners = [listener for listener in self._listeners if not listener.gone]
        for listener in self._listeners:
            listener.tell(text)

    async def _expire(self) -> None:
        await asyncio.sleep(self._terms.lifetime)
        assert self._brain is not None
        self._tell(self._brain.expire())
        self.hang_up()

    async def _fail(self) -> None:
        self.failed = True
        self.hang_up()
