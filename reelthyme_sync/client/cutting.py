"""What cuts an item of the assistant at the sample that was heard last. Pure."""

from __future__ import annotations

from ..conversation import ConversationItem
from ..events import ConversationItemTruncate
from ..pcm import samples_to_ms


def cut_of(item: ConversationItem, sample_count: int) -> ConversationItemTruncate:
    """The event that makes the server forget what comes after that many samples of the item's sound.

    Never past its end, which the server refuses.

    Raises:
        ValueError: the item is no message of the assistant with sound, or the count is below zero.
    """
    if item.type != "message":
        raise ValueError('Can only cancel_response messages with type "message"')
    if item.role != "assistant":
        raise ValueError('Can only cancel_response messages with role "assistant"')
    if sample_count < 0:
        raise ValueError(f"sample_count counts what was heard: it must not be below zero, as {sample_count} is")
    part = next((part for part in item.parts if part.spoken), None)
    if part is None:
        raise ValueError("Could not find audio on item to cancel")
    heard_ms = min(samples_to_ms(sample_count, part.rate), part.audio_ms)
    return ConversationItemTruncate(item_id=item.id, content_index=part.content_index, audio_end_ms=heard_ms)
