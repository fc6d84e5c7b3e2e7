"""What OpenAI's reference client does, over one session: settings, tools, items, responses, and waiting for them."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Any, Literal

from typing_extensions import Unpack

from .._credentials import Credential, hidden
from ..conversation import ConversationItem, RealtimeConversation
from ..endpoints import DEFAULT_MODEL, Intent
from ..errors import AlreadyConnected
from ..events import (
    UNSET,
    ClientEvent,
    ConversationItemCreate,
    ConversationItemDelete,
    Error,
    FunctionTool,
    ResponseParams,
    ServerEvent,
    UserMessage,
)
from ..events.base import Part, Unset
from ..formats import input_format
from ..ids import generate_id
from ..session import Session
from ..tools import Tool
from ..usage import PUBLISHED, PriceTable
from .api import RealtimeAPI, with_hidden_headers
from .chronicle import Happening
from .content import UserPart, response_params, user_content
from .cutting import cut_of
from .event_handler import EventHandler, Handler
from .input_sound import InputSound, Sound
from .keeper import Keeper, Limits
from .narration import doubt
from .patches import SessionFields, patch_of
from .pending import PendingReply
from .session_settings import SessionSettings, purpose
from .toolbox import Toolbox
from .waits import Waits

log = logging.getLogger("reelthyme_sync")


class ReferenceClient(EventHandler):
    """What OpenAI's reference client has; ``RealtimeClient`` adds what one call of it should be enough for."""

    def __init__(
        self,
        session: Session | None = None,
        *,
        url: str | None = None,
        api_key: Credential | None = None,
        model: str | None = None,
        intent: Intent | None = None,
        debug: bool = False,
        threaded: bool = True,
        keep_audio: bool = True,
        tool_timeout: float | None = 30.0,
        budget_usd: float | None = None,
        max_duration: float | None = None,
        prices: PriceTable = PUBLISHED,
        **options: Any,
    ) -> None:
        api_key, options = hidden(api_key), with_hidden_headers(options)  # first: a traceback may show what is local
        super().__init__()
        limits = Limits(usd=budget_usd, seconds=max_duration)
        if (budget := limits.budget()) is not None and session is None and "endpoint" not in options:
            budget.check(model or DEFAULT_MODEL, prices)
        self.conversation = RealtimeConversation(keep_audio=keep_audio)
        self._tools = Toolbox(tool_timeout, self._told_failure)
        self._keeper = Keeper(
            self,
            self.conversation,
            self._tools,
            prices=prices,
            model=model,
            keep_audio=keep_audio,
            limits=limits,
            wake=self._chronicle.wake,
            refused=lambda error: self._settings.take_back(error),
            failed=self._told_failure,
        )
        self.realtime = RealtimeAPI(
            session,
            url=url,
            api_key=api_key,
            debug=debug,
            threaded=threaded,
            chronicle=self._chronicle,
            narrator=self._keeper,
            advice="Not connected, use .connect() first",
            **options,
            **{name: value for name, value in {"model": model, "intent": intent}.items() if value is not None},
        )
        self._settings = SessionSettings(*purpose(session, url, intent, options), self._tools, self.realtime)
        self._waits = Waits(
            self._chronicle,
            self,
            self.realtime,
            goes_on=self._keeper.goes_on,
            is_follow_up=self._keeper.is_follow_up,
        )
        self._sound = InputSound()

    # --- the connection -----------------------------------------------------------------------------------------

    @property
    def session(self) -> Session:
        """The session that is open.

        Raises:
            NotConnected: none is. It says how the last one ended, if you did not disconnect.
            ForkedSession: it belongs to the process from which this one was forked.
        """
        return self.realtime.session

    def is_connected(self) -> bool:
        """Whether anything can be said."""
        return self.realtime.is_connected()

    def connect(self, model: str | None = None) -> Literal[True]:
        """Open the connection, and tell the server what the session is to be.

        Raises:
            AlreadyConnected: it is open.
            MissingApiKey, ConnectFailed, ValueError: as of ``reelthyme_sync.connect``.
        """
        if self.is_connected():
            raise AlreadyConnected("Already connected, use .disconnect() first")
        return self.realtime.connect(model, opening=self._settings.open)

    def disconnect(self) -> None:
        """End the connection. Tools and settings stay for the next, which begins another conversation. Idempotent.

        What was said can be read, and exported, until then.
        """
        self._keeper.conclude()
        self.realtime.disconnect()

    def reset(self) -> Literal[True]:
        """Disconnect, and forget all: what was said, handlers, tools and settings."""
        self.disconnect()
        self._keeper.forget()
        self.clear_event_handlers()
        self._tools.clear()
        self._settings.forget()
        return True

    def clear_event_handlers(self) -> Literal[True]:
        """Forget all handlers of all names, those of the connection too."""
        self.realtime.clear_event_handlers()
        return super().clear_event_handlers()

    def events(self) -> Iterator[ServerEvent]:
        """All events of the server until the end; handlers run here, each event's before it is given.

        Raises:
            NotConnected: there is no connection.
            ConcurrentReceive: the client was not made with ``threaded=False``, or another thread iterates.
            ConnectionLost: the connection ended although nobody closed it.
        """
        return self.realtime.events()

    # --- what the session is ------------------------------------------------------------------------------------

    def update_session(
        self, session: Part | Mapping[str, Any] | None = None, **fields: Unpack[SessionFields]
    ) -> Literal[True]:
        """Change what the session is; before connecting too. What is not given stays, None turns a thing off.

        What the server refuses is told as ``error``, or to the log, and is wanted no more. All of one call is refused
        or taken together.

        Args:
            session: any settings, as a class (``RealtimeSession(...)``) or a dictionary in the shape of the wire, in
                which short names have their place, too; ``UnknownPart(raw={...})`` says what is no name of OpenAI's.
            fields: the most common ones, by short names: ``instructions``, ``turn_detection="server_vad"``, ``voice``,
                ...; see ``SessionFields``.

        Raises:
            TypeError: no session has a setting of this name.
            ValueError: a format or a kind of detection is unknown, or a tool has the name of one that was added.
            InvalidEvent: it cannot be sent, and is forgotten again.
        """
        self._settings.change(patch_of(session, fields))
        return True

    def get_turn_detection_type(self) -> str | None:
        """How the service finds out that the user has finished; None if it does not, and you say so."""
        return self._settings.turn_detection

    # --- tools --------------------------------------------------------------------------------------------------

    def add_tool(
        self,
        tool: Tool | Callable[..., Any] | FunctionTool | Mapping[str, Any],
        handler: Callable[[dict[str, Any]], Any] | None = None,
        *,
        timeout: float | Unset | None = UNSET,
    ) -> Tool:
        """Let the assistant call a function of yours. It runs on a thread of its own; what it gives is answered.

        Args:
            tool: a typed function; a ``Tool`` made of one; or a definition (``name``, ``description``, ``parameters``),
                whose handler gets the arguments as one dictionary.
            handler: for a definition.
            timeout: seconds that a call may take; None: for ever; by default the client's ``tool_timeout``.

        Raises:
            TypeError: the function cannot be a tool, or the handler cannot be called.
            ValueError: it has no name, or there is a tool of that name.
        """
        if isinstance(tool, FunctionTool | Mapping):
            made = Tool.defined(tool, handler)  # type: ignore[arg-type]  # which says so if there is none
        else:
            made = tool if isinstance(tool, Tool) else Tool.of(tool)
        self._settings.add_tool(made, timeout)
        return made

    def remove_tool(self, name: str) -> Literal[True]:
        """Offer it to the assistant no more.

        Raises:
            ValueError: there is none of this name.
        """
        self._settings.remove_tool(name)
        return True

    # --- the conversation ---------------------------------------------------------------------------------------

    def delete_item(self, item_id: str) -> Literal[True]:
        """Have the server forget an item."""
        return self.realtime.send(ConversationItemDelete(item_id=item_id))

    def send_user_message_content(self, content: UserPart | Iterable[UserPart] = ()) -> Literal[True]:
        """Send a message of the user, if it has any content, and ask for a response.

        Args:
            content: texts; content parts; or their dictionaries, in which ``audio`` may be bytes or an array. One of
                them needs no list.

        Raises:
            TypeError: a part is none of these.
            NotConnected, ConnectionClosed: nobody is there.
        """
        self._ask_for(self._message(content), at_once=True)
        return True

    def append_input_audio(self, audio: Sound) -> Literal[True]:
        """Send sound of the user; of none, nothing.

        Args:
            audio: PCM16 bytes, or an array of int16 or of floating-point samples (-1.0 to 1.0): mono, 24 kHz.

        Raises:
            TypeError, ValueError: it is none of these.
            NotConnected, ConnectionClosed: nobody is there.
        """
        session = self.session
        audio_format = input_format(session.configuration)
        for event in self._sound.events(audio, audio_format, translates=session.translates):
            session.send(event)
        return True

    def create_response(
        self, response: ResponseParams | Mapping[str, Any] | None = None, *, wait: bool = True
    ) -> Literal[True]:
        """Ask for a response, when no other is under way. Without turn detection, what the user said ends here.

        Args:
            response: how it differs from what the session says.
            wait: for the end of the one under way; otherwise that is an error.

        Raises:
            ResponseActive: there is one under way, and it was not to wait.
            NotConnected, ConnectionClosed: nobody is there.
        """
        self._ask_for([], response_params(response), wait=wait)
        return True

    def cancel_response(self, item_id: str | None = None, sample_count: int = 0) -> ConversationItem | None:
        """Stop the response under way, if there is one, and have the server forget what was not heard.

        For applications that play the sound themselves; ``interrupt`` knows how much was heard.

        Args:
            item_id: the item that sounded; None: nothing was heard, or nothing is to be forgotten.
            sample_count: how many samples of its ``formatted.audio`` were heard.

        Returns:
            The item, if one was named.

        Raises:
            ValueError: there is no such item, or it is no message of the assistant with sound.
            NotConnected, ConnectionClosed: nobody is there.
        """
        session, item, events = self.session, None, list[ClientEvent]()
        if item_id is not None:
            if (item := self.conversation.get_item(item_id)) is None:
                raise ValueError(f'Could not find item "{item_id}"')
            events = [cut_of(item, sample_count)]
        self._chronicle.mark()
        for event in [*self._keeper.account.cancel(), *events]:
            session.send(event)
        return item

    # --- waiting ------------------------------------------------------------------------------------------------

    def wait_for_session_created(self, timeout: float | None = None) -> Literal[True]:
        """Wait until the server has opened the session; returns at once if it has.

        Raises:
            TimeoutError: it has not in time.
            NotConnected, ConnectionClosed: nobody is there.
        """
        self.realtime.connection  # noqa: B018  # or it says that there is none
        if self._keeper.account.came_late and not self._chronicle.since(
            self.realtime, "server.session.created", self._chronicle.beginning
        ):
            return True  # and somebody else has received that
        self._chronicle.wait(self.realtime, "server.session.created", timeout, after=self._chronicle.beginning)
        return True

    def wait_for_next_item(self, timeout: float | None = None) -> ConversationItem:
        """The next item of the conversation, as it was when it came: of the user, the assistant, or a tool.

        Raises:
            TimeoutError: none came in time.
            RequestRefused: the server refused what this thread had last asked for.
            NotConnected, ConnectionClosed: nobody is there.
        """
        return self._next_item("conversation.item.appended", timeout)

    def wait_for_next_completed_item(self, timeout: float | None = None) -> ConversationItem:
        """The next item that is complete; otherwise as ``wait_for_next_item``."""
        return self._next_item("conversation.item.completed", timeout)

    def _next_item(self, name: str, timeout: float | None) -> ConversationItem:
        self.realtime.connection  # noqa: B018  # or it says that there is none
        item = self._waits.for_next(name, timeout)
        assert isinstance(item, ConversationItem)
        return item

    # --- inside -------------------------------------------------------------------------------------------------

    def _message(self, content: UserPart | Iterable[UserPart]) -> list[ClientEvent]:
        parts = user_content(content)
        if not parts:
            return []
        return [ConversationItemCreate(event_id=generate_id("evt_"), item=UserMessage(content=parts))]

    def _ask_for(
        self,
        message: list[ClientEvent],
        response: ResponseParams | Unset = UNSET,
        *,
        wait: bool = True,
        at_once: bool = False,
    ) -> PendingReply:
        """Ask for a response to the message, which is sent with the request, or at once. Waits count from before it."""
        self.session  # noqa: B018  # or it says that there is none
        account, mark = self._keeper.account, self._chronicle.mark()
        alone = not isinstance(response, Unset) and response.conversation == "none"
        commit = not alone and self.get_turn_detection_type() is None
        first, before = (message, []) if at_once else ([], message)
        request = account.request(response, wait=wait, commit=commit, first=first, before=before)
        ids = [request.event_id, *(str(event.event_id) for event in message)]
        pending = PendingReply(request, frozenset(ids), mark, alone, self._waits.for_reply, account)
        self._chronicle.adopt(ids, None if alone else pending)
        return pending

    def _add(self, handlers: dict[str, list[Handler]], name: str, handler: Handler) -> None:
        super()._add(handlers, name, handler)
        if (why := doubt(name)) is not None:
            log.warning("a handler: %s", why)

    def _home(self, name: str) -> EventHandler:
        return self.realtime if name.startswith(("server.", "client.")) else self

    def run(self, happening: Happening, catches: type[BaseException] = Exception) -> None:
        """Call the handlers of what has been noted already. An error of the server that nobody takes is logged."""
        taken = self.handles("error", "realtime.event") or self.realtime.handles("server.error", "server.*")
        if isinstance(told := happening.payload, Error) and not taken:
            log.warning("the server's error %s (%s), about %s", told.error.code, told.error.type, told.error.param)
        super().run(happening, catches)

    def _told_failure(self, error: Exception) -> None:
        log.error("a tool, or a hook, failed: %r", error, exc_info=error)
        self.realtime.post([(self, "error", error)])
