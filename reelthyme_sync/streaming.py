"""``stream`` and ``capture_audio``: the only place that knows both the session and the audio."""

from __future__ import annotations

import contextlib
import logging
from collections.abc import Iterator
from types import TracebackType
from typing import Final, TypeVar

from ._home import Home
from .audio.devices import Microphone, Speaker
from .audio.player import PlaybackStats, Player
from .audio.recorder import Recorder
from .errors import ConnectionClosed
from .events import (
    ConversationItemDelete,
    ConversationItemTruncate,
    InputAudioBufferAppend,
    InputAudioBufferSpeechStarted,
    ResponseDone,
    ResponseOutputAudioDelta,
    ResponseOutputAudioDone,
    ServerEvent,
)
from .pcm import BYTES_PER_SAMPLE, SAMPLE_RATE, decode_base64, encode_base64, ms_to_samples
from .playback import AudioPart, Heard
from .session import Session

log = logging.getLogger("reelthyme_sync")

DEFAULT_INTERVAL_MS: Final = 100

SEND_WITHIN: Final = 5.0
"""Seconds that a chunk may wait for room when the session has a ``max_queue``: a network that is slower is too slow."""

Device = TypeVar("Device", Speaker, Microphone)


def stream(session: Session, *, speaker: Speaker | None = None, barge_in: bool = True) -> AudioStream:
    """Play the session's audio, and iterate over everything else.

    Audio goes from the reader straight to the audio thread: a slow consumer does not delay it, unless the session has a
    ``max_queue`` and that is full.

    Args:
        session: open.
        speaker: where to; by default the system's default device. The stream owns and closes it.
        barge_in: when the user begins to speak, fall silent and tell the server how much was heard.

    Raises:
        AudioUnavailable: there is no speaker to be had.
        ValueError: the speaker has another rate than 24 kHz.
    """
    return AudioStream(session, _at_our_rate(speaker or _default_speaker()), barge_in=barge_in)


def capture_audio(
    session: Session, *, interval_ms: float = DEFAULT_INTERVAL_MS, microphone: Microphone | None = None
) -> Capture:
    """Send what the microphone hears, as ``input_audio_buffer.append`` events, until stopped.

    Args:
        session: open.
        interval_ms: how much sound goes into one event, counted in samples.
        microphone: where from; by default the system's default device. The capture owns and closes it.

    Raises:
        AudioUnavailable: there is no microphone to be had.
        ValueError: the microphone has another rate than 24 kHz, or the interval is not above zero.
    """
    if ms_to_samples(interval_ms) < 1:
        raise ValueError(f"interval_ms must be above zero, not {interval_ms}")
    return Capture(session, _at_our_rate(microphone or _default_microphone()), interval_ms=interval_ms)


class AudioStream:
    """A session's events without its audio, which is being played. Iterate over it, in one thread.

    A context manager: leaving it falls silent. When the session is closed, what was received is played to its end
    first; when it is lost, the loss comes at once. A speaker that fails comes out of the loop as ``AudioUnavailable``.
    """

    def __init__(self, session: Session, speaker: Speaker, *, barge_in: bool) -> None:
        self._home = Home()
        self._session = session
        self._barge_in = barge_in
        self._half_sample = (AudioPart(""), b"")  # a delta may be cut anywhere
        self._player = Player(speaker, ordinal=session.ordinal, failed=session.report)
        self._remove_route = session.intercept(self._route)
        self._forget_end = session.on_end(self._player.finish)

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
        """How much has been heard, and how much waits."""
        self._home.check()
        return self._player.stats

    def received_ms(self, item_id: str, content_index: int = 0) -> int:
        """Milliseconds of audio received for an item, heard or not."""
        self._home.check()
        return self._player.received_ms(item_id, content_index)

    def flush(self) -> Heard | None:
        """Be silent now, and tell the server how much was heard; None if nothing was left to hear.

        For push-to-talk, or a message that interrupts. What is still to come of the items that were cut is dropped;
        later replies play normally.
        """
        self._home.check()
        cut = self._player.flush()
        for heard in cut:
            self._tell_server(heard)
        return cut[0] if cut else None

    def stop(self, drain: bool = False) -> None:
        """Stop playing, for good, and release the speaker. Idempotent; in a forked process it does nothing.

        Args:
            drain: play what has been received first.
        """
        if not self._home.here:
            return
        self._remove_route()
        self._forget_end()
        self._player.finish()
        if not drain:
            self._player.flush()
        self._player.join()

    def _route(self, event: ServerEvent) -> bool:
        match event:
            case ResponseOutputAudioDelta():
                self._play(event)
                return True
            case ResponseOutputAudioDone():
                self._player.complete(AudioPart(event.item_id, event.content_index))
            case ResponseDone():
                self._player.complete()
            case InputAudioBufferSpeechStarted() if self._barge_in:
                self.flush()
        return False

    def _play(self, delta: ResponseOutputAudioDelta) -> None:
        part = AudioPart(delta.item_id, delta.content_index)
        try:
            pcm = decode_base64(delta.delta)
        except ValueError:
            log.warning("an audio delta of %s is no base64: dropped", delta.item_id)
            return
        if self._half_sample[0] == part:
            pcm = self._half_sample[1] + pcm
        whole = len(pcm) - len(pcm) % BYTES_PER_SAMPLE
        self._half_sample = (part, pcm[whole:])
        self._player.feed(part, pcm[:whole])

    def _tell_server(self, heard: Heard) -> None:
        if heard.audio_end_ms:
            self._send(
                ConversationItemTruncate(
                    item_id=heard.item_id, content_index=heard.content_index, audio_end_ms=heard.audio_end_ms
                )
            )
        else:  # the service has nothing to keep of an item that was never heard
            self._send(ConversationItemDelete(item_id=heard.item_id))

    def _send(self, event: ConversationItemTruncate | ConversationItemDelete) -> None:
        with contextlib.suppress(ConnectionClosed):  # nobody is left to be told; the consumer meets the end itself
            self._session.send(event)


class Capture:
    """A microphone that is being sent. A context manager: leaving it stops.

    A microphone that fails comes out of ``session.receive`` (and so out of every loop) as ``AudioUnavailable``.
    """

    def __init__(self, session: Session, microphone: Microphone, *, interval_ms: float) -> None:
        self._home = Home()
        self._session = session
        self._recorder = Recorder(
            microphone, interval_ms=interval_ms, emit=self._append, ordinal=session.ordinal, failed=self._failed
        )
        self._forget_end = session.on_end(self._recorder.finish)

    def __enter__(self) -> Capture:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()

    def stop(self) -> None:
        """Stop recording, send the rest, and release the microphone.

        Idempotent; in a forked process it does nothing.
        """
        if not self._home.here:
            return
        self._forget_end()
        self._recorder.finish()
        self._recorder.join()

    def _failed(self, error: Exception) -> None:
        if not isinstance(error, ConnectionClosed):  # which the consumer meets by itself
            self._session.report(error)

    def _append(self, chunk: bytes) -> None:
        self._session.send(InputAudioBufferAppend(audio=encode_base64(chunk)), timeout=SEND_WITHIN)


def _at_our_rate(device: Device) -> Device:
    if device.sample_rate != SAMPLE_RATE:
        device.close()
        raise ValueError(
            f"The service speaks {SAMPLE_RATE} Hz, and this device {device.sample_rate} Hz: open it with that rate"
        )
    return device


def _default_speaker() -> Speaker:
    from .audio.pyaudio_device import PyAudioSpeaker

    return PyAudioSpeaker()


def _default_microphone() -> Microphone:
    from .audio.pyaudio_device import PyAudioMicrophone

    return PyAudioMicrophone()
