"""A long spoken conversation, received as fast as each client can: typed events, one consumer, a fresh process each.

openai's client waits more than it works (its library stops reading whenever sixteen messages are waiting), so its wall
time says less about the machine than its CPU time does.
"""

from __future__ import annotations

import json
import sys
import time
from collections.abc import Callable
from typing import Final

import conversation
import figures
import peer


def ours(url: str) -> int:
    import reelthyme_sync

    with reelthyme_sync.connect(url=f"{url}/v1/realtime") as session:
        return sum(1 for _ in session.events())


def openai(url: str) -> int:
    from openai import OpenAI

    client = OpenAI(api_key="none", websocket_base_url=f"{url}/v1")
    with client.realtime.connect(model="any") as connection:
        return sum(1 for _ in connection)


def bare(url: str) -> int:
    """The floor: websocket-client and orjson, no types, no thread, no queue."""
    import orjson
    import websocket

    connection = websocket.create_connection(url, skip_utf8_validation=True)
    count = 0
    while (message := connection.recv_data_frame())[0] != peer.CLOSE:
        orjson.loads(message[1].data)
        count += 1
    connection.shutdown()
    return count


CLIENTS: Final[dict[str, Callable[[str], int]]] = {"ours": ours, "openai": openai, "bare": bare}
IMPORTS: Final = {"ours": "reelthyme_sync", "openai": "openai.types.realtime", "bare": "websocket"}


def measure(name: str, url: str) -> dict[str, float]:
    """Seconds on the wall and of CPU, from connecting to the last event; importing does not count."""
    __import__(IMPORTS[name])
    wall, cpu = time.perf_counter(), time.process_time()
    count = CLIENTS[name](url)
    taken = {"wall": time.perf_counter() - wall, "cpu": time.process_time() - cpu}
    assert count == conversation.EVENTS, f"{name} got {count} of {conversation.EVENTS} events"
    return taken


def main() -> None:
    with peer.running("replay") as url:
        rounds = [
            {name: figures.in_fresh_process(__file__, name, url) for name in CLIENTS} for _ in range(figures.ROUNDS)
        ]
    wall, cpu = ({name: [took[name][what] for took in rounds] for name in CLIENTS} for what in ("wall", "cpu"))
    for name in CLIENTS:
        figures.note(f"replay, {name}: wall", wall[name], "s")
        figures.note(f"replay, {name}: CPU", cpu[name], "s")
    said = figures.Figures()
    said.at_least("replay, wall: openai / ours", figures.ratios(wall["openai"], wall["ours"]), 20)
    said.at_least("replay, CPU: openai / ours", figures.ratios(cpu["openai"], cpu["ours"]), 2.5)
    said.at_most("replay, CPU: ours / bare", figures.ratios(cpu["ours"], cpu["bare"]), 2.5)
    said.exit()


if __name__ == "__main__":
    if len(sys.argv) > 1:
        print(json.dumps(measure(*sys.argv[1:])))
    else:
        main()
