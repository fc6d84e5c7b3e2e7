"""The WebRTC end of the local server's calls. The only place that knows aiortc; knows no session and no HTTP."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

from .offer import read_offer
from .peer import Peer

if TYPE_CHECKING:
    from ..call import Call

__all__ = ["Peers"]


class Peers:
    """The far sides of a server's calls. Everything on the server's loop."""

    def __init__(self) -> None:
        self._running: dict[Peer, asyncio.Task[None]] = {}

    async def answer(self, call: Call, offer: str) -> str:
        """Take a call that a browser offers. The connection lives until the call has ended, or the far side is gone.

        The call is told of all that comes, and hung up when the far side has gone, or has not come within 15 seconds.

        Args:
            call: has been answered, and is no other line's.
            offer: SDP. The candidates in it are not used: the far side finds us.

        Returns:
            The answer, SDP with our candidates; one of them is 127.0.0.1.

        Raises:
            Refusal: the offer is none, or one of something else than sound and events. Nothing is left behind; the
                call has not ended.
            ImportError: aiortc is not installed.
        """
        read_offer(offer)
        peer = Peer(call)
        answer = await peer.open(offer)
        task = asyncio.create_task(peer.run())
        self._running[peer] = task
        task.add_done_callback(lambda _: self._running.pop(peer))
        return answer

    async def close(self) -> None:
        """End the connections that are left, within 1.5 seconds."""
        running = dict(self._running)
        for peer in running:
            peer.leave()  # not task.cancel(): one that has not begun would never close its connection
        await asyncio.gather(*running.values(), return_exceptions=True)
