"""An hour of one answer through a conversation: what a delta costs at its beginning and at its end, and the memory.

The hour is told twice: with the sound kept, and without. Only the ratios mean something: of the last tenth to the
first, and of memory to sound.
"""

from __future__ import annotations

import statistics
import sys
import time
import tracemalloc

from reelthyme_sync.conversation import RealtimeConversation
from reelthyme_sync.events import (
    AssistantMessage,
    ConversationItemAdded,
    ResponseOutputAudioDelta,
    ResponseOutputAudioTranscriptDelta,
)
from reelthyme_sync.pcm import encode_base64, silence

DELTA_MS = 100
HOUR_MS = 3_600_000
MOST_GROWTH = 1.2
BATCH = 50
"""Deltas that are timed together. The median of many batches is what other programs disturb least."""


def begun(*, keep_audio: bool) -> RealtimeConversation:
    conversation = RealtimeConversation(keep_audio=keep_audio)
    conversation.process_event(ConversationItemAdded(item=AssistantMessage(id="a", content=[], status="in_progress")))
    return conversation


def tell(conversation: RealtimeConversation, count: int) -> float:
    """Seconds for so many deltas of sound, each with some words."""
    audio = ResponseOutputAudioDelta(item_id="a", delta=encode_base64(silence(DELTA_MS)))
    words = ResponseOutputAudioTranscriptDelta(item_id="a", delta=" and so on")
    began = time.perf_counter()
    for _ in range(count):
        conversation.process_event(audio)
        conversation.process_event(words)
    return time.perf_counter() - began


def ends_us(*, keep_audio: bool) -> tuple[float, float]:
    """Microseconds a delta in the first tenth of the hour, and in the last. In turns: both meet the same machine."""
    tenth = HOUR_MS // DELTA_MS // 10
    young, old = begun(keep_audio=keep_audio), begun(keep_audio=keep_audio)
    tell(old, tenth * 9)
    timed = [(tell(young, BATCH), tell(old, BATCH)) for _ in range(tenth // BATCH)]
    first, last = (statistics.median(times) / BATCH / 2 * 1e6 for times in zip(*timed, strict=True))
    return first, last


def memory_mb(minutes: int, *, keep_audio: bool) -> float:
    """What a conversation of so many minutes holds."""
    tracemalloc.start()
    conversation = begun(keep_audio=keep_audio)
    tell(conversation, minutes * 60_000 // DELTA_MS)
    held, _ = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    return held / 1e6


def main() -> int:
    tell(begun(keep_audio=True), 1_000)  # nothing is timed that happens once
    failed = False
    for keep_audio in (True, False):
        first, last = ends_us(keep_audio=keep_audio)
        failed |= last / first > MOST_GROWTH
        what = "sound kept" if keep_audio else "sound counted"
        print(f"{what:<14} {first:5.2f} us a delta in the first tenth of an hour, {last:5.2f} in the last")
        print(f"{'':<14} {last / first:5.2f} times; at most {MOST_GROWTH}")
        ten, twenty = (memory_mb(minutes, keep_audio=keep_audio) for minutes in (10, 20))
        print(f"{'':<14} {ten:6.2f} MB after 10 minutes, {twenty:6.2f} MB after 20 ({twenty / ten:.2f} times)")
    conversation = begun(keep_audio=True)
    tell(conversation, HOUR_MS // DELTA_MS)
    for what in ("joining it", "again"):
        began = time.perf_counter()
        size = len(conversation.get_items()[0].formatted.pcm)
        print(f"{what:<14} {size / 1e6:.0f} MB in {(time.perf_counter() - began) * 1e3:.3f} ms")
    return failed


if __name__ == "__main__":
    sys.exit(main())
