"""Whether the far side is still there. ICE asks too, but takes half a minute to believe that nobody answers."""

from __future__ import annotations

import asyncio
import logging
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from aiortc import RTCPeerConnection

_ASK_EVERY: Final = 0.5

_MAY_MISS: Final = 4
"""Questions in a row that may stay unanswered, each for half a second. It takes four seconds, and half of one more."""

logger = logging.getLogger(__name__)


async def wait_until_vanished(connection: RTCPeerConnection) -> None:
    """Return when the far side of a connected connection answers no question of ICE (RFC 7675) for four seconds."""
    from aioice.stun import TransactionError

    ice = connection.getReceivers()[0].transport.transport.iceGatherer._connection
    missed = 0
    while missed < _MAY_MISS:
        await asyncio.sleep(_ASK_EVERY)
        pair = ice._nominated.get(1)
        if pair is None or ice.remote_password is None:
            return  # closed
        question = ice.build_request(pair, nominate=False)
        key = ice.remote_password.encode()
        try:
            await pair.protocol.request(question, pair.remote_addr, integrity_key=key, retransmissions=0)
            missed = 0
        except TransactionError:
            missed += 1
    logger.debug("the far side of a call has vanished")
