"""A feed in the form of ``text/event-stream``, which a browser's ``EventSource`` reads.

A server that answers one request at a time must not keep a stream open. There it ends after what there is, and the
browser comes again by itself a second later, and says what it has: the same page works with every server.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

import attrs
import orjson

from .feed import Feed

COME_AGAIN_MS: Final = 1000


def event_stream(
    feed: Feed, *, last_event_id: str | None = None, stays: bool = True, keepalive: float = 15.0
) -> Iterator[bytes]:
    """The body of the response, with ``Content-Type: text/event-stream``.

    Each event's data is ``{"kind": "line", "item_id", "who", "text", "done"}``, which replaces the line of that item,
    or at last ``{"kind": "ended", "why"}``; then the page has to close its ``EventSource``, or it comes again.

    Args:
        feed: what is said.
        last_event_id: the request's header ``Last-Event-ID``, with which a browser comes again.
        stays: whether the response may last as long as the call: ``environ["wsgi.multithread"]``.
        keepalive: seconds of silence after which an empty line shows the server whether the browser is still there.
    """
    yield f"retry: {COME_AGAIN_MS}\n\n".encode()
    number = last_event_id if last_event_id is not None and last_event_id.isdecimal() else "0"
    for news in feed.read(int(number[:18]), keepalive=keepalive, stays=stays):
        events = [{"kind": "line", **attrs.asdict(line)} for line in news.lines]
        if news.ended is not None:
            events.append({"kind": "ended", "why": news.ended})
        data = [b"data: %b\n" % orjson.dumps(event) for event in events]
        # the number stands in the last one alone: a browser that was cut off in the middle is given all of them again
        yield b"\n".join(data) + b"id: %d\n\n" % news.number if data else b":\n\n"
