"""Every exception that the library raises of its own.

    RealtimeError
    ├── MissingApiKey          yours: no key given, none in the environment
    ├── InvalidEvent           yours: an outgoing event that cannot be sent as it is (.problems)
    ├── ConcurrentReceive      yours: two threads read one session
    ├── InvalidSignature       theirs: a webhook that the service did not sign
    ├── ConnectFailed          the wire: no session came about (.status, .body)
    ├── ProtocolError          the wire: the peer sent what is no realtime protocol
    ├── ConnectionClosed       the wire: the session has ended (.code, .reason)
    │   └── ConnectionLost     ... and nobody asked it to; the cause is chained
    └── AudioUnavailable       the machine: no library, no device, or a device that refuses

An ``error`` event of the server is an event, not an exception: most of them are survivable.
"""

from __future__ import annotations

from collections.abc import Sequence


class RealtimeError(Exception):
    """The root of every exception of this library."""


class MissingApiKey(RealtimeError):
    """No API key was given, and the environment has none. Raised before anything connects."""


class InvalidEvent(RealtimeError, ValueError):
    """An outgoing event that cannot be sent as it is.

    Args:
        message: what was tried.
        problems: every problem found, each with the path to its place in the event.
    """

    def __init__(self, message: str, problems: Sequence[str] = ()) -> None:
        self.problems = tuple(problems)
        super().__init__("\n  ".join([message, *self.problems]))


class ConcurrentReceive(RealtimeError):
    """Two threads asked one session for its next event. Give every reader its own queue instead."""


class InvalidSignature(RealtimeError):
    """A webhook whose signature is missing, old, or not made with the secret given."""


class ConnectFailed(RealtimeError, ConnectionError):
    """No session came about.

    Attributes:
        status: the HTTP status with which the server refused the upgrade, or None when none came.
        body: what the server said with it, as text.
    """

    def __init__(self, message: str, *, status: int | None = None, body: str = "") -> None:
        self.status = status
        self.body = body
        super().__init__(message)


class ProtocolError(RealtimeError):
    """The peer sent something that is no realtime protocol, such as a frame that holds no JSON object."""


class ConnectionClosed(RealtimeError, ConnectionError):
    """The session has ended: nothing more can be sent or received.

    Attributes:
        code: the WebSocket close code, or None when the connection ended without one.
        reason: the words that came with it.
    """

    def __init__(self, message: str, *, code: int | None = None, reason: str = "") -> None:
        self.code = code
        self.reason = reason
        super().__init__(message)


class ConnectionLost(ConnectionClosed):
    """The session ended although neither side closed it cleanly. The cause is chained (``__cause__``)."""


class AudioUnavailable(RealtimeError, OSError):
    """Sound cannot be played or recorded: no library, no device, or a device that refuses."""
