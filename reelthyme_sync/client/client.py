"""``RealtimeClient``: the reference client, and one call for each thing that people do with it.

Every event is entered into the books on the thread that reads it, so that neither tools nor responses wait for a slow
handler; handlers run behind that, one event after another, on the dispatcher's thread.
"""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterable, Iterator, Mapping
from types import TracebackType
from typing import Any, Literal, TypeVar, overload

from ..audio.devices import Microphone, Speaker
from ..capturing import Capture, Echo, capture_audio
from ..conversation import ConversationItem, RealtimeConversation
from ..events import (
    UNSET,
    ClientEvent,
    ConversationItemCreate,
    FunctionCallOutput,
    InputText,
    Item,
    ItemReference,
    ResponseParams,
    UserMessage,
    evolve,
)
from ..events.base import Unset
from ..playback import Heard
from ..reply import Reply
from ..streaming import AudioStream, stream
from ..tool_runner import Approver
from ..tools import Tool
from ..tools.output import output_text
from ..turns import Turn
from ..usage import UsageMeter
from .content import response_params
from .images import Image, input_image
from .pending import PendingReply
from .reference import ReferenceClient

F = TypeVar("F", bound=Callable[..., Any])


class RealtimeClient(ReferenceClient):
    """An application's side of a conversation. A context manager: entering it connects, leaving it disconnects.

        with RealtimeClient() as client:
            print(client.say("Hello!").text(timeout=30))

    Handlers are called with one argument, what happened: ``conversation.updated`` with an ``Update``,
    ``conversation.item.appended`` and ``conversation.item.completed`` with the ``ConversationItem``,
    ``conversation.interrupted`` with None, ``reply`` with a ``Reply``, ``realtime.event`` with a ``RealtimeEvent``
    (everything on the wire), ``error`` with the server's ``Error``, with what a handler or a tool raised, or with the
    ``ConnectionLost``, ``close`` with a ``Closed``; and ``server.NAME``, ``server.*``, ``client.NAME``, ``client.*``
    with the protocol's own events, and ``server.reelthyme.budget_warning`` with those of this library.

    What a wait finds is counted from what its thread did last: ``say``, then ``wait_for_reply``, misses nothing.

    Args:
        session: an open session to use, for one connection; it is closed with the client. By default one is opened
            whenever the client connects.
        url: a relay or a local server; by default OpenAI.
        api_key: as of ``connect``.
        model: to talk to.
        intent: ``"transcription"`` or ``"translation"`` instead of a conversation; a ``url`` may say so, too, and a
            ``session`` does. These begin without settings of ours.
        debug: write every event to stderr.
        threaded: handlers run on a thread of the library; otherwise on the one that iterates over ``events()``. What
            comes waits for them in memory, as much as it is: ``max_queue`` bounds only what is sent.
        keep_audio: keep the sound of items and replies: 170 MB an hour of speech.
        tool_timeout: seconds that a tool may take; None: for ever.
        budget_usd: US dollars after which the session is ended, with a warning at 80 %.
        max_duration: seconds after which it is ended, likewise.
        prices: what models cost, for the budget and for ``usage``.
        options: whatever else ``connect`` takes, such as ``reconnect``.

    Attributes:
        realtime: the connection, with the handlers of ``server.*`` and ``client.*``.
        conversation: its items.

    Raises:
        ValueError: the budget has no meaning, or the price of the model is not known.
    """

    _playing: AudioStream | None = None
    _devices: tuple[Callable[[], None], ...] = ()

    def __repr__(self) -> str:
        if "realtime" not in vars(self):  # a traceback asks for one that could not be made
            return "<RealtimeClient, not made>"
        state = "connected" if self.is_connected() else "not connected"
        return f"<RealtimeClient {state}, {len(self.conversation.get_items())} items>"

    def __enter__(self) -> RealtimeClient:
        if not self.is_connected():
            self.connect()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.disconnect()

    def connect(self, model: str | None = None) -> Literal[True]:
        """Open the connection, and tell the server what the session is to be.

        After a loss, devices of the lost connection are released, and the conversation goes on: the items stay here,
        and the new server knows nothing of them. After ``disconnect`` it is another conversation.

        Raises:
            AlreadyConnected: it is open, or another thread is opening it.
            NotConnected: the session that the client was made with has been used.
            MissingApiKey, ConnectFailed, ValueError: as of ``reelthyme_sync.connect``.
        """
        if not self.is_connected():
            self._release()
        return super().connect(model)

    def disconnect(self) -> None:
        """End the connection, and release its devices. Tools and settings stay for the next. Idempotent.

        What was said can be read, and exported, until then: the next connection begins another conversation.
        """
        try:
            self._release()
        finally:
            super().disconnect()

    # --- what people do -----------------------------------------------------------------------------------------

    def say(self, text: str, *, interrupt: bool = False) -> PendingReply:
        """Write something to the assistant, which answers.

        Args:
            text: what the user says.
            interrupt: the assistant, if it is still speaking: as ``interrupt``. Otherwise the answer waits its turn.

        Raises:
            NotConnected, ConnectionClosed: nobody is there.
        """
        if interrupt:
            self.interrupt()
        return self._ask_for(self._message([text]))

    def ask(
        self,
        question: str | None = None,
        *,
        conversation: Literal["auto", "none"] = "auto",
        input: Iterable[str | Item | ItemReference | ConversationItem] | None = None,  # noqa: A002  # the wire's word
        response: ResponseParams | Mapping[str, Any] | None = None,
    ) -> PendingReply:
        """Ask for an answer of a certain kind, in the conversation or beside it.

            mood = client.ask("Is the user content? One word.", conversation="none").text(timeout=10)

        Beside it, the question is an instruction about the conversation so far, the answer is written, never heard, and
        comes although the assistant may be speaking.

        Args:
            question: in the conversation, what the user says; beside it, what is to be done.
            conversation: ``"none"`` for beside it.
            input: what the assistant is to see instead of the conversation: items of it, new items, or texts of a user.
            response: whatever else is different: tools, modalities, metadata, ...

        Raises:
            InvalidEvent: the metadata have no room for a key of ours.
            NotConnected, ConnectionClosed: nobody is there.
        """
        params = response_params(response) or ResponseParams()
        changes: dict[str, Any] = {}
        message: list[ClientEvent] = []
        if input is not None:
            changes["input"] = [_as_input(each) for each in input]
        if conversation == "none":
            changes |= {"conversation": "none", "output_modalities": params.output_modalities or ["text"]}
            changes |= {} if question is None else {"instructions": question}
        elif question is not None:
            message = self._message([question])
        return self._ask_for(message, evolve(params, **changes))

    def send_image(self, image: Image, text: str | None = None) -> PendingReply | None:
        """Show the assistant a picture.

        Args:
            image: a PNG, JPEG, WebP or GIF file: its bytes, or where it is.
            text: what the user says about it, which is answered; without it, the picture only waits to be spoken of.

        Returns:
            The answer to come; None without a text.

        Raises:
            ValueError: it is no such picture.
            OSError: the file cannot be read.
            NotConnected, ConnectionClosed: nobody is there.
        """
        message = self._message([*([] if text is None else [text]), input_image(image)])
        if text is not None:
            return self._ask_for(message)
        for event in message:
            self.realtime.send(event)
        return None

    def interrupt(self) -> Heard | None:
        """Make the assistant fall silent, and the server forget what was not heard of it.

        In this order: silence; the response is cancelled, if one is under way; the item is cut at the sample that was
        heard last. Without ``play`` nothing sounds here, and only the response is cancelled.

        Returns:
            How much was heard; None if nothing was sounding.

        Raises:
            NotConnected, ConnectionClosed: nobody is there.
        """
        session = self.session
        self._chronicle.mark()
        cancels = self._keeper.account.cancel()
        if self._playing is not None:
            return self._playing.flush(first=cancels)
        for event in cancels:
            session.send(event)
        return None

    def wait_for_reply(self, timeout: float | None = None) -> Reply:
        """What the assistant answers to what this thread asked last; if it has got that, the next answer.

        One that calls tools is not it yet: it follows when they have been answered. One that calls a function which was
        declared, but which nobody runs here, is: ``Reply.calls`` says what to answer, with ``send_tool_output``.

        Raises:
            TimeoutError: none came in time.
            RequestRefused: the server refused what this thread had last asked for.
            RequestCancelled: it was cancelled before it had begun, or could not be sent.
            EventsMissed: so many have come since that the next one is forgotten.
            NotConnected, ConnectionClosed: nobody is there.
        """
        self.realtime.connection  # noqa: B018  # or it says that there is none
        return self._waits.for_final_reply(timeout)

    # --- sound --------------------------------------------------------------------------------------------------

    def play(self, speaker: Speaker | None = None, *, barge_in: bool = True) -> AudioStream:
        """Play what the assistant says, until the client disconnects or the stream is stopped; as ``stream``.

        What an earlier ``play`` has begun stops: it would sound twice.

        Raises:
            AudioUnavailable: there is no speaker to be had.
            NotConnected: nobody is there.
        """
        if self._playing is not None:
            self._playing.stop()
        playing = self._playing = stream(self.session, speaker=speaker, barge_in=barge_in, with_audio=True)
        self._keeper.account.silence = lambda first: playing.flush(first=first)
        self._devices += (playing.stop,)
        return playing

    def capture(
        self, microphone: Microphone | None = None, *, interval_ms: float = 100, echo: Echo | None = None
    ) -> Capture:
        """Send what the microphone hears, until the client disconnects or the capture is stopped; as ``capture_audio``.

        Raises:
            AudioUnavailable: there is no microphone to be had.
            NotConnected: nobody is there.
        """
        capture = capture_audio(self.session, microphone=microphone, interval_ms=interval_ms, echo=echo)
        self._devices += (capture.stop,)
        return capture

    # --- tools --------------------------------------------------------------------------------------------------

    @overload
    def tool(self, function: F) -> F: ...
    @overload
    def tool(
        self, *, name: str | None = None, description: str | None = None, timeout: float | Unset | None = UNSET
    ) -> Callable[[F], F]: ...
    def tool(
        self,
        function: F | None = None,
        *,
        name: str | None = None,
        description: str | None = None,
        timeout: float | Unset | None = UNSET,
    ) -> F | Callable[[F], F]:
        """Let the assistant call this function: a decorator. See ``Tool.of`` for what it may look like.

        Args:
            function: typed, with a docstring that says when to call it.
            name: what the assistant calls it, if that is not its name.
            description: instead of the docstring.
            timeout: seconds that a call may take; None: for ever; by default the client's ``tool_timeout``.

        Raises:
            TypeError, ValueError: it cannot be a tool, or there is one of that name.
        """
        if function is None:
            return lambda decorated: self._decorate(decorated, name, description, timeout)
        return self._decorate(function, name, description, timeout)

    def _decorate(self, function: F, name: str | None, description: str | None, timeout: float | Unset | None) -> F:
        self.add_tool(Tool.of(function, name, description), timeout=timeout)
        return function

    def send_tool_output(self, call_id: str, output: object) -> Literal[True]:
        """Answer a call of a function that you run yourself; then ask for the response, with ``create_response``.

        If a tool of ``add_tool`` was called beside it, the response follows by itself when all have their answers.

        Args:
            call_id: of the call.
            output: a text as it is; anything else as JSON, as for a tool.

        Raises:
            TypeError: it has no JSON form.
            NotConnected, ConnectionClosed: nobody is there.
        """
        item = FunctionCallOutput(call_id=call_id, output=output_text(output))
        return self.realtime.send(ConversationItemCreate(item=item))

    def cancel_tools(self, call_id: str | None = None) -> None:
        """Tell the assistant that a call, or every one that runs, was cancelled. What it gives later is dropped."""
        self._tools.cancel(call_id)

    def approve(self, approver: Approver) -> Approver:
        """Have ``approver`` decide whether the service may call a tool of an MCP server: a decorator.

        It runs on a thread of its own. True is a yes; anything else is a no, and a text says why. Without an approver,
        answer by hand with a ``McpApprovalResponse``.
        """
        self._tools.approve(approver)
        return approver

    # --- what is known ------------------------------------------------------------------------------------------

    @property
    def usage(self) -> UsageMeter:
        """What the session has used so far, and what that costs."""
        return self._keeper.usage

    def transcripts(self) -> Iterator[Turn]:
        """What the user says, turn by turn, in the order of speech, from the connection's first to its last.

        Needs a session that writes down what it hears: ``update_session(input_audio_transcription=...)``.
        """
        return self._keeper.turns()

    def export(self, *, audio: bool = False) -> str:
        """The conversation as JSON, to be stored, and taken up again by ``restore``; with its sound if wanted."""
        with self._keeper.lock:
            return self.conversation.export(audio=audio)

    def restore(self, exported: str) -> None:
        """Take up a conversation that was exported: the server is told of it, as far as it was heard.

        Raises:
            ValueError: it is no such JSON.
            NotConnected, ConnectionClosed: nobody is there.
        """
        events = RealtimeConversation.from_json(exported).restoring_events()
        self._chronicle.mark()
        for event in events:
            self.session.send(event)

    # --- inside -------------------------------------------------------------------------------------------------

    def _release(self) -> None:
        self._playing, devices, self._devices = None, self._devices, ()
        with contextlib.ExitStack() as stopping:  # all of them, the last first, whatever one of them raises
            for stop in devices:
                stopping.callback(stop)


def _as_input(given: str | Item | ItemReference | ConversationItem) -> Item | ItemReference:
    if isinstance(given, str):
        return UserMessage(content=[InputText(text=given)])
    return ItemReference(id=given.id) if isinstance(given, ConversationItem) else given
