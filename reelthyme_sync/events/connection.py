"""What the library itself tells, in the stream of events, of a session that outlives its sockets."""

import attrs

from .base import Part, ServerEvent, part
from .server_events import AnySession
from .session_config import RealtimeSession


@part()
class NotRestored(Part):
    """An item that the new server does not know."""

    item_id: str
    reason: str


@part("reelthyme.disconnected")
class Disconnected(ServerEvent):
    """The socket broke, and a new one is being opened. What you send meanwhile waits.

    A ``response.done`` of ours follows for each response that had begun, with the status ``failed`` and an error of
    the type ``connection_lost``: nothing more will come of it. Ask again if you want the answer.
    """

    message: str = ""
    code: int | None = None  # the close code, if there was one
    interrupted: list[str] = attrs.field(factory=list)  # ids of the responses


@part("reelthyme.reconnected")
class Reconnected(ServerEvent):
    """The session goes on, on a new socket, and the server knows again what it has to know."""

    session: AnySession = RealtimeSession()
    planned: bool = False  # the old socket had not broken, but grown old
    attempts: int = 1
    restored: list[str] = attrs.field(factory=list)  # ids of items
    not_restored: list[NotRestored] = attrs.field(factory=list)
    resent: int = 0  # events that the old server had not answered, or never got
    audio_lost_ms: int = 0  # sound that you sent, and that was too old to be sent again
