"""Voice conversations over OpenAI's Realtime API, synchronous: no asyncio, plain threads and queues.

with connect() as session, stream(session) as events, capture_audio(session, echo="auto"):
    for event in events:
        print(event.type)

``RealtimeClient`` is the same with the conversation kept, tools run and answers waited for.
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

from .capturing import Capture, capture_audio
from .connecting import connect
from .endpoints import DEFAULT_MODEL, Endpoint
from .errors import (
    AlreadyConnected,
    AlreadyFollowed,
    AudioUnavailable,
    BadArguments,
    ConcurrentReceive,
    ConnectFailed,
    ConnectionClosed,
    ConnectionLost,
    EventsMissed,
    ForkedSession,
    InvalidEvent,
    InvalidSignature,
    MissingApiKey,
    NotConnected,
    ProtocolError,
    RealtimeError,
    RequestCancelled,
    RequestFailed,
    RequestRefused,
    ResponseActive,
    TooManyCalls,
)
from .playback import Heard
from .push_to_talk import PushToTalk
from .reconnect import Reconnect
from .session import Session
from .streaming import AudioStream, stream
from .version import __version__

if TYPE_CHECKING:
    from .client import PendingReply, RealtimeAPI, RealtimeClient, RealtimeConversation
    from .conversation import ConversationItem
    from .echo import EchoCanceller
    from .reply import Reply
    from .rest import calls, create_client_secret
    from .supervise import Feed, FollowedCall, Supervisor
    from .tools import ToolCall
    from .turns import Turn

__all__ = [
    "DEFAULT_MODEL",
    "AlreadyConnected",
    "AlreadyFollowed",
    "AudioStream",
    "AudioUnavailable",
    "BadArguments",
    "Capture",
    "ConcurrentReceive",
    "ConnectFailed",
    "ConnectionClosed",
    "ConnectionLost",
    "ConversationItem",
    "EchoCanceller",
    "Endpoint",
    "EventsMissed",
    "Feed",
    "FollowedCall",
    "ForkedSession",
    "Heard",
    "InvalidEvent",
    "InvalidSignature",
    "MissingApiKey",
    "NotConnected",
    "PendingReply",
    "ProtocolError",
    "PushToTalk",
    "RealtimeAPI",
    "RealtimeClient",
    "RealtimeConversation",
    "RealtimeError",
    "Reconnect",
    "Reply",
    "RequestCancelled",
    "RequestFailed",
    "RequestRefused",
    "ResponseActive",
    "Session",
    "Supervisor",
    "TooManyCalls",
    "ToolCall",
    "Turn",
    "__version__",
    "calls",
    "capture_audio",
    "connect",
    "create_client_secret",
    "stream",
]


_LATE = {
    "EchoCanceller": ".echo",
    "ToolCall": ".tools",
    "ConversationItem": ".conversation",
    "Reply": ".reply",
    "Turn": ".turns",
    **dict.fromkeys(["calls", "create_client_secret"], ".rest"),
    **dict.fromkeys(["Feed", "FollowedCall", "Supervisor"], ".supervise"),
    **dict.fromkeys(["PendingReply", "RealtimeAPI", "RealtimeClient", "RealtimeConversation"], ".client"),
}
"""What not everybody wants, and what costs the import of the package too much: where it is."""


def __getattr__(name: str) -> Any:
    if name in _LATE:
        return getattr(import_module(_LATE[name], __name__), name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


def __dir__() -> list[str]:
    return sorted(__all__)
