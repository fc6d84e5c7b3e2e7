import logging
import sys
from functools import cache

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from rooms import Scene, delayed_by, power_db, scene, through
from test_vad import noise, recording

from reelthyme_sync import pcm
from reelthyme_sync.echo import EchoCanceller, EchoStats, HalfDuplex, choosing, echo_control
from reelthyme_sync.vad import TurnDetector

SPEECH_MS = 3000
SECONDS = 6


def said_once(*, delay_ms: float = 15, user: bytes = b"", user_at_ms: int = 0) -> Scene:
    """The assistant speaks for 3 s and falls silent, in a room that sounds on for some 150 ms."""

    def room(far, rng):
        far[pcm.ms_to_samples(SPEECH_MS) :] = 0
        return delayed_by(delay_ms)(far, rng)

    heard = scene(room, 0, seconds=SECONDS)
    near = np.frombuffer(heard.near, "<i2").astype(float)
    at = pcm.ms_to_samples(user_at_ms)
    words = np.frombuffer(user, "<i2")[: len(near) - at]
    near[at : at + len(words)] += words
    return Scene(heard.far, pcm.to_pcm16(near), heard.echo, heard.user)


def span(sound: bytes, start_ms: float, end_ms: float) -> bytes:
    return sound[pcm.ms_to_bytes(start_ms) : pcm.ms_to_bytes(end_ms)]


@pytest.mark.parametrize("delay_ms", [5, 60, 150])
def test_the_echo_is_40_db_softer_and_the_user_passes_as_he_is(delay_ms):
    room = said_once(delay_ms=delay_ms, user=recording(1), user_at_ms=SPEECH_MS + 500)
    control = HalfDuplex()
    out = through(control, room.near, room.far)
    assert len(out) == len(room.near)
    assert power_db(span(out, 100, SPEECH_MS)) < power_db(span(room.near, 100, SPEECH_MS)) - 40
    assert TurnDetector().push(span(out, 0, SPEECH_MS + 500)) == []
    assert span(out, SPEECH_MS + 500, 6000) == span(room.near, SPEECH_MS + 500, 6000)
    assert control.stats == EchoStats()


def test_before_anything_is_played_and_long_after_it_nothing_is_changed():
    near = noise(2000, 1000)
    assert through(HalfDuplex(), near, bytes(len(near))) == near


def test_shutting_and_opening_do_not_click():
    wave = 8000 * np.sin(2 * np.pi * 50 * np.arange(pcm.ms_to_samples(1500)) / pcm.SAMPLE_RATE)
    loud = pcm.to_pcm16(wave)
    far = pcm.silence(300) + loud[: pcm.ms_to_bytes(400)] + pcm.silence(800)
    out = np.frombuffer(through(HalfDuplex(tail_ms=100), loud, far), "<i2").astype(int)
    assert np.abs(out[pcm.ms_to_samples(350) : pcm.ms_to_samples(700)]).max() < 80
    assert np.abs(np.diff(out)).max() <= 2 * np.abs(np.diff(wave)).max()


@pytest.mark.parametrize(("delay_ms", "at_least"), [(5, 100), (150, 250), (400, 500)])
def test_the_tail_is_measured(delay_ms, at_least):
    room, control = said_once(delay_ms=delay_ms), HalfDuplex()
    assert control.tail_ms == 300
    through(control, room.near, room.far)
    assert at_least - 60 <= control.tail_ms <= at_least + 150


def test_the_tail_is_measured_once():
    room, control = said_once(delay_ms=150), HalfDuplex()
    through(control, room.near, room.far)
    measured = control.tail_ms
    assert measured != 300
    room = said_once(delay_ms=5)
    through(control, room.near, room.far)
    assert control.tail_ms == measured


def test_a_headset_has_the_shortest_tail():
    room, control = said_once(), HalfDuplex()
    through(control, noise(1000 * SECONDS, 3), room.far)
    assert control.tail_ms == 60


@pytest.mark.parametrize("user_at_ms", [SPEECH_MS - 200, SPEECH_MS + 300, SPEECH_MS + 600])
@pytest.mark.parametrize("number", [1, 2, 3])
def test_a_user_who_speaks_is_no_tail(number, user_at_ms):
    room, control = said_once(user=recording(number), user_at_ms=user_at_ms), HalfDuplex()
    through(control, room.near, room.far)
    assert control.tail_ms == 300


def test_a_short_word_soon_after_is_no_tail():
    word = span(recording(1), 400, 700)
    room, control = said_once(user=word, user_at_ms=SPEECH_MS + 450), HalfDuplex()
    through(control, room.near, room.far)
    assert control.tail_ms == 300


def test_a_short_sound_measures_nothing():
    room, control = said_once(delay_ms=150), HalfDuplex()
    late = pcm.ms_to_bytes(SPEECH_MS - 300)
    through(control, room.near[late:], room.far[late:])
    assert control.tail_ms == 300


def test_a_tail_that_is_given_is_kept():
    room, control = said_once(), HalfDuplex(tail_ms=700)
    out = through(control, room.near, room.far)
    assert control.tail_ms == 700
    silent = power_db(span(out, SPEECH_MS + 400, SPEECH_MS + 600))
    assert silent < power_db(span(room.near, SPEECH_MS + 400, SPEECH_MS + 600)) - 8
    with pytest.raises(ValueError, match="-1"):
        HalfDuplex(tail_ms=-1)


@settings(max_examples=20)
@given(st.lists(st.integers(0, 5000), min_size=1, max_size=20))
def test_the_length_of_the_blocks_makes_no_difference(lengths):
    near, far, expected = _whole()
    control, out, at = HalfDuplex(), b"", 0
    for length in lengths:
        block = slice(at, at + 2 * length)
        out += control.process(near[block], far[block])
        at += 2 * length
    out += control.process(near[at:], far[at:])
    assert len(out) <= len(near)
    assert out + control.rest() == expected
    assert control.rest() == b""


@cache
def _whole() -> tuple[bytes, bytes, bytes]:
    room = said_once()
    near, far = room.near[:-26], room.far[:-26]
    return near, far, through(HalfDuplex(), near, far)


def test_a_control_is_itself_and_a_word_stands_for_one():
    control = HalfDuplex()
    assert echo_control(control) is control
    assert isinstance(echo_control("gate"), HalfDuplex)
    assert isinstance(echo_control("auto"), EchoCanceller)
    with pytest.raises(ValueError, match="'on'"):
        echo_control("on")


def test_without_the_package_auto_is_half_duplex_and_says_so_once(monkeypatch, caplog):
    monkeypatch.setitem(sys.modules, "pywebrtc_audio", None)
    choosing._warn_once.cache_clear()
    with caplog.at_level(logging.WARNING, "reelthyme_sync"):
        assert all(isinstance(echo_control("auto"), HalfDuplex) for _ in range(2))
    (record,) = caplog.records
    assert 'pip install "reelthyme_sync[aec]"' in record.getMessage()
