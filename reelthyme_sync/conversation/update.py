"""What one event changed in the conversation. Values; pure."""

from __future__ import annotations

import attrs

from .item import ConversationItem


@attrs.frozen(kw_only=True)
class Delta:
    """What was added to an item. Exactly one of these is set.

    Attributes:
        transcript: words that were said.
        audio: PCM16, in the item's ``formatted.sample_rate``; whole samples.
        text: words that were written.
        arguments: a piece of JSON, of a function call.
    """

    transcript: str | None = None
    audio: bytes | None = attrs.field(default=None, repr=False)
    text: str | None = None
    arguments: str | None = None


@attrs.frozen
class Update:
    """Something in the conversation has changed: ``conversation.updated`` is due.

    Attributes:
        item: as it is now; of one that was deleted, as it was.
        delta: what was added to it; None if it changed in another way.
        appended: whether it is new: ``conversation.item.appended`` is due. Once for each item.
        completed: whether it is complete now: ``conversation.item.completed`` is due. Once for each item, never before
            ``appended``.
    """

    item: ConversationItem
    delta: Delta | None = None
    appended: bool = False
    completed: bool = False
