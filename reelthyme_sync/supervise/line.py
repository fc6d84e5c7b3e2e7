"""One line of a transcript: what one item of the conversation says so far. Pure."""

from __future__ import annotations

from typing import Literal, TypeAlias

import attrs

from ..conversation import ConversationItem

Who: TypeAlias = Literal["user", "assistant", "tool"]


@attrs.frozen
class Line:
    """What an item says. A later line of the same item replaces it.

    Attributes:
        item_id: of the item.
        who: says it; ``tool`` both for what is called, as ``name(arguments)``, and for what that gave.
        text: all of it so far; ``""`` where nobody has written down yet what is heard, or could.
        done: whether nothing more is to come. What a user says aloud is done when it has been written down, or when
            that has failed.
    """

    item_id: str
    who: Who
    text: str
    done: bool

    @classmethod
    def of(cls, item: ConversationItem) -> Line | None:
        """The line of an item; None of what no reader is to see, such as instructions."""
        said = item.formatted
        if (tool := said.tool) is not None:
            return cls(item.id, "tool", f"{tool.name}({tool.arguments})", item.ended)
        if (output := said.output) is not None:
            return cls(item.id, "tool", output, True)
        text = said.transcript or said.text
        match item.role:
            case "user":
                aloud = any(part.spoken for part in item.parts)
                return cls(item.id, "user", text, item.ended and (item.written or not aloud))
            case "assistant":
                return cls(item.id, "assistant", text, item.ended)
        return None
