"""What a session uses, and what that costs: tokens by kind, prices, a running total, a limit. Sends nothing. Pure.

``UsageMeter`` counts one session, ``PriceTable`` says what a model costs, ``Budget`` says when enough is spent.
"""

from .budget import Budget
from .meter import ResponseCost, UsageMeter
from .prices import Prices, PriceTable
from .published import PUBLISHED
from .tokens import TokenCount

__all__ = ["PUBLISHED", "Budget", "PriceTable", "Prices", "ResponseCost", "TokenCount", "UsageMeter"]
