"""What a session has used so far, and what that costs, by the usage that its server tells. Pure.

Money is exact: what the responses cost adds up to the total, to the last digit. What has no known price has no cost,
and then the total is not known either; what it comes to at least still is.
"""

from __future__ import annotations

import logging
from collections import deque
from decimal import Decimal
from typing import Final

import attrs

from ..events import (
    ConversationItemInputAudioTranscriptionCompleted,
    DurationUsage,
    RealtimeSession,
    Reconnected,
    ResponseDone,
    ServerEvent,
    SessionCreated,
    SessionUpdated,
    TokensUsage,
    Transcription,
)
from ..events.server_events import AnySession
from .prices import Prices, PriceTable
from .published import PUBLISHED
from .tokens import TokenCount, response_tokens, transcription_tokens

log = logging.getLogger("reelthyme_sync")

KEPT: Final = 64
"""How many of the last costs a meter remembers, one by one."""

_LONGEST_S: Final = 1e6
"""No session is that long: what says so is nonsense, and must not become a number that nothing can be added to."""


@attrs.frozen(kw_only=True)
class ResponseCost:
    """What one response, or one transcription of the user, has used.

    Attributes:
        response_id: the response; ``""`` for a transcription.
        item_id: the item that was written down; ``""`` for a response.
        model: what did it, as far as it is known.
        tokens: what it used, by kind.
        seconds: the sound that was written down, where that is what is billed.
        usd: what it costs; None if its price is not known.
    """

    response_id: str = ""
    item_id: str = ""
    model: str | None = None
    tokens: TokenCount = attrs.field(factory=TokenCount)
    seconds: float = 0.0
    usd: Decimal | None = None


class UsageMeter:
    """Counts what one session uses. Give it every event that the session receives; it never raises on one.

    Args:
        prices: by model; by default those that are published.
        model: counts where the server names a model without a price, or none: behind a proxy, or for a deployment.
    """

    def __init__(self, prices: PriceTable = PUBLISHED, model: str | None = None) -> None:
        self._prices = prices
        self._given = model
        self._model: str | None = model
        self._transcribing: str | None = None
        self._responses = TokenCount()
        self._transcription = TokenCount()
        self._transcribed_s = Decimal(0)
        self._at_least = Decimal(0)
        self._complete = True
        self._costs: deque[ResponseCost] = deque(maxlen=KEPT)
        self._counted: deque[tuple[str, int]] = deque(maxlen=KEPT)  # what a server may tell twice
        self._unknown: set[str | None] = set()  # models of which was said that they have no price

    def __repr__(self) -> str:
        counts = ((kind, getattr(self.total, kind)) for kind in ("input", "cached", "output"))
        tokens = ", ".join(f"{count} {kind}" for kind, count in counts)
        usd = f"{self._at_least} USD" if self._complete else f"at least {self._at_least} USD"
        return f"<UsageMeter {tokens}, {usd}>"

    @property
    def total(self) -> TokenCount:
        """All tokens: of the responses and of the transcriptions."""
        return self._responses + self._transcription

    @property
    def transcription(self) -> TokenCount:
        """The tokens of the transcriptions."""
        return self._transcription

    @property
    def transcribed_s(self) -> float:
        """Seconds of sound that were written down by a model that is billed by time."""
        return float(self._transcribed_s)

    @property
    def responses(self) -> tuple[ResponseCost, ...]:
        """The last responses and transcriptions, the oldest first; 64 at most."""
        return tuple(self._costs)

    @property
    def usd(self) -> Decimal | None:
        """What all of it costs; None if the price of something is not known."""
        return self._at_least if self._complete else None

    @property
    def at_least_usd(self) -> Decimal:
        """What those parts cost together whose price is known."""
        return self._at_least

    def process_event(self, event: ServerEvent) -> ResponseCost | None:
        """Count what an event says was used; None if it says nothing of that kind, or says it again."""
        match event:
            case ResponseDone():
                return self._respond(event)
            case ConversationItemInputAudioTranscriptionCompleted():
                return self._transcribe(event)
            case SessionCreated() | SessionUpdated() | Reconnected():
                self._settle(event.session)
        return None

    def _settle(self, session: AnySession) -> None:
        if isinstance(session, RealtimeSession) and isinstance(session.model, str):
            self._model = session.model
        asked = getattr(getattr(getattr(session, "audio", None), "input", None), "transcription", None)
        if isinstance(asked, Transcription) and isinstance(asked.model, str):  # what was asked of it may still come
            self._transcribing = asked.model

    def _respond(self, event: ResponseDone) -> ResponseCost | None:
        usage = event.response.usage
        if usage is None or self._knows(event.response.id):
            return None
        tokens = response_tokens(usage)
        self._responses += tokens
        model, prices = self._priced(self._model)
        usd = prices.of_tokens(tokens) if prices else None
        return self._add(ResponseCost(response_id=event.response.id, model=model, tokens=tokens, usd=usd))

    def _transcribe(self, event: ConversationItemInputAudioTranscriptionCompleted) -> ResponseCost | None:
        usage = event.usage
        if not isinstance(usage, TokensUsage | DurationUsage):
            return None
        if self._knows(event.item_id, event.content_index):
            return None
        model = self._transcribing
        prices = self._prices.find(model)
        if isinstance(usage, TokensUsage):
            tokens = transcription_tokens(usage)
            self._transcription += tokens
            usd = prices.of_tokens(tokens) if prices else None
            return self._add(ResponseCost(item_id=event.item_id, model=model, tokens=tokens, usd=usd))
        seconds = max(0.0, min(usage.seconds, _LONGEST_S))
        self._transcribed_s += Decimal(str(seconds))
        usd = prices.of_seconds(seconds) if prices else None
        return self._add(ResponseCost(item_id=event.item_id, model=model, seconds=seconds, usd=usd))

    def _priced(self, model: str | None) -> tuple[str | None, Prices | None]:
        """The model that counts, and what it costs."""
        if (prices := self._prices.find(model)) is None and (given := self._prices.find(self._given)) is not None:
            return self._given, given
        return model, prices

    def _knows(self, told: str, content_index: int = 0) -> bool:
        """Whether it was counted before; of what has no id, nobody can say."""
        if told and (told, content_index) in self._counted:
            return True
        self._counted.append((told, content_index))
        return False

    def _add(self, cost: ResponseCost) -> ResponseCost:
        self._costs.append(cost)
        if cost.usd is not None:
            self._at_least += cost.usd
            return cost
        self._complete = False
        if cost.model not in self._unknown:
            self._unknown.add(cost.model)
            name = cost.model or "a model without a name"
            log.warning("the price of %s is not known, so what the session costs is not either", name)
        return cost
