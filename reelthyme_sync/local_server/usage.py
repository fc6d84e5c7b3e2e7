"""How many tokens things are: the service's rates for sound, and four characters for one token of text. Pure."""

from __future__ import annotations

from collections.abc import Iterable

from .. import pcm
from ..events import (
    AssistantMessage,
    AudioInput,
    CachedTokensDetails,
    DurationUsage,
    FunctionCall,
    FunctionCallOutput,
    InputTokenDetails,
    OutputTokenDetails,
    ResponseUsage,
    TokensUsage,
    Transcription,
    TranscriptionTokenDetails,
)
from .conversation import Entry

_MS_PER_TOKEN_HEARD = 100
_MS_PER_TOKEN_SPOKEN = 50
_CHARACTERS_PER_TOKEN = 4
_TOKENS_PER_PICTURE = 85  # of ours: the service's depend on the size


def text_tokens(text: str) -> int:
    """Tokens of a text."""
    return -(-len(text) // _CHARACTERS_PER_TOKEN)


def heard_tokens(sound: bytes) -> int:
    """Tokens of what a user says."""
    return -(-pcm.bytes_to_ms(len(sound)) // _MS_PER_TOKEN_HEARD)


def spoken_tokens(sound: bytes) -> int:
    """Tokens of what the model says."""
    return -(-pcm.bytes_to_ms(len(sound)) // _MS_PER_TOKEN_SPOKEN)


def output_tokens(output: Iterable[Entry]) -> OutputTokenDetails:
    """Tokens of items that the model made."""
    made = list(output)
    return OutputTokenDetails(
        text_tokens=sum(text_tokens(_text(entry)) for entry in made),
        audio_tokens=sum(spoken_tokens(entry.sound) for entry in made),
    )


def response_usage(context: Iterable[Entry], instructions: str, output: Iterable[Entry]) -> ResponseUsage:
    """What a response takes: all that it answers to, and what it made."""
    entries = list(context)
    text_in = text_tokens(instructions) + sum(text_tokens(_text(entry)) for entry in entries if not entry.sound)
    audio_in = sum(_tokens_of_sound(entry) for entry in entries)
    image_in = _TOKENS_PER_PICTURE * sum(len(entry.pictures) for entry in entries)
    out = output_tokens(output)
    total_out = (out.text_tokens or 0) + (out.audio_tokens or 0)
    return ResponseUsage(
        total_tokens=text_in + audio_in + image_in + total_out,
        input_tokens=text_in + audio_in + image_in,
        output_tokens=total_out,
        input_token_details=InputTokenDetails(
            text_tokens=text_in,
            audio_tokens=audio_in,
            image_tokens=image_in,
            cached_tokens=0,
            cached_tokens_details=CachedTokensDetails(text_tokens=0, audio_tokens=0, image_tokens=0),
        ),
        output_token_details=out,
    )


def transcript_usage(sound: bytes, text: str, hearing: AudioInput) -> TokensUsage | DurationUsage:
    """What a transcript takes: tokens, of the models that are billed by them; the seconds of all others."""
    if isinstance(by := hearing.transcription, Transcription) and by.model and not by.model.startswith("gpt-4o-"):
        return DurationUsage(seconds=pcm.bytes_to_ms(len(sound)) / 1000)
    heard, written = heard_tokens(sound), text_tokens(text)
    details = TranscriptionTokenDetails(text_tokens=0, audio_tokens=heard)
    return TokensUsage(
        input_tokens=heard, output_tokens=written, total_tokens=heard + written, input_token_details=details
    )


def _tokens_of_sound(entry: Entry) -> int:
    return spoken_tokens(entry.sound) if isinstance(entry.item, AssistantMessage) else heard_tokens(entry.sound)


def _text(entry: Entry) -> str:
    if isinstance(entry.item, FunctionCall):
        return entry.item.name + entry.item.arguments
    return entry.item.output if isinstance(entry.item, FunctionCallOutput) else entry.words
