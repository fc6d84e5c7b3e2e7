"""Keeps the accounts of a client: a new one for each connection. ``api`` carries, ``client`` is asked, this knows."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator

import attrs

from ..conversation import RealtimeConversation
from ..events import Error
from ..reply import Reply
from ..session import Session
from ..turns import Turn
from ..usage import Budget, PriceTable, UsageMeter
from .account import Account
from .books import Books
from .chronicle import Owner
from .narrator import Told
from .toolbox import Toolbox


@attrs.frozen(kw_only=True)
class Limits:
    """What a session may cost, and how long it may last; None: whatever it takes."""

    usd: float | None = None
    seconds: float | None = None

    def budget(self) -> Budget | None:
        """Theirs, for one session."""
        return None if self.usd is None and self.seconds is None else Budget(self.usd, self.seconds)

    @property
    def moments(self) -> tuple[float, ...]:
        """Seconds after which the time is nearly over, and over."""
        return () if self.seconds is None else (0.8 * self.seconds, self.seconds)


class Keeper:
    """What a client knows, from connection to connection.

    Args:
        owner: whose handlers are told.
        conversation: is kept here.
        toolbox: hears of every call.
        prices: of the models.
        model: counts where the server names none that has a price.
        keep_audio: whether replies keep their sound.
        limits: of each session.
        wake: has everybody who waits look again.
        refused: is told what the server refuses.
        failed: is told what could not be sent, though nobody waits for it.
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
        refused: Callable[[Error], None],
        failed: Callable[[Exception], None],
    ) -> None:
        self.lock = threading.RLock()
        self._owner = owner
        self._conversation = conversation
        self._concluded = False
        self._make_books: Callable[[str], Books] = lambda name: Books(
            name, conversation, prices=prices, model=model, keep_audio=keep_audio
        )
        self._make_account: Callable[[Session, Books], Account] = lambda session, books: Account(
            session,
            books,
            self.lock,
            owner=owner,
            toolbox=toolbox,
            budget=limits.budget(),
            moments=limits.moments,
            wake=wake,
            refused=refused,
            failed=failed,
        )
        self._account: Account | None = None
        self._usage = self._make_books("").usage

    @property
    def account(self) -> Account:
        """The latest connection's. There has been one."""
        assert self._account is not None
        return self._account

    @property
    def usage(self) -> UsageMeter:
        """What the latest connection has used."""
        return self._usage

    def opened(self, session: Session) -> Account:
        """Begin a new account; the last is closed, if it is not yet."""
        if self._account is not None:
            self._account.end()
        with self.lock:
            if self._concluded:
                self._conversation.clear()
            elif self._account is not None:
                self._conversation.begin_session()
            self._concluded = False
            books = self._make_books(f"reelthyme_{session.ordinal}")
            self._account, self._usage = self._make_account(session, books), books.usage
            return self._account

    def conclude(self) -> None:
        """The conversation is over: it can be read until the next connection, which begins another."""
        self._concluded = True

    def forget(self) -> None:
        """Begin another conversation now."""
        with self.lock:
            self._conversation.clear()

    def failed(self, error: BaseException, told: Told) -> Told:
        """Tell the client's own handlers, too."""
        return [*told, (self._owner, "error", error)]

    def is_follow_up(self, event_id: str | None) -> bool:
        """Whether it asked for what comes after the outputs of tools."""
        return self.account.is_follow_up(event_id)

    def goes_on(self, reply: Reply) -> bool:
        """Whether another reply follows by itself."""
        return self.account.goes_on(reply)

    def turns(self) -> Iterator[Turn]:
        """Of the latest connection; none if there is none yet."""
        return iter(()) if self._account is None else self._account.turns()
