"""Why a supervisor does not follow a call."""

from __future__ import annotations

from ..errors import RealtimeError


class TooManyCalls(RealtimeError):
    """The supervisor takes no more calls: as many as it may are followed, or it was closed. For a web server, 503."""


class AlreadyFollowed(RealtimeError):
    """The supervisor follows this call, or is just connecting to it."""
