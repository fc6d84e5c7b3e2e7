"""A second connection to a call: hears and steers it beside whoever has the line. Runs on the server's loop."""

from __future__ import annotations

import asyncio
import contextlib
from typing import TYPE_CHECKING, Final

from .call import Call

if TYPE_CHECKING:
    from aiohttp.web import WebSocketResponse

_OVER: Final = 1000, b"the call has ended"
_FELL_BEHIND: Final = 1008, b"too far behind"
_FAILED: Final = 1011, b"the local server failed"

_CLOSE_WITHIN: Final = 3.0
"""Seconds that a client which does not read can hold up the end."""


async def follow(socket: WebSocketResponse, call: Call) -> None:
    """Serve one that has come to a call, until it leaves or the call ends. Its leaving ends nothing."""
    listener = call.listen(socket.send_str)
    reading = asyncio.create_task(_read(socket, call))
    told = asyncio.create_task(listener.ended())
    try:
        await asyncio.wait([reading, told], return_when=asyncio.FIRST_COMPLETED)
        if reading.done():
            reading.result()  # what broke down is told on the log
        else:
            await _close(socket, call)
    finally:
        listener.stop()
        reading.cancel()
        await asyncio.gather(reading, told, return_exceptions=True)


async def _read(socket: WebSocketResponse, call: Call) -> None:
    async for message in socket:
        if not isinstance(message.data, str | bytes):
            return  # no message but an error of the frames, such as one that is too long: aiohttp has closed
        call.receive(message.data)


async def _close(socket: WebSocketResponse, call: Call) -> None:
    code, why = _FAILED if call.failed else _OVER if call.ended.is_set() else _FELL_BEHIND
    with contextlib.suppress(ConnectionError, asyncio.TimeoutError):
        await asyncio.wait_for(socket.close(code=code, message=why), _CLOSE_WITHIN)
