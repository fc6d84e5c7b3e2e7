import pytest
from hypothesis import given
from hypothesis import strategies as st

from reelthyme_sync import pcm
from reelthyme_sync.pcm import Chunker


def test_a_second_is_24000_samples_of_two_bytes():
    assert pcm.ms_to_samples(1000) == 24_000
    assert pcm.ms_to_bytes(1000) == 48_000
    assert pcm.bytes_to_ms(48_000) == 1000
    assert pcm.samples_to_ms(24_000) == 1000
    assert pcm.silence(20) == bytes(960)


@given(samples=st.integers(0, 10_000_000), rate=st.sampled_from([8_000, 16_000, 24_000, 44_100, 48_000]))
def test_milliseconds_never_point_past_the_sound(samples, rate):
    ms = pcm.samples_to_ms(samples, rate)
    assert pcm.ms_to_samples(ms, rate) <= samples
    assert pcm.ms_to_samples(ms + 1, rate) > samples - 1


@given(st.binary(max_size=200))
def test_base64_both_ways(data):
    assert pcm.decode_base64(pcm.encode_base64(data)) == data


def test_text_that_is_no_base64():
    for text in ("abc", "ab c", "äbcd", "ab==cd=="):
        with pytest.raises(ValueError, match="characters that are no base64"):
            pcm.decode_base64(text)


@given(samples=st.integers(1, 50), blocks=st.lists(st.binary(max_size=120)))
def test_chunks_have_one_length_and_lose_nothing(samples, blocks):
    chunker = Chunker(samples)
    chunks = [chunk for block in blocks for chunk in chunker.push(block)]
    rest = chunker.rest()
    assert {len(chunk) for chunk in chunks} <= {samples * 2}
    assert len(rest) < samples * 2
    assert b"".join(chunks) + rest == b"".join(blocks)
    assert chunker.rest() == b""


def test_a_chunk_of_nothing_is_refused():
    with pytest.raises(ValueError, match="at least one sample"):
        Chunker(0)
