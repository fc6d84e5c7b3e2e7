"""``stream``: a session's audio is played, all else is for you. Knows both the session and the audio.

Routes run on the session's reader, so neither playing nor interrupting ever waits for a slow consumer.
"""

from __future__ import annotations

import contextlib
import logging
import threading
from collections.abc import Iterable, Iterator
from types import TracebackType

from ._home import Home
from .audio.devices import Speaker
from .audio.metering import Level
from .audio.player import PlaybackStats, Player
from .audio.transcoding import Decoder
from .errors import ConnectionClosed
from .events import (
    AudioFormat,
    ClientEvent,
    ConversationItemDelete,
    ConversationItemTruncate,
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
)
from .formats import output_format
from .pcm import SAMPLE_RATE, decode_base64
from .playback import AudioPart, Heard
from .session import Session

log = logging.getLogger("reelthyme_sync")


def stream(session: Session, *, speaker: Speaker | None = None, barge_in: bool = True) -> AudioStream:
    """Play the session's audio, and iterate over everything else.

    Audio goes from the reader straight to the audio thread: a slow consumer does not delay it, unless the session has a
    ``max_queue`` and that is full. PCM and G.711 are played, whatever the session is configured to send.

    Args:
        session: open.
        speaker: where to; by default the system's default device. The stream owns and closes it.
        barge_in: when the user begins to speak, fall silent and tell the server how much was heard.

    Raises:
        AudioUnavailable: there is no speaker to be had.
        ValueError: the speaker has another rate than 24 kHz.
    """
    return AudioStream(session, _checked(speaker or _default_speaker()), barge_in=barge_in)


class AudioStream:
    """A session's events without its audio, which is being played. Iterate over it, in one thread.

    A context manager: leaving it falls silent. When the session is closed, what was received is played to its end
    first; when it is lost, the loss comes at once. A speaker that fails is told by ``reelthyme.device_lost``; the
    session goes on, silently, until ``reopen``.
    """

    def __init__(self, session: Session, speaker: Speaker, *, barge_in: bool) -> None:
        self._home = Home()
        self._session = session
        self._barge_in = barge_in
        self._changing = threading.Lock()  # one reopen or stop at a time
        self._stopped = False
        self._volume = 1.0
        self._decoding = _Decoding(session)
        self._responses = _Responses()
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
        self._home.check()
        return self._player.stats

    @property
    def level(self) -> Level:
        """How loud it is now: the 20 ms that just sound. For a meter, asked as often as it is drawn."""
        self._home.check()
        return self._player.level

    @property
    def volume(self) -> float:
        """From 0.0, silence, to 2.0; 1.0 is as it came. A change is heard within 0.2 s."""
        return self._volume

    @volume.setter
    def volume(self, volume: float) -> None:
        self._home.check()
        self._player.volume = volume
        self._volume = volume

    def received_ms(self, item_id: str, content_index: int = 0) -> int:
        """Milliseconds of audio received for an item, heard or not."""
        self._home.check()
        return self._player.received_ms(item_id, content_index)

    def flush(self) -> Heard | None:
        """Be silent now, and tell the server how much was heard; None if nothing was left to hear.

        For push-to-talk, or a message that interrupts. What is still to come of the answer under way is dropped, also
        when nothing of it has come yet; later ones play normally. On a call by WebRTC or SIP, where the service plays,
        it is the service that is told to fall silent, and that knows how much was heard.
        """
        self._home.check()
        for event in self._on_call.silence(answering=bool(self._responses.active)):
            self._send(event)
        return self._cut()

    def reopen(self, speaker: Speaker | None = None) -> None:
        """Go on with another speaker: after ``reelthyme.device_lost``, or to change devices.

        What was sounding on the old one is cut, as by ``flush``.

        Args:
            speaker: where to; by default the system's default device, as it is now.

        Raises:
            AudioUnavailable: there is no speaker to be had. Try again later.
            ValueError: the speaker has another rate than 24 kHz, or the stream has been stopped.
        """
        self._home.check()
        with self._changing:
            if self._stopped:
                raise ValueError("This stream has been stopped: make a new one with stream(session)")
            self._player.finish()
            self._cut()
            self._player.join()  # first: many a device can be opened only once
            self._player = self._playing_on(_checked(speaker or _default_speaker()))

    def stop(self, drain: bool = False) -> None:
        """Stop playing, for good, and release the speaker. Idempotent; in a forked process it does nothing.

        Args:
            drain: play what has been received first. Otherwise the server is told how much was heard, as by ``flush``.
        """
        if not self._home.here:
            return
        self._remove_route()
        self._forget_end()
        with self._changing:
            self._stopped = True
            self._player.finish()
            if not drain:
                self._cut()
            self._player.join()

    def _playing_on(self, speaker: Speaker) -> Player:
        player = Player(speaker, ordinal=self._session.ordinal, failed=self._lost)
        player.volume = self._volume
        return player

    def _finish(self) -> None:
        self._player.finish()

    def _lost(self, error: Exception) -> None:
        self._cut()
        with contextlib.suppress(ConnectionClosed):
            self._session.report(DeviceLost(device="speaker", message=str(error)))

    def _route(self, event: ServerEvent) -> bool:
        self._on_call.follow(event)
        match event:
            case ResponseOutputAudioDelta():
                self._take(event)
                return True
            case ResponseOutputAudioTranscriptDelta():
                self._player.transcribe(AudioPart(event.item_id, event.content_index), event.delta)
            case ResponseOutputAudioDone():
                part = AudioPart(event.item_id, event.content_index)
                self._player.feed(part, self._decoding.rest(part))
                self._player.complete(part)
            case ResponseCreated():
                self._responses.begin(event.response.id)
                self._decoding.begin(event)
            case ResponseDone():
                self._responses.end(event.response.id)
                self._decoding.end(event)
                self._player.complete()
            case InputAudioBufferSpeechStarted() if self._barge_in:
                self._barge()
        return False

    def _take(self, delta: ResponseOutputAudioDelta) -> None:
        if delta.response_id not in self._responses.silenced:
            self._play(delta)
        elif self._responses.silence_item(delta.item_id):
            self._send(ConversationItemDelete(item_id=delta.item_id))

    def _play(self, delta: ResponseOutputAudioDelta) -> None:
        try:
            pcm = self._decoding.samples(delta)
        except ValueError:
            log.warning("an audio delta of %s is no base64: dropped", delta.item_id)
            return
        self._player.feed(AudioPart(delta.item_id, delta.content_index), pcm)

    def _barge(self) -> None:
        if self._on_call.sounding:  # the service has cancelled the response by itself
            self._send(OutputAudioBufferClear())
        self._cut()

    def _cut(self) -> Heard | None:
        cut = self._player.flush()
        self._responses.silence([heard.item_id for heard in cut])
        for heard in cut:
            self._send(_told(heard))
        return cut[0] if cut else None

    def _send(self, event: ClientEvent) -> None:
        with contextlib.suppress(ConnectionClosed):  # nobody is left to be told; the consumer meets the end itself
            self._session.send(event)


class _Decoding:
    """From deltas to samples, each part by itself: a delta may end anywhere, and a response may have its own format."""

    def __init__(self, session: Session) -> None:
        self._session = session
        self._formats: dict[str, AudioFormat] = {}  # of the responses that have one of their own
        self._decoders: dict[AudioPart, Decoder] = {}

    def begin(self, created: ResponseCreated) -> None:
        """A response begins."""
        if own := output_format(created.response):
            self._formats[created.response.id] = own

    def end(self, done: ResponseDone) -> None:
        """A response is over."""
        self._formats.pop(done.response.id, None)
        self._decoders.clear()

    def samples(self, delta: ResponseOutputAudioDelta) -> bytes:
        """What can be played now.

        Raises:
            ValueError: the delta is no base64.
        """
        part = AudioPart(delta.item_id, delta.content_index)
        if part not in self._decoders:
            own = self._formats.get(delta.response_id)
            self._decoders[part] = Decoder(own or output_format(self._session.configuration))
        return self._decoders[part].push(decode_base64(delta.delta))

    def rest(self, part: AudioPart) -> bytes:
        """What could not be played before the part was complete."""
        decoder = self._decoders.pop(part, None)
        return decoder.rest() if decoder else b""


class _Responses:
    """Which responses are under way, and which of them nobody is to hear any more.

    Only whole sets are replaced: the reader and whoever flushes need no lock.
    """

    def __init__(self) -> None:
        self.active: frozenset[str] = frozenset()
        self.silenced: frozenset[str] = frozenset()
        self._items: frozenset[str] = frozenset()

    def begin(self, response_id: str) -> None:
        """The server answers."""
        self.active |= {response_id}

    def end(self, response_id: str) -> None:
        """Nothing more comes of an answer."""
        self.active -= {response_id}
        self.silenced -= {response_id}
        if not self.silenced:
            self._items = frozenset()

    def silence(self, items: Iterable[str]) -> None:
        """No more of what is under way is to be heard; the server knows so of these items."""
        self.silenced |= self.active
        self._items |= frozenset(items)

    def silence_item(self, item_id: str) -> bool:
        """Note that the server knows of this item. False if it knew."""
        known = item_id in self._items
        self._items |= {item_id}
        return not known


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


def _told(heard: Heard) -> ConversationItemTruncate | ConversationItemDelete:
    """What the server has to know; it has nothing to keep of an item that was never heard."""
    if not heard.audio_end_ms:
        return ConversationItemDelete(item_id=heard.item_id)
    return ConversationItemTruncate(
        item_id=heard.item_id, content_index=heard.content_index, audio_end_ms=heard.audio_end_ms
    )


def _checked(speaker: Speaker) -> Speaker:
    if speaker.sample_rate != SAMPLE_RATE:
        speaker.close()
        raise ValueError(
            f"A speaker has to take {SAMPLE_RATE} samples a second, and this one takes {speaker.sample_rate}: "
            "resample inside it, with audio.resampling.Resampler"
        )
    return speaker


def _default_speaker() -> Speaker:
    from .audio.pyaudio_device import PyAudioSpeaker

    return PyAudioSpeaker()
