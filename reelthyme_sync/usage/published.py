"""OpenAI's list prices. Pure."""

from __future__ import annotations

from typing import Final

import attrs

from .prices import Prices, PriceTable

_REALTIME: Final = Prices(
    text_in=4,
    text_cached="0.4",
    text_out=16,
    audio_in=32,
    audio_cached="0.4",
    audio_out=64,
    image_in=5,
    image_cached="0.5",
)
_REASONING: Final = attrs.evolve(_REALTIME, text_out=24)
_MINI: Final = Prices(
    text_in="0.6",
    text_cached="0.06",
    text_out="2.4",
    audio_in=10,
    audio_cached="0.3",
    audio_out=20,
    image_in="0.8",
    image_cached="0.08",
)
_PREVIEW: Final = Prices(text_in=5, text_cached="2.5", text_out=20, audio_in=40, audio_cached="2.5", audio_out=80)
_FIRST_PREVIEW: Final = attrs.evolve(_PREVIEW, audio_in=100, audio_cached=20, audio_out=200)
_MINI_PREVIEW: Final = Prices(
    text_in="0.6", text_cached="0.3", text_out="2.4", audio_in=10, audio_cached="0.3", audio_out=20
)

PUBLISHED: Final = PriceTable(
    {
        "gpt-realtime-2.1": _REASONING,
        "gpt-realtime-2.1-mini": _MINI,
        "gpt-realtime-2": _REASONING,
        "gpt-realtime-1.5": _REALTIME,
        "gpt-realtime": _REALTIME,
        "gpt-realtime-mini": _MINI,
        "gpt-4o-realtime-preview": _PREVIEW,
        "gpt-4o-realtime-preview-2024-10-01": _FIRST_PREVIEW,
        "gpt-4o-mini-realtime-preview": _MINI_PREVIEW,
        "gpt-4o-transcribe": Prices(text_in="2.5", audio_in="2.5", text_out=10),
        "gpt-4o-mini-transcribe": Prices(text_in="1.25", audio_in="1.25", text_out=5),
        "gpt-transcribe": Prices(per_minute="0.0045"),
        "gpt-live-transcribe": Prices(per_minute="0.017"),
        "gpt-realtime-whisper": Prices(per_minute="0.017"),
        "whisper-1": Prices(per_minute="0.006"),
    }
)
"""Prices as they were published in November 2026. They change, and yours may be others: check the provider's page, and
replace what differs by ``PUBLISHED.with_prices(...)``.

A model whose price was not found is not here. Nor are those that translate: their sessions do not say what they use.
"""
