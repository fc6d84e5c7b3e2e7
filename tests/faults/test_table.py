"""Every fault in every phase of a session: the one outcome that is right, within its deadline, and nothing left."""

from __future__ import annotations

import threading
from collections.abc import Callable
from time import monotonic
from typing import TypeAlias

import pytest
from faults import abuse
from faults.census import Census
from faults.outcomes import Closed, Failed, Lost, Unharmed, check_end_stays, outcome_of
from faults.patience import PATIENCE, wait_until
from faults.proxy import FaultProxy
from faults.talker import Talker

from reelthyme_sync import RealtimeError
from reelthyme_sync.events import ResponseDone, ResponseOutputTextDelta, SessionCreated
from reelthyme_sync.transport import frame_reader

Outcome: TypeAlias = Unharmed | Failed | Closed | Lost
Strike: TypeAlias = Callable[[FaultProxy], None]

PING_INTERVAL = 0.05
OPEN_TIMEOUT, IDLE_TIMEOUT, CLOSE_TIMEOUT = 0.3, 0.25, 0.2
"""Seconds, where the right outcome is that they pass; else ``PATIENCE``, which only a wrong outcome lasts."""
SLACK = 5.0
"""Seconds that a busy machine may add to a close timeout of one."""
DEADLINE = 15.0
"""For a cell: at most a step of opening, a quiet time, a turn, an idle timeout and a close."""

UNHARMED, FAILED, LOST = Unharmed(), Failed(), Lost(code=None)
GOODBYE, NO_GOODBYE = Closed(code=1000), Closed(code=None)

HARMLESS = (UNHARMED, UNHARMED, UNHARMED, UNHARMED, GOODBYE)
FATAL = (FAILED, LOST, LOST, LOST, NO_GOODBYE)
BROKEN_FRAMES = (LOST, LOST, LOST, LOST, NO_GOODBYE)

# fault: what it does, and the outcome in each phase: handshake, idle, mid-answer, mid-tool-call, closing
TABLE: dict[str, tuple[Strike, tuple[Outcome, ...]]] = {
    "delay": (lambda proxy: proxy.delay(0.01), HARMLESS),
    "throttle": (lambda proxy: proxy.throttle(16384), HARMLESS),
    "dribble": (lambda proxy: proxy.dribble(), HARMLESS),
    "duplicate pings": (lambda proxy: proxy.insert(abuse.two_pings, always=True), HARMLESS),
    "binary frames": (lambda proxy: proxy.as_binary(), HARMLESS),
    "15 MiB frame": (lambda proxy: proxy.insert(abuse.huge_frame), HARMLESS),
    "no answer to close": (lambda proxy: proxy.mute_close(), (UNHARMED,) * 4 + (NO_GOODBYE,)),
    "drop": (lambda proxy: proxy.drop(), FATAL),
    "drop what we send": (lambda proxy: proxy.drop("up"), (FAILED, LOST, UNHARMED, LOST, NO_GOODBYE)),
    "drop what we get": (lambda proxy: proxy.drop("down"), FATAL),
    "black hole": (lambda proxy: proxy.black_hole(), FATAL),
    "cut in a frame": (lambda proxy: proxy.cut(), FATAL),
    "cut in a frame of ours": (lambda proxy: proxy.cut(direction="up"), FATAL),
    "reset": (lambda proxy: proxy.reset(), FATAL),
    "garbage": (lambda proxy: proxy.garbage(), FATAL),
    "continuation of nothing": (lambda proxy: proxy.insert(abuse.continuation_of_nothing), BROKEN_FRAMES),
    "text inside a message": (lambda proxy: proxy.insert(abuse.text_inside_a_message), BROKEN_FRAMES),
    "ping in fragments": (lambda proxy: proxy.insert(abuse.ping_in_fragments), BROKEN_FRAMES),
    "close in fragments": (lambda proxy: proxy.insert(abuse.close_in_fragments), BROKEN_FRAMES),
    "message without end": (lambda proxy: proxy.insert(abuse.message_without_end), BROKEN_FRAMES),
    "frame without end": (lambda proxy: proxy.insert(abuse.frame_without_end), BROKEN_FRAMES),
    "reserved bit": (lambda proxy: proxy.insert(abuse.reserved_bit), BROKEN_FRAMES),
    "reserved opcode": (lambda proxy: proxy.insert(abuse.reserved_opcode), BROKEN_FRAMES),
    "masked frame": (lambda proxy: proxy.insert(abuse.masked_frame), BROKEN_FRAMES),
    "long ping": (lambda proxy: proxy.insert(abuse.long_ping), BROKEN_FRAMES),
    "close of one byte": (lambda proxy: proxy.insert(abuse.close_of_one_byte), BROKEN_FRAMES),
    "close with nobody's code": (lambda proxy: proxy.insert(abuse.close_with_nobodys_code), BROKEN_FRAMES),
}

OVER_TLS = [
    "delay", "throttle", "dribble", "drop", "drop what we send", "drop what we get", "black hole", "cut in a frame",
    "cut in a frame of ours", "reset", "garbage",
]  # fmt: skip
"""What can be done to bytes in which no frame can be seen."""


class Cell:
    """A client, and the fault that waits for it."""

    def __init__(self, proxy: FaultProxy, strike: Strike, expected: Outcome) -> None:
        self.proxy = proxy
        self.talker = Talker(
            proxy.url,
            open_timeout=OPEN_TIMEOUT if expected == FAILED else PATIENCE,
            ping_interval=PING_INTERVAL,
            idle_timeout=IDLE_TIMEOUT if isinstance(expected, Lost) else PATIENCE,
            close_timeout=PATIENCE if expected == GOODBYE else CLOSE_TIMEOUT,
        )
        self.strike = lambda: strike(proxy)
        self.cut_short = isinstance(expected, Lost)


def handshake(cell: Cell) -> None:
    cell.strike()
    cell.talker.open()
    tell_story(cell)


def idle(cell: Cell) -> None:
    cell.talker.open()
    cell.talker.read_until(SessionCreated)
    cell.strike()
    cell.talker.be_quiet(2 * PING_INTERVAL)
    tell_story(cell)


def mid_answer(cell: Cell) -> None:
    cell.talker.open()
    cell.talker.ask("a saga" if cell.cut_short else "a story")  # a story may be over before the fault strikes
    cell.talker.read_until(ResponseOutputTextDelta)
    cell.strike()
    cell.talker.read_until(ResponseDone)


def mid_tool_call(cell: Cell) -> None:
    cell.talker.open()
    cell.talker.ask("my order")
    cell.talker.read_until(ResponseDone)
    cell.strike()
    cell.talker.answer_call()
    cell.talker.read_until(ResponseDone)


def closing(cell: Cell) -> None:
    """The fault strikes while the goodbye is under way."""
    session = cell.talker.open()
    cell.talker.read_until(SessionCreated)
    cell.proxy.black_hole()
    closer = threading.Thread(target=session.close)
    closer.start()
    assert wait_until(lambda: session.closed)
    cell.strike()
    closer.join()
    cell.talker.events.extend(session.events())
    session.receive()


def tell_story(cell: Cell) -> None:
    cell.talker.ask("a story")
    cell.talker.read_until(ResponseDone)


PHASES: list[Callable[[Cell], None]] = [handshake, idle, mid_answer, mid_tool_call, closing]

CELLS = [
    pytest.param(strike, phase, outcome, id=f"{phase.__name__}-{name}")
    for name, (strike, outcomes) in TABLE.items()
    for phase, outcome in zip(PHASES, outcomes, strict=True)
]
CELLS_OVER_TLS = [cell for cell in CELLS if str(cell.id).partition("-")[2] in OVER_TLS]


@pytest.fixture(autouse=True)
def a_message_is_too_long_sooner(monkeypatch):
    """Beyond the largest that the service takes, but not by 48 MiB, which "message without end" would have to send."""
    monkeypatch.setattr(frame_reader, "LONGEST", abuse.HUGE + 2**20)


@pytest.mark.parametrize(("strike", "phase", "expected"), CELLS)
def test_fault_in_phase(server, strike, phase, expected):
    check_cell(server.url, strike, phase, expected)


@pytest.mark.parametrize(("strike", "phase", "expected"), CELLS_OVER_TLS)
def test_fault_in_phase_over_tls(tls_server, strike, phase, expected):
    check_cell(tls_server.url, strike, phase, expected)


def check_cell(url: str, strike: Strike, phase: Callable[[Cell], None], expected: Outcome) -> None:
    census, began = Census(), monotonic()
    with FaultProxy(url) as proxy:
        cell = Cell(proxy, strike, expected)
        assert outcome(cell, phase) == expected
        check_end(cell.talker, expected)
        assert monotonic() - began < DEADLINE
    census.check()


def outcome(cell: Cell, phase: Callable[[Cell], None]) -> Outcome:
    try:
        phase(cell)
    except RealtimeError as error:
        return outcome_of(error)
    return UNHARMED


def check_end(talker: Talker, end: Outcome) -> None:
    """The end is told to everybody, the session can be closed in time, and nothing that was cut off is told as done."""
    if talker.session is None:
        assert end == FAILED
        return
    began = monotonic()
    talker.session.close()
    assert monotonic() - began < CLOSE_TIMEOUT + SLACK
    talker.check_honesty(whole=end == UNHARMED)
    if isinstance(end, Closed | Lost):
        check_end_stays(talker.session, end)
