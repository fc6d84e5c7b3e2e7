"""Where a connection can be reached."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from aiortc import RTCPeerConnection

_LOOPBACK: Final = "127.0.0.1"


async def gather_here(connection: RTCPeerConnection) -> None:
    """Gather a connection's candidates: the machine's addresses, and 127.0.0.1.

    aioice leaves the loopback out and has no option for it; without it nobody is reached on a machine that has no
    network. Only this connection is changed.
    """
    transports = [receiver.transport for receiver in connection.getReceivers()]
    if connection.sctp is not None:
        transports.append(connection.sctp.transport)
    for gatherer in {transport.transport.iceGatherer for transport in transports}:
        await gatherer.gather()
        ice = gatherer._connection
        if all(candidate.host != _LOOPBACK for candidate in ice.local_candidates):
            ice._local_candidates += await ice.get_component_candidates(component=1, addresses=[_LOOPBACK])
