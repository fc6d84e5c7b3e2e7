"""The two threads round one transport: the reader carries messages in, the writer carries them out.

Knows bytes, no events. Closing is a message: the end of the outbox makes the writer send the close frame, so that all
that was sent before goes out before; the peer's answer ends the reader. Aborting is a deadline. The reader owns the
end: it waits for the writer, releases the transport, and then says, once, how it all ended.
"""

from __future__ import annotations

import logging
from collections.abc import Callable
from math import inf
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
        decided: called once, with the end, before ``send`` begins to refuse.
        ended: called once, as the reader's last act, with the end.
        max_queue: messages that may wait to be sent before ``send`` blocks; 0: no bound.
        ping_interval: seconds between two pings; they go out however much else is sent, since only what the peer
            sends is a sign of its life. None sends none.
    """

    def __init__(
        self,
        transport: Transport,
        *,
        ordinal: int,
        deliver: Callable[[bytes], None],
        decided: Callable[[ConnectionClosed], None],
        ended: Callable[[ConnectionClosed], None],
        max_queue: int,
        ping_interval: float | None,
    ) -> None:
        self._transport = transport
        self._deliver = deliver
        self._decided = decided
        self._ended = ended
        self._ping_interval = ping_interval
        self._outbox: Mailbox[bytes] = Mailbox(max_queue)
        self._closing = False
        self._write_failure: BaseException | None = None
        self._in_hand: list[bytes] = []  # what the writer is sending, or failed to send
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
        """Send what waits, say goodbye, wait for the end, at most ``timeout`` seconds; then cut. Not on the reader."""
        self.hang_up()
        self._await_end(timeout)

    def hang_up(self) -> None:
        """Begin to close: send what waits, then say goodbye. Does not wait."""
        self._closing = True
        self._outbox.end()

    def abort(self) -> None:
        """Cut the connection: the end comes now."""
        self._transport.abort()

    def join(self, timeout: float) -> bool:
        """Wait for the end, at most ``timeout`` seconds. True if it has come."""
        return self._reader.join(timeout)

    def _await_end(self, timeout: float) -> None:
        deadline = monotonic() + timeout * (1 - _RESERVE)
        self._writer.join(timeout * (1 - _RESERVE))
        if self._reader.join(min(_GOODBYE_WITHIN, max(0.0, deadline - monotonic()))):
            return
        self._transport.abort()
        if not self._reader.join(timeout * _RESERVE):
            log.error("%s does not end: a route, or a consumer with a full max_queue, holds it up", self._reader.name)

    def _read(self) -> None:
        while True:
            self._deliver(self._transport.recv())

    def _write(self) -> None:
        interval = inf if self._ping_interval is None else self._ping_interval
        ping_due = monotonic() + interval
        while True:
            left = max(0.0, ping_due - monotonic())
            try:
                data = self._outbox.get(None if left == inf else left)
            except TimeoutError:
                data = None
            except MailboxEnded:
                break
            if data is not None:
                self._in_hand = [data]
                self._transport.send(data)
                self._in_hand = []
            if monotonic() >= ping_due:
                self._transport.ping()
                ping_due = monotonic() + interval
        self._transport.finish()

    def _writer_ended(self, failure: BaseException | None) -> None:
        if failure is not None:
            self._write_failure = failure
            self._transport.abort()  # the reader meets the end, and tells it

    def _reader_ended(self, failure: BaseException | None) -> None:
        verdict = self._verdict(failure, self._write_failure)  # first: what follows makes the writer fail
        self._decided(verdict)
        self._transport.abort()  # a writer stuck in send comes back
        self._outbox.end()
        self._writer.join()
        self._transport.close()
        self._ended(self._with_unsent(verdict, [*self._in_hand, *self._outbox.rest()]))

    def _with_unsent(self, verdict: ConnectionClosed, unsent: list[bytes]) -> ConnectionClosed:
        """A close that came before all was sent is none that anybody wanted."""
        verdict.unsent = tuple(unsent)
        if not unsent or not self._closing or isinstance(verdict, ConnectionLost):
            return verdict
        return ConnectionLost("The session was closed before all was sent", unsent=unsent)

    def _verdict(self, read: BaseException | None, written: BaseException | None) -> ConnectionClosed:
        """How the link ended, from the reader's failure, the writer's if that came first, and what we wanted."""
        if isinstance(read, ConnectionClosed) and not isinstance(read, ConnectionLost):
            return read
        if self._closing:
            return ConnectionClosed("The session is closed")
        told_by_peer = isinstance(read, ConnectionLost) and read.code is not None
        cause = read if written is None or told_by_peer else written
        if isinstance(cause, ConnectionLost):
            return cause
        lost = ConnectionLost(f"The session broke off: {cause!r}")
        lost.__cause__ = cause
        return lost
