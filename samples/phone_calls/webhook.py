"""The endpoint that the service tells of incoming calls: believes only the service, and takes each call once."""

import threading
from collections.abc import Callable

from flask import Flask, request

from reelthyme_sync import InvalidSignature, ProtocolError, RequestFailed, webhooks
from reelthyme_sync.events import RealtimeCallIncoming

BODY_LIMIT = 100_000


class Seen:
    """The events that this process has taken: what the service thinks unanswered it sends again, with the same id."""

    def __init__(self, most: int = 10_000) -> None:
        self._most, self._ids, self._changing = most, dict[str, None](), threading.Lock()

    def take(self, event_id: str) -> bool:
        """Whether it comes for the first time."""
        with self._changing:
            is_new = event_id not in self._ids
            self._ids[event_id] = None
            if len(self._ids) > self._most:
                del self._ids[next(iter(self._ids))]
            return is_new

    def forget(self, event_id: str) -> None:
        """Take it again when it comes again."""
        with self._changing:
            self._ids.pop(event_id, None)


def create_endpoint(answer: Callable[[RealtimeCallIncoming], object], seen: Seen, secret: str | None = None) -> Flask:
    """An application with the endpoint.

    Args:
        answer: accepts or declines, within seconds: the service waits no longer.
        seen: or what has its two methods.
        secret: of the endpoint; by default the environment's.
    """
    app = Flask(__name__)
    app.config["MAX_CONTENT_LENGTH"] = BODY_LIMIT

    @app.post("/openai")
    def told() -> tuple[str, int]:
        try:
            event = webhooks.unwrap(request.get_data(), request.headers, secret)
        except (InvalidSignature, ProtocolError):
            return "", 400
        if not isinstance(event, RealtimeCallIncoming) or not seen.take(event.id):
            return "", 200
        try:
            answer(event)
        except RequestFailed as error:
            if error.recoverable:
                seen.forget(event.id)
                return "", 503  # the service will send it again
            app.logger.warning("call not answered: %s", error)  # such as 404: the caller has hung up
        except ValueError:  # no id of a call
            return "", 400
        except Exception:
            seen.forget(event.id)
            raise
        return "", 200

    return app
