"""What models cost: prices by model, in US dollars. Pure.

A price that is not known is not guessed: neither that of another model, nor that of another kind of token.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from decimal import Decimal
from types import MappingProxyType
from typing import Final, TypeAlias

import attrs

from .tokens import TokenCount

Usd: TypeAlias = Decimal | int | float | str
"""An amount of dollars as one writes it: ``0.4`` is four tenths, exactly."""

_MILLION: Final = 1_000_000

_FINEST: Final = Decimal("1e-12")
"""Dollars: a third of a cent has no last digit, and what is rounded once still adds up exactly."""

_SNAPSHOT: Final = re.compile(r"-\d{4}-\d{2}-\d{2}")


def exact(amount: Usd | None) -> Decimal | None:
    """The amount, exactly as it was written.

    Raises:
        ValueError: it is no number, or below zero.
    """
    if amount is None:
        return None
    try:
        number = Decimal(str(amount))
    except ArithmeticError:
        raise ValueError(f"{amount!r} is no amount") from None
    if not number.is_finite() or number < 0:
        raise ValueError(f"{amount!r} is no amount")
    return number


@attrs.frozen(kw_only=True)
class Prices:
    """What one model costs. What is None is not known; what is free is 0.

    Attributes:
        text_in, audio_in, image_in: USD for a million tokens of input.
        text_cached, audio_cached, image_cached: the same, for those that come from a cache.
        text_out, audio_out: USD for a million tokens of output.
        per_minute: USD for a minute of sound, for models that write down what they hear and are billed by time.

    Raises:
        ValueError: a price is no number, or below zero.
    """

    text_in: Decimal | None = attrs.field(default=None, converter=exact)
    text_cached: Decimal | None = attrs.field(default=None, converter=exact)
    text_out: Decimal | None = attrs.field(default=None, converter=exact)
    audio_in: Decimal | None = attrs.field(default=None, converter=exact)
    audio_cached: Decimal | None = attrs.field(default=None, converter=exact)
    audio_out: Decimal | None = attrs.field(default=None, converter=exact)
    image_in: Decimal | None = attrs.field(default=None, converter=exact)
    image_cached: Decimal | None = attrs.field(default=None, converter=exact)
    per_minute: Decimal | None = attrs.field(default=None, converter=exact)

    def of_tokens(self, tokens: TokenCount) -> Decimal | None:
        """What these tokens cost, to the last digit; None if the price of one of them is not known."""
        cost = Decimal(0)
        for kind, count in attrs.asdict(tokens).items():
            price: Decimal | None = getattr(self, kind)
            if not count:
                continue
            if price is None:
                return None
            cost += price * count
        return cost / _MILLION

    def of_seconds(self, seconds: float) -> Decimal | None:
        """What so much sound costs; None if it has no price by time."""
        if self.per_minute is None:
            return None
        return (self.per_minute * Decimal(str(seconds)) / 60).quantize(_FINEST)


Table: TypeAlias = Mapping[str, Prices | Mapping[str, Usd]]
"""Prices by model, each as ``Prices`` or as a dictionary of its attributes."""


def _as_table(table: Table) -> Mapping[str, Prices]:
    return MappingProxyType(
        {model: prices if isinstance(prices, Prices) else Prices(**prices) for model, prices in table.items()}
    )


@attrs.frozen
class PriceTable:
    """Prices by model: ``PriceTable({"my-model": {"text_in": 4, "text_out": "16"}})``.

    A name stands for its dated snapshots too: ``gpt-realtime`` for ``gpt-realtime-2025-08-28``, unless that is in the
    table by itself. It stands for nothing else: ``gpt-realtime-mini`` is another model, at another price.

    Raises:
        ValueError: a price is no number, or below zero.
        TypeError: there is no price of that name.
    """

    prices: Mapping[str, Prices] = attrs.field(factory=dict, converter=_as_table)

    def find(self, model: str | None) -> Prices | None:
        """The prices of a model; None if they are not known."""
        if model is None:
            return None
        return self.prices.get(model) or self.prices.get(_SNAPSHOT.sub("", model))

    def with_prices(self, table: Table) -> PriceTable:
        """A table with more models, or with other prices for those that it has.

        Raises:
            ValueError, TypeError: as the table does.
        """
        return PriceTable({**self.prices, **table})
