"""Runs the tools that the model calls, each call on a thread of its own, and sends what comes of it.

Which calls are to be answered, and when the model goes on, is decided in ``tools.calls``, under a lock that nobody
holds while a function runs, or while something is sent. Knows no session: it is given what sends.
"""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Callable, Iterable, Sequence
from functools import partial
from secrets import token_hex
from typing import Any, Final, TypeAlias

import attrs

from ._alarm import Alarm
from ._worker import Worker, log_failure
from .errors import BadArguments, ConnectionClosed
from .events import (
    UNSET,
    ClientEvent,
    ConversationItemCreate,
    FunctionCall,
    FunctionCallOutput,
    FunctionTool,
    Item,
    McpApprovalRequest,
    McpApprovalResponse,
    ServerEvent,
    Unset,
)
from .tools import Tool, ToolCall, error_output
from .tools.calls import Calls, Question
from .tools.declared import Declared
from .tools.output import error_text, refusal

CANCELLED: Final = "cancelled"

Approver: TypeAlias = Callable[[McpApprovalRequest], bool | str]
"""Decides whether the service may call a tool of an MCP server: True, or not; a text says why not."""


def _nothing() -> None:
    pass


@attrs.define(eq=False)
class _Run:
    """A question, and the user's code that answers it.

    Attributes:
        id: of the question.
        name: of the tool.
        work: gives the answer.
        refuse: gives the answer when there is none, because of an exception, or for a reason in words.
        timeout: seconds that it may take; None: as long as it likes.
        is_call: of a function; and not a request for an approval.
        over: nobody waits for the answer any more.
        call_off: the deadline is not to be waited for any more.
    """

    id: str
    name: str
    work: Callable[[], Any]
    refuse: Callable[[Exception | str], Any]
    timeout: float | None = None
    is_call: bool = True
    over: threading.Event = attrs.field(factory=threading.Event)
    call_off: Callable[[], None] = _nothing


class ToolRunner:
    """The tools of one session, at work. ``RealtimeClient`` has one; or give one the events of a session of yours.

    Each call is answered once: with what the function returns, with its exception, or because it was cancelled or took
    too long. When all the calls of a response are answered, and it is done, ``respond`` is called, once: unless the
    response was cancelled or failed. A call of a function that is not known here, but was declared to the service, is
    the application's to answer, and is waited for; of one that was never declared, or is not any more, the model is
    told that there is none. A call of a response beside the conversation is the application's alone.

    The thread of a function that takes too long, or is cancelled, cannot be ended: it is left behind, what it returns
    is dropped, and ``ToolCall.cancelled`` lets it know.

    Args:
        ordinal: the N in the threads' names, ``reelthyme-tool-N``.
        send: sends an event; may raise ``ConnectionClosed``, and then all is over, quietly.
        respond: asks for the response that goes on from the answers; is given the ids of the responses that called.
        failed: is told what a function raised, and which took too long; not that the model's arguments do not fit.
        timeout: seconds that a call may take, if its tool does not say otherwise; None: as long as it likes.
        at_once: how many may run at the same time; the others wait, in order.

    Attributes:
        approver: decides whether the service may call a tool of an MCP server: gets the request on a thread of its own,
            and tells True for yes. Anything else is a no; a text, or what it raises, is the reason. None: the
            application answers.
    """

    def __init__(
        self,
        *,
        ordinal: int,
        send: Callable[[ClientEvent], object],
        respond: Callable[[Sequence[str]], object],
        failed: Callable[[Exception], None],
        timeout: float | None = 30.0,
        at_once: int = 8,
    ) -> None:
        self.approver: Approver | None = None
        self._name = f"reelthyme-tool-{ordinal}"
        self._send = send
        self._respond = respond
        self._failed = failed
        self._timeout = timeout
        self._at_once = at_once
        self._deciding = threading.Lock()
        self._tools: dict[str, tuple[Tool, float | None]] = {}
        self._calls = Calls()
        self._declared = Declared()
        self._waiting: deque[_Run] = deque()
        self._running: list[_Run] = []
        self._alarm = Alarm(f"reelthyme-tool-timer-{ordinal}")
        self._closed = False

    @property
    def declarations(self) -> list[FunctionTool]:
        """What the session is to be told: ``RealtimeSession(tools=runner.declarations)``."""
        with self._deciding:
            return [tool.declaration for tool, _ in self._tools.values()]

    def add(self, tool: Tool, *, timeout: float | Unset | None = UNSET) -> None:
        """Run this tool when it is called from now on. The session has to be told of it, too.

        Args:
            tool: its name is known here once.
            timeout: seconds that a call may take, if that is not the runner's; None: as long as it likes.

        Raises:
            ValueError: there is one of this name.
        """
        name = str(tool.declaration.name)
        with self._deciding:
            if name in self._tools:
                raise ValueError(f'Tool "{name}" already added: remove it before you add another of this name')
            self._tools[name] = (tool, self._timeout if isinstance(timeout, Unset) else timeout)

    def remove(self, name: str) -> None:
        """Run it no more; calls of it that are running or waiting are not affected.

        Raises:
            ValueError: there is none of this name.
        """
        with self._deciding:
            if self._tools.pop(name, None) is None:
                raise ValueError(f'Tool "{name}" does not exist, can not be removed')

    def hear(self, event: ServerEvent) -> None:
        """The server has said something. Does not wait for any function; may call ``respond``."""
        with self._deciding:
            if self._closed:
                return
            self._declared.hear(event)
            questions = self._calls.hear(event)
            self._waiting.extend(filter(None, map(self._run_of, questions)))
            due = self._calls.take_due()
        if questions:
            self._start()
        self._go_on(due)

    def note_sent(self, event: ClientEvent) -> None:
        """Something was sent, or is about to be. What the application itself answers, is not answered here."""
        with self._deciding:
            self._declared.note_sent(event)
            self._calls.note_sent(event)

    def take_over(self, session: object) -> None:
        """The service has said what the session is, before there was somebody here to hear of it."""
        with self._deciding:
            self._declared.begin(session)

    def answers(self, items: Iterable[Item]) -> bool:
        """Whether the model asks something in these items of a response, and all of it is answered here."""
        with self._deciding:
            asked = [item for item in items if isinstance(item, FunctionCall | McpApprovalRequest)]
            return bool(asked) and all(self._is_ours(item) for item in asked)

    def forgo(self, response_id: str | None = None) -> list[str]:
        """What this response, or None: any, has called or still calls is answered, but ``respond`` is not called.

        Gives the responses for which it would have been, or might have been.
        """
        with self._deciding:
            return self._calls.forgo(response_id)

    def cancel(self, call_id: str | None = None) -> None:
        """Tell the model that a call was cancelled, and forget its result. Nothing happens if it is answered already.

        Args:
            call_id: None: all that run or wait.
        """
        with self._deciding:
            runs = [run for run in (*self._running, *self._waiting) if run.is_call and call_id in (None, run.id)]
        for run in runs:
            self._answer(run, run.refuse(CANCELLED))

    def close(self) -> None:
        """Send nothing more. Idempotent; does not wait for the functions that run."""
        with self._deciding:
            self._closed = True
            for run in self._running:
                run.over.set()
            self._waiting.clear()
            self._running.clear()
        self._alarm.close()

    # --- from a question to a thread ----------------------------------------------------------------------------

    def _run_of(self, question: Question) -> _Run | None:
        """What answers a question; None if that is for the application to do."""
        if isinstance(question, McpApprovalRequest):
            return None if self.approver is None else _approval(question, self.approver)
        tool, timeout = self._tools.get(question.name, (None, None))
        if tool is not None:
            return _call(question, tool, timeout)
        return _nobodys(question) if self._declared.lacks(question.name) else None

    def _is_ours(self, question: FunctionCall | McpApprovalRequest) -> bool:
        if isinstance(question, McpApprovalRequest):
            return self.approver is not None
        return question.name in self._tools or self._declared.lacks(question.name)

    def _start(self) -> None:
        """Begin what waits, as far as there is room."""
        while True:
            with self._deciding:
                if not self._waiting or len(self._running) >= self._at_once:
                    return
                run = self._waiting.popleft()
                if not self._calls.is_open(run.id):
                    continue  # the application has answered by itself
                self._running.append(run)
                if run.timeout is not None:
                    run.call_off = self._alarm.set(run.timeout, partial(self._time_out, run))
            Worker(self._name, partial(self._work, run), log_failure).start()

    def _work(self, run: _Run) -> None:
        if run.over.is_set():  # before it had begun
            return
        try:
            answer, failure = run.work(), None
        except BadArguments as error:
            answer, failure = run.refuse(error), None
        except Exception as error:
            answer, failure = run.refuse(error), error
        except BaseException as error:  # the thread ends on it, as it would without us; the model is not left waiting
            self._answer(run, run.refuse(error_text(error)))
            raise
        if self._answer(run, answer) and failure is not None:
            self._failed(failure)

    def _time_out(self, run: _Run) -> None:
        late = TimeoutError(f"{run.name} timed out after {run.timeout:g} s")
        if self._answer(run, run.refuse(str(late))):
            self._failed(late)

    # --- from an answer to the wire -----------------------------------------------------------------------------

    def _answer(self, run: _Run, answer: Any) -> bool:
        """Send the answer, if it is the first; and let another begin."""
        with self._deciding:
            first = not self._closed and not run.over.is_set() and self._calls.answer(run.id)
            run.over.set()
            run.call_off()
            for runs in (self._running, self._waiting):
                if run in runs:
                    runs.remove(run)
        if first and self._sends(partial(self._send, ConversationItemCreate(item=answer))):
            with self._deciding:
                self._calls.sent(run.id)
                due = [] if self._closed else self._calls.take_due()
            self._go_on(due)
        self._start()
        return first

    def _go_on(self, due: Sequence[str]) -> None:
        if due:
            self._sends(partial(self._respond, due))

    def _sends(self, send: Callable[[], object]) -> bool:
        """Send something. False if the session is over; what else goes wrong, keeps the model from nothing."""
        try:
            send()
        except ConnectionClosed:
            self.close()
            return False
        except Exception as error:
            self._failed(error)
        return True


def _call(call: ToolCall, tool: Tool, timeout: float | None) -> _Run:
    over = threading.Event()
    known = attrs.evolve(call, is_cancelled=over.is_set)
    return _Run(
        call.call_id,
        call.name,
        work=lambda: FunctionCallOutput(call_id=call.call_id, output=tool.call(call.arguments, known)),
        refuse=partial(_no_output, call.call_id),
        timeout=timeout,
        over=over,
    )


def _nobodys(call: ToolCall) -> _Run:
    output = FunctionCallOutput(call_id=call.call_id, output=refusal(f'Tool "{call.name}" has not been added'))
    return _Run(call.call_id, call.name, work=lambda: output, refuse=partial(_no_output, call.call_id))


def _no_output(call_id: str, reason: Exception | str) -> FunctionCallOutput:
    output = refusal(reason) if isinstance(reason, str) else error_output(reason)
    return FunctionCallOutput(call_id=call_id, output=output)


def _approval(request: McpApprovalRequest, approver: Approver) -> _Run:
    response = partial(McpApprovalResponse, id=f"mcpr_{token_hex(12)}", approval_request_id=request.id)

    def decide() -> McpApprovalResponse:
        decision = approver(request)
        reason = decision if isinstance(decision, str) and decision else UNSET
        return response(approve=decision is True, reason=reason)

    return _Run(
        request.id,
        request.name,
        work=decide,
        refuse=lambda reason: response(approve=False, reason=reason if isinstance(reason, str) else error_text(reason)),
        is_call=False,
    )
