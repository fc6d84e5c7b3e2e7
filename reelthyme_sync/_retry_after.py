"""What a server says in ``Retry-After``."""

from __future__ import annotations

import math
import time
from email.utils import mktime_tz, parsedate_tz


def seconds_of(value: str) -> float | None:
    """Seconds to wait, from the header's two forms: a number of them, or a date. None if it is neither."""
    date = parsedate_tz(value)
    try:
        seconds = mktime_tz(date) - time.time() if date else float(value)
    except (ValueError, OverflowError):
        return None
    return max(0.0, seconds) if math.isfinite(seconds) else None
