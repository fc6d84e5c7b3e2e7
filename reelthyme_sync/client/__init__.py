"""The third layer: a client that keeps the conversation, runs tools, waits and interrupts, over one session.

``RealtimeClient`` is what applications use; ``RealtimeAPI``, the connection with handlers, and ``RealtimeConversation``
can be used alone.
"""

from ..conversation import RealtimeConversation
from .api import RealtimeAPI
from .client import RealtimeClient
from .event_handler import EventHandler
from .narration import Closed, RealtimeEvent
from .pending import PendingReply

__all__ = [
    "Closed",
    "EventHandler",
    "PendingReply",
    "RealtimeAPI",
    "RealtimeClient",
    "RealtimeConversation",
    "RealtimeEvent",
]
