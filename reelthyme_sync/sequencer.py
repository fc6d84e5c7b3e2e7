"""One response at a time: what of ours is sent when, so that the service never refuses it. Pure; one thread at a time.

The service writes one response into the conversation at a time, and refuses to begin a second. So what is asked for
waits here for its turn, also for the end of a response that the server has begun by itself. Responses beside the
conversation need not wait. Nothing here sends: every method gives what is to be sent, in order.
"""

from __future__ import annotations

import itertools
from collections import deque
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Final, Literal, TypeAlias

import attrs

from .errors import InvalidEvent, ResponseActive
from .events import (
    UNSET,
    ClientEvent,
    Disconnected,
    Error,
    Reconnected,
    Response,
    ResponseCancel,
    ResponseCreate,
    ResponseCreated,
    ResponseDone,
    ResponseParams,
    ServerEvent,
    Unset,
    evolve,
)
from .placing import REQUEST, Placing

if TYPE_CHECKING:
    from .reply import Reply

State: TypeAlias = Literal["free", "requested", "active", "cancelling"]

_BUSY: Final = "conversation_already_has_active_response"
_IDLE: Final = "response_cancel_not_active"

_UNSEEN: Final = ""
"""The id of a response of which we know only that it stands in our way."""

_REMEMBERED: Final = 8

_ENDED_REMEMBERED: Final = 64

_MOST_METADATA: Final = 16


@attrs.define(eq=False)
class Request:
    """One response that was asked for. Any thread may look; only the sequencer writes.

    Attributes:
        event_id: of the ``response.create``.
        response_id: once the response has begun. In the conversation it is the first that begins after the request was
            sent. When that was one of the server's own, which crossed it, then the request is refused: this becomes
            None again, ``done`` false, and the request waits.
        error: why the server refused it for good.
        done: nothing more comes of it: the response has ended, was refused, or was never begun because it was
            cancelled before, or could not be sent (no ``response_id``, no ``error``).
        reply: what the response came to. Whoever makes replies keeps it here; the sequencer has none.
        follow_up: the request that goes on from what the reply has called. Whoever asks for it keeps it here.
    """

    event_id: str
    response_id: str | None = None
    error: Error | None = None
    done: bool = False
    reply: Reply | None = attrs.field(default=None, repr=False)
    follow_up: Request | None = attrs.field(default=None, repr=False)
    _create: ResponseCreate | None = attrs.field(default=None, repr=False, kw_only=True, alias="create")
    _before: tuple[ClientEvent, ...] = attrs.field(default=(), repr=False, kw_only=True, alias="before")
    _unwanted: bool = attrs.field(default=False, init=False, repr=False)


class ResponseSequencer:
    """The responses of one session.

    Args:
        name: how the ids of our events begin, and of nobody else's in the session.
    """

    def __init__(self, name: str) -> None:
        self._prefix = f"{name}_"
        self._numbers = itertools.count(1)
        self._placing = Placing()
        self._waiting: deque[Request] = deque()
        self._asked: Request | None = None  # sent, and not known to have begun
        self._active: str | None = None
        self._own: Request | None = None  # whose response is active, if it is ours
        self._past: deque[Request] = deque(maxlen=_REMEMBERED)  # whose response has ended, if it was its own
        self._cancelling = False  # the active one
        self._asked_beside: dict[str, Request] = {}  # by event id
        self._beside: dict[str, Request | None] = {}  # under way, by response id; None: not ours
        self._cancels: dict[str, str] = {}  # of ours: event id -> response id
        self._over: deque[str] = deque(maxlen=_ENDED_REMEMBERED)  # ids of responses, whose beginning may be told again

    @property
    def state(self) -> State:
        """Of the conversation: what waits, and what is beside it, does not count."""
        if self._active is not None:
            return "cancelling" if self._cancelling else "active"
        return "free" if self._asked is None else "requested"

    @property
    def waiting(self) -> int:
        """How many requests wait for the end of another."""
        return len(self._waiting)

    # --- what we want -------------------------------------------------------------------------------------------

    def create(
        self, response: ResponseParams | Unset = UNSET, *, wait: bool = True, before: Sequence[ClientEvent] = ()
    ) -> tuple[Request, list[ClientEvent]]:
        """Ask for a response, as soon as nothing is in its way. With ``conversation="none"`` nothing ever is.

        Args:
            response: how it differs from what the session says.
            wait: its turn; else a response in the way is an error.
            before: what it is to answer: is sent right before it, when its turn comes, or never if that does not come.

        Raises:
            ResponseActive: there is one in the way, and it was not to wait.
            InvalidEvent: beside the conversation, the metadata has no room for the one key by which it is found again.
        """
        event_id = self._next_id()
        if response and response.conversation == "none":
            create = ResponseCreate(event_id=event_id, response=_tagged(response, event_id))
            request = self._asked_beside[event_id] = Request(event_id, create=create)
            return request, [*before, create]
        if not wait and (self.state != "free" or self._waiting):
            raise ResponseActive(
                f"The conversation has a response already ({self.state}): cancel it, or wait for its end"
            )
        create = ResponseCreate(event_id=event_id, response=response)
        request = Request(event_id, create=create, before=tuple(before))
        self._waiting.append(request)
        return request, list(self._ask())

    def cancel(self, response_id: str | None = None) -> list[ClientEvent]:
        """Stop a response. Nothing is to be sent when it is not under way, or is being cancelled already.

        Args:
            response_id: this one alone, also beside the conversation; None: the one in the conversation, the one that
                may be about to begin there, and all that wait.
        """
        if response_id is not None and response_id != self._active:
            known = response_id in self._beside and response_id not in self._cancels.values()
            return [self._cancel_event(response_id)] if known else []
        if response_id is None:
            for request in self._waiting:
                request.done = True
            self._waiting.clear()
            if self._asked is not None:
                self._asked._unwanted = True
        return self.cancel_active()

    def withdraw(self, request: Request) -> list[ClientEvent]:
        """A request is not wanted any more: it is not sent if it waits, and its response is stopped if it has begun."""
        if request in self._waiting:
            self._waiting.remove(request)
            request.done = True
        elif not request.done and request is self._own:
            return self.cancel_active()
        elif not request.done and request.response_id is not None:
            return self.cancel(request.response_id)
        request._unwanted = True
        return []

    def cancel_active(self) -> list[ClientEvent]:
        """Stop the response in the conversation alone: what waits for its end, then begins."""
        if self._active is None or self._cancelling:
            return []
        self._cancelling = True
        if self._own is not None:
            self._own._unwanted = True  # also if it was not its own, and has yet to be refused
        return [self._cancel_event(self._active)]

    def note_sent(self, event: ClientEvent) -> None:
        """The application has sent an event by itself. Of ours, which it may see too, nothing is to be noted."""
        if isinstance(event.event_id, str) and event.event_id.startswith(self._prefix):
            return
        match event:
            case ResponseCreate(response=params) if not (params and params.conversation == "none"):
                if self.state == "free":
                    self._asked = Request(event.event_id or "")
            case ResponseCancel(response_id=wanted) if self._active is not None and wanted in (UNSET, self._active):
                self._cancelling = True

    def not_sent(self, event_id: object) -> list[ClientEvent]:
        """A ``response.create`` of ours did not go out, and nothing comes of it: what is to be sent instead."""
        if isinstance(event_id, str) and (request := self._asked_beside.pop(event_id, None)) is not None:
            request.done = True
        elif self._asked is not None and self._asked.event_id == event_id:
            self._asked.done, self._asked = True, None
            return list(self._ask())
        return []

    def find(self, response_id: str) -> Request | None:
        """Whose response this is, while it is under way; in the conversation, also a while after."""
        if (request := self._beside.get(response_id)) is not None:
            return request
        own = filter(None, (self._own, *reversed(self._past)))
        return next((request for request in own if request.response_id == response_id), None)

    # --- what the server says -----------------------------------------------------------------------------------

    def settles(self, event: ServerEvent) -> bool:
        """Whether an error only says that two events crossed on their way, at no fault of anybody's.

        To be asked before ``hear``: it need not reach the user, for what it refused is asked for again, or was in vain.
        """
        if not isinstance(event, Error) or event.error.event_id in (None, *self._asked_beside):
            return False
        return event.error.code in (_BUSY, _IDLE) and str(event.error.event_id).startswith(self._prefix)

    def hear(self, event: ServerEvent) -> list[ClientEvent]:
        """The server has said something: what is to be sent because of it."""
        match event:
            case ResponseCreated(response=response):
                return self._begun(response)
            case ResponseDone(response=response):
                return self._done(response)
            case Error():
                return self._refused(event, event.error.event_id or "")
            case Disconnected() | Reconnected(planned=True):
                self._over.clear()  # a new server may count from one again
                # The end of those that we know is told; and what was sent and not answered, the session sends again.
                return self._ended(_UNSEEN) if self._active == _UNSEEN else []
        return []

    def _begun(self, response: Response) -> list[ClientEvent]:
        if response.id == self._active or response.id in self._beside or response.id in self._over:
            return []
        if not self._placing.in_conversation(response):
            self._beside[response.id] = request = self._asked_for_beside(response)
            if request is None:
                return []
            request.response_id = response.id
            return self.cancel(response.id) if request._unwanted else []
        self._end_own()
        self._active, self._cancelling = response.id, False
        self._own, self._asked = self._asked, None
        if self._own is None:
            return []
        self._own.response_id = response.id
        return self.cancel_active() if self._own._unwanted else []

    def _asked_for_beside(self, response: Response) -> Request | None:
        """By its mark. A server that does not give metadata back begins them in order, as far as we know."""
        if response.metadata is None:
            return self._asked_beside.pop(next(iter(self._asked_beside), ""), None)
        return self._asked_beside.pop(response.metadata.get(REQUEST, ""), None)

    def _done(self, response: Response) -> list[ClientEvent]:
        if response.id in self._beside:
            return self._ended(response.id)
        if self._active == response.id or (self._active == _UNSEEN and self._placing.in_conversation(response)):
            return self._ended(self._active)
        return []

    def _ended(self, response_id: str) -> list[ClientEvent]:
        if response_id != _UNSEEN:
            self._over.append(response_id)
        self._cancels = {event: response for event, response in self._cancels.items() if response != response_id}
        if (request := self._beside.pop(response_id, None)) is not None:
            request.done = True
        if response_id != self._active:
            return []
        self._end_own()
        self._active, self._cancelling = None, False
        return list(self._ask())

    def _end_own(self) -> None:
        if self._own is not None:
            self._own.done = True
            self._past.append(self._own)
            self._own = None

    # --- what it refuses ----------------------------------------------------------------------------------------

    def _refused(self, event: Error, event_id: str) -> list[ClientEvent]:
        if (request := self._asked_beside.pop(event_id, None)) is not None:
            request.error, request.done = event, True
        elif event_id in self._cancels:
            response_id = self._cancels.pop(event_id)
            if event.error.code == _IDLE:
                return self._ended(response_id)  # before we came
            self._cancelling = self._cancelling and response_id != self._active
        elif (request := self._withdrawn(event_id)) is not None:
            return self._not_begun(request, event)
        return []

    def _withdrawn(self, event_id: str) -> Request | None:
        """The request that was refused. If a response had seemed to be its own, that was another's."""
        if self._asked is not None and (
            not event_id  # a fault of the server's own; if the response begins all the same, it counts as its own, too
            or (not self._asked.event_id and not event_id.startswith(self._prefix))
        ):
            event_id = self._asked.event_id  # it may be; if not, what we ask for next is refused, and waits
        for request in filter(None, (self._asked, self._own, *self._past)):
            if request.event_id == event_id:
                self._asked = None if request is self._asked else self._asked
                self._own = None if request is self._own else self._own
                self._past = deque((each for each in self._past if each is not request), maxlen=_REMEMBERED)
                request.response_id, request.done, request.reply, request.follow_up = None, False, None, None
                return request
        return None

    def _not_begun(self, request: Request, event: Error) -> list[ClientEvent]:
        if event.error.code != _BUSY:
            request.error, request.done = event, True
        elif request._unwanted or request._create is None:
            request.done = True
        else:
            self._waiting.appendleft(request)
            self._active = _UNSEEN if self._active is None else self._active
        return list(self._ask())

    # --- what is sent -------------------------------------------------------------------------------------------

    def _ask(self) -> Iterator[ClientEvent]:
        if self._waiting and self.state == "free":
            self._asked = self._waiting.popleft()
            assert self._asked._create is not None
            before, self._asked._before = self._asked._before, ()  # once, also if the request is refused, and waits
            yield from before
            yield self._asked._create

    def _cancel_event(self, response_id: str) -> ResponseCancel:
        event_id = self._next_id()
        self._cancels[event_id] = response_id
        return ResponseCancel(event_id=event_id, response_id=response_id or UNSET)

    def _next_id(self) -> str:
        return f"{self._prefix}{next(self._numbers)}"


def _tagged(response: ResponseParams, event_id: str) -> ResponseParams:
    """The server gives metadata back, but no event id."""
    metadata = {**(response.metadata or {}), REQUEST: event_id}
    if len(metadata) > _MOST_METADATA:
        problem = f"response.metadata: {len(metadata)} keys with {REQUEST}, and the service takes {_MOST_METADATA}"
        raise InvalidEvent("The response cannot be asked for beside the conversation", [problem])
    return evolve(response, metadata=metadata)
