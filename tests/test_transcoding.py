import sys

import numpy as np
import pytest

from reelthyme_sync import AudioUnavailable, g711
from reelthyme_sync.audio.transcoding import Decoder, Encoder
from reelthyme_sync.events import UNSET, AudioPcm, AudioPcma, AudioPcmu, UnknownPart

LAWS = [(AudioPcmu(), g711.encode_mulaw, g711.decode_mulaw), (AudioPcma(), g711.encode_alaw, g711.decode_alaw)]
OWN = [None, UNSET, AudioPcm(), AudioPcm(rate=24000), UnknownPart(type="audio/opus", raw={})]


def pcm(rate: int, *, seconds: float = 0.5) -> bytes:
    wave = 8_000 * np.sin(2 * np.pi * 440 * np.arange(round(rate * seconds)) / rate)
    return wave.round().astype("<i2").tobytes()


def through(coder: Decoder | Encoder, data: bytes, piece: int = 301) -> bytes:
    pieces = [coder.push(data[start : start + piece]) for start in range(0, len(data), piece)]
    return b"".join(pieces) + coder.rest()


def error(sound: bytes, expected: bytes) -> float:
    """The worst difference, without the edges, where a resampler rings."""
    assert len(sound) == len(expected)
    middle = slice(len(sound) // 20, -len(sound) // 20)
    ours, theirs = (np.frombuffer(each, "<i2").astype(int)[middle] for each in (sound, expected))
    return int(np.abs(ours - theirs).max())


@pytest.mark.parametrize("audio_format", OWN)
@pytest.mark.parametrize("coder", [Decoder, Encoder])
def test_the_service_s_own_pcm_passes_without_soxr_and_only_in_whole_samples(monkeypatch, coder, audio_format):
    monkeypatch.setitem(sys.modules, "soxr", None)
    own = coder(audio_format)
    assert [own.push(piece) for piece in (b"\1\0\2", b"\0", b"", b"\3\0")] == [b"\1\0", b"\2\0", b"", b"\3\0"]


@pytest.mark.parametrize("coder", [Decoder, Encoder])
def test_half_a_sample_at_the_end_is_dropped(coder):
    own = coder()
    assert own.push(b"\1\0\2") == b"\1\0"
    assert own.rest() == b""
    assert own.push(b"\3\0") == b"\3\0"


@pytest.mark.parametrize(("audio_format", "encode", "decode"), LAWS)
def test_g711_at_its_own_rate_is_only_looked_up(monkeypatch, audio_format, encode, decode):
    monkeypatch.setitem(sys.modules, "soxr", None)
    sound = pcm(8_000)
    assert through(Encoder(audio_format, 8_000), sound) == encode(sound)
    assert through(Decoder(audio_format, 8_000), encode(sound)) == decode(encode(sound))


@pytest.mark.parametrize(("audio_format", "encode", "decode"), LAWS)
def test_a_telephone_is_heard_and_spoken_to_at_24_khz(audio_format, encode, decode):
    assert error(through(Decoder(audio_format), encode(pcm(8_000))), pcm(24_000)) < 300  # a step of G.711 at 8,000
    on_the_wire = through(Encoder(audio_format), pcm(24_000))
    assert len(on_the_wire) == 4_000
    assert error(decode(on_the_wire), pcm(8_000)) < 300


def test_pcm_at_another_rate_of_ours():
    assert error(through(Decoder(rate=48_000), pcm(24_000)), pcm(48_000)) <= 1
    assert error(through(Encoder(rate=48_000), pcm(48_000)), pcm(24_000)) <= 1


@pytest.mark.parametrize("coder", [Decoder, Encoder])
def test_without_soxr_a_telephone_says_what_to_install(monkeypatch, coder):
    monkeypatch.setitem(sys.modules, "soxr", None)
    with pytest.raises(AudioUnavailable, match="pip install"):
        coder(AudioPcmu())
