"""Keeps the books of a client, and does what they say is due. ``api`` carries, ``client`` is asked, this knows.

Events are entered under one lock, by whichever thread reads or sends. Nobody holds it while something is sent, a tool
begins or a handler runs.
"""

from __future__ import annotations

import contextlib
import itertools
import logging
import threading
from collections import deque
from collections.abc import Callable, Iterable, Iterator

import attrs

from .._bell import Bell
from ..conversation import RealtimeConversation
from ..errors import ConnectionClosed
from ..events import (
    UNSET,
    BudgetSpent,
    ClientEvent,
    InputAudioBufferCommit,
    ResponseParams,
    ServerEvent,
    UnknownEvent,
    Unset,
)
from ..reply import Reply
from ..sequencer import Request
from ..session import Session
from ..turns import Turn
from ..usage import Budget, PriceTable
from .api import Told
from .books import Books, Entered
from .chronicle import Owner
from .countdown import Countdown
from .follow_ups import FollowUps
from .narration import Closed, RealtimeEvent
from .pending import PendingReply
from .toolbox import Toolbox

log = logging.getLogger("reelthyme_sync")


@attrs.frozen(kw_only=True)
class Limits:
    """What a session may cost, and how long it may last; None: whatever it takes."""

    usd: float | None = None
    seconds: float | None = None

    def budget(self) -> Budget | None:
        """Theirs, for one session."""
        return None if self.usd is None and self.seconds is None else Budget(self.usd, self.seconds)


class Keeper:
    """The books of one client, from connection to connection.

    Args:
        owner: whose handlers are told.
        conversation: is kept here.
        toolbox: hears of every call.
        prices: of the models.
        model: counts where the server names none that has a price.
        keep_audio: whether replies keep their sound.
        limits: of each session.
        wake: has everybody who waits look again.

    Attributes:
        silence: sends what stops a response, and sees to it that nothing of it is heard.

    Attributes:
        came_late: whether the server had opened the session before there was somebody here to hear of it.
    """

    def __init__(
        self,
        owner: Owner,
        conversation: RealtimeConversation,
        toolbox: Toolbox,
        *,
        prices: PriceTable,
        model: str | None,
        keep_audio: bool,
        limits: Limits,
        wake: Callable[[], None],
    ) -> None:
        self.lock = threading.RLock()
        self.silence: Callable[[list[ClientEvent]], object] = self.send_all
        self._owner = owner
        self._toolbox = toolbox
        self._limits = limits
        self._wake = wake
        self._make_books: Callable[[str], Books] = lambda name: Books(
            name, conversation, prices=prices, model=model, keep_audio=keep_audio
        )
        self.books = self._make_books("")
        self._follow_ups = FollowUps()
        self.came_late = False
        self._session: Session | None = None
        self._due: deque[tuple[ServerEvent, Entered]] = deque()
        self._budget: Budget | None = None
        self._countdown: Countdown | None = None
        self._turned = Bell()
        self._turns: list[Turn] = []
        self._over = True

    # --- what happens -------------------------------------------------------------------------------------------

    def opened(self, session: Session) -> None:
        """Begin new books."""
        with self.lock:
            self.books = self._make_books(f"reelthyme_{session.ordinal}")
            self._session, self._turns, self._over = session, [], False
            self.came_late = session.configuration is not None
            self._follow_ups = FollowUps()
            self._budget = self._limits.budget()
        self._toolbox.open(session, self._respond)
        seconds = self._limits.seconds
        moments = () if seconds is None else (0.8 * seconds, seconds)
        self._countdown = Countdown(session.ordinal, moments, self._spend) if self._budget is not None else None

    def received(self, event: ServerEvent, told: Told) -> Told:
        """Enter an event of the server."""
        log_entry = (self._owner, "realtime.event", RealtimeEvent.now("server", event))
        with self.lock:
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
            (self.silence if entered.unwanted else self.send_all)(entered.due)
            self._toolbox.hear(event)
            if entered.cost is not None:
                self._spend()

    def sent(self, event: ClientEvent | UnknownEvent, told: Told) -> Told:
        """Enter an event of ours."""
        with self.lock:
            self.books.note_sent(event)
            self._follow_ups.note_sent(event)
        self._toolbox.note_sent(event)
        return [*told, (self._owner, "realtime.event", RealtimeEvent.now("client", event))]

    def failed(self, error: Exception, told: Told) -> Told:
        """Tell the client's own handlers, too."""
        return [*told, (self._owner, "error", error)]

    def closed(self, closed: Closed, told: Told) -> Told:
        """Close the books."""
        if self._countdown is not None:
            self._countdown.cancel()
        self._toolbox.close()
        with self.lock:
            self._turns += self.books.turns.rest()
            self._over = True
            self._turned.ring()
        return [*told, (self._owner, "close", closed)]

    # --- what is wanted -----------------------------------------------------------------------------------------

    def request(self, response: ResponseParams | Unset = UNSET, *, wait: bool = True, commit: bool = False) -> Request:
        """Ask for a response, when it is its turn.

        Args:
            response: how it differs from what the session says.
            wait: for its turn.
            commit: what the user has said and not committed first, if it is enough for a turn.

        Raises:
            ResponseActive: it is not its turn, and it was not to wait.
        """
        with self.lock:
            commits = [InputAudioBufferCommit()] if commit and self.books.can_commit else []
            request, due = self.books.sequencer.create(response, wait=wait)
        self._send_each([*commits, *due])
        return request

    def cancel(self) -> list[ClientEvent]:
        """What is to be sent so that the response in the conversation ends; those that wait will not begin."""
        with self.lock:
            due = self.books.sequencer.cancel()
        self._wake()
        return due

    def drop(self, pending: PendingReply) -> None:
        """It is not wanted any more."""
        with self.lock:
            due = self.books.sequencer.withdraw(pending.request)
        self.send_all(due)
        self._wake()

    def is_follow_up(self, event_id: str | None) -> bool:
        """Whether it asked for what comes after the outputs of tools."""
        with self.lock:
            return self._follow_ups.is_one(event_id)

    def follow_up(self, reply: Reply) -> Request | None:
        """What was asked for when all that a reply calls had been answered; None while it is not."""
        with self.lock:
            return self._follow_ups.after(call.call_id or "" for call in reply.calls)

    def send_all(self, events: Iterable[ClientEvent]) -> None:
        """Send, as long as there is somebody to be told."""
        with contextlib.suppress(ConnectionClosed):
            self._send_each(events)

    def turns(self) -> Iterator[Turn]:
        """Every turn of the user since the connection was opened, and those that are still to come, until its end."""
        turns = self._turns  # of this connection: the next one has others
        for count in itertools.count():
            self._turned.wait_for(lambda count=count: len(turns) > count or self._over)  # type: ignore[misc]
            if len(turns) <= count:
                return
            yield turns[count]

    def _respond(self) -> None:
        """The outputs of a batch of calls have been sent."""
        with self.lock:
            request, due = self.books.sequencer.create()
            self._follow_ups.note_asked(request)
        self.send_all(due)

    def _send_each(self, events: Iterable[ClientEvent]) -> None:
        assert self._session is not None
        for event in events:
            self._session.send(event)

    def _spend(self) -> None:
        """See whether a limit is near, or reached; then end the session, cleanly."""
        session, budget, countdown = self._session, self._budget, self._countdown
        if session is None or budget is None or countdown is None:
            return
        with self.lock:
            told = budget.spend(self.books.usage.at_least_usd, countdown.elapsed)
        for event in told:
            log.warning("%s of the budget: %s of %s %s", event.type, event.used, event.limit, event.kind)
            session.report(event)
        if any(isinstance(event, BudgetSpent) for event in told):
            self.send_all(self.cancel())
            session.close()
