import numpy as np
import pytest

from reelthyme_sync import g711
from reelthyme_sync.audio.packing import Packer
from reelthyme_sync.audio.transcoding import Decoder
from reelthyme_sync.events import AudioPcm, AudioPcma, AudioPcmu
from reelthyme_sync.pcm import ms_to_bytes, silence

INTERVALS = [0.05, 1, 12.5, 20, 33, 100]


def noise(ms: float) -> bytes:
    return np.random.default_rng(0).integers(-20_000, 20_000, ms_to_bytes(ms) // 2).astype("<i2").tobytes()


def pack(packer: Packer, sound: bytes, audio_format=None, *, step: int = 480) -> list[bytes]:
    pieces = [sound[start : start + step] for start in range(0, len(sound), step)]
    return [chunk for piece in pieces for chunk in packer.push(piece, audio_format)]


@pytest.mark.parametrize("interval_ms", INTERVALS)
@pytest.mark.parametrize("step", [2, 480, 5000])
def test_pieces_are_exactly_the_interval_long_and_nothing_is_lost(interval_ms, step):
    packer, sound = Packer(interval_ms), noise(250)
    full = pack(packer, sound, step=step)
    rest = list(packer.rest())
    assert {len(chunk) for chunk in full} == {ms_to_bytes(interval_ms)}
    assert all(0 < len(chunk) < ms_to_bytes(interval_ms) for chunk in rest)
    assert b"".join([*full, *rest]) == sound
    assert packer.packed_ms == 250
    assert list(packer.rest()) == []


@pytest.mark.parametrize("audio_format", [AudioPcmu(), AudioPcma()])
@pytest.mark.parametrize("interval_ms", [12.5, 20, 33, 100])
def test_so_they_are_in_g711(audio_format, interval_ms):
    packer = Packer(interval_ms)
    full = pack(packer, noise(1000), audio_format)
    *more, last = packer.rest()
    assert {len(chunk) for chunk in [*full, *more]} == {int(interval_ms * 8)}
    assert sum(map(len, [*full, *more, last])) == 8000
    assert packer.packed_ms == 1000


def test_g711_is_the_sound():
    packer, sine = Packer(20), (np.sin(np.arange(24_000) * 2 * np.pi * 440 / 24_000) * 8_000).astype("<i2")
    data = b"".join([*pack(packer, sine.tobytes(), AudioPcmu()), *packer.rest()])
    heard = np.frombuffer(g711.decode_mulaw(data), "<i2")[400:7600].astype(float)
    expected = np.sin(np.arange(400, 7600) * 2 * np.pi * 440 / 8_000) * 8_000
    assert np.sqrt(np.mean((heard - expected) ** 2)) < 150


@pytest.mark.parametrize(("before", "after"), [(None, AudioPcmu()), (AudioPcmu(), None), (AudioPcmu(), AudioPcma())])
def test_what_waits_when_the_format_changes_is_converted(before, after):
    packer, tone = Packer(100), (8_000 * np.sin(np.arange(4_800) / 20)).astype("<i2").tobytes()  # 200 ms of 190 Hz
    assert pack(packer, tone[:2_400], before) == []
    chunks = [*pack(packer, tone[2_400:], after), *packer.rest()]
    decoder = Decoder(after)
    heard = decoder.push(b"".join(chunks)) + decoder.rest()
    error = np.frombuffer(heard, "<i2")[:4_800].astype(float) - np.frombuffer(tone, "<i2")[: len(heard) // 2]
    error[1_200 - 120 : 1_200 + 120] = 0  # the seam, where both resamplers ring
    assert len(heard) == pytest.approx(len(tone), abs=12)
    assert np.abs(error[240:-240]).max() < 800  # of 8,000: what 8 bits leave, twice


def test_the_services_own_format_is_the_same_whether_told_or_not():
    packer = Packer(100)
    assert [*packer.push(silence(50)), *packer.push(silence(50), AudioPcm(rate=24_000))] == [silence(100)]


@pytest.mark.parametrize("interval_ms", [0, -1, 0.01])
def test_an_interval_without_a_sample_is_refused(interval_ms):
    with pytest.raises(ValueError, match="interval_ms"):
        Packer(interval_ms)
