"""What takes the place of WebRTC in tests: lines that carry nothing, and take the sound of their call in no time."""

from __future__ import annotations

import asyncio
from collections.abc import Callable

from reelthyme_sync.local_server import LocalServer
from reelthyme_sync.local_server.app import App
from reelthyme_sync.local_server.call import Call
from reelthyme_sync.local_server.refusal import Refusal

PATIENCE = 20.0
FRAME = 960

OFFER = "v=0\r\no=- 0 0 IN IP4 127.0.0.1\r\ns=-\r\nt=0 0\r\nm=audio 9 UDP/TLS/RTP/SAVPF 111\r\na=mid:0\r\n"
ANSWER = "v=0\r\na=answer\r\n"


class Lines:
    """Stands for ``Peers``.

    Attributes:
        calls: those that were answered.
        heard: the ids of the calls whose caller has heard something, and how many bytes.
        refuse: set it, and no offer is good.
    """

    def __init__(self) -> None:
        self.calls: list[Call] = []
        self.heard: dict[str, int] = {}
        self.refuse = False
        self._tasks: list[asyncio.Task[None]] = []

    async def answer(self, call: Call, offer: str) -> str:
        assert offer == OFFER
        self.calls.append(call)
        if self.refuse:
            raise Refusal("Invalid SDP offer: it displeases.", code="invalid_offer", param="sdp")
        self._tasks.append(asyncio.create_task(self._take(call)))
        return ANSWER

    async def close(self) -> None:
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    async def _take(self, call: Call) -> None:
        while not call.ended.is_set():
            self.heard[call.id] = self.heard.get(call.id, 0) + len(call.sound(FRAME).strip(b"\0"))
            await asyncio.sleep(0.001)


def on_loop(server: LocalServer, do: Callable[[App], object]) -> object:
    """Do something where the server does its things, with the application that it is."""

    async def doing() -> object:
        return do(server.app)  # type: ignore[attr-defined]

    return asyncio.run_coroutine_threadsafe(doing(), server._running.loop).result(PATIENCE)
