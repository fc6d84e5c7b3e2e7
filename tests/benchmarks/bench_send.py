"""The CPU time of sending 100 ms of microphone audio, in all threads together, from samples to the socket.

In bursts of five seconds of sound, each over when the peer has answered to a last small event. Paced as in life, every
program looks five times worse, since a machine that has just slept is slow: the mere ``send`` of a socket then costs
90 us instead of 4. glibc is told to keep the memory of a burst for the next: giving it back and faulting it in again
costs 8 us a chunk, and life, with one chunk at a time, knows nothing of it. Ours, with base64, JSON and the way through
two threads, may take no more than what websocket-client takes to send a frame that need not be encoded any more.
"""

from __future__ import annotations

import json
import os
import statistics
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Final

import figures
import peer

CHUNKS: Final = 50  # a burst
BURSTS: Final = 40
PCM: Final = bytes(range(240)) * 20  # 4,800 bytes: 100 ms at 24 kHz

Burst = Callable[[], None]


@contextmanager
def ours(url: str) -> Iterator[Burst]:
    import reelthyme_sync
    from reelthyme_sync.events import InputAudioBufferAppend, InputAudioBufferClear
    from reelthyme_sync.pcm import encode_base64

    with reelthyme_sync.connect(url=f"{url}/v1/realtime") as session:

        def burst() -> None:
            for _ in range(CHUNKS):
                session.send(InputAudioBufferAppend(audio=encode_base64(PCM)))
            session.send(InputAudioBufferClear())
            session.receive()

        yield burst


@contextmanager
def bare(url: str) -> Iterator[Burst]:
    import websocket

    from reelthyme_sync import codec
    from reelthyme_sync.events import InputAudioBufferAppend, InputAudioBufferClear
    from reelthyme_sync.pcm import encode_base64

    connection = websocket.create_connection(url)
    append = codec.encode(InputAudioBufferAppend(audio=encode_base64(PCM)))
    clear = codec.encode(InputAudioBufferClear())

    def burst() -> None:
        for _ in range(CHUNKS):
            connection.send(append)
        connection.send(clear)
        connection.recv()

    yield burst
    connection.shutdown()


def measure(url: str) -> dict[str, float]:
    """Microseconds for each chunk: the median of the bursts, which take turns."""
    with ours(url) as our_burst, bare(url) as bare_burst:
        taken = [(_timed(our_burst), _timed(bare_burst)) for _ in range(BURSTS)]
    return {"ours": statistics.median(our for our, _ in taken), "bare": statistics.median(other for _, other in taken)}


def _timed(burst: Burst) -> float:
    began = time.process_time()
    burst()
    return (time.process_time() - began) / CHUNKS * 1e6


def main() -> None:
    os.environ["MALLOC_TRIM_THRESHOLD_"] = str(1 << 24)
    with peer.running("answer") as url:
        rounds = [figures.in_fresh_process(__file__, url) for _ in range(figures.ROUNDS)]
    taken = {name: [took[name] for took in rounds] for name in ("ours", "bare")}
    figures.note("sending 100 ms of sound, bare: CPU", taken["bare"], "us")
    said = figures.Figures()
    said.at_most("sending 100 ms of sound: CPU", taken["ours"], 40, "us", binding=False)
    said.at_most("sending 100 ms of sound, CPU: ours / bare", figures.ratios(taken["ours"], taken["bare"]), 1)
    said.exit()


if __name__ == "__main__":
    if len(sys.argv) > 1:
        print(json.dumps(measure(sys.argv[1])))
    else:
        main()
