"""The conversation of a session: its items in order, as values, with what was said in them and what was heard. Pure.

book           every event passes it, and it says what changed
item, update   the values that it gives: an item at one moment, and a change
said, rope     one content part; what grows piece by piece
described      what an item becomes when the server describes it; order: where it goes
input_sound    what the user's turns sound like; wire_sound: sound of the wire as PCM16
restoring      how an item is told to a server that does not know it; export: JSON, and back
"""

from .book import RealtimeConversation
from .item import ConversationItem, Formatted, FormattedTool, item_id
from .order import ROOT
from .update import Delta, Update

__all__ = [
    "ROOT",
    "ConversationItem",
    "Delta",
    "Formatted",
    "FormattedTool",
    "RealtimeConversation",
    "Update",
    "item_id",
]
