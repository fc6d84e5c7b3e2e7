"""What comes with a transcript of the user's speech: probabilities, languages, usage, and why there is none."""

import attrs

from .base import Part, TaggedPart, UnknownPart, part


@part()
class LogProb(Part):
    """How sure the model was of one token. Ask for it with ``RealtimeSession.include``."""

    token: str = ""
    logprob: float = 0.0  # natural logarithm
    bytes: list[int] = attrs.field(factory=list)  # the token in UTF-8


@part()
class TranscriptionLanguage(Part):
    """A language that was heard."""

    code: str = ""


@part()
class TranscriptionTokenDetails(Part):
    """The tokens that went in, by kind."""

    text_tokens: int | None = None
    audio_tokens: int | None = None


@part("tokens")
class TokensUsage(TaggedPart):
    """A transcription billed by tokens."""

    input_tokens: int = 0
    output_tokens: int = 0
    total_tokens: int = 0
    input_token_details: TranscriptionTokenDetails | None = None


@part("duration")
class DurationUsage(TaggedPart):
    """A transcription billed by time."""

    seconds: float = 0.0


TranscriptionUsage = TokensUsage | DurationUsage | UnknownPart


@part()
class TranscriptionError(Part):
    """Why speech could not be written down."""

    type: str | None = None  # such as "transcription_error"
    code: str | None = None  # such as "audio_unintelligible"
    message: str | None = None
    param: str | None = None
