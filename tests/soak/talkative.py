"""A peer that holds an endless spoken conversation at many times real time, in a process of its own.

python talkative.py SPEED prints its URL, and serves until its standard input ends. It does no speech: a turn is 8 s of
sound, and it hears nothing but how much there was, which it tells in the response's metadata. Every other turn the user
begins to speak in the middle of the answer.
"""

from __future__ import annotations

import asyncio
import base64
import contextlib
import itertools
import subprocess
import sys
from collections.abc import Iterator

import orjson
from aiohttp import web

DELTA_MS = 200
DELTAS = 40
SOUND = base64.b64encode(bytes(range(256)) * (48 * DELTA_MS // 256)).decode()


@contextlib.contextmanager
def talkative_peer(speed: float) -> Iterator[str]:
    """A peer as long as the block; gives its URL."""
    with subprocess.Popen(
        [sys.executable, __file__, str(speed)], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as process:
        assert process.stdout is not None
        yield process.stdout.readline().strip()
        process.communicate()


class Conversation:
    """One client's."""

    def __init__(self, socket: web.WebSocketResponse, speed: float) -> None:
        self._socket = socket
        self._pause = DELTA_MS / 1000 / speed
        self._heard = 0

    async def run(self) -> None:
        talking = asyncio.create_task(self._talk())
        try:
            async for message in self._socket:
                event = orjson.loads(message.data)
                if event["type"] == "input_audio_buffer.append":
                    self._heard += len(base64.b64decode(event["audio"]))
        finally:
            talking.cancel()

    async def _talk(self) -> None:
        await self._send("session.created", session={"type": "realtime", "model": "talkative"})
        clock = asyncio.get_running_loop().time
        due = clock()
        for turn in itertools.count():
            place = {"response_id": f"resp_{turn}", "item_id": f"item_{turn}", "output_index": 0, "content_index": 0}
            await self._send("response.created", response={"id": f"resp_{turn}", "status": "in_progress"})
            for number in range(DELTAS):
                await self._send("response.output_audio_transcript.delta", delta=" word", **place)
                await self._send("response.output_audio.delta", delta=SOUND, **place)
                if turn % 2 and number == DELTAS // 2:
                    await self._send("input_audio_buffer.speech_started", audio_start_ms=0, item_id=f"said_{turn}")
                due += self._pause
                await asyncio.sleep(max(0.0, due - clock()))
            await self._send("response.output_audio.done", **place)
            done = {"id": f"resp_{turn}", "status": "completed", "metadata": {"heard": str(self._heard)}}
            await self._send("response.done", response=done)

    async def _send(self, kind: str, **fields: object) -> None:
        await self._socket.send_bytes(orjson.dumps({"type": kind, **fields}))


async def serve(speed: float) -> None:
    async def upgrade(request: web.Request) -> web.WebSocketResponse:
        socket = web.WebSocketResponse(compress=False)
        await socket.prepare(request)
        with contextlib.suppress(ConnectionError):
            await Conversation(socket, speed).run()
        return socket

    application = web.Application()
    application.router.add_get("/v1/realtime", upgrade)
    runner = web.AppRunner(application, access_log=None)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    sys.stdout.write(f"ws://127.0.0.1:{runner.addresses[0][1]}/v1/realtime\n")
    sys.stdout.flush()
    await asyncio.to_thread(sys.stdin.read)
    await runner.cleanup()


if __name__ == "__main__":
    asyncio.run(serve(float(sys.argv[1])))
