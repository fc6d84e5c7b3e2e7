import sys
import wave
from importlib import resources

import numpy as np
import pytest

from reelthyme_sync import pcm
from reelthyme_sync.vad import (
    EnergyClassifier,
    SpeechStarted,
    SpeechStopped,
    TurnDetector,
    WebRtcClassifier,
)


def recording(number):
    with resources.as_file(resources.files("reelthyme_sync") / "recordings" / f"question_{number}.wav") as path:
        with wave.open(str(path), "rb") as file:
            assert (file.getnchannels(), file.getsampwidth(), file.getframerate()) == (1, 2, 24_000)
            return file.readframes(file.getnframes())


def noise(ms, level):
    random = np.random.default_rng(0)
    return (random.standard_normal(pcm.ms_to_samples(ms)) * level).astype(np.int16).tobytes()


@pytest.fixture(params=["webrtc", "energy"])
def _classifier(request, monkeypatch):
    if request.param == "energy":
        monkeypatch.setitem(sys.modules, "webrtcvad", None)
    detector = TurnDetector()
    expected = WebRtcClassifier if request.param == "webrtc" else EnergyClassifier
    assert isinstance(detector._classifier, expected)


@pytest.mark.usefixtures("_classifier")
@pytest.mark.parametrize("number", [1, 2, 3])
def test_a_recording_is_one_turn(number):
    speech = recording(number)
    started, stopped = TurnDetector().push(pcm.silence(2000) + speech + pcm.silence(1000))
    # 200 ms of silence round the words; the padding adds 300 ms before them, the window 500 ms behind them
    length = pcm.bytes_to_ms(len(speech))
    assert started.audio_start_ms == pytest.approx(2000 + 200 - 300, abs=120)
    assert stopped.audio_end_ms == pytest.approx(2000 + length - 200 + 500, abs=200)


@pytest.mark.usefixtures("_classifier")
def test_silence_a_hiss_and_a_click_are_no_speech():
    assert TurnDetector().push(pcm.silence(500) + noise(1000, 30) + noise(60, 8000) + pcm.silence(500)) == []


def test_the_length_of_the_pushes_makes_no_difference():
    sound = pcm.silence(500) + recording(1) + pcm.silence(1000)
    detector = TurnDetector()
    pieces = [sound[start : start + 1234] for start in range(0, len(sound), 1234)]
    boundaries = [boundary for piece in pieces for boundary in detector.push(piece)]
    assert boundaries == TurnDetector().push(sound)
    assert not detector.speaking


def test_the_settings_shift_the_boundaries():
    sound = pcm.silence(1000) + recording(1) + pcm.silence(3000)
    started, stopped = TurnDetector().push(sound)
    padded = TurnDetector(prefix_padding_ms=700, silence_duration_ms=1500, start_ms=10_000).push(sound)
    assert padded == [
        SpeechStarted(10_000 + started.audio_start_ms - 400),
        SpeechStopped(10_000 + stopped.audio_end_ms + 1000),
    ]


def test_the_padding_does_not_reach_before_the_first_sample_or_into_the_last_turn():
    detector = TurnDetector(silence_duration_ms=200, start_ms=5000)
    detector._classifier = EnergyClassifier(0.5)
    turn = noise(200, 8000) + pcm.silence(200)
    assert detector.push(turn * 2) == [
        SpeechStarted(5000),
        SpeechStopped(5400),
        SpeechStarted(5400),
        SpeechStopped(5800),
    ]
