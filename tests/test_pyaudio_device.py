from __future__ import annotations

import itertools
import logging
import sys
import threading
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
import pytest
from fake_sound_card import (
    ABORT,
    BLOCK,
    CONTINUE,
    INPUT_OVERFLOW,
    LATENCY,
    OUTPUT_UNDERFLOW,
    SoundCard,
    installed_sound_card,
)

from reelthyme_sync import Session, _exit, stream
from reelthyme_sync.audio import player, portaudio
from reelthyme_sync.audio.devices import Microphone, Speaker
from reelthyme_sync.audio.pyaudio_device import (
    Device,
    PyAudioMicrophone,
    PyAudioSpeaker,
    choose,
    list_devices,
)
from reelthyme_sync.errors import AudioUnavailable
from reelthyme_sync.testing import ScriptedTransport


@pytest.fixture
def card(monkeypatch: pytest.MonkeyPatch) -> Iterator[SoundCard]:
    with installed_sound_card(monkeypatch) as card:
        yield card


def test_devices_are_listed_with_what_they_are_for(card: SoundCard) -> None:
    assert list_devices() == [
        Device(index=0, name="Webcam", inputs=1, outputs=0, default_input=True, default_output=False, rate=44100),
        Device(index=1, name="Headset", inputs=1, outputs=2, default_input=False, default_output=True, rate=44100),
        Device(index=2, name="Head", inputs=0, outputs=2, default_input=False, default_output=False, rate=44100),
    ]


def test_a_machine_without_sound_lists_nothing(card: SoundCard) -> None:
    card.devices = []
    assert list_devices() == []


@pytest.mark.parametrize(
    ("wanted", "direction", "name"),
    [
        (None, "input", "Webcam"),
        (None, "output", "Headset"),
        (2, "output", "Head"),
        ("head", "output", "Headset"),
        ("Head", "output", "Head"),  # a whole name goes before a part of one
        ("cam", "input", "Webcam"),
    ],
)
def test_a_device_is_found_by_index_name_or_default(
    card: SoundCard, wanted: int | str | None, direction: Any, name: str
) -> None:
    assert choose(list_devices(), wanted, direction).name == name


@pytest.mark.parametrize(("wanted", "direction"), [(2, "input"), ("cam", "output"), (7, "output"), ("x", "input")])
def test_a_device_that_is_not_there_is_refused_with_those_that_are(
    card: SoundCard, wanted: int | str, direction: Any
) -> None:
    with pytest.raises(AudioUnavailable, match=r"There is: .*1 'Headset'"):
        choose(list_devices(), wanted, direction)


@pytest.mark.parametrize(("device", "noun"), [(PyAudioSpeaker, "speaker"), (PyAudioMicrophone, "microphone")])
def test_a_machine_without_sound_says_so(card: SoundCard, device: Any, noun: str) -> None:
    card.devices = []
    with pytest.raises(AudioUnavailable, match=f"no {noun}"):
        device()


def test_a_missing_package_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "pyaudio", None)
    with pytest.raises(AudioUnavailable, match=r'pip install "reelthyme_sync\[audio\]"'):
        PyAudioSpeaker()


@pytest.mark.parametrize(
    ("step", "error", "cure"),
    [
        ("initialize", OSError(-9999, "host error"), "does not start: 'host error'"),
        ("open", OSError(-9985, "Device unavailable"), "'Headset' cannot be opened: it is in use"),
        ("open", OSError(-9996, "Invalid device"), "it has gone"),
        ("open", OSError(-9993, "Illegal combination of I/O devices"), 'in the group "audio"'),
        ("open", OSError(-9997, "Invalid sample rate"), "refuses 24000 samples a second, and its own 44100"),
        ("open", OSError(-9998, "Invalid number of channels"), "refuses mono, and its own number"),
        ("open", OSError(-9999, "Unanticipated host error"), "PortAudio says 'Unanticipated host error'"),
        ("start", OSError(-9999, "Unanticipated host error"), "does not start: PortAudio says"),
    ],
)
def test_a_refusal_comes_with_its_cure(card: SoundCard, step: str, error: OSError, cure: str) -> None:
    card.refusals[step] = error
    with pytest.raises(AudioUnavailable, match=cure) as refusal:
        PyAudioSpeaker()
    assert refusal.value.__cause__ is error


def test_both_fulfil_the_contract(card: SoundCard) -> None:
    speaker: Speaker = PyAudioSpeaker(sample_rate=16_000)
    microphone: Microphone = PyAudioMicrophone("Headset")
    assert (speaker.sample_rate, microphone.sample_rate) == (16_000, 24_000)
    output, record = (stream.options for stream in card.streams)
    assert (output["output"], output["output_device_index"], output["rate"]) == (True, 1, 16_000)
    assert (record["input"], record["input_device_index"], record["rate"]) == (True, 1, 24_000)
    speaker.close()
    microphone.close()


def test_a_speaker_plays_what_is_written_and_counts_what_has_sounded(card: SoundCard) -> None:
    tapped: list[bytes] = []
    speaker = PyAudioSpeaker(tap=tapped.append)
    sound = b"\1\0" * BLOCK
    speaker.wait_writable()
    speaker.write(sound)
    assert card.stream.passes() == (sound, CONTINUE)
    latency_in_blocks = round(LATENCY * 24_000 / BLOCK)
    for _ in range(latency_in_blocks):
        assert card.stream.passes() == (bytes(2 * BLOCK), CONTINUE)
        assert speaker.heard == 0  # it begins to sound only now
    card.stream.passes()
    speaker.drain()
    assert speaker.heard == BLOCK
    assert tapped[0] == sound
    speaker.close()


def test_a_cleared_speaker_is_silent_with_the_next_block(card: SoundCard) -> None:
    speaker = PyAudioSpeaker()
    speaker.write(b"\1\0" * BLOCK)
    speaker.clear()
    assert card.stream.passes() == (bytes(2 * BLOCK), CONTINUE)
    speaker.close()


def test_a_microphone_gives_what_was_recorded_and_then_the_end(card: SoundCard) -> None:
    tapped: list[bytes] = []
    microphone = PyAudioMicrophone(tap=tapped.append)
    assert card.stream.passes(b"\1\0") == (None, CONTINUE)
    microphone.stop()
    card.stream.passes(b"\2\0")
    assert [microphone.read(), microphone.read()] == [b"\1\0", b""]
    assert tapped == [b"\1\0", b"\2\0"]
    microphone.close()
    assert microphone.read() == b""


def test_closing_twice_closes_once(card: SoundCard) -> None:
    speaker, microphone = PyAudioSpeaker(), PyAudioMicrophone()
    for device in (speaker, microphone, speaker, microphone):
        device.close()
    assert card.users == 0
    with pytest.raises(AudioUnavailable, match="closed"):
        speaker.wait_writable()


def test_a_tap_that_raises_ends_the_stream_and_is_named(card: SoundCard) -> None:
    def tap(block: bytes) -> None:
        raise ValueError("the tap is broken")

    speaker, microphone = PyAudioSpeaker(tap=tap), PyAudioMicrophone(tap=tap)
    for opened in card.streams:
        assert opened.passes(b"\1\0") == (None, ABORT)
    for wait in (speaker.wait_writable, microphone.read):
        with pytest.raises(AudioUnavailable, match="the tap is broken") as failure:
            wait()
        assert isinstance(failure.value.__cause__, ValueError)
    speaker.close()
    microphone.close()


def test_a_device_that_cannot_be_closed_holds_nobody_up(
    card: SoundCard, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(portaudio, "CLOSE_WITHIN", 0.01)
    speaker = PyAudioSpeaker()
    released, ended = threading.Event(), threading.Event()
    card.closing = released.wait
    with caplog.at_level(logging.WARNING, "reelthyme_sync"):
        speaker.close()
    assert "does not let go of the speaker" in caplog.text
    card.closing = ended.set  # the next one is not held up, while this one still is
    monkeypatch.setattr(portaudio, "CLOSE_WITHIN", 20.0)
    PyAudioMicrophone().close()
    assert ended.is_set()
    released.set()
    for thread in threading.enumerate():
        if thread.name.startswith("reelthyme-device"):
            thread.join(20.0)


def test_the_library_is_only_called_under_its_lock(card: SoundCard) -> None:
    list_devices()
    PyAudioSpeaker().close()
    PyAudioMicrophone().close()
    card.refusals["open"] = OSError(-9985, "Device unavailable")
    with pytest.raises(AudioUnavailable):
        PyAudioSpeaker()
    assert [step for step, locked in card.calls if not locked] == ["start", "start"]  # one stream is one thread's own
    assert [step for step, _ in card.calls].count("terminate") == 4


def only(*accepted: tuple[int, int], errno: int = -9997) -> Callable[[int, int], int]:
    """A device that takes nothing but these rates and numbers of channels."""
    return lambda rate, channels: 0 if (rate, channels) in accepted else errno


@pytest.mark.parametrize("errno", [-9993, -9994, -9997, -9998, -9999])
@pytest.mark.parametrize(
    ("accepted", "tried"),
    [
        ((24_000, 1), [(24_000, 1)]),
        ((24_000, 2), [(24_000, 1), (24_000, 2)]),
        ((44_100, 1), [(24_000, 1), (24_000, 2), (44_100, 1)]),
        ((44_100, 2), [(24_000, 1), (24_000, 2), (44_100, 1), (44_100, 2)]),
    ],
)
def test_a_speaker_that_refuses_our_rate_or_mono_is_opened_as_it_wants(
    card: SoundCard, errno: int, accepted: tuple[int, int], tried: list[tuple[int, int]]
) -> None:
    card.demands = only(accepted, errno=errno)
    speaker = PyAudioSpeaker()
    assert card.tried == tried
    assert speaker.sample_rate == 24_000
    assert card.stream.options["frames_per_buffer"] == accepted[0] // 100  # 10 ms at any rate
    speaker.close()


def test_a_busy_device_is_not_tried_in_other_ways(card: SoundCard) -> None:
    card.demands = only(errno=-9985)
    with pytest.raises(AudioUnavailable, match="in use"):
        PyAudioSpeaker()
    assert card.tried == [(24_000, 1)]


def test_the_first_refusal_of_a_device_that_takes_nothing_is_told(card: SoundCard) -> None:
    card.demands = lambda rate, channels: -9997 if rate == 24_000 else -9998
    with pytest.raises(AudioUnavailable, match="refuses 24000"):
        PyAudioSpeaker()


def test_without_soxr_a_device_with_a_rate_of_its_own_says_what_to_install(
    card: SoundCard, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "soxr", None)
    card.demands = only((44_100, 1))
    for device in (PyAudioSpeaker, PyAudioMicrophone):
        with pytest.raises(AudioUnavailable, match=r'soxr: pip install "reelthyme_sync\[audio\]"'):
            device()
    assert card.users == 0


def ramp(samples: int) -> np.ndarray[Any, np.dtype[np.int16]]:
    return np.arange(samples, dtype="<i2")


def test_stereo_gets_the_same_on_both_channels(card: SoundCard) -> None:
    card.demands = only((24_000, 2))
    tapped: list[bytes] = []
    speaker = PyAudioSpeaker(tap=tapped.append)
    speaker.write(ramp(BLOCK).tobytes())
    played, _ = card.stream.passes()
    assert played == np.repeat(ramp(BLOCK), 2).tobytes()
    assert tapped == [ramp(BLOCK).tobytes()]
    speaker.close()


def test_all_channels_of_a_microphone_are_averaged(card: SoundCard) -> None:
    card.devices[0]["maxInputChannels"] = 4
    card.demands = only((24_000, 4))
    microphone = PyAudioMicrophone()
    channels = np.stack([ramp(BLOCK), 3 * ramp(BLOCK), 2 * ramp(BLOCK), 2 * ramp(BLOCK)], axis=1)
    card.stream.passes(channels.tobytes())
    assert microphone.read() == (2 * ramp(BLOCK)).tobytes()
    microphone.close()


def test_a_speaker_with_a_rate_of_its_own_counts_in_ours(card: SoundCard) -> None:
    card.devices[1]["defaultSampleRate"] = 48_000.0
    card.demands = only((48_000, 2))
    speaker = PyAudioSpeaker()
    for _ in range(10):
        speaker.write(b"\1\0" * BLOCK)
    blocks = [card.stream.passes()[0] for _ in range(20)]
    assert {len(block or b"") for block in blocks} == {480 * 2 * 2}
    assert speaker.heard == 10 * BLOCK
    assert speaker.starved == 10 * BLOCK
    speaker.close()


def test_a_microphone_with_a_rate_of_its_own_is_read_at_ours(card: SoundCard) -> None:
    card.devices[0]["defaultSampleRate"] = 48_000.0
    card.demands = only((48_000, 1))
    microphone = PyAudioMicrophone()
    for _ in range(100):
        card.stream.passes(b"\1\0" * 480)
    microphone.stop()
    assert len(b"".join(iter(microphone.read, b""))) == 2 * 24_000
    microphone.close()


def test_what_the_device_lost_is_counted(card: SoundCard) -> None:
    microphone = PyAudioMicrophone()
    card.stream.passes(b"\1\0")
    assert microphone.overflows == 0
    card.stream.passes(b"\1\0", flags=INPUT_OVERFLOW)
    card.stream.passes(b"\1\0", flags=4)  # the speaker's, should it ever be
    assert microphone.overflows == 1
    microphone.close()


def test_a_block_that_the_speaker_had_to_do_without_is_counted(card: SoundCard) -> None:
    speaker = PyAudioSpeaker()
    speaker.write(bytes(2 * 720))
    card.stream.passes()
    assert speaker.starved == 0
    card.stream.passes(flags=OUTPUT_UNDERFLOW)
    card.stream.passes(flags=INPUT_OVERFLOW)  # the microphone's, should it ever be
    assert speaker.starved == 240
    speaker.close()


def test_closing_needs_no_new_thread(card: SoundCard, monkeypatch: pytest.MonkeyPatch) -> None:
    speaker = PyAudioSpeaker()

    def refuse(thread: threading.Thread) -> None:
        raise RuntimeError("can't create new thread at interpreter shutdown")  # Python 3.12

    monkeypatch.setattr(threading.Thread, "start", refuse)
    speaker.close()
    assert card.users == 0


def test_a_device_that_nobody_closed_is_closed_with_the_process(
    card: SoundCard, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(_exit, "_leaving", threading.Event())  # of a process that goes on
    PyAudioSpeaker()
    PyAudioMicrophone()
    _exit.end_all()
    assert card.users == 0


@pytest.fixture
def watched_closely(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(portaudio, "WATCH_EVERY", 0.02)


@pytest.mark.usefixtures("watched_closely")
@pytest.mark.parametrize(("make", "wait"), [(PyAudioSpeaker, "drain"), (PyAudioMicrophone, "read")])
def test_a_device_that_no_longer_calls_is_gone(card: SoundCard, make: Any, wait: str) -> None:
    device = make()
    if wait == "drain":
        device.write(bytes(480))
    with pytest.raises(AudioUnavailable, match="has stopped: was it unplugged"):
        getattr(device, wait)()
    device.close()


def test_a_device_that_calls_now_and_then_is_not(card: SoundCard) -> None:
    """As when the process was stopped for a while: one look finds no call."""
    speaker = PyAudioSpeaker()
    for look in range(20):
        if look % portaudio.GONE_AFTER == 0:
            card.stream.passes()
        speaker.line._stream._look()
    speaker.wait_writable()
    speaker.close()


@pytest.mark.usefixtures("watched_closely")
def test_a_speaker_that_is_lost_while_nothing_plays_is_told_of(
    card: SoundCard, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(player, "ASK_EVERY", 0.02)
    with Session(ScriptedTransport()) as session, stream(session, speaker=PyAudioSpeaker()) as events:
        (lost,) = itertools.islice(events, 1)
    assert (lost.type, "unplugged" in lost.message) == ("reelthyme.device_lost", True)
