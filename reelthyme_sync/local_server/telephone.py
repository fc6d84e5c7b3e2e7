"""The telephones of a server: each rings the application by a webhook, and once it is answered carries sound.

Runs on the server's loop; a ``Phone`` is what plain code holds of it. Knows how a webhook is sent and repeated, and
when a caller gives up; who answers a call, and how, it does not know.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import time
import uuid
from collections.abc import Callable, Sequence
from functools import partial
from typing import TYPE_CHECKING, Any, Final

import attrs
import orjson

from .. import codec, pcm, webhooks
from ..events import IncomingCall, RealtimeCallIncoming, SipHeader
from .caller import Caller
from .phone import Phone
from .speech import Speech

if TYPE_CHECKING:
    from .call import Call

logger = logging.getLogger(__name__)

ANSWER_WITHIN: Final = 5.0
"""Seconds that a webhook has to be answered in; whatever else comes than 2xx, it is sent again."""

_FIRST_PAUSE: Final = 0.5
_LONGEST_PAUSE: Final = 8.0
"""Seconds between two attempts: each time twice as long, as long as the call lasts."""

_BLOCK_MS: Final = 20
_BLOCK: Final = pcm.ms_to_bytes(_BLOCK_MS)

_MOST_BEHIND: Final = 1.0
"""Seconds that the clock of the sound may be made up for, after a machine has stood still."""


@attrs.frozen
class Ring:
    """Who calls whom, and what about; see ``LocalServer.ring``."""

    webhook: str
    secret: str = attrs.field(repr=False)
    caller: str
    called: str
    says: Sequence[str]
    greeted: bool
    voice: str
    pace: float
    rings_for: float

    def __attrs_post_init__(self) -> None:
        if not self.webhook.startswith(("http://", "https://")):
            raise ValueError("webhook must be the address of your endpoint: http://… or https://…")
        if not (self.pace > 0 and self.rings_for > 0):
            raise ValueError("pace and rings_for must be above zero")
        self.signed(b"", "")  # of a secret that is none the caller of ``ring`` is told

    def incoming(self, call_id: str) -> RealtimeCallIncoming:
        """What the webhook says."""
        headers = {
            "From": f"<sip:{self.caller}@sip.example.com>;tag={uuid.uuid4().hex[:8]}",
            "To": f"<sip:{self.called}@sip.example.com>",
            "Call-ID": uuid.uuid4().hex,
        }
        return RealtimeCallIncoming(
            id=f"evt_{uuid.uuid4().hex}",
            object="event",
            created_at=int(time.time()),
            data=IncomingCall(
                call_id=call_id,
                sip_headers=[SipHeader(name=name, value=value) for name, value in headers.items()],
                sip_media_security="rtp",
            ),
        )

    def signed(self, body: bytes, webhook_id: str) -> dict[str, str]:
        """The headers of the webhook, sent now."""
        return webhooks.signed_headers(body, self.secret, webhook_id=webhook_id, timestamp=int(time.time()))


class Telephones:
    """Rings, and remembers what rings, to end it with the server.

    Args:
        place_call: gives a call that rings.
        speech: the server's.
    """

    def __init__(self, place_call: Callable[[], Call], speech: Speech) -> None:
        self._place_call = place_call
        self._speech = speech
        self._tasks: set[asyncio.Task[None]] = set()
        self._closed = False

    async def ring(self, ring: Ring) -> Phone:
        """Begin to ring; the rest happens by itself.

        Raises:
            RuntimeError: they have been closed.
        """
        lines = [await self._speech.dictate(text, ring.voice) for text in ring.says]
        if self._closed:
            raise RuntimeError("The server has been closed")
        telephone = Telephone(ring, self._place_call(), lines, self._speech)
        task = asyncio.create_task(telephone.run())
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
        task.add_done_callback(lambda _: telephone.over())  # one that is cancelled before it begins never runs
        return telephone.phone

    async def close(self) -> None:
        """Hang up every telephone; no other rings from now on."""
        self._closed = True
        await _cancelled(set(self._tasks))


class Telephone:
    """One telephone, for one call. ``say``, ``press`` and ``hang_up`` may be called from any thread."""

    def __init__(self, ring: Ring, call: Call, lines: Sequence[bytes], speech: Speech) -> None:
        self._ring = ring
        self._call = call
        self._speech = speech
        self._caller = Caller(lines, greeted=ring.greeted)
        self._loop = asyncio.get_running_loop()
        self._saying: set[asyncio.Task[None]] = set()
        self.phone = Phone(call.id, ring.caller, self)

    def say(self, text: str) -> None:
        """Say this at once."""
        self._soon(partial(self._start, text))

    def press(self, keys: str) -> None:
        """Press these keys."""
        for key in keys:
            self._soon(partial(self._call.press, key))

    def hang_up(self) -> None:
        """End the call."""
        self._soon(self._call.hang_up)

    async def run(self) -> None:
        """From the first ring to the end of the call."""
        delivery = asyncio.create_task(self._deliver())
        try:
            if await self._is_answered():
                self.phone.answered()
                await self._talk()
        finally:
            self._call.hang_up()
            await _cancelled({delivery, *self._saying})

    def over(self) -> None:
        """``run`` has ended, however it has."""
        self._call.hang_up()
        self.phone.over(self._call.sip_code, self._call.target_uri)

    async def _is_answered(self) -> bool:
        """Whether somebody answers before the caller or the application has had enough."""
        waits = {asyncio.create_task(self._call.answered.wait()), asyncio.create_task(self._call.ended.wait())}
        try:
            await asyncio.wait(waits, timeout=self._ring.rings_for, return_when=asyncio.FIRST_COMPLETED)
        finally:
            await _cancelled(waits)
        return self._call.answered.is_set()

    async def _talk(self) -> None:
        """Carry sound both ways until the call ends, and hear all that is told of it."""
        listener = self._call.listen(self._told)
        clock = self._loop.time
        due = clock()
        while not self._call.ended.is_set():
            self._call.hear(self._caller.speak(_BLOCK))
            self.phone.hears(self._call.sound(_BLOCK))
            due = max(due, clock() - _MOST_BEHIND) + _BLOCK_MS / 1000 / self._ring.pace
            await asyncio.sleep(max(0.0, due - clock()))
        await listener.ended()

    async def _told(self, text: str) -> None:
        self._caller.told(codec.decode(text))
        self.phone.has_heard(self._caller.heard)

    async def _say(self, text: str) -> None:
        self._caller.say(await self._speech.dictate(text, self._ring.voice))

    async def _deliver(self) -> None:
        """Send the webhook until it is taken."""
        from aiohttp import ClientError, ClientSession, ClientTimeout

        body = orjson.dumps(codec.unstructure(self._ring.incoming(self._call.id)))
        webhook_id = f"wh_{uuid.uuid4().hex}"
        pause = _FIRST_PAUSE
        async with ClientSession(timeout=ClientTimeout(total=ANSWER_WITHIN)) as http:
            while True:
                headers = self._ring.signed(body, webhook_id)
                try:
                    async with http.post(
                        self._ring.webhook, data=body, headers=headers, allow_redirects=False
                    ) as answer:
                        self.phone.webhook_status = answer.status
                        if 200 <= answer.status < 300:
                            return
                        logger.warning("the webhook of a call was answered with %d", answer.status)
                except (ClientError, asyncio.TimeoutError) as error:  # in Python 3.10 not yet the builtin one
                    logger.warning("the webhook of a call was not answered: %s", type(error).__name__)
                await asyncio.sleep(pause)
                pause = min(2 * pause, _LONGEST_PAUSE)

    def _soon(self, act: Callable[[], object]) -> None:
        """On the loop. Once that has ended, so has the call."""
        with contextlib.suppress(RuntimeError):
            self._loop.call_soon_threadsafe(act)

    def _start(self, text: str) -> None:
        task = asyncio.create_task(self._say(text))
        self._saying.add(task)
        task.add_done_callback(self._saying.discard)


async def _cancelled(tasks: set[asyncio.Task[Any]]) -> None:
    """End them, whatever they were doing."""
    for task in tasks:
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)
