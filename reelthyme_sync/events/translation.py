"""The events that only a translation session has; ``session.update`` and its answers, and ``error``, it shares.

There are no turns, items or responses: sound in one language goes in, sound in another comes out, without end.
``elapsed_ms`` counts milliseconds of input in steps of 200: several deltas may bear the same one.
"""

from typing import TYPE_CHECKING, Literal

from ..pcm import decode_samples
from .base import ClientEvent, ServerEvent, client_event, server_event

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray


@client_event("session.input_audio_buffer.append")
class SessionInputAudioBufferAppend(ClientEvent):
    """More sound to translate. Send silence too: a gap is heard as if there were none. Never answered."""

    audio: str  # base64, 24 kHz PCM16 mono


@client_event("session.close")
class SessionClose(ClientEvent):
    """Nothing more to translate. What is pending still comes, then ``session.closed``."""


@server_event("session.closed")
class SessionClosed(ServerEvent):
    """Answers ``session.close``: all has been said, the connection ends."""


@server_event("session.output_audio.delta")
class SessionOutputAudioDelta(ServerEvent):
    """More sound in the target language."""

    delta: str = ""  # base64
    format: Literal["pcm16"] | None = None
    sample_rate: int | None = None  # None: 24000
    channels: int | None = None  # None: 1
    elapsed_ms: int | None = None

    def pcm(self) -> "NDArray[np.int16]":
        """The sound as samples: shape ``(n,)``, mono at 24 kHz unless ``channels`` and ``sample_rate`` say otherwise.

        Raises:
            ValueError: ``delta`` is no base64, or ends within a sample.
        """
        return decode_samples(self.delta)


@server_event("session.output_transcript.delta")
class SessionOutputTranscriptDelta(ServerEvent):
    """More words in the target language. Deltas join without added spaces."""

    delta: str = ""
    elapsed_ms: int | None = None


@server_event("session.input_transcript.delta")
class SessionInputTranscriptDelta(ServerEvent):
    """More words in the source language, where ``audio.input.transcription`` asks for them."""

    delta: str = ""
    elapsed_ms: int | None = None
