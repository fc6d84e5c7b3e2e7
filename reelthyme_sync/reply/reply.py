"""What a response came to, as one value. Pure."""

from __future__ import annotations

from typing import TYPE_CHECKING

import attrs

from ..events import FunctionCall, Item, ResponseStatusDetails, ResponseUsage

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray


@attrs.frozen(kw_only=True)
class Reply:
    """What a response came to. A value: any thread may keep it.

    Attributes:
        response_id: the response.
        status: ``completed``, or why it is not whole: ``cancelled``, ``incomplete``, ``failed``; None if nobody said.
        status_details: the reason, or the error, as the server says it.
        text: what was written, parts of it on lines of their own.
        transcript: what was spoken, in words, likewise.
        pcm: what was spoken, as PCM16, 24 kHz, mono; ``b""`` where none came, or a book without ``keep_audio``.
        usage: the tokens that it took.
        cost_usd: what it cost, if that is known; the exact amount is in the meter's ``ResponseCost``.
        items: the messages and calls that it consists of, as the server last described them.
        calls: those of them that are calls of your functions.
        metadata: what was given to ``response.create`` to know it by.
        in_conversation: whether its items are in the conversation, or it was given beside it.
    """

    response_id: str
    status: str | None = None
    status_details: ResponseStatusDetails | None = None
    text: str = ""
    transcript: str = ""
    pcm: bytes = attrs.field(default=b"", repr=False)
    usage: ResponseUsage | None = None
    cost_usd: float | None = None
    items: tuple[Item, ...] = ()
    calls: tuple[FunctionCall, ...] = ()
    metadata: dict[str, str] | None = None
    in_conversation: bool = True

    @property
    def words(self) -> str:
        """What was said, in whichever way it was: the transcript, or the text."""
        return self.transcript or self.text

    @property
    def audio(self) -> NDArray[np.int16]:
        """The sound as samples: shape ``(n,)``, mono, 24 kHz; an array that is yours to change."""
        import numpy as np

        return np.frombuffer(bytearray(self.pcm), dtype="<i2")
