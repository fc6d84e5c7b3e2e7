"""A local server whose callers have neither sound nor a browser: they write their questions, one after each answer.

It runs in a process of its own, and says where it is. A caller begins as soon as the session has tools, which is when
its sideband has come.
"""

from __future__ import annotations

import asyncio
import itertools
import json
import sys
from typing import Any

from reelthyme_sync.local_server.app import PATH, App, Options
from reelthyme_sync.local_server.call import Call

QUESTIONS = 5
_numbers = itertools.count(100)


class Caller:
    """Asks so many questions, each of which nobody else asks."""

    def __init__(self, call: Call) -> None:
        self._call = call
        self._left = QUESTIONS
        call.listen(self._hear)

    async def _hear(self, text: str) -> None:
        kind = json.loads(text)["type"]
        if kind in ("session.updated", "response.done") and self._left:
            self._left -= 1
            words = {"type": "input_text", "text": f"What is {next(_numbers)} plus {next(_numbers)}?"}
            self._send({"type": "conversation.item.create", "item": _message(words)})
            self._send({"type": "response.create"})

    def _send(self, event: dict[str, Any]) -> None:
        self._call.receive(json.dumps(event))


class Callers:
    """Takes every offer, in the place of WebRTC."""

    async def answer(self, call: Call, _offer: str) -> str:
        Caller(call)
        return "v=0\r\n"

    async def close(self) -> None: ...


def _message(words: dict[str, Any]) -> dict[str, Any]:
    return {"type": "message", "role": "user", "content": [words]}


async def serve() -> None:
    app = App(Options(host="127.0.0.1", port=0, tls=None, script=[], speed=8.0, lifetime=3600.0, api_key=None))
    app._call_routes._peers = Callers()
    async with app.listening() as port:
        sys.stdout.write(f"ws://127.0.0.1:{port}{PATH}\n")
        sys.stdout.flush()
        await asyncio.to_thread(sys.stdin.read)  # until the test lets go


if __name__ == "__main__":
    asyncio.run(serve())
