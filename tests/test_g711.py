"""Against the decision values of the recommendation, and against ``audioop`` where Python still has it."""

import sys
import warnings
from bisect import bisect_right
from itertools import accumulate, chain, repeat

import numpy as np
import pytest

from reelthyme_sync import g711

SAMPLES = range(-32_768, 32_768)
PCM = np.array(SAMPLES, "<i2").tobytes()
NEGATIVE, NOT_NEGATIVE = PCM[: len(PCM) // 2], PCM[len(PCM) // 2 :]
CODES = bytes(range(256))

# Tables 1 and 2 of G.711: where one of the 128 steps of a sign ends and the next begins. In 13 bits and a sign for
# mu-law, 12 bits and a sign for A-law. Sixteen steps to a segment, each segment's twice as wide as the last one's.
MULAW_BOUNDS = list(
    accumulate(chain([1], repeat(2, 15), *(repeat(4 << segment, 16) for segment in range(7))), initial=0)
)
ALAW_BOUNDS = list(accumulate(chain(*(repeat(2 << max(segment - 1, 0), 16) for segment in range(8))), initial=0))


def test_the_bounds_are_those_of_the_tables():
    assert MULAW_BOUNDS[:4] == [0, 1, 3, 5]
    assert MULAW_BOUNDS[16::16] == [31, 95, 223, 479, 991, 2015, 4063, 8159]
    assert ALAW_BOUNDS[:4] == [0, 2, 4, 6]
    assert ALAW_BOUNDS[16::16] == [32, 64, 128, 256, 512, 1024, 2048, 4096]


def step(sample: int, bounds: list[int], bits_below: int) -> int:
    """The step that a sample falls into; what is above the last one counts as that. -1 is as small as 0: see G.191."""
    magnitude = (sample if sample >= 0 else ~sample) >> bits_below
    return min(bisect_right(bounds, magnitude) - 1, 127)


def mulaw(sample: int) -> int:
    return step(sample, MULAW_BOUNDS, 2) ^ (0xFF if sample >= 0 else 0x7F)


def alaw(sample: int) -> int:
    return step(sample, ALAW_BOUNDS, 3) ^ (0xD5 if sample >= 0 else 0x55)


@pytest.mark.parametrize(("encode", "reference"), [(g711.encode_mulaw, mulaw), (g711.encode_alaw, alaw)])
def test_every_sample_is_encoded_as_the_recommendation_says(encode, reference):
    assert list(encode(PCM)) == [reference(sample) for sample in SAMPLES]


def middle(number: int, bounds: list[int], bits_below: int) -> int:
    return sum(bounds[number : number + 2]) << bits_below >> 1


def mulaw_sample(code: int) -> int:
    number = code & 0x7F ^ 0x7F
    magnitude = middle(number, MULAW_BOUNDS, 2) if number else 0  # the first step reaches from -1 to 1
    return magnitude if code & 0x80 else -magnitude


def alaw_sample(code: int) -> int:
    magnitude = middle((code ^ 0x55) & 0x7F, ALAW_BOUNDS, 3)
    return magnitude if code & 0x80 else -magnitude


@pytest.mark.parametrize(("decode", "reference"), [(g711.decode_mulaw, mulaw_sample), (g711.decode_alaw, alaw_sample)])
def test_every_code_stands_for_the_middle_of_its_step(decode, reference):
    assert np.frombuffer(decode(CODES), "<i2").tolist() == [reference(code) for code in range(256)]


@pytest.mark.parametrize(
    ("encode", "decode"), [(g711.encode_mulaw, g711.decode_mulaw), (g711.encode_alaw, g711.decode_alaw)]
)
def test_a_second_passage_changes_nothing(encode, decode):
    once = decode(encode(PCM))
    assert decode(encode(once)) == once


@pytest.mark.parametrize("encode", [g711.encode_mulaw, g711.encode_alaw])
def test_half_a_sample_is_refused(encode):
    with pytest.raises(ValueError, match="multiple"):
        encode(b"\1\0\1")


@pytest.mark.parametrize("convert", [g711.encode_mulaw, g711.decode_mulaw, g711.encode_alaw, g711.decode_alaw])
def test_nothing_stays_nothing(convert):
    assert convert(b"") == b""


if sys.version_info < (3, 13):  # and not a skip, which would be a failure in the CI
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)
        import audioop

    def test_audioop_says_the_same():
        assert g711.decode_mulaw(CODES) == audioop.ulaw2lin(CODES, 2)
        assert g711.decode_alaw(CODES) == audioop.alaw2lin(CODES, 2)
        assert g711.encode_alaw(PCM) == audioop.lin2alaw(PCM, 2)
        assert g711.encode_mulaw(NOT_NEGATIVE) == audioop.lin2ulaw(NOT_NEGATIVE, 2)

    def test_audioop_makes_negative_samples_of_mu_law_larger_by_one_step_of_four():
        """The one place where it leaves the recommendation: 508 samples get another code for it."""
        theirs = audioop.lin2ulaw(NEGATIVE, 2)
        larger = np.array([max(sample - 4, -32_768) for sample in SAMPLES if sample < 0], "<i2").tobytes()
        assert g711.encode_mulaw(larger) == theirs
        assert sum(a != b for a, b in zip(g711.encode_mulaw(NEGATIVE), theirs, strict=True)) == 508
