"""Whether a response is in the conversation, or beside it. Pure; one thread at a time.

Beside it may be many at once, and their items are in no conversation: neither turns nor function calls there count.
"""

from __future__ import annotations

from typing import Final

from .events import Response

REQUEST: Final = "reelthyme_request"
"""The key in the metadata of a response that we ask for beside the conversation: its value finds the request again."""


class Placing:
    """What is known of where a server puts its responses."""

    def __init__(self) -> None:
        self._names_conversations = False

    def in_conversation(self, response: Response) -> bool:
        """Whether it is. A server that has never named a conversation does not say that a response is beside it."""
        if response.conversation_id is not None:
            self._names_conversations = True
            return True
        return not self._names_conversations and REQUEST not in (response.metadata or {})
