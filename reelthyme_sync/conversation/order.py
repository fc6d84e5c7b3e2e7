"""Where an item goes. Pure."""

from __future__ import annotations

from typing import Final

from .item import ConversationItem

ROOT: Final = "root"
"""The ``previous_item_id`` of an item that goes before all others."""


def inserted(
    items: dict[str, ConversationItem], new: ConversationItem, previous_item_id: str | None
) -> dict[str, ConversationItem]:
    """The items by id, with one more after the item before it.

    Some servers never say which that is, so that nothing said, or an item that nobody knows, means the end. It is a
    new dict: other threads may be walking the old one.
    """
    if previous_item_id == ROOT:
        return {new.id: new, **items}
    if previous_item_id not in items:
        return {**items, new.id: new}
    longer = {}
    for known, item in items.items():
        longer[known] = item
        if known == previous_item_id:
            longer[new.id] = new
    return longer
