"""The two threads round one transport: the reader carries messages in, the writer carries them out.

Knows bytes, no events. Closing is a message: the end of the outbox makes the writer send the close frame, so that all
that was sent before goes out before; the peer's answer ends the reader. Aborting is a deadline. The reader owns the
end: it waits for the writer, releases the transport, and then says, once, how it all ended.
"""

from __future__ import annotations

import logging
from collections.abc import Callable
from time import monotonic
from typing import Final

from ._mailbox import Mailbox, MailboxEnded
from ._worker import Worker
from .errors import ConnectionClosed, ConnectionLost
from .transport import Transport

log = logging.getLogger("reelthyme_sync")

_GOODBYE_WITHIN: Final = 1.0
"""Seconds for the peer to answer our close frame. OpenAI often never does, and nobody should wait for that."""

_RESERVE: Final = 0.2
"""The part of the close timeout that is kept for the threads to end after the connection has been cut."""


class Link:
    """Reader and writer of one transport, running.

    Args:
        transport: open, and ours from now on.
        ordinal: the N in the threads' names.
        deliver: gets every message, on the reader thread. May block, which stops the reading. An exception of it
            ends the link.
        ended: called once, as the reader's last act, with the end.
        max_queue: messages that may wait to be sent before ``send`` blocks; 0: no bound.
        ping_interval: seconds of sending nothing after which a ping is sent.
    """

    def __init__(
        self,
        transport: Transport,
        *,
        ordinal: int,
        deliver: Callable[[bytes], None],
        ended: Callable[[ConnectionClosed], None],
        max_queue: int,
        ping_interval: float | None,
    ) -> None:
        self._transport = transport
        self._deliver = deliver
        self._ended = ended
        self._ping_interval = ping_interval
        self._outbox: Mailbox[bytes] = Mailbox(max_queue)
        self._closing = False
        self._write_failure: BaseException | None = None
        self._writer = Worker(f"reelthyme-writer-{ordinal}", self._write, self._writer_ended)
        self._reader = Worker(f"reelthyme-reader-{ordinal}", self._read, self._reader_ended)
        self._writer.start()
        self._reader.start()

    @property
    def closing(self) -> bool:
        """Whether ``close`` has been called."""
        return self._closing

    def send(self, data: bytes, timeout: float | None) -> bool:
        """Hand a message to the writer. False if the link takes no more: the message will not be sent.

        Raises:
            TimeoutError: the outbox stayed full for that long.
        """
        return self._outbox.put(data, timeout)

    def close(self, timeout: float) -> None:
        """Send what waits, say goodbye, and wait for the end, at most ``timeout`` seconds; then cut.

        On the reader thread, which cannot wait for itself, it only asks.
        """
        self._closing = True
        self._outbox.end()
        if self._reader.is_current():
            return
        deadline = monotonic() + timeout * (1 - _RESERVE)
        self._writer.join(timeout * (1 - _RESERVE))
        if self._reader.join(min(_GOODBYE_WITHIN, max(0.0, deadline - monotonic()))):
            return
        self._transport.abort()
        if not self._reader.join(timeout * _RESERVE):
            log.error("%s does not end: a route is stuck in user code", self._reader.name)

    def _read(self) -> None:
        while True:
            self._deliver(self._transport.recv())

    def _write(self) -> None:
        while True:
            try:
                self._transport.send(self._outbox.get(self._ping_interval))
            except TimeoutError:
                self._transport.ping()
            except MailboxEnded:
                break
        self._transport.finish()

    def _writer_ended(self, failure: BaseException | None) -> None:
        if failure is not None:
            self._write_failure = failure
            self._transport.abort()  # the reader meets the end, and tells it

    def _reader_ended(self, failure: BaseException | None) -> None:
        verdict = self._verdict(failure)  # first: what follows makes the writer fail
        self._transport.abort()  # a writer stuck in send comes back
        self._outbox.end()
        self._writer.join()
        self._transport.close()
        self._ended(verdict)

    def _verdict(self, failure: BaseException | None) -> ConnectionClosed:
        """How the link ended, from the reader's failure, the writer's if that came first, and what we wanted."""
        if isinstance(failure, ConnectionClosed) and not isinstance(failure, ConnectionLost):
            return failure
        if self._closing:
            return ConnectionClosed("The session is closed")
        if isinstance(failure, ConnectionLost):
            cut_by_writer = failure.code is None and isinstance(self._write_failure, ConnectionLost)
            return self._write_failure if cut_by_writer else failure  # type: ignore[return-value]
        lost = ConnectionLost(f"The session broke off: {failure}")
        lost.__cause__ = failure
        return lost
