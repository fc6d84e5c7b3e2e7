"""The endpoint that the service tells of incoming calls: believes only the service, and takes each call once."""

import re
import threading
from collections.abc import Callable
from concurrent.futures import Future

from flask import Flask, request

from reelthyme_sync import InvalidSignature, ProtocolError, RequestFailed, webhooks
from reelthyme_sync.events import RealtimeCallIncoming

BODY_LIMIT = 100_000


class Once:
    """Answers each call once: what the service thinks unanswered it tells of again.

    What comes again while the first is being answered waits for that, and comes to the same.
    """

    def __init__(self, answer: Callable[[RealtimeCallIncoming], object], most: int = 10_000) -> None:
        self._answer, self._most = answer, most
        self._outcomes, self._changing = dict[str, Future[None]](), threading.Lock()

    def __call__(self, event: RealtimeCallIncoming) -> None:
        """Answer, unless it has been answered; what failed is answered when it comes again."""
        outcome = Future[None]()
        with self._changing:
            first = self._outcomes.setdefault(event.call_id, outcome)
            if len(self._outcomes) > self._most:
                del self._outcomes[next(iter(self._outcomes))]
        if first is outcome:
            try:
                outcome.set_result(self._answer(event))
            except BaseException as error:
                with self._changing:
                    self._outcomes.pop(event.call_id, None)
                outcome.set_exception(error)
        first.result()


def create_endpoint(answer: Callable[[RealtimeCallIncoming], object], secret: str | None = None) -> Flask:
    """An application with the endpoint.

    Args:
        answer: what to do about a call, within seconds: the service waits no longer. It may be told twice of one.
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
        if not isinstance(event, RealtimeCallIncoming):
            return "", 200
        if not re.fullmatch(r"\w[\w.~-]*", event.call_id, re.ASCII):
            return "", 400
        try:
            answer(event)
        except RequestFailed as error:
            if error.recoverable:
                return "", 503  # the service will send it again
            app.logger.warning("call not answered: %s", error)  # such as 404: the caller has hung up
        return "", 200

    return app
