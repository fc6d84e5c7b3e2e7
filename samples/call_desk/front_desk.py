"""What Flask and Django share: secrets for pages, and their calls, followed with tools and a transcript.

Knows no web framework. A transcript is kept by the process that follows the call, so serve with one worker process and
many threads; ``samples/celery_calls`` is for more than one. Whoever reaches the page calls at your cost: put your login
before it.
"""

import datetime
import logging
import re
import secrets
import threading
from collections import deque
from collections.abc import Callable, Iterator

import orjson

from reelthyme_sync import ConnectFailed, RealtimeClient, RequestFailed, Session, calls, codec, create_client_secret
from reelthyme_sync.events import AudioConfig, AudioInput, RealtimeSession, ServerVad, Transcription
from reelthyme_sync.supervise import AlreadyFollowed, Feed, Line, Supervisor, TooManyCalls, event_stream
from reelthyme_sync.tools import Tool

INSTRUCTIONS = "You are the assistant of a small shop. Be brief. Hang up when the caller asks you to."
BODY_LIMIT = 16_384
TRANSCRIPTS_KEPT = 1000

log = logging.getLogger(__name__)

_CALL_ID = re.compile(r"[A-Za-z0-9._~-]{1,200}")
_CLIENT_SECRET = re.compile(r"ek_[A-Za-z0-9._~-]{1,500}")


class Refused(Exception):
    """What a request is answered with that is not done."""

    def __init__(self, status: int, why: str) -> None:
        self.status = status
        super().__init__(why)


class Desk:
    """One for the whole application. Any thread."""

    def __init__(self, service, limit: int = 100) -> None:
        self.service = service
        self.supervisor = Supervisor(limit)
        self._streams = threading.BoundedSemaphore(limit)
        self._changing = threading.Lock()
        self._feeds: dict[str, Feed] = {}
        self._over: deque[str] = deque()  # the tokens of calls that have ended, the oldest first

    def client_secret(self, body: bytes) -> dict:
        """What a page starts its call with. The session begins as we say; in its own call the page may change it."""
        modalities = _object(body).get("output_modalities")
        if modalities not in (["audio"], ["text"]):
            raise Refused(400, 'output_modalities must be ["audio"] or ["text"]')
        hearing = AudioInput(transcription=Transcription(model="gpt-transcribe"), turn_detection=ServerVad())
        session = RealtimeSession(
            instructions=INSTRUCTIONS,
            output_modalities=modalities,
            audio=AudioConfig(input=hearing),
            tools=[Tool.of(tool).declaration for tool in tools_of("", {})],  # or the first question might come before
        )
        try:
            secret = create_client_secret(session=session, **self.service.place())
        except RequestFailed as error:
            log.warning("%s", error)
            raise Refused(503 if error.recoverable else 502, "The service gives no secret") from error
        return {**codec.unstructure(secret), "url": self.service.calls_url()}

    def follow(self, body: bytes) -> str:
        """Follow the page's call, and give the token of its transcript.

        We connect with the client secret that the page has: so the service says whether it is the page's call.
        """
        claim = _object(body)
        call_id, client_secret = (str(claim.get(name, "")) for name in ("call_id", "client_secret"))
        if not _CALL_ID.fullmatch(call_id) or not _CLIENT_SECRET.fullmatch(client_secret):
            raise Refused(400, "call_id and client_secret are those of the call")
        feed, token, place = Feed(), secrets.token_urlsafe(32), self.service.place()
        try:
            call = self.supervisor.follow(
                call_id, lambda session: converse(session, call_id, place, feed), api_key=client_secret, **place
            )
        except TooManyCalls as error:
            raise Refused(503, "Too many calls are followed") from error
        except AlreadyFollowed as error:
            raise Refused(409, "This call is followed already") from error
        except ConnectFailed as error:
            log.warning("call not followed: %s", error)
            raise Refused(502 if error.recoverable else 404, "There is no such call of yours") from error
        with self._changing:
            self._feeds[token] = feed
        call.on_end(lambda: self._end(token, call.ended))
        return token

    def transcript(self, token: str, last_event_id: str | None, *, threads: bool) -> Iterator[bytes]:
        """What is said on a call, as ``text/event-stream``, for whoever knows the token.

        A stream occupies a thread. Where there is only one, or too many are occupied, it ends at once, and the page
        comes again in a second.
        """
        if (feed := self._feeds.get(token)) is None:
            raise Refused(404, "There is no such transcript")
        return self._stream(feed, last_event_id, threads)

    def _end(self, token: str, why: str) -> None:
        """Tell readers; and forget the oldest of the transcripts that are complete, if there are too many."""
        self._feeds[token].end(why)
        with self._changing:
            self._over.append(token)
            if len(self._over) > TRANSCRIPTS_KEPT:
                del self._feeds[self._over.popleft()]

    def _stream(self, feed: Feed, last_event_id: str | None, threads: bool) -> Iterator[bytes]:
        stays = threads and self._streams.acquire(blocking=False)
        try:
            yield from event_stream(feed, last_event_id=last_event_id, stays=stays)
        finally:  # also when the server closes it, because the page has left
            if stays:
                self._streams.release()


def converse(session: Session, call_id: str, place: dict[str, str], feed: Feed) -> None:
    """Our side of one call: tools are answered from here, and what is said is written down."""
    client = RealtimeClient(session, threaded=False)
    for tool in tools_of(call_id, place):
        client.add_tool(tool)

    @client.on("conversation.updated")
    def write_down(update) -> None:
        if (line := Line.of(update.item)) is not None:
            feed.put(line)

    with client:
        for _ in client.events():  # until somebody hangs up
            pass


def tools_of(call_id: str, place: dict[str, str]) -> list[Callable]:
    """What the assistant can do on a call."""

    def get_server_time() -> str:
        """Tell the time of day on the server's clock."""
        return f"{datetime.datetime.now():%H:%M}"

    def get_weather(city: str) -> dict[str, str]:
        """Get the weather forecast of a city."""
        return {"city": city, "forecast": "sunny, 20 degrees"}

    def hang_up() -> str:
        """Hang up the phone, which ends the call."""
        calls.hangup(call_id, **place)
        return "done"

    return [get_server_time, get_weather, hang_up]


def _object(body: bytes) -> dict:
    try:
        given = orjson.loads(body)
    except orjson.JSONDecodeError:
        given = None
    if not isinstance(given, dict):
        raise Refused(400, "The body must be a JSON object")
    return given
