"""Push-to-talk: press, talk, release. Beside ``streaming`` and ``capturing``, which it brings together.

Any thread presses and releases, also a route on the session's reader. What the server says is followed on the reader;
what is to be sent because of it is decided in ``floor``, under a lock that nobody holds while he sends.
"""

from __future__ import annotations

import contextlib
import threading
from collections.abc import Callable, Iterable
from types import TracebackType
from typing import Final, Protocol

from .audio.channel import Channel
from .audio.devices import Microphone, at_our_rate
from .audio.packing import Packer
from .audio.valve import Valve
from .capturing import DEFAULT_INTERVAL_MS, Capture, Echo, default_microphone, echo_control
from .errors import ConnectionClosed
from .events import (
    AudioConfig,
    AudioInput,
    ClientEvent,
    InputAudioBufferClear,
    InputAudioBufferCommit,
    RealtimeSession,
    ResponseCancel,
    ServerEvent,
    SessionUpdate,
)
from .floor import Floor
from .session import Session
from .vad import SpeechStarted, TurnDetector

SHORTEST_MS: Final = 100
"""The service refuses to commit less."""

PRE_ROLL_MS: Final = 200

HANDS_FREE_PRE_ROLL_MS: Final = 500
"""More, because a detector is sure only when the first syllable is over."""

NO_TURN_DETECTION: Final = SessionUpdate(
    session=RealtimeSession(audio=AudioConfig(input=AudioInput(turn_detection=None)))
)


class Interruptible(Protocol):
    """What sounds, and can be silenced: an ``AudioStream``."""

    def flush(self) -> object:
        """Be silent now, and tell the server how much was heard."""


class PushToTalk:
    """A conversation in which a key decides whose turn it is. A context manager: leaving it releases the microphone.

        with stream(session) as conversation, PushToTalk(session, conversation) as talk:
            talk.press()      # the assistant falls silent
            ...
            talk.release()    # and answers

    The microphone stays open between the turns, since opening one takes 50 to 100 ms, in which the first syllable would
    be lost. Nothing of what it hears then is sent, but for the pre-roll of the next turn.

    Args:
        session: open, and a conversation: a transcription session has no answers to give.
        conversation: what plays the assistant, and is cut when the user begins; None: nothing does.
        microphone: where from; by default the system's default device. It is owned and closed here.
        interval_ms: how much sound goes into one event.
        pre_roll_ms: how much sound from before the key was pressed belongs to the turn; by default 200, and 500 with
            ``hands_free``.
        hands_free: presses and releases by itself when somebody speaks: ``TurnDetector()``. Without a headset it hears
            the assistant too, unless there is an ``echo``.
        echo: for open speakers: as of ``capture_audio``.
        configure: turn the session's own turn detection off, which would commit in the middle of a turn.

    Attributes:
        capture: the microphone: its level and stats; to mute it, or to reopen it after a ``DeviceLost``.

    Raises:
        AudioUnavailable: there is no microphone to be had.
        ValueError: the microphone has another rate than 24 kHz, the interval is not above zero, or there is no such
            ``echo``.
    """

    def __init__(
        self,
        session: Session,
        conversation: Interruptible | None = None,
        *,
        microphone: Microphone | None = None,
        interval_ms: float = DEFAULT_INTERVAL_MS,
        pre_roll_ms: float | None = None,
        hands_free: TurnDetector | None = None,
        echo: Echo | None = None,
        configure: bool = True,
    ) -> None:
        session.home.check()
        self._session = session
        self._conversation = conversation
        self._detector = hands_free
        if pre_roll_ms is None:
            pre_roll_ms = PRE_ROLL_MS if hands_free is None else HANDS_FREE_PRE_ROLL_MS
        self._valve = Valve(pre_roll_ms)
        self._floor = Floor(f"push_to_talk_{session.ordinal}")
        self._deciding = threading.Lock()  # never held while sending: the reader takes it for every event
        self._turning = threading.Lock()  # a press and a release come one after the other, with all that they send
        self._held = False
        with contextlib.ExitStack() as undo:
            if microphone is not None:
                undo.callback(microphone.close)
            channel = Channel(Packer(interval_ms), self._valve)
            control = echo_control(echo)
            opened = at_our_rate(microphone or default_microphone())
            undo.callback(opened.close)
            if configure:
                session.send(NO_TURN_DETECTION)
            self._remove_route = session.intercept(self._route)
            with self._turning:  # a detector may press at once, and release when there is no capture yet to flush
                self.capture = Capture(session, opened, channel, listen=self._listen, echo=control)
            undo.pop_all()

    def __enter__(self) -> PushToTalk:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()

    @property
    def held(self) -> bool:
        """Whether the key is down."""
        return self._held

    def press(self) -> None:
        """Let the user talk: the assistant is silenced and its response cancelled, and the microphone is sent.

        Does nothing when the key is down already.

        Raises:
            ConnectionClosed: the session has ended.
        """
        self._session.home.check()
        with self._turning:
            if self._held:
                return
            self._send(self._decide(self._floor.take))
            self._silence()
            self._session.send(InputAudioBufferClear())
            self._held = True
            self._valve.open()

    def release(self) -> bool:
        """Let the assistant answer what was said. Tells whether there was anything.

        A touch of the key of less than 100 ms, not counting the pre-roll, is no turn: the assistant is only silenced.
        Nor is a release without a press.

        Raises:
            ConnectionClosed: the session has ended.
        """
        self._session.home.check()
        with self._turning:
            if not self._held:
                return False
            self._held = False
            self._valve.close()
            self.capture.flush()  # waits for a block that is just passing, too
            return self._commit() if self._valve.passed_ms >= SHORTEST_MS else self._drop()

    def stop(self) -> None:
        """Release the microphone. A turn that has not been released is not answered.

        Idempotent; in a forked process it does nothing.
        """
        if not self._session.home.here:
            return
        self._held = False
        self._remove_route()
        self._valve.close()
        self.capture.stop()

    def _commit(self) -> bool:
        self._session.send(InputAudioBufferCommit())
        self._send(self._decide(self._floor.hand_over))
        return True

    def _drop(self) -> bool:
        self._session.send(InputAudioBufferClear())
        with self._deciding:
            self._floor.leave()
        return False

    def _route(self, event: ServerEvent) -> bool:
        with self._deciding:
            settled, wanted = self._floor.settles(event), self._floor.hear(event)
        with contextlib.suppress(ConnectionClosed):  # nobody is left to be told; the consumer meets the end itself
            self._send(wanted)
            if any(isinstance(each, ResponseCancel) for each in wanted):
                self._silence()  # what comes of it before the server has heard us
        return settled

    def _listen(self, sound: bytes) -> None:
        for boundary in self._detector.push(sound) if self._detector is not None else ():
            if isinstance(boundary, SpeechStarted):
                self.press()
            else:
                self.release()

    def _silence(self) -> None:
        if self._conversation is not None:
            self._conversation.flush()

    def _decide(self, decision: Callable[[], list[ClientEvent]]) -> list[ClientEvent]:
        with self._deciding:
            return decision()

    def _send(self, events: Iterable[ClientEvent]) -> None:
        for event in events:
            self._session.send(event)
