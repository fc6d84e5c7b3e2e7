"""Ears and voice, each against the real thing: recordings heard, sentences said."""

import functools
import threading
import time

import numpy as np
import pocketsphinx
import pytest
from test_vad import noise, recording

from reelthyme_sync import pcm
from reelthyme_sync.local_server import ears, sphinx, voice
from reelthyme_sync.local_server.ears import Ears
from reelthyme_sync.local_server.voice import Voice
from reelthyme_sync.vad import TurnDetector

SENTENCES = {
    1: "hello how are you today",
    2: "what is the weather going to be like in paris tomorrow",
    3: "stop what is six times seven",
}


def level(sound):
    return np.sqrt(np.mean(np.frombuffer(sound, np.int16).astype(np.float64) ** 2))


@pytest.mark.parametrize("number", [3, 2, 1])
def test_the_ears_understand_the_recordings(number):
    sound = pcm.silence(1000) + recording(number) + pcm.silence(1000)
    started, stopped = TurnDetector().push(sound)
    turn = sound[pcm.ms_to_bytes(started.audio_start_ms) : pcm.ms_to_bytes(stopped.audio_end_ms)]
    assert Ears().recognise(turn) == SENTENCES[number]


def test_the_ears_understand_a_quiet_voice_whatever_came_before():
    heard = Ears()
    heard.recognise(noise(500, 5000))
    quiet = (np.frombuffer(recording(3), np.int16) * 0.3).astype(np.int16).tobytes()
    assert heard.recognise(quiet + pcm.silence(2000)) == SENTENCES[3]


@pytest.mark.parametrize("sound", [b"", pcm.silence(5), pcm.silence(500)])
def test_nothing_is_heard_in_nothing(sound):
    assert Ears().recognise(sound) == ""


def test_closed_ears_end_at_once():
    listening = Ears()
    listening.prepare()
    listening.close()
    start = time.monotonic()
    assert listening.recognise(noise(60_000, 3000)) == ""
    assert time.monotonic() - start < 5


def longest_standstill(of):
    """Seconds for which this thread does not run, while another does that: of computing, not of a busy machine's."""
    done = threading.Event()
    worker = threading.Thread(target=lambda: (of(), done.set()))
    worker.start()
    longest, before = 0.0, time.process_time()
    while not done.wait(0.001):
        now = time.process_time()
        longest, before = max(longest, now - before), now
    worker.join()
    return longest


def test_other_threads_run_while_the_ears_work():
    """The end of this sentence is one call of 270 ms. A machine that is busy may stand still, but not every time."""
    listening = Ears()
    listening.prepare()
    assert any(longest_standstill(lambda: listening.recognise(recording(3))) < 0.1 for _ in range(10))


def test_where_the_functions_cannot_be_had_the_packages_own_binding_hears_the_same(monkeypatch):
    assert isinstance(sphinx.decoder(16_000), sphinx.Sphinx)
    monkeypatch.setattr(sphinx, "_FUNCTIONS", {**sphinx._FUNCTIONS, "ps_that_is_not_there": (None, [])})
    assert isinstance(sphinx.decoder(16_000), pocketsphinx.Decoder)
    monkeypatch.setattr(ears, "_decoder", functools.lru_cache(ears._Decoder))
    assert Ears().recognise(recording(3)) == SENTENCES[3]


def test_the_voice_speaks():
    sentences = list(Voice().speak("Seven times six is forty-two. What else?"))
    assert len(sentences) == 2
    assert all(level(sentence) > 500 for sentence in sentences)
    assert 1500 < pcm.bytes_to_ms(len(sentences[0])) < 3500


def pitch(sound):
    """The frequency of a voice, from how its loudest second repeats."""
    samples = np.frombuffer(sound, np.int16).astype(np.float64)[:24_000]
    power = np.abs(np.fft.rfft(samples, 1 << 16)) ** 2
    repeats = np.fft.irfft(power)[24_000 // 400 : 24_000 // 60]
    return 24_000 / (24_000 // 400 + int(np.argmax(repeats)))


def test_voices_and_speeds_differ():
    text = "The quick brown fox jumps over the lazy dog."
    said = {name: b"".join(Voice().speak(text, name)) for name in ("marin", "cedar", "no such voice")}
    assert pitch(said["marin"]) > 1.3 * pitch(said["cedar"])
    assert level(said["no such voice"]) > 500
    fast = b"".join(Voice().speak(text, "marin", 1.5))
    assert len(fast) < 0.8 * len(said["marin"])


def test_many_threads_may_speak_at_once():
    text = "One lock guards the library."
    expected = len(b"".join(Voice().speak(text)))  # no two times quite the same: espeak adds noise
    said = []
    threads = [threading.Thread(target=lambda: said.append(len(b"".join(Voice().speak(text))))) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert said == pytest.approx([expected] * 8, rel=0.05)


@pytest.fixture
def _without_packages(monkeypatch):
    for module in (ears, voice):
        module._installed.cache_clear()
        monkeypatch.setattr(module.importlib.util, "find_spec", lambda name: None)
    yield
    for module in (ears, voice):
        module._installed.cache_clear()


@pytest.mark.usefixtures("_without_packages")
def test_without_the_packages_it_hums_hears_nothing_and_says_what_to_install_once(caplog):
    hum = [sound for _ in range(2) for sound in Voice().speak("A sentence of some length.")]
    assert level(hum[0]) > 500
    assert 1000 < pcm.bytes_to_ms(len(hum[0])) < 3000
    assert [Ears().recognise(recording(1)) for _ in range(2)] == ["", ""]
    assert ["pip install" in record.message for record in caplog.records] == [True, True]
