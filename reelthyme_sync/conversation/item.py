"""An item of the conversation as it is at one moment: a value that any thread may keep. Pure."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final, Literal

import attrs

from ..events import (
    AssistantMessage,
    FunctionCall,
    FunctionCallOutput,
    InputAudio,
    InputText,
    Item,
    OutputAudio,
    OutputText,
    SystemMessage,
    UnknownPart,
    UserMessage,
    evolve,
)
from ..pcm import SAMPLE_RATE
from .said import Said, find

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

SHOWN: Final = 60
"""Characters of its words that a ``repr`` shows."""

Message: Final = (SystemMessage, UserMessage, AssistantMessage)


def item_id(item: Item) -> str:
    """The id of an item, of a kind unknown here too; ``""`` while it has none."""
    return _word(item, "id") or ""


@attrs.frozen
class FormattedTool:
    """The function that the model wants called.

    Attributes:
        name: that of the tool.
        call_id: what the ``function_call_output`` has to name.
        arguments: JSON, as far as it has come.
        type: always ``function``.
    """

    name: str
    call_id: str
    arguments: str
    type: Literal["function"] = "function"


@attrs.frozen(eq=False, repr=False)
class ConversationItem:
    """One item, as it was when you got it: it does not change when the conversation goes on.

    It costs nothing to hold: words and sound are joined when you ask for them. Two are equal when they say the same.

    Attributes:
        id: the item's id.
        announced: the item as the server last described it as a whole.
        parts: what has come of its content since; of a function call, its arguments.
        ended: whether nothing more comes of it, however it ended.
        completed: whether it ended well: ``conversation.item.completed`` is told once, of the value that first says so.
        written: of what the user said aloud, whether all is written down that will be: that takes until after its end,
            and may fail.
    """

    id: str
    announced: Item
    parts: tuple[Said, ...] = ()
    ended: bool = False
    completed: bool = False
    written: bool = False

    def __repr__(self) -> str:
        shown = [f"{self.id!r} {self.role or self.type}, {self.status}"]
        if isinstance(self.announced, FunctionCall):
            shown.append(self.announced.name)
        if words := self.full_text:
            shown.append(repr(words if len(words) <= SHOWN else f"{words[:SHOWN]}…"))
        if self.audio_ms:
            shown.append(f"{self.audio_ms} ms")
        return f"<ConversationItem {', '.join(shown)}>"

    def __eq__(self, other: object) -> bool:
        return isinstance(other, ConversationItem) and self._said() == other._said()

    __hash__ = None  # type: ignore[assignment]  # what a server says holds lists

    @property
    def type(self) -> str:
        """``message``, ``function_call``, ``function_call_output``, or another of the wire's."""
        return self.announced.type

    @property
    def role(self) -> str | None:
        """``user``, ``assistant`` or ``system``; None of what is no message."""
        return _word(self.announced, "role")

    @property
    def status(self) -> str:
        """``in_progress``, ``completed`` or ``incomplete``; where the server does not say, what it has come to."""
        if self.completed:
            return "completed"
        return _word(self.announced, "status") or ("completed" if self.ended else "in_progress")

    @property
    def item(self) -> Item:
        """The item in the wire's shape as it is by now: with its words so far, and of those only what was heard."""
        match self.announced:
            case FunctionCall() if self.parts:
                return evolve(self.announced, arguments=self.arguments)
            case SystemMessage() | UserMessage() | AssistantMessage() if self.parts:
                described: dict[int, Any] = dict(enumerate(self.announced.content))
                known = {said.content_index: said for said in self.parts}
                content = [
                    _as_content(self.announced, known.get(index), described.get(index))
                    for index in sorted({*described, *known})
                ]
                return evolve(self.announced, content=content)
        return self.announced

    @property
    def formatted(self) -> Formatted:
        """The same, ready for use: text, transcript, sound, tool, output."""
        return Formatted(self)

    @property
    def arguments(self) -> str:
        """The arguments of a function call, JSON, as far as they have come; ``""`` of anything else."""
        said = find(self.parts, 0) if isinstance(self.announced, FunctionCall) else None
        return said.full_text if said else ""

    @property
    def audio_ms(self) -> int:
        """Milliseconds of sound that came, heard or not."""
        return sum(said.audio_ms for said in self.parts)

    @property
    def truncated(self) -> bool:
        """Whether what was not heard was cut off."""
        return any(said.heard_ms is not None for said in self.parts)

    @property
    def full_text(self) -> str:
        """All words of a message, spoken or written, heard or not."""
        return "".join(said.full_text for said in self._content)

    @property
    def heard_text(self) -> str:
        """Of its words those that were heard: all, if it was not truncated; else by proportion, up to a whole word."""
        return "".join(said.heard_text for said in self._content)

    @property
    def unheard_text(self) -> str:
        """Of its words those that were cut off; ``""`` if it was not truncated."""
        return "".join(said.full_text[len(said.heard_text) :] for said in self._content)

    @property
    def _content(self) -> tuple[Said, ...]:
        return self.parts if isinstance(self.announced, Message) else ()

    def _said(self) -> tuple[object, ...]:
        return self.id, self.announced, self.parts, self.ended, self.completed


@attrs.frozen
class Formatted:
    """An item ready for use. Each property is joined when you read it; after a truncation it is what was heard."""

    _item: ConversationItem

    @property
    def text(self) -> str:
        """What is written in a message."""
        return "".join(said.heard_text for said in self._item._content if not said.spoken)

    @property
    def transcript(self) -> str:
        """What is said in a message; ``""`` while nobody has written it down."""
        return "".join(said.heard_text for said in self._item._content if said.spoken)

    @property
    def pcm(self) -> bytes:
        """The sound of a message: PCM16, ``sample_rate`` samples per second; empty where no sound is kept."""
        return b"".join(said.pcm for said in self._item._content)

    @property
    def audio(self) -> NDArray[np.int16]:
        """The same as an array of shape ``(n,)``, not writable."""
        import numpy as np

        return np.frombuffer(self.pcm, dtype="<i2")

    @property
    def sample_rate(self) -> int:
        """Samples per second: 24000, or 8000 where the session speaks as telephones do."""
        return next((said.rate for said in self._item._content if said.samples), SAMPLE_RATE)

    @property
    def tool(self) -> FormattedTool | None:
        """What is to be called; None of what is no function call."""
        if not isinstance(call := self._item.announced, FunctionCall):
            return None
        return FormattedTool(call.name, call.call_id or "", self._item.arguments)

    @property
    def output(self) -> str | None:
        """What a function gave; None of what is no ``function_call_output``."""
        return made.output if isinstance(made := self._item.announced, FunctionCallOutput) else None


def _as_content(message: Item, said: Said | None, described: object) -> object:
    """A content part as the wire has it."""
    if said is None:
        return described
    if isinstance(message, AssistantMessage):
        return OutputAudio(transcript=said.heard_text) if said.spoken else OutputText(text=said.heard_text)
    words = said.full_text
    if not said.spoken:
        return described if described is not None and not words else InputText(text=words)
    heard = described if isinstance(described, InputAudio) else InputAudio(transcript=None)
    return evolve(heard, transcript=words) if words else heard


def _word(item: Item, field: str) -> str | None:
    """What an item says of itself, of a kind unknown here too."""
    found = item.raw.get(field) if isinstance(item, UnknownPart) else getattr(item, field, None)
    return found if isinstance(found, str) and found else None
