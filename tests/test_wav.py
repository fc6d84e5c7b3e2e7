import contextlib
import os
import struct
import wave

import numpy as np
import pytest

from reelthyme_sync import AudioUnavailable
from reelthyme_sync.audio.wav import GrowingWav, read_wav, without_silent_end

RATE = 24_000


def sine(rate: int, seconds: float = 0.5, frequency: float = 440.0) -> np.ndarray:
    return 0.5 * np.sin(2 * np.pi * frequency * np.arange(int(rate * seconds)) / rate)


def write(path, samples: np.ndarray, *, rate: int, width: int, channels: int) -> str:
    scaled = np.repeat(samples[:, None], channels, axis=1)
    if width == 1:
        data = (scaled * 127 + 128).round().astype(np.uint8).tobytes()
    else:
        wide = (scaled * (2**31 - 1)).round().astype("<i4").reshape(-1, 1).view(np.uint8)
        data = wide[:, 4 - width :].tobytes()
    with wave.open(str(path), "wb") as file:
        file.setparams((channels, width, rate, 0, "NONE", ""))
        file.writeframes(data)
    return str(path)


def test_a_file_in_our_own_format_is_read_as_it_is(tmp_path):
    samples = (sine(RATE) * 32767).astype("<i2")
    with wave.open(str(tmp_path / "a.wav"), "wb") as file:
        file.setparams((1, 2, RATE, 0, "NONE", ""))
        file.writeframes(samples.tobytes())
    assert read_wav(tmp_path / "a.wav") == samples.tobytes()


@pytest.mark.parametrize("channels", [1, 2])
@pytest.mark.parametrize("width", [1, 2, 3, 4])
@pytest.mark.parametrize("rate", [8_000, 16_000, 24_000, 44_100, 48_000])
def test_any_pcm_file_is_converted(tmp_path, rate, width, channels):
    path = write(tmp_path / "a.wav", sine(rate), rate=rate, width=width, channels=channels)
    read = np.frombuffer(read_wav(path), "<i2") / 32768
    expected = sine(RATE)
    assert abs(len(read) - len(expected)) <= 1
    middle = slice(1200, 10_800)  # a resampler rings at the edges
    assert np.abs(read[middle] - expected[middle]).max() < (0.02 if width == 1 else 0.002)


def test_24_bits_as_ffmpeg_writes_them(tmp_path):
    """In the extensible format, of which Python knows nothing before 3.12."""
    samples = np.array([0, 100, -100, 32_000], "<i4") * 256
    body = b"".join(sample.tobytes()[:3] for sample in samples)
    guid = bytes.fromhex("0100000000001000800000aa00389b71")
    form = struct.pack("<HHIIHHHHI", 0xFFFE, 1, 24_000, 72_000, 3, 24, 22, 24, 4) + guid
    chunks = b"WAVE" + b"fmt " + struct.pack("<I", len(form)) + form + b"data" + struct.pack("<I", len(body)) + body
    path = tmp_path / "extensible.wav"
    path.write_bytes(b"RIFF" + struct.pack("<I", len(chunks)) + chunks)
    assert np.frombuffer(read_wav(path), "<i2").tolist() == [0, 100, -100, 32_000]


@pytest.mark.parametrize(("rate", "bits"), [(24_000, 64), (7, 16), (4_000_000_000, 16)])
def test_a_file_of_another_world_is_refused(tmp_path, rate, bits):
    form = struct.pack("<HHIIHH", 1, 1, rate, 0, bits // 8, bits)
    chunks = b"WAVE" + b"fmt " + struct.pack("<I", len(form)) + form + b"data" + struct.pack("<I", 16) + bytes(16)
    path = tmp_path / "strange.wav"
    path.write_bytes(b"RIFF" + struct.pack("<I", len(chunks)) + chunks)
    with pytest.raises(AudioUnavailable, match=f"{rate} samples per second, of {bits} bits"):
        read_wav(path)


def test_no_such_file(tmp_path):
    with pytest.raises(AudioUnavailable, match="no file"):
        read_wav(tmp_path / "a.wav")


@pytest.mark.parametrize("content", [b"", b"ID3 and so on", b"RIFF\x24\0\0\0WAVEfmt "])
def test_no_wav_file(tmp_path, content):
    (tmp_path / "a.wav").write_bytes(content)
    with pytest.raises(AudioUnavailable, match="ffmpeg"):
        read_wav(tmp_path / "a.wav")


def test_a_folder_is_no_matter_for_ffmpeg(tmp_path):
    with pytest.raises(AudioUnavailable, match="cannot be read"):
        read_wav(tmp_path)


def test_a_stereo_file_that_was_cut_off(tmp_path):
    path = write(tmp_path / "a.wav", sine(RATE), rate=RATE, width=2, channels=2)
    whole = (tmp_path / "a.wav").read_bytes()
    (tmp_path / "a.wav").write_bytes(whole[:-3])
    assert len(read_wav(path)) == 2 * (RATE // 2 - 1)


def test_silence_at_the_end_is_left_out():
    loud, quiet = b"\x00\x20" * RATE, b"\x10\x00" * RATE
    assert len(without_silent_end(loud + 3 * quiet)) == 2 * (RATE + RATE // 5) - 2
    assert without_silent_end(quiet) == b""


def test_a_wav_file_that_is_not_pcm(tmp_path):
    float_format = struct.pack("<HHIIHH", 3, 1, RATE, RATE * 4, 4, 32)
    chunks = b"fmt " + struct.pack("<I", 16) + float_format + b"data" + struct.pack("<I", 4) + b"\0\0\0\0"
    (tmp_path / "a.wav").write_bytes(b"RIFF" + struct.pack("<I", 4 + len(chunks)) + b"WAVE" + chunks)
    with pytest.raises(AudioUnavailable, match="ffmpeg"):
        read_wav(tmp_path / "a.wav")


def test_a_growing_file_is_valid_from_the_beginning(tmp_path):
    file = GrowingWav(tmp_path / "a.wav", channels=1, rate=RATE)
    for count in range(4):
        assert read_wav(tmp_path / "a.wav") == b"\1\0" * 10 * count
        file.write(b"\1\0" * 10)
    file.close()
    file.close()
    with pytest.raises(AudioUnavailable, match="it is closed"):
        file.write(b"\1\0")
    assert len(read_wav(tmp_path / "a.wav")) == 80


@pytest.mark.skipif(not os.path.exists("/dev/full"), reason="a disk that is full needs Linux")
def test_a_disk_that_is_full():
    with pytest.raises(AudioUnavailable, match="Cannot write /dev/full: No space left"):
        GrowingWav("/dev/full", channels=1, rate=RATE)


@pytest.mark.skipif(not os.path.exists("/dev/full"), reason="a disk that is full needs Linux")
def test_a_file_claims_no_sound_that_the_disk_has_refused(tmp_path):
    file = GrowingWav(tmp_path / "a.wav", channels=1, rate=RATE)
    file.write(b"\1\0" * 10)
    with contextlib.suppress(OSError), open("/dev/full", "wb") as full:
        disk, file._disk = file._disk, full
        with pytest.raises(AudioUnavailable, match="No space left"):
            file.write(b"\1\0" * 10)
    disk.close()
    assert len(read_wav(tmp_path / "a.wav")) == 20
