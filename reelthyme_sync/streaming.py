"""``stream``: a session's audio is played, all else is for you. Knows both the session and the audio.

Routes run on the session's reader, so neither playing nor interrupting ever waits for a slow consumer.
"""

from __future__ import annotations

import contextlib
import logging
import threading
from collections.abc import Iterator, Sequence
from types import TracebackType
from typing import Final

from .audio.devices import Speaker, at_our_rate
from .audio.in_order import InOrder
from .audio.metering import Level
from .audio.player import PlaybackStats, Player
from .conversation import item_id
from .errors import AudioUnavailable, ConnectionClosed
from .events import (
    ClientEvent,
    ConversationItemAdded,
    ConversationItemCreated,
    DeviceLost,
    InputAudioBufferSpeechStarted,
    OutputAudioBufferClear,
    OutputAudioBufferCleared,
    OutputAudioBufferStarted,
    OutputAudioBufferStopped,
    ResponseCancel,
    ResponseCreated,
    ResponseDone,
    ResponseOutputAudioDelta,
    ResponseOutputAudioDone,
    ResponseOutputAudioTranscriptDelta,
    ServerEvent,
    SessionClosed,
    SessionOutputAudioDelta,
)
from .formats import output_format
from .interpreting import Interpretation
from .playback import AudioPart, Heard
from .replies import Replies
from .room import Room
from .session import Session

log = logging.getLogger("reelthyme_sync")


def stream(
    session: Session, *, speaker: Speaker | None = None, barge_in: bool = True, with_audio: bool = False
) -> AudioStream:
    """Play the session's audio, and iterate over everything else.

    Audio goes from the reader straight to the audio thread: a slow consumer does not delay it, unless the session has a
    ``max_queue`` and that is full. PCM and G.711 are played, whatever the session is configured to send. A translation
    is played too; nothing interrupts it, since it has no turns.

    Args:
        session: open.
        speaker: where to; by default the system's default device. The stream owns and closes it.
        barge_in: when the user begins to speak, fall silent and tell the server how much was heard.
        with_audio: leave the audio among the events too, for those who want to play it and to have it.

    Raises:
        AudioUnavailable: there is no speaker to be had.
        ValueError: the speaker has another rate than 24 kHz.
    """
    session.home.check()
    return AudioStream(session, at_our_rate(speaker or _default_speaker()), barge_in=barge_in, with_audio=with_audio)


class AudioStream:
    """A session's events without its audio, which is being played. Iterate over it, in one thread.

    A context manager: leaving it falls silent. When the session is closed, what was received is played to its end
    first; when it is lost, the loss comes at once. A speaker that fails is told by ``reelthyme.device_lost``; the
    session goes on, silently, until ``reopen``.
    """

    def __init__(self, session: Session, speaker: Speaker, *, barge_in: bool, with_audio: bool = False) -> None:
        self._session = session
        self._barge_in = barge_in
        self._with_audio = with_audio
        self._changing = threading.Lock()  # one reopen or stop at a time
        self._stopped = False
        self._volume = 1.0
        self._replies = Replies()
        self._interpretation = Interpretation()
        self._order = InOrder()
        self._missed: list[ServerEvent] | None = None  # while there is no player to hear them
        self._deciding = threading.Lock()  # of the five above; never held while sending
        self._on_call = _OnCall()
        self._player = self._playing_on(speaker)
        self._remove_route = session.intercept(self._route)
        self._forget_end = session.on_end(self._finish)

    def __iter__(self) -> Iterator[ServerEvent]:
        yield from self._session.events()
        self.stop(drain=True)

    def __enter__(self) -> AudioStream:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()

    @property
    def stats(self) -> PlaybackStats:
        """How much has been heard, how much waits, and how well it went."""
        self._session.home.check()
        return self._player.stats

    @property
    def level(self) -> Level:
        """How loud it is now: the 20 ms that just sound. For a meter, asked as often as it is drawn."""
        self._session.home.check()
        return self._player.level

    @property
    def volume(self) -> float:
        """From 0.0, silence, to 2.0; 1.0 is as it came. A change is heard within 0.2 s."""
        return self._volume

    @volume.setter
    def volume(self, volume: float) -> None:
        self._session.home.check()
        self._player.volume = volume
        self._volume = volume

    def received_ms(self, item_id: str, content_index: int = 0) -> int:
        """Milliseconds of audio received for an item, heard or not."""
        self._session.home.check()
        return self._player.received_ms(item_id, content_index)

    def flush(self, *, first: Sequence[ClientEvent] = ()) -> Heard | None:
        """Be silent now, and tell the server how much was heard; None if nothing was left to hear.

        For push-to-talk, or a message that interrupts. What is still to come of the answer under way is dropped, also
        when nothing of it has come yet; later ones play normally. Of a translation, what is queued is dropped, and the
        server has nothing to be told. On a call by WebRTC or SIP, where the service plays, it is the service that is
        told to fall silent, and that knows how much was heard.

        Args:
            first: sent when it is silent, before the server is told how much was heard, such as a ``response.cancel``.
        """
        self._session.home.check()
        answering = self._replies.under_way and not any(isinstance(event, ResponseCancel) for event in first)
        return self._cut([*first, *self._on_call.silence(answering=answering)])

    def reopen(self, speaker: Speaker | None = None) -> None:
        """Go on with another speaker: after ``reelthyme.device_lost``, or to change devices.

        What was sounding on the old one is cut, as by ``flush``.

        Args:
            speaker: where to; by default the system's default device, as it is now.

        Raises:
            AudioUnavailable: there is no speaker to be had. Try again later.
            ValueError: the speaker has another rate than 24 kHz, or the stream has been stopped.
        """
        self._session.home.check()
        with self._changing:
            if self._stopped:
                if speaker is not None:
                    speaker.close()
                raise ValueError("This stream has been stopped: make a new one with stream(session)")
            with self._deciding:  # first: what comes after the cut is for the new speaker
                self._missed = []
            try:
                self._hush()
                self._player.join()  # first: many a device can be opened only once
                self._player = self._playing_on(at_our_rate(speaker or _default_speaker()))
            finally:
                self._catch_up()

    def stop(self, drain: bool = False) -> None:
        """Stop playing, for good, and release the speaker. Idempotent; in a forked process it does nothing.

        Args:
            drain: play what has been received first. Otherwise the server is told how much was heard, as by ``flush``.
        """
        if not self._session.home.here:
            return
        self._remove_route()
        self._forget_end()
        if not drain:
            self._hush()  # before it is our turn: somebody else may be draining
        with self._changing:
            self._stopped = True
            if not drain:
                self._hush()
            self._finish()
            self._player.join()

    def _hush(self) -> None:
        self._player.finish()
        self._cut()

    def _catch_up(self) -> None:
        """Play what came while there was no player."""
        with self._deciding:
            missed, self._missed = self._missed or [], None
            told = [message for event in missed for message in self._hear(event)]
        for message in told:
            self._send(message)

    def _playing_on(self, speaker: Speaker) -> Player:
        played = self._session.shared(Room).play(speaker)
        player = Player(speaker, ordinal=self._session.ordinal, failed=self._lost, reference=played)
        player.volume = self._volume
        return player

    def _finish(self) -> None:
        with self._deciding:
            for step in self._order.rest():
                self._pass(*step)
            self._player.finish()

    def _lost(self, error: Exception) -> None:
        log.error("playback ended: %s", error)
        self._player.finish()
        self._cut()
        with contextlib.suppress(ConnectionClosed):
            self._session.report(DeviceLost(device="speaker", message=str(error)))

    def _route(self, event: ServerEvent) -> bool:
        self._on_call.follow(event)
        if isinstance(event, InputAudioBufferSpeechStarted):
            if self._barge_in:
                self._barge()
        elif isinstance(event, _FOLLOWED):
            self._follow(event)
        return isinstance(event, ResponseOutputAudioDelta | SessionOutputAudioDelta) and not self._with_audio

    def _barge(self) -> None:
        if self._on_call.sounding:  # the service has cancelled the response by itself
            self._send(OutputAudioBufferClear())
        self._cut()

    def _follow(self, event: ServerEvent) -> None:
        try:
            with self._deciding:
                told = self._hear(event) if self._missed is None else self._miss(event)
        except AudioUnavailable as error:  # soxr
            self._lost(error)
            return
        for each in told:
            self._send(each)

    def _miss(self, event: ServerEvent) -> list[ClientEvent]:
        assert self._missed is not None
        self._missed.append(event)
        return []

    def _hear(self, event: ServerEvent) -> list[ClientEvent]:
        match event:
            case ResponseOutputAudioDelta():
                return self._take(event)
            case ResponseOutputAudioTranscriptDelta():
                self._player.transcribe(AudioPart(event.item_id, event.content_index), event.delta)
            case ResponseOutputAudioDone():
                self._complete(AudioPart(event.item_id, event.content_index))
            case ResponseCreated():
                self._replies.begin(event.response)
            case ConversationItemAdded() | ConversationItemCreated():
                self._replies.place(item_id(event.item))
            case ResponseDone():
                for part in self._replies.end(event.response.id):
                    self._play(part, None)
            case SessionOutputAudioDelta():
                self._interpret(event)
            case SessionClosed():
                self._play(self._interpretation.part, self._interpretation.rest())
                self._play(self._interpretation.part, None)
        return []

    def _interpret(self, delta: SessionOutputAudioDelta) -> None:
        if not self._player.finished:
            self._replies.leave_out(self._interpretation.part.item_id)
            self._play(self._interpretation.part, self._interpretation.samples(delta))

    def _take(self, delta: ResponseOutputAudioDelta) -> list[ClientEvent]:
        if not self._replies.wants(delta):
            return self._replies.pass_over(delta)
        for part in self._replies.before(delta):
            self._complete(part)
        if not self._player.finished:
            try:
                pcm = self._replies.samples(delta, output_format(self._session.configuration))
                self._play(AudioPart(delta.item_id, delta.content_index), pcm)
            except ValueError:
                log.warning("an audio delta of %s is no base64: dropped", delta.item_id)
        return []

    def _complete(self, part: AudioPart) -> None:
        self._play(part, self._replies.rest(part))
        self._play(part, None)

    def _play(self, part: AudioPart, pcm: bytes | None) -> None:
        for step in self._order.push(part, pcm):
            self._pass(*step)

    def _pass(self, part: AudioPart, pcm: bytes | None) -> None:
        if pcm is None:
            self._player.complete(part)
        else:
            self._player.feed(part, pcm)

    def _cut(self, first: Sequence[ClientEvent] = ()) -> Heard | None:
        with self._deciding:  # a delta is played before this, or dropped
            cut = self._player.flush()
            self._interpretation.cut()
            told = self._replies.silence(cut, self._order.drop())
        for event in (*first, *told):
            self._send(event)
        return cut[0] if cut else None

    def _send(self, event: ClientEvent) -> None:
        with contextlib.suppress(ConnectionClosed):  # nobody is left to be told; the consumer meets the end itself
            self._session.send(event)


_FOLLOWED: Final = (
    ConversationItemAdded,
    ConversationItemCreated,
    ResponseCreated,
    ResponseDone,
    ResponseOutputAudioDelta,
    ResponseOutputAudioDone,
    ResponseOutputAudioTranscriptDelta,
    SessionClosed,
    SessionOutputAudioDelta,
)


class _OnCall:
    """Where the service plays the sound itself, on WebRTC and SIP: whether it does so now, and what silences it."""

    def __init__(self) -> None:
        self.sounding = False

    def follow(self, event: ServerEvent) -> None:
        """See what the service does."""
        match event:
            case OutputAudioBufferStarted():
                self.sounding = True
            case OutputAudioBufferStopped() | OutputAudioBufferCleared():
                self.sounding = False

    def silence(self, *, answering: bool) -> Iterator[ClientEvent]:
        """What to send, so that it falls silent and stays so although the server may still be ``answering``."""
        if self.sounding:
            if answering:
                yield ResponseCancel()
            yield OutputAudioBufferClear()


def _default_speaker() -> Speaker:
    from .audio.pyaudio_device import PyAudioSpeaker

    return PyAudioSpeaker()
