"""Voice conversations over OpenAI's Realtime API, synchronous: no asyncio, plain threads and queues.

with connect() as session, stream(session) as events, capture_audio(session):
for event in events:
print(event.type)
"""

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
