"""Closing: by anybody, anywhere, at any time, within its time, and without a word lost in silence."""

from __future__ import annotations

import json
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from time import monotonic

import pytest
from faults.outcomes import Closed, check_end_stays
from faults.patience import PATIENCE, wait_until
from faults.talker import Talker
from peers import close_frame, peer

from reelthyme_sync import ConnectionClosed, ConnectionLost, Session, _link, connect
from reelthyme_sync.events import ResponseOutputTextDelta, SessionCreated
from reelthyme_sync.testing import ScriptedTransport

CLOSE_TIMEOUT = 0.3
"""Seconds, where the peer does not answer the goodbye; else ``PATIENCE``, which only a failure lasts."""
SLACK = 5.0
"""What a busy machine may add."""

MEGABYTE = {"type": "input_audio_buffer.append", "audio": "A" * 2**20}
MORE_THAN_BUFFERS_TAKE = 24


@contextmanager
def within(seconds: float = 0.0) -> Iterator[None]:
    began = monotonic()
    yield
    assert monotonic() - began < seconds + SLACK


def background(target: Callable[[], object]) -> threading.Thread:
    thread = threading.Thread(target=target, daemon=True)
    thread.start()
    return thread


@pytest.fixture
def talker(proxy):
    yield from opened(proxy, PATIENCE)


@pytest.fixture
def session(talker) -> Session:
    return talker.session


@pytest.fixture
def hasty_talker(proxy):
    """For a peer that does not answer the goodbye."""
    yield from opened(proxy, CLOSE_TIMEOUT)


@pytest.fixture
def hasty(hasty_talker) -> Session:
    return hasty_talker.session


def opened(proxy, close_timeout: float) -> Iterator[Talker]:
    talker = Talker(proxy.url, close_timeout=close_timeout)
    talker.open()
    talker.read_until(SessionCreated)
    yield talker
    talker.session.close()


class TestByWhom:
    def test_again_and_again(self, session):
        for _ in range(3):
            with within():
                session.close()
        check_end_stays(session, Closed(1000))

    def test_twenty_at_once(self, session):
        with within():
            closers = [background(session.close) for _ in range(20)]
            for closer in closers:
                closer.join(PATIENCE)
        assert not any(closer.is_alive() for closer in closers)
        check_end_stays(session, Closed(1000))

    def test_twenty_at_once_with_a_peer_that_does_not_answer(self, proxy, hasty):
        proxy.black_hole()
        with within(CLOSE_TIMEOUT):
            closers = [background(hasty.close) for _ in range(20)]
            for closer in closers:
                closer.join(PATIENCE)
        assert not any(closer.is_alive() for closer in closers)
        check_end_stays(hasty, Closed())

    def test_a_route(self, talker, session):
        session.intercept(lambda event: bool(session.close()))
        with within():
            talker.ask("a story")
            list(session.events())
        check_end_stays(session, Closed(1000))

    def test_a_route_with_a_peer_that_does_not_answer(self, proxy, hasty_talker, hasty):
        proxy.mute_close()
        hasty.intercept(lambda event: bool(hasty.close()))
        with within(CLOSE_TIMEOUT):
            hasty_talker.ask("a story")
            list(hasty.events())
        check_end_stays(hasty, Closed())

    def test_the_callback_for_the_end(self, session):
        told = []
        session.on_end(lambda: told.append(session.close()))
        with within():
            session.close()
        assert told == [None]

    def test_the_callback_for_a_loss(self, proxy, session):
        told = threading.Event()
        session.on_end(lambda: session.close() or told.set())
        with within():
            proxy.reset()
            assert told.wait(PATIENCE)
        with pytest.raises(ConnectionLost):
            list(session.events())

    def test_a_hook_of_what_comes(self, proxy):
        connected = threading.Event()

        def close(event):
            assert connected.wait(PATIENCE)  # it is called as soon as the reader runs
            session.close()
            return event

        session = connect(url=proxy.url, close_timeout=PATIENCE, incoming=close)
        connected.set()
        with within():
            assert [event.type for event in session.events()] == ["session.created"]
        check_end_stays(session, Closed(1000))

    def test_a_hook_of_what_goes(self, proxy):
        def close(event):
            session.close()
            return event

        session = connect(url=proxy.url, close_timeout=PATIENCE, outgoing=close)
        with within(), pytest.raises(ConnectionClosed):
            session.send({"type": "response.create"})

    def test_one_thread_while_another_receives(self, session):
        ends = []

        def receive():
            try:
                session.receive()
            except ConnectionClosed as end:
                ends.append(type(end))

        receiver = background(receive)
        with within():
            session.close()
            receiver.join(PATIENCE)
        assert ends == [ConnectionClosed]

    def test_one_thread_while_others_send(self, session):
        """Whoever still sends is told that it was too late."""
        refused = threading.Semaphore(0)

        def send():
            with pytest.raises(ConnectionClosed):
                while True:
                    session.send({"type": "input_audio_buffer.clear"})
            refused.release()

        senders = [background(send) for _ in range(4)]
        with within():
            session.close()
        assert all(refused.acquire(timeout=PATIENCE) for _ in senders)


class TestWithWhom:
    def test_a_peer_that_never_answers_the_goodbye(self, proxy, hasty):
        proxy.mute_close()
        with within(CLOSE_TIMEOUT):
            hasty.close()
        check_end_stays(hasty, Closed())

    def test_one_whose_goodbye_does_not_come_soon_though_there_were_time(self, proxy, session, monkeypatch):
        """All was sent: whoever closes waits no longer for a peer that may be gone."""
        monkeypatch.setattr(_link, "_GOODBYE_WITHIN", CLOSE_TIMEOUT)
        proxy.mute_close()
        with within(CLOSE_TIMEOUT):
            session.close()
        check_end_stays(session, Closed())

    def test_a_peer_that_is_gone_without_a_word(self, proxy, hasty):
        proxy.black_hole()
        with within(CLOSE_TIMEOUT):
            hasty.close()
        check_end_stays(hasty, Closed())

    def test_a_peer_that_reads_no_more(self, proxy, hasty):
        proxy.black_hole("up")
        for _ in range(MORE_THAN_BUFFERS_TAKE):
            hasty.send(MEGABYTE)
        with within(CLOSE_TIMEOUT):
            hasty.close()
        assert hasty.closed

    def test_a_peer_that_reads_no_more_and_a_sender_that_waits_for_room(self, proxy):
        session = connect(url=proxy.url, close_timeout=CLOSE_TIMEOUT, max_queue=2)
        proxy.black_hole("up")
        refused = threading.Event()

        def send():
            with pytest.raises(ConnectionClosed):
                for _ in range(MORE_THAN_BUFFERS_TAKE):
                    session.send(MEGABYTE)
            refused.set()

        sender = background(send)
        assert not refused.wait(0.05)
        with within(CLOSE_TIMEOUT):
            session.close()
        assert refused.wait(PATIENCE)
        sender.join(PATIENCE)

    def test_a_full_inbox(self, proxy):
        """What has come is still there to be received, in its order; the goodbye behind it is found."""
        session = connect(url=proxy.url, close_timeout=PATIENCE, max_queue=1)
        for _ in range(20):
            session.send({"type": "input_audio_buffer.clear"})
        proxy.wait_passed("down", 2000)
        with within():
            session.close()
        assert [event.type for event in session.events()] == ["session.created"] + ["input_audio_buffer.cleared"] * 20
        check_end_stays(session, Closed(1000))

    def test_a_peer_that_talks_on_and_on(self, talker, session):
        talker.ask("a saga")
        talker.read_until(ResponseOutputTextDelta)
        with within():
            session.close()
        assert "response.done" not in [event.type for event in session.events()]
        check_end_stays(session, Closed(1000))


class TestWhatWasSent:
    def test_it_is_on_the_wire_before_the_goodbye(self):
        received = []

        def behave(far):
            far.handshake()
            for message in iter(far.read, (-1, b"")):
                received.append(message)
                if message[0] == 8:
                    far.send(close_frame(1000))

        with peer(behave) as url:
            session = connect(url=url, close_timeout=PATIENCE)
            for number in range(200):
                session.send({"type": "input_audio_buffer.append", "audio": "A" * 1000, "event_id": str(number)})
            session.close()
        texts = [json.loads(payload)["event_id"] for opcode, payload in received if opcode == 1]
        assert texts == [str(number) for number in range(200)]
        assert received[-1][0] == 8

    def test_what_is_not_is_told(self):
        """The peer reads nothing: what the network did not take is in the error that everybody gets."""
        may_read = threading.Event()
        received = []

        def behave(far):
            far.handshake()
            assert may_read.wait(PATIENCE)
            received.extend(len(payload) for _, payload in far.read_until_gone())

        with peer(behave) as url:
            session = connect(url=url, close_timeout=CLOSE_TIMEOUT)
            for _ in range(MORE_THAN_BUFFERS_TAKE):
                session.send(MEGABYTE)
            with within(CLOSE_TIMEOUT):
                session.close()
            with pytest.raises(ConnectionLost) as caught:
                list(session.events())
            may_read.set()
        whole = sum(size > len(MEGABYTE["audio"]) for size in received)
        assert len(caught.value.unsent) == MORE_THAN_BUFFERS_TAKE - whole > 0

    def test_a_loss_tells_it_too(self, proxy, session):
        proxy.black_hole("up")
        for _ in range(MORE_THAN_BUFFERS_TAKE):
            session.send(MEGABYTE)
        proxy.reset()
        with pytest.raises(ConnectionLost) as caught:
            list(session.events())
        assert 0 < len(caught.value.unsent) <= MORE_THAN_BUFFERS_TAKE


def test_a_send_while_the_loss_is_being_told_says_lost():
    """Between the end of the outbox and the telling of the end, a send must not say that we have closed."""
    told = []

    def send():
        try:
            session.send({"type": "response.create"})
        except ConnectionClosed as error:
            told.append((type(error), error.code))

    class Lost(ScriptedTransport):
        def close(self):
            super().close()
            background(send).join(0.1)  # a send that is refused at once is refused with the wrong words

    transport = Lost()
    session = Session(transport)
    transport.hang_up(1011)
    with pytest.raises(ConnectionLost):
        list(session.events())
    assert wait_until(lambda: told == [(ConnectionLost, 1011)]), told


def test_nobody_is_left_waiting_when_close_comes_while_a_loss_is_noticed(proxy):
    """Both ways of ending at once, many times: one of them wins, and everybody hears of the same."""
    for _ in range(20):
        proxy.heal()
        session = connect(url=proxy.url, close_timeout=CLOSE_TIMEOUT)
        closer = background(session.close)
        proxy.reset()
        closer.join(PATIENCE)
        assert session.closed
        ends = set()
        for _ in range(3):
            with pytest.raises(ConnectionClosed) as caught:
                while True:
                    session.receive(timeout=PATIENCE)
            ends.add((type(caught.value), caught.value.code))
        assert len(ends) == 1
