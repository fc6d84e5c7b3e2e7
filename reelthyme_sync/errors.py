"""Every exception that the library raises of its own.

    RealtimeError
    ├── MissingApiKey          yours: no key given, none in the environment
    ├── InvalidEvent           yours: an outgoing event that cannot be sent as it is (.problems)
    ├── BadArguments           the model's: a tool called with arguments that do not fit; the text is for the model
    ├── ResponseActive         yours: a response asked for at once, while the conversation has one
    ├── NotConnected           yours: a client used before connect(), or after disconnect()
    ├── AlreadyConnected       yours: a client connected twice
    ├── RequestRefused         the server's: it said no to what a wait was for (.error)
    │   └── RequestCancelled   ... and nobody did but you, before it had begun (.error is None)
    ├── EventsMissed           yours: a wait that begins after so much has happened that its beginning is forgotten
    ├── ConcurrentReceive      yours: two threads read one session
    ├── ForkedSession          yours: a session used in a process that was forked from its own
    ├── TooManyCalls           yours: a supervisor that is full, or closed
    ├── AlreadyFollowed        yours: a call that the supervisor follows, or is connecting to
    ├── InvalidSignature       theirs: a webhook that the service did not sign
    ├── ConnectFailed          the wire: no session came about (.status, .body, .retry_after, .recoverable)
    ├── RequestFailed          the wire: a REST call was not done (.status, .code, .param, .body, .recoverable)
    ├── ProtocolError          the wire: the peer sent what is no realtime protocol
    ├── ConnectionClosed       the wire: the session has ended (.code, .reason, .recoverable)
    │   └── ConnectionLost     ... and nobody asked it to; the cause is chained
    └── AudioUnavailable       the machine: no library, no device, or a device that refuses

An ``error`` event of the server is an event, not an exception: most of them are survivable.
"""

from __future__ import annotations

from collections.abc import Sequence

from . import meanings


class RealtimeError(Exception):
    """The root of every exception of this library."""


class MissingApiKey(RealtimeError):
    """No API key (or secret for webhooks) was given, and the environment has none. Raised before anything connects."""


class InvalidEvent(RealtimeError, ValueError):
    """An outgoing event that cannot be sent as it is.

    Args:
        message: what was tried.
        problems: every problem found, each with the path to its place in the event.
    """

    def __init__(self, message: str, problems: Sequence[str] = ()) -> None:
        self.problems = tuple(problems)
        super().__init__("\n  ".join([message, *self.problems]))


class BadArguments(RealtimeError, ValueError):
    """The model called a tool with arguments that do not fit. The text is for the model, which can then do better."""


class ResponseActive(RealtimeError):
    """A response was asked for that was not to wait, and the conversation has one. Cancel that, or wait for its end."""


class NotConnected(RealtimeError):
    """A client was asked for what needs a connection, before ``connect()`` or after ``disconnect()``."""


class AlreadyConnected(RealtimeError):
    """A client was to be connected that is. Disconnect first, or make another."""


class RequestRefused(RealtimeError):
    """The server refused what was asked of it, and so a wait for its answer is over.

    Attributes:
        error: what the server said: ``type``, ``code``, ``message``, ``param``.
    """

    def __init__(self, message: str, error: object) -> None:
        self.error = error
        super().__init__(message)


class RequestCancelled(RequestRefused):
    """What was asked for does not come, because it was cancelled, or could not be sent, before it had begun.

    Attributes:
        error: None, for the server has said nothing.
    """

    def __init__(self, message: str) -> None:
        super().__init__(message, None)


class EventsMissed(RealtimeError):
    """A wait began after more had happened than is kept for it. Wait sooner, or register a handler, which gets all."""


class ConcurrentReceive(RealtimeError):
    """Two threads asked one session for its next event. Give every reader its own queue instead."""


class ForkedSession(RealtimeError):
    """A session that was made before ``fork()``, used in the child. Connect in the worker instead."""


class TooManyCalls(RealtimeError):
    """The supervisor takes no more calls: as many as it may are followed, or it was closed. For a web server, 503."""


class AlreadyFollowed(RealtimeError):
    """The supervisor follows this call, or is just connecting to it."""


class InvalidSignature(RealtimeError):
    """A webhook whose signature is missing, old, or not made with the secret given."""


class ConnectFailed(RealtimeError, ConnectionError):
    """No session came about.

    Attributes:
        status: the HTTP status with which the server refused the upgrade, or None when none came.
        body: what the server said with it, as text; the first 64 KiB of it.
        retry_after: seconds that the server asked us to wait before the next attempt, if it did.
        recoverable: whether another attempt may succeed with nothing changed on our side: after a timeout or an
            overloaded server, say, but not after a refused key.
    """

    def __init__(
        self,
        message: str,
        *,
        status: int | None = None,
        body: str = "",
        retry_after: float | None = None,
        recoverable: bool = False,
    ) -> None:
        self.status = status
        self.body = body
        self.retry_after = retry_after
        self.recoverable = recoverable
        super().__init__(message)


class RequestFailed(RealtimeError, ConnectionError):
    """A REST call was not done: the service refused it, or no answer came that could be understood.

    Attributes:
        status: the HTTP status of the answer, or None when none came.
        code: the service's name for what is wrong, such as ``invalid_api_key``, if it gave one.
        param: the path to what is wrong in the request, such as ``session.type``, if it gave one.
        body: what the service said, as text, without the key should it repeat that; the first 64 KiB of it. Empty where
            the service did what was asked, for then it may hold a secret.
        retry_after: seconds that the server asked us to wait before the next attempt, if it did.
        recoverable: whether another attempt may succeed with nothing changed on our side.
    """

    def __init__(
        self,
        message: str,
        *,
        status: int | None = None,
        code: str | None = None,
        param: str | None = None,
        body: str = "",
        retry_after: float | None = None,
        recoverable: bool = False,
    ) -> None:
        self.status = status
        self.code = code
        self.param = param
        self.body = body
        self.retry_after = retry_after
        self.recoverable = recoverable
        super().__init__(message)


class ProtocolError(RealtimeError):
    """The peer sent something that is no realtime protocol, such as a frame that holds no JSON object."""


class ConnectionClosed(RealtimeError, ConnectionError):
    """The session has ended: nothing more can be sent or received.

    Attributes:
        code: the WebSocket close code, or None when the connection ended without one.
        reason: the words that came with it.
        unsent: the events, as JSON, that ``send`` had accepted and that did not get onto the wire, in order. Of those
            that did, the last may have been lost on their way.
    """

    def __init__(
        self, message: str, *, code: int | None = None, reason: str = "", unsent: Sequence[bytes] = ()
    ) -> None:
        self.code = code
        self.reason = reason
        self.unsent = tuple(unsent)
        super().__init__(message)

    @property
    def recoverable(self) -> bool:
        """Whether a new connection may live longer. Never after a clean end: there is nothing to recover."""
        return False


class ConnectionLost(ConnectionClosed):
    """The session ended although neither side closed it cleanly. The cause is chained (``__cause__``)."""

    @property
    def recoverable(self) -> bool:
        """Whether a new connection may live longer: not when the server's close code is a verdict on what we do."""
        return meanings.close_is_recoverable(self.code)


class AudioUnavailable(RealtimeError, OSError):
    """Sound cannot be played or recorded: no library, no device, or a device that refuses."""
