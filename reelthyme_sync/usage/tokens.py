"""How many tokens of which kind: counted from what a server says, in whichever detail it says it. Pure.

Cached tokens are a part of the input, billed at another price. They are never added to it: here every token is counted
once, as cached or as not.
"""

from __future__ import annotations

import attrs

from ..events import CachedTokensDetails, InputTokenDetails, OutputTokenDetails, ResponseUsage, TokensUsage


@attrs.frozen(kw_only=True)
class TokenCount:
    """Tokens by the prices that they have. Counts can be added.

    Attributes:
        text_in, audio_in, image_in: tokens of input that came from no cache.
        text_cached, audio_cached, image_cached: tokens of input that did.
        text_out, audio_out: tokens of output.
    """

    text_in: int = 0
    text_cached: int = 0
    text_out: int = 0
    audio_in: int = 0
    audio_cached: int = 0
    audio_out: int = 0
    image_in: int = 0
    image_cached: int = 0

    @property
    def input(self) -> int:
        """All tokens of input, cached ones included."""
        return self.text_in + self.audio_in + self.image_in + self.cached

    @property
    def cached(self) -> int:
        """The tokens of input that came from a cache."""
        return self.text_cached + self.audio_cached + self.image_cached

    @property
    def output(self) -> int:
        """All tokens of output."""
        return self.text_out + self.audio_out

    @property
    def total(self) -> int:
        """Input and output."""
        return self.input + self.output

    def __add__(self, other: TokenCount) -> TokenCount:
        mine, theirs = attrs.asdict(self), attrs.asdict(other)
        return TokenCount(**{kind: mine[kind] + theirs[kind] for kind in mine})


def response_tokens(usage: ResponseUsage) -> TokenCount:
    """The tokens of a response. What is not said to be audio or an image counts as text."""
    details = usage.input_token_details or InputTokenDetails()
    audio, image = _count(details.audio_tokens), _count(details.image_tokens)
    text = max(_count(details.text_tokens), _count(usage.input_tokens) - audio - image)
    cached = _cached(details, text=text, audio=audio, image=image)
    output = usage.output_token_details or OutputTokenDetails()
    audio_out = _count(output.audio_tokens)
    return TokenCount(
        text_in=text - cached["text"],
        text_cached=cached["text"],
        text_out=max(_count(output.text_tokens), _count(usage.output_tokens) - audio_out),
        audio_in=audio - cached["audio"],
        audio_cached=cached["audio"],
        audio_out=audio_out,
        image_in=image - cached["image"],
        image_cached=cached["image"],
    )


def transcription_tokens(usage: TokensUsage) -> TokenCount:
    """The tokens of a transcription. What is not said to be audio counts as text."""
    details = usage.input_token_details
    audio = _count(details.audio_tokens) if details else 0
    text = max(_count(details.text_tokens) if details else 0, _count(usage.input_tokens) - audio)
    return TokenCount(text_in=text, audio_in=audio, text_out=_count(usage.output_tokens))


def _cached(details: InputTokenDetails, **input_of: int) -> dict[str, int]:
    """Of each kind of input, how much came from a cache: never more than there is. What is of no kind is text first."""
    known = details.cached_tokens_details or CachedTokensDetails()
    cached = {kind: min(_count(getattr(known, f"{kind}_tokens")), there) for kind, there in input_of.items()}
    left = max(0, _count(details.cached_tokens) - sum(cached.values()))
    for kind, there in input_of.items():
        more = min(left, there - cached[kind])
        cached[kind] += more
        left -= more
    return cached


def _count(tokens: int | None) -> int:
    return max(0, tokens or 0)
