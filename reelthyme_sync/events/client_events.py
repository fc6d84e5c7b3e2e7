"""Every event that a realtime or transcription session takes. The service answers all but ``append``."""

from .base import UNSET, ClientEvent, UnknownPart, Unset, client_event
from .items import Item
from .responses import ResponseParams
from .session_config import RealtimeSession, TranscriptionSession, TranslationConfig

# --- session ----------------------------------------------------------------------------------------------


@client_event("session.update")
class SessionUpdate(ClientEvent):
    """Change the session; answered by ``session.updated``. Absent fields stay as they are."""

    session: RealtimeSession | TranscriptionSession | TranslationConfig | UnknownPart


# --- input audio --------------------------------------------------------------------------------------------


@client_event("input_audio_buffer.append")
class InputAudioBufferAppend(ClientEvent):
    """More sound from the user. Never answered."""

    audio: str  # base64, in the session's input format, at most 15 MiB


@client_event("input_audio_buffer.commit")
class InputAudioBufferCommit(ClientEvent):
    """The user has finished: make an item of the buffer (at least 100 ms). Asks for no response."""


@client_event("input_audio_buffer.clear")
class InputAudioBufferClear(ClientEvent):
    """Forget the sound that has not been committed."""


# --- output audio -------------------------------------------------------------------------------------------


@client_event("output_audio_buffer.clear")
class OutputAudioBufferClear(ClientEvent):
    """Stop the sound on its way to the user: WebRTC and SIP only, after ``response.cancel``."""


# --- conversation -------------------------------------------------------------------------------------------


@client_event("conversation.item.create")
class ConversationItemCreate(ClientEvent):
    """Add an item: a message, the output of a function, history. Asks for no response."""

    item: Item
    previous_item_id: str | Unset = UNSET  # absent: at the end; "root": at the front


@client_event("conversation.item.retrieve")
class ConversationItemRetrieve(ClientEvent):
    """Ask for an item as the server has it: the only way to get its audio back."""

    item_id: str


@client_event("conversation.item.truncate")
class ConversationItemTruncate(ClientEvent):
    """Forget what the user did not hear of a message: its audio after the time, and its transcript."""

    item_id: str
    content_index: int
    audio_end_ms: int  # ms from the start of the item's audio; not past its end


@client_event("conversation.item.delete")
class ConversationItemDelete(ClientEvent):
    """Remove an item from the conversation."""

    item_id: str


# --- response -----------------------------------------------------------------------------------------------


@client_event("response.create")
class ResponseCreate(ClientEvent):
    """Let the model speak. Needed after function outputs and typed messages, and without turn detection."""

    response: ResponseParams | Unset = UNSET


@client_event("response.cancel")
class ResponseCancel(ClientEvent):
    """Stop a response: it ends with a ``response.done`` whose status is ``cancelled``."""

    response_id: str | Unset = UNSET  # absent: the one in the conversation
