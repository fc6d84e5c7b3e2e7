"""Who speaks for the user, and when the conversation is over: a director sees every event and decides."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from ..audio.software import SoftwareMicrophone
from ..events import (
    AssistantMessage,
    InputAudioBufferCommitted,
    InputAudioBufferSpeechStarted,
    ResponseDone,
    ResponseOutputAudioTranscriptDelta,
    ServerEvent,
    SessionUpdated,
)
from ..pcm import silence
from ..streaming import AudioStream

PAUSE_MS: Final = 600
"""What a polite user lets pass after an answer."""

PATIENCE_MS: Final = 3000
"""How long an impolite one listens before interrupting it."""


def forever(_: ServerEvent, __: AudioStream) -> bool:
    """A live conversation: Ctrl-C ends it."""
    return False


class OneRecording:
    """Says one sound, and goes when it has been answered.

    Args:
        microphone: what to say it into.
        sound: PCM16.
    """

    def __init__(self, microphone: SoftwareMicrophone, sound: bytes) -> None:
        self._microphone = microphone
        self._sound = sound
        self._turns = 0

    def __call__(self, event: ServerEvent, _: AudioStream) -> bool:
        """Say the sound once the session is configured; over when nothing is left to say or to answer."""
        match event:
            case SessionUpdated():
                self._microphone.say(silence(PAUSE_MS) + self._sound)
            case InputAudioBufferSpeechStarted():
                self._turns += 1
            case ResponseDone() if ends_turn(event):
                self._turns -= 1
                return self._turns <= 0 and self._microphone.said_all()
        return False


class ThreeQuestions:
    """Asks, lets answer, asks again, and asks a third time in the middle of that answer.

    Args:
        microphone: what to ask into.
        questions: three sounds, PCM16.
    """

    def __init__(self, microphone: SoftwareMicrophone, questions: Sequence[bytes]) -> None:
        self._microphone = microphone
        self._first, self._second, self._third = questions
        self._turn = 0
        self.over = False

    def __call__(self, event: ServerEvent, stream: AudioStream) -> bool:
        """Ask when it is time to; over when the third question has been answered."""
        match event:
            case SessionUpdated():
                self._ask(self._first, PAUSE_MS)
            case InputAudioBufferCommitted():
                self._turn += 1
            case ResponseDone() if is_answer(event) and self._turn == 1:
                self._ask(self._second, stream.stats.queued_ms + PAUSE_MS)
            case ResponseOutputAudioTranscriptDelta() if self._turn == 2 and self._third:
                self._ask(self._third, PATIENCE_MS)
                self._third = b""
            case ResponseDone() if is_answer(event) and self._turn == 3:
                self.over = True
        return self.over

    def _ask(self, question: bytes, after_ms: float) -> None:
        self._microphone.say(silence(after_ms) + question)


def ends_turn(done: ResponseDone) -> bool:
    """Whether nothing follows the response by itself: a tool call alone is only half an answer."""
    return done.response.status != "completed" or is_answer(done)


def is_answer(done: ResponseDone) -> bool:
    """Whether the response says something to the user, to its end."""
    return done.response.status == "completed" and any(
        isinstance(item, AssistantMessage) for item in done.response.output or ()
    )
