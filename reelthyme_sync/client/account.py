"""What a client keeps of one connection, and does because of it: asks for responses, runs tools, looks at the bill.

Events are entered under one lock, by whichever thread reads or sends. Nobody holds it while something is sent, a tool
begins or a handler runs.
"""

from __future__ import annotations

import contextlib
import itertools
import logging
import threading
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Sequence
from time import monotonic

from .._alarm import Alarm
from .._bell import Bell
from ..errors import ConnectionClosed
from ..events import (
    UNSET,
    BudgetSpent,
    ClientEvent,
    Error,
    InputAudioBufferCommit,
    ResponseCreate,
    ResponseParams,
    ServerEvent,
    UnknownEvent,
    Unset,
)
from ..reply import Reply
from ..sequencer import Request
from ..session import Session
from ..turns import Turn
from ..usage import Budget
from .books import Books, Entered
from .chronicle import Owner
from .narration import Closed, RealtimeEvent
from .narrator import Told
from .pending import PendingReply
from .toolbox import Toolbox

log = logging.getLogger("reelthyme_sync")


class Account:
    """One connection's books, tools, requests, turns and limits.

    Args:
        session: its own.
        books: its own, of a conversation that may be older.
        lock: of the conversation, and of all that is kept here.
        owner: whose handlers are told.
        toolbox: has the functions that are called.
        budget: what the session may cost.
        moments: seconds after which to look at how long it has lasted.
        wake: has everybody who waits look again.
        refused: is told what the server refuses.
        failed: is told what could not be sent, though nobody waits for it.

    Attributes:
        silence: sends what stops a response, and sees to it that nothing of it is heard.
        came_late: whether the server had opened the session before there was somebody here to hear of it.
    """

    def __init__(
        self,
        session: Session,
        books: Books,
        lock: threading.RLock,
        *,
        owner: Owner,
        toolbox: Toolbox,
        budget: Budget | None,
        moments: Sequence[float],
        wake: Callable[[], None],
        refused: Callable[[Error], None],
        failed: Callable[[Exception], None],
    ) -> None:
        self.books = books
        self.silence: Callable[[list[ClientEvent]], object] = self.send_all
        self.came_late = session.configuration is not None
        self._session = session
        self._lock = lock
        self._sending = threading.RLock()  # what is decided to be sent together, is; taken before the other lock
        self._owner = owner
        self._toolbox = toolbox
        self._budget = budget
        self._wake = wake
        self._refused = refused
        self._failed = failed
        self._due: deque[tuple[ServerEvent, Entered]] = deque()
        self._turned = Bell()
        self._turns: list[Turn] = []
        self._over = False
        self._spent: BudgetSpent | None = None
        self._runner = toolbox.open(session, self._respond)
        self._began = monotonic()
        self._alarm = Alarm(f"reelthyme-limit-{session.ordinal}")
        for moment in moments:
            self._alarm.set(moment, self._spend)

    # --- what happens -------------------------------------------------------------------------------------------

    def received(self, event: ServerEvent, told: Told) -> Told:
        """Enter an event of the server."""
        log_entry = (self._owner, "realtime.event", RealtimeEvent.now("server", event))
        with self._lock:
            if self._over:  # the conversation is another connection's
                return [*told, log_entry]
            entered = self.books.enter(event)
            self._due.append((event, entered))
            if entered.turns:
                self._turns += entered.turns
                self._turned.ring()
        if entered.settled:
            return [log_entry]
        specific, general = told
        return [specific, *((self._owner, *each) for each in entered.told), general, log_entry]

    def follow(self) -> None:
        """Send what is due, begin the calls that are new, and look at the bill."""
        while True:
            try:
                event, entered = self._due.popleft()
            except IndexError:
                return
            try:
                (self.silence if entered.unwanted else self.send_all)(entered.due)
            except Exception as error:  # a hook of the user's, perhaps: it must not keep the rest from being done
                self._failed(error)
            self._runner.hear(event)
            if isinstance(event, Error):
                self._refused(event)
            if entered.cost is not None:
                self._spend()

    def sent(self, event: ClientEvent | UnknownEvent, told: Told) -> Told:
        """Enter an event of ours."""
        with self._lock:
            if not self._over:
                self.books.note_sent(event)
        if isinstance(event, ClientEvent):
            self._runner.note_sent(event)
        return [*told, (self._owner, "realtime.event", RealtimeEvent.now("client", event))]

    def closed(self, closed: Closed, told: Told) -> Told:
        """The connection has ended. The client's own handlers are told, too."""
        self.end()
        return [*told, *((self._owner, name, payload) for _, name, payload in told)]

    def named(self, end: ConnectionClosed) -> ConnectionClosed:
        """The end, by the name of the limit that we ended the session for."""
        if self._spent is None:
            return end
        limit = f"{self._spent.limit:g} {'USD' if self._spent.kind == 'usd' else 'seconds'}"
        named = type(end)(
            f"The limit of {limit} is reached: the session was ended",
            code=end.code,
            reason=end.reason,
            unsent=end.unsent,
        )
        named.__cause__ = end.__cause__
        return named

    def end(self) -> None:
        """Close the books: nothing more is entered, begun or counted. Idempotent."""
        self._alarm.close()
        self._toolbox.close(self._runner)
        with self._lock:
            if not self._over:
                self._turns += self.books.turns.rest()
            self._over = True
        self._turned.ring()

    # --- what is wanted -----------------------------------------------------------------------------------------

    def request(
        self,
        response: ResponseParams | Unset = UNSET,
        *,
        wait: bool = True,
        commit: bool = False,
        first: Sequence[ClientEvent] = (),
        before: Sequence[ClientEvent] = (),
    ) -> Request:
        """Ask for a response, when it is its turn.

        Args:
            response: how it differs from what the session says.
            wait: for its turn.
            commit: what the user has said and not committed, now, if it is enough for a turn.
            first: sent now.
            before: sent with the request, right before it.

        Raises:
            ResponseActive: it is not its turn, and it was not to wait.
            InvalidEvent, ConnectionClosed: as of ``Session.send``; it is not asked for.
        """
        with self._sending:
            with self._lock:
                commits = [InputAudioBufferCommit()] if commit and self.books.can_commit else []
                request, due = self.books.sequencer.create(response, wait=wait, before=before)
            try:
                self._send_each([*first, *commits, *due])
            except BaseException:
                with self._lock:
                    self.books.sequencer.withdraw(request)  # also if it waits
                raise
        return request

    def cancel(self) -> list[ClientEvent]:
        """What is to be sent so that the response in the conversation ends; those that wait will not begin."""
        with self._lock:
            due = self.books.sequencer.cancel()
            self._forgo(None)
        self._wake()
        return due

    def drop(self, pending: PendingReply) -> None:
        """It is not wanted any more."""
        with self._lock:
            request = pending.last_request
            due = self.books.sequencer.withdraw(request)
            if request.response_id is not None:
                self._forgo(request.response_id)
        self.send_all(due)
        self._wake()

    def is_follow_up(self, event_id: str | None) -> bool:
        """Whether it asked for what comes after the outputs of tools."""
        with self._lock:
            return self.books.follow_ups.is_one(event_id)

    def goes_on(self, reply: Reply) -> bool:
        """Whether another reply follows by itself: all that this one calls is answered here."""
        whole = reply.status in ("completed", None)
        return whole and reply.in_conversation and self._runner.answers(reply.items)

    def send_all(self, events: Sequence[ClientEvent]) -> None:
        """Send these and nothing between them, as long as there is somebody to be told."""
        with contextlib.suppress(ConnectionClosed), self._sending:
            self._send_each(events)

    def turns(self) -> Iterator[Turn]:
        """Every turn of the user since the connection was opened, and those that are still to come, until its end."""
        for count in itertools.count():
            self._turned.wait_for(lambda count=count: len(self._turns) > count or self._over)  # type: ignore[misc]
            if len(self._turns) <= count:
                return
            yield self._turns[count]

    # --- inside -------------------------------------------------------------------------------------------------

    def _respond(self, response_ids: Sequence[str]) -> None:
        """All that these responses called has been answered."""
        with self._sending:
            with self._lock:
                request, due = self.books.sequencer.create()
                self.books.follow_ups.note_asked(request, response_ids)
            self.send_all(due)

    def _forgo(self, response_id: str | None) -> None:
        """Nothing is asked for after what this response calls; None: any."""
        self.books.follow_ups.forgo(self._runner.forgo(response_id))

    def _not_sent(self, events: Iterable[ClientEvent]) -> list[ClientEvent]:
        """Whoever waits for what comes of these, is told; gives what is to be sent instead."""
        with self._lock:
            requests = [event for event in events if isinstance(event, ResponseCreate)]
            due = [instead for event in requests for instead in self.books.sequencer.not_sent(event.event_id)]
        self._wake()
        return due

    def _send_each(self, events: Sequence[ClientEvent]) -> None:
        """Send; a request that does not go out, stands in nobody's way."""
        waiting = deque(events)
        while waiting:
            try:
                sent = self._session.send(waiting[0])
            except ConnectionClosed:
                raise
            except BaseException:
                self._send_each(self._not_sent(waiting))
                raise
            event = waiting.popleft()
            if not sent:
                waiting.extend(self._not_sent([event]))

    def _spend(self) -> None:
        """See whether a limit is near, or reached; then end the session, cleanly."""
        with self._lock:
            if self._over or self._budget is None:
                return
            told = self._budget.spend(self.books.usage.at_least_usd, monotonic() - self._began)
        for event in told:
            log.warning("%s of the budget: %s of %s %s", event.type, event.used, event.limit, event.kind)
            self._session.report(event)
        spent = [event for event in told if isinstance(event, BudgetSpent)]
        if spent:
            self._spent = spent[0]
            try:
                self.send_all(self.cancel())
            finally:
                self._session.close()
