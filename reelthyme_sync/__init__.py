"""Voice conversations over OpenAI's Realtime API, synchronous: no asyncio, plain threads and queues.

with connect() as session, stream(session) as events, capture_audio(session, echo="auto"):
    for event in events:
        print(event.type)
"""

from typing import TYPE_CHECKING, Any

from .capturing import Capture, capture_audio
from .connecting import connect
from .endpoints import DEFAULT_MODEL, Endpoint
from .errors import (
    AudioUnavailable,
    BadArguments,
    ConcurrentReceive,
    ConnectFailed,
    ConnectionClosed,
    ConnectionLost,
    ForkedSession,
    InvalidEvent,
    InvalidSignature,
    MissingApiKey,
    ProtocolError,
    RealtimeError,
)
from .playback import Heard
from .push_to_talk import PushToTalk
from .reconnect import Reconnect
from .session import Session
from .streaming import AudioStream, stream
from .version import __version__

if TYPE_CHECKING:
    from .echo import EchoCanceller

__all__ = [
    "DEFAULT_MODEL",
    "AudioStream",
    "AudioUnavailable",
    "BadArguments",
    "Capture",
    "ConcurrentReceive",
    "ConnectFailed",
    "ConnectionClosed",
    "ConnectionLost",
    "EchoCanceller",
    "Endpoint",
    "ForkedSession",
    "Heard",
    "InvalidEvent",
    "InvalidSignature",
    "MissingApiKey",
    "ProtocolError",
    "PushToTalk",
    "RealtimeError",
    "Reconnect",
    "Session",
    "__version__",
    "capture_audio",
    "connect",
    "stream",
]


def __getattr__(name: str) -> Any:
    if name == "EchoCanceller":  # for those who want it
        from .echo import EchoCanceller

        return EchoCanceller
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


def __dir__() -> list[str]:
    return sorted(__all__)
