"""How long a small event is under way: sent, answered at once, received. A fresh process for each client."""

from __future__ import annotations

import json
import statistics
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any, Final

import figures
import peer

WARM_UP: Final = 200
TRIPS: Final = 3_000

RoundTrip = Callable[[], Any]


@contextmanager
def ours(url: str) -> Iterator[RoundTrip]:
    import reelthyme_sync
    from reelthyme_sync.events import InputAudioBufferClear

    with reelthyme_sync.connect(url=f"{url}/v1/realtime") as session:

        def round_trip() -> object:
            session.send(InputAudioBufferClear())
            return session.receive()

        yield round_trip


@contextmanager
def openai(url: str) -> Iterator[RoundTrip]:
    from openai import OpenAI

    client = OpenAI(api_key="none", websocket_base_url=f"{url}/v1")
    with client.realtime.connect(model="any") as connection:

        def round_trip() -> object:
            connection.send({"type": "input_audio_buffer.clear"})
            return connection.recv()

        yield round_trip


CLIENTS: Final = {"ours": ours, "openai": openai}


def measure(name: str, url: str) -> dict[str, float]:
    """Microseconds: the median, and what 95 of 100 take at most."""
    with CLIENTS[name](url) as round_trip:
        taken = [_timed(round_trip) for _ in range(WARM_UP + TRIPS)][WARM_UP:]
    quantiles = statistics.quantiles(taken, n=20)
    return {"p50": quantiles[9], "p95": quantiles[18]}


def _timed(round_trip: RoundTrip) -> float:
    began = time.perf_counter()
    assert round_trip().type == "input_audio_buffer.cleared"
    return (time.perf_counter() - began) * 1e6


def main() -> None:
    with peer.running("answer") as url:
        rounds = [
            {name: figures.in_fresh_process(__file__, name, url) for name in CLIENTS} for _ in range(figures.ROUNDS)
        ]
    p50, p95 = ({name: [took[name][what] for took in rounds] for name in CLIENTS} for what in ("p50", "p95"))
    for name in CLIENTS:
        figures.note(f"round trip, {name}: p50", p50[name], "us")
        figures.note(f"round trip, {name}: p95", p95[name], "us")
    said = figures.Figures()
    said.at_most("round trip, p50: ours / openai", figures.ratios(p50["ours"], p50["openai"]), 1)
    said.exit()


if __name__ == "__main__":
    if len(sys.argv) > 1:
        print(json.dumps(measure(*sys.argv[1:])))
    else:
        main()
