"""``capture_audio``: from the microphone to the session. Beside ``streaming``, the only place that knows both."""

from __future__ import annotations

import contextlib
import logging
import threading
from collections.abc import Callable, Iterable
from types import TracebackType
from typing import TYPE_CHECKING, Final, Literal, TypeAlias

import attrs

from .audio.channel import Channel, Filter
from .audio.devices import Microphone, at_our_rate
from .audio.metering import Level
from .audio.packing import Packer
from .audio.recorder import Recorder
from .errors import AudioUnavailable, ConnectionClosed
from .events import (
    AudioFormat,
    ClientEvent,
    DeviceLost,
    InputAudioBufferAppend,
    SessionInputAudioBufferAppend,
)
from .formats import input_format
from .pcm import encode_base64
from .room import Room
from .session import Session

if TYPE_CHECKING:
    from .echo import EchoControl, EchoStats

log = logging.getLogger("reelthyme_sync")

DEFAULT_INTERVAL_MS: Final = 100

SEND_WITHIN: Final = 5.0
"""Seconds that a chunk may wait for room when the session has a ``max_queue``: a network that is slower is too slow."""


Echo: TypeAlias = "EchoControl | Literal['auto', 'gate']"
"""What keeps the speaker out of the microphone: an ``EchoCanceller``; ``"gate"``, which lets nobody interrupt; or
``"auto"``: the first where pywebrtc-audio is installed, else the second."""


def capture_audio(
    session: Session,
    *,
    interval_ms: float = DEFAULT_INTERVAL_MS,
    microphone: Microphone | None = None,
    gate: Filter | None = None,
    echo: Echo | None = None,
) -> Capture:
    """Send what the microphone hears, as ``input_audio_buffer.append`` events, until stopped.

    In the format that the session hears at that moment, as the server last said: after a ``session.update`` that
    changes it, wait for ``session.updated``. A translation session gets ``session.input_audio_buffer.append`` instead:
    wait for its ``session.created``, which says that it is one.

    Args:
        session: open.
        interval_ms: how much sound goes into one event, counted in samples.
        microphone: where from; by default the system's default device. The capture owns and closes it.
        gate: lets only speech pass: ``Gate()``.
        echo: for open speakers: takes what ``stream`` plays out of what is sent. With an ``EchoCanceller`` the user can
            still interrupt. Microphone and speaker then become one stream of the sound card, whichever was opened
            first; devices that cannot be one are cancelled by what was written to the speaker.

    Raises:
        AudioUnavailable: there is no microphone to be had.
        ValueError: the microphone has another rate than 24 kHz, the interval is not above zero, or there is no such
            ``echo``.
    """
    session.home.check()
    with contextlib.ExitStack() as undo:
        if microphone is not None:
            undo.callback(microphone.close)
        channel = Channel(Packer(interval_ms), gate)
        control = echo_control(echo)
        capture = Capture(session, at_our_rate(microphone or default_microphone()), channel, echo=control)
        undo.pop_all()
    return capture


@attrs.frozen(kw_only=True)
class CaptureStats:
    """How the recording stands.

    Attributes:
        sent_ms: milliseconds of sound that have been sent, silence included.
        overflows: how often the microphone has lost sound because this process was late to take it.
        echo: how well the echo is taken out; None without ``echo``.
    """

    sent_ms: int
    overflows: int
    echo: EchoStats | None


class Capture:
    """A microphone that is being sent. A context manager: leaving it stops.

    A microphone that is lost is told of in the session's events, as a ``DeviceLost``; the session goes on, and
    ``reopen`` records again. Made by ``capture_audio``, or directly with a ``Channel`` of your own, and a ``listen``
    that gets every block on the capture thread, without its echo, before the channel's gate decides on it.
    """

    def __init__(
        self,
        session: Session,
        microphone: Microphone,
        channel: Channel,
        *,
        listen: Callable[[bytes], object] | None = None,
        echo: EchoControl | None = None,
    ) -> None:
        self._session = session
        self._channel = channel
        self._listen = listen
        self._echo = echo
        self._sending = threading.Lock()  # keeps the order of chunks; a send waits for the writer alone, never for us
        self._changing = threading.Lock()  # of the microphone
        self._stopped = False
        self._overflows = 0  # of microphones that have been replaced
        self._record(microphone)

    def __enter__(self) -> Capture:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()

    @property
    def muted(self) -> bool:
        """Whether silence is sent in the place of what the microphone hears."""
        return self._channel.muted

    @property
    def level(self) -> Level:
        """How loud the last 20 ms were, muted or not: for a meter."""
        return self._channel.level

    @property
    def stats(self) -> CaptureStats:
        """How much has been sent, and how often sound was lost."""
        self._session.home.check()
        return CaptureStats(
            sent_ms=self._channel.sent_ms,
            overflows=self._overflows + self._recorder.overflows,
            echo=self._echo.stats if self._echo is not None else None,
        )

    def mute(self) -> None:
        """Send silence, from the next block on: the server's clock and its turn detection go on."""
        self._channel.muted = True

    def unmute(self) -> None:
        """Send what the microphone hears."""
        self._channel.muted = False

    def flush(self) -> None:
        """Send all that has been recorded, also what fills no interval, or waits in a gate: before a commit by hand.

        Raises:
            ConnectionClosed: the session has ended.
        """
        self._session.home.check()
        with self._sending:
            self._send(self._channel.end(self._format))

    def reopen(self, microphone: Microphone | None = None) -> None:
        """Go on with another microphone: after a loss, or to change it while recording. Not in a route: it takes long.

        The old one is released first, and what it has recorded is sent. May be called again when it fails.

        Args:
            microphone: by default what is now the system's default device. The capture owns and closes it.

        Raises:
            AudioUnavailable: there is no microphone to be had.
            ValueError: the microphone has another rate than 24 kHz, or this capture was stopped.
        """
        self._session.home.check()
        with self._changing:
            if self._stopped:
                if microphone is not None:
                    microphone.close()
                raise ValueError("This capture was stopped: begin another one with capture_audio()")
            self._end_recording()
            opened = at_our_rate(microphone or default_microphone())
            self._overflows += self._recorder.overflows
            self._record(opened)

    def stop(self) -> None:
        """Stop recording, send the rest, and release the microphone.

        Idempotent; in a forked process it does nothing.
        """
        if not self._session.home.here:
            return
        with self._changing:
            self._stopped = True
            self._end_recording()

    def _record(self, microphone: Microphone) -> None:
        if self._echo is not None:
            microphone = self._session.shared(Room).listen(microphone, self._echo)
        self._recorder = Recorder(microphone, hear=self._hear, ended=self._recorded, ordinal=self._session.ordinal)
        self._forget_end = self._session.on_end(self._recorder.finish)

    def _end_recording(self) -> None:
        self._forget_end()
        self._recorder.finish()
        self._recorder.join()

    @property
    def _format(self) -> AudioFormat | None:
        return input_format(self._session.configuration)

    def _hear(self, block: bytes) -> None:
        sound = self._channel.hear(block)
        if self._listen is not None:
            self._listen(sound)
        with self._sending:
            self._send(self._channel.push(sound, self._format))

    def _recorded(self, failure: Exception | None) -> None:
        if failure is None or isinstance(failure, AudioUnavailable):  # and not what sends that has failed
            failure = self._send_end() or failure
        if failure is None or isinstance(failure, ConnectionClosed):  # which the consumer meets by itself
            return
        log.error("recording ended: %s", failure)
        self._session.report(DeviceLost(device="microphone", message=str(failure) or repr(failure)))

    def _send_end(self) -> Exception | None:
        try:
            with self._sending:
                self._send(self._channel.end(self._format))
        except Exception as error:
            return error
        return None

    def _send(self, chunks: Iterable[bytes]) -> None:
        for chunk in chunks:
            try:
                self._session.send(self._append(encode_base64(chunk)), timeout=SEND_WITHIN)
            except TimeoutError:
                slow = f"The network is slower than the microphone: nothing could be sent for {SEND_WITHIN:g} s"
                raise TimeoutError(slow) from None

    def _append(self, audio: str) -> ClientEvent:
        if self._session.translates:
            return SessionInputAudioBufferAppend(audio=audio)
        return InputAudioBufferAppend(audio=audio)


def echo_control(wanted: Echo | None) -> EchoControl | None:
    """What is to take the echo out, if anything is.

    Raises:
        ValueError: nothing is called that.
    """
    if wanted is None:
        return None
    from . import echo

    return echo.echo_control(wanted)


def default_microphone() -> Microphone:
    """The system's default device.

    Raises:
        AudioUnavailable: there is none to be had.
    """
    from .audio.pyaudio_device import PyAudioMicrophone

    return PyAudioMicrophone()
