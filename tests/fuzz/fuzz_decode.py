"""The long run of tests/test_codec_fuzz.py, led by coverage: ``python tests/fuzz/fuzz_decode.py -runs=100000``.

It needs ``pip install atheris``, which no other test does. Further arguments are libFuzzer's own; a folder among them
is where it keeps what it has found.
"""

import logging
import random
import sys

import atheris

with atheris.instrument_imports(include=["reelthyme_sync"]):
    import outcome
    from frames import frames, spoiled

FRAMES = frames(random.Random(1))


def mutate(data: bytes, max_size: int, seed: int) -> bytes:
    """Now a fault of ours in a real frame, now one of libFuzzer's in whatever it has."""
    draw = random.Random(seed)
    if draw.random() < 0.5:
        return atheris.Mutate(data, max_size)
    frame = data if data.startswith(b"{") else draw.choice(FRAMES)
    return spoiled(frame, draw.choice(FRAMES), draw)[:max_size]


def test_one_input(data: bytes) -> None:
    """Whatever comes, every end must get an event or a ``ProtocolError``."""
    outcome.of_server(data)
    outcome.of_beta_server(data)
    outcome.of_client(data)
    outcome.of_server(data.decode("utf-8", "surrogateescape"))


if __name__ == "__main__":
    logging.disable(logging.WARNING)
    atheris.Setup(sys.argv, test_one_input, custom_mutator=mutate)
    atheris.Fuzz()
