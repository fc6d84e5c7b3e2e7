"""A spoken conversation on open speakers: what the microphone hears of the assistant is sent to the server, too.

The assistant tells a story without an end; a person waits until enough of it has been heard, and interrupts it with a
question. All that happens is noted at once, on the thread on which it happens.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import attrs
import numpy as np
from person import Person, Utterance

from reelthyme_sync import capture_audio, connect, stream
from reelthyme_sync.audio.pyaudio_device import PyAudioMicrophone, PyAudioSpeaker
from reelthyme_sync.capturing import Echo
from reelthyme_sync.events import (
    AudioConfig,
    AudioInput,
    ConversationItemCreate,
    ConversationItemInputAudioTranscriptionCompleted,
    ConversationItemTruncate,
    InputAudioBufferSpeechStarted,
    InputText,
    RealtimeSession,
    ResponseCreate,
    ResponseOutputAudioTranscriptDelta,
    ServerEvent,
    SessionUpdate,
    Transcription,
    UserMessage,
)
from reelthyme_sync.pcm import bytes_to_ms
from reelthyme_sync.session import Outgoing

PATIENCE = 20.0
"""Seconds for the next thing to happen."""

NOTICED_WITHIN = 0.7
"""Seconds after somebody's last word in which the server may still begin to hear him."""

WITH_TRANSCRIPTS = SessionUpdate(
    session=RealtimeSession(audio=AudioConfig(input=AudioInput(transcription=Transcription(model="gpt-transcribe"))))
)


class InterruptedItself(Exception):
    """The server heard somebody while nobody spoke but the assistant."""


@attrs.frozen
class Interruption:
    """A question in the middle of what the assistant says, and what came of it.

    Attributes:
        cut_ms: from the question's first loud sample until the speaker was told to be silent.
        words: what the server heard.
        answer: how the assistant's answer begins.
    """

    cut_ms: float
    words: str
    answer: str


class Dialogue:
    """One conversation.

    Attributes:
        spoken_ms: how long the assistant has sounded, its pauses not counted.
    """

    def __init__(self, person: Person) -> None:
        self.spoken_ms = 0
        self._person = person
        self._changed = threading.Condition()
        self._utterances: list[Utterance] = []
        self._noticed: list[float] = []  # when the server said that somebody speaks
        self._cuts: list[float] = []
        self._words: list[str] = []
        self._answers: dict[str, str] = {}

    def listen(self, ms: float) -> None:
        """Until so much more of the assistant has sounded.

        Raises:
            InterruptedItself: it has.
        """
        target = self.spoken_ms + ms
        self._wait(lambda: self.spoken_ms >= target, PATIENCE + 2 * ms / 1000)

    def interrupt(self, recording: str) -> Interruption:
        """Ask, and wait until the assistant begins to answer.

        Raises:
            InterruptedItself: before, or after the question.
        """
        cuts, words, answers = len(self._cuts), len(self._words), len(self._answers)
        self._utterances.append(said := self._person.say(recording))
        self._wait(lambda: len(self._cuts) > cuts and len(self._words) > words and len(self._answers) > answers)
        self.listen(500)
        return Interruption(
            cut_ms=round(1000 * (self._cuts[cuts] - said.began)),
            words=self._words[words],
            answer=list(self._answers.values())[answers],
        )

    def played(self, block: bytes) -> None:
        """The speaker's tap."""
        if np.frombuffer(block, "<i2").any():
            with self._changed:
                self.spoken_ms += bytes_to_ms(len(block))
                self._changed.notify_all()

    def received(self, event: ServerEvent) -> bool:
        """The session's route."""
        with self._changed:
            match event:
                case InputAudioBufferSpeechStarted():
                    self._noticed.append(time.monotonic())
                case ConversationItemInputAudioTranscriptionCompleted():
                    self._words.append(event.transcript)
                case ResponseOutputAudioTranscriptDelta():
                    self._answers[event.item_id] = self._answers.get(event.item_id, "") + event.delta
            self._changed.notify_all()
        return False

    def sent(self, event: Outgoing) -> Outgoing:
        """The session's hook for what goes out."""
        if isinstance(event, ConversationItemTruncate):
            with self._changed:
                self._cuts.append(time.monotonic())
                self._changed.notify_all()
        return event

    def _wait(self, ready: Callable[[], bool], patience: float = PATIENCE) -> None:
        with self._changed:
            assert self._changed.wait_for(lambda: self._strayed() or ready(), patience), "nothing happens any more"
            if self._strayed():
                raise InterruptedItself(f"after {self.spoken_ms / 1000:.1f} s of speech")

    def _strayed(self) -> bool:
        return not all(
            any(said.began <= moment <= said.ended + NOTICED_WITHIN for said in self._utterances)
            for moment in (*self._noticed, *self._cuts)
        )


@contextmanager
def open_dialogue(url: str, person: Person, echo: Echo | None) -> Iterator[Dialogue]:
    """A conversation with that server, whose assistant speaks first."""
    dialogue = Dialogue(person)
    with connect(url=url, api_key="none", outgoing=dialogue.sent) as session:
        session.intercept(dialogue.received)
        session.send(WITH_TRANSCRIPTS)
        with (
            stream(session, speaker=PyAudioSpeaker(tap=dialogue.played)),
            capture_audio(session, microphone=PyAudioMicrophone(), echo=echo),
        ):
            session.send(ConversationItemCreate(item=UserMessage(content=[InputText(text="begin")])))
            session.send(ResponseCreate())
            yield dialogue
