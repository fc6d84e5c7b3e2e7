"""Alive or not, and who holds up whom: half-open connections, slow consumers, a network that stops."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from time import monotonic

import pytest
from faults.patience import PATIENCE, wait_until
from faults.talker import Talker
from peers import close_frame, frame, peer

from reelthyme_sync import ConnectionClosed, ConnectionLost, Session, connect
from reelthyme_sync.events import InputAudioBufferCleared, ResponseDone, ResponseOutputTextDelta, SessionCreated

IDLE_TIMEOUT = 0.4
"""Seconds, where the right outcome is that they pass."""
LONG_IDLE_TIMEOUT = 1.5
"""Seconds, where they must not: a machine that stands still for a moment is no dead peer."""
PING_INTERVAL = 0.1
SLACK = 5.0
"""What a busy machine may add."""

MEGABYTES = 40
"""Buffers and a short queue take ten."""
MEGABYTE = frame(json.dumps({"type": "faults.filling", "filling": "x" * 2**20}).encode())
APPEND = {"type": "input_audio_buffer.append", "audio": "A" * 2**20}
CLEAR = {"type": "input_audio_buffer.clear"}


@pytest.fixture
def talker(proxy):
    talker = Talker(proxy.url, idle_timeout=IDLE_TIMEOUT, ping_interval=PING_INTERVAL, close_timeout=0.4)
    talker.open()
    yield talker
    talker.session.close()


@contextmanager
def noticed_in_time(session: Session) -> Iterator[None]:
    """The peer is gone, now or soon: whoever sends or receives is told."""
    began = monotonic()
    with pytest.raises(ConnectionLost, match="no sign of life") as caught:
        yield
        while True:
            session.receive(timeout=PATIENCE)
    assert caught.value.code is None
    assert monotonic() - began < IDLE_TIMEOUT + SLACK


def sleep_in_ones_own_time() -> None:
    """What a consumer does with an event, for longer than the idle timeout."""
    threading.Event().wait(1.2 * LONG_IDLE_TIMEOUT)


def talk(far, sent: list[int]) -> None:
    """A peer that sends 40 MB as fast as they are taken, says goodbye, and only then reads."""
    far.handshake()
    for number in range(MEGABYTES):
        far.send(MEGABYTE)
        sent.append(number)
    far.send(close_frame(1000))
    discard(far)


def discard(far) -> None:
    """Read without looking, until the client is gone."""
    try:
        while far.sock.recv(2**20):
            pass
    except OSError:
        pass


class TestHalfOpen:
    def test_noticed_in_time_when_nothing_is_said(self, proxy, talker):
        with noticed_in_time(talker.session):
            talker.read_until(SessionCreated)
            proxy.black_hole()

    def test_not_noticed_before_its_time(self, proxy):
        began = monotonic()
        with connect(url=proxy.url, idle_timeout=IDLE_TIMEOUT, ping_interval=None, close_timeout=0.4) as session:
            with noticed_in_time(session):
                proxy.black_hole()
        assert monotonic() - began > IDLE_TIMEOUT

    def test_noticed_in_time_in_the_middle_of_an_answer(self, proxy, talker):
        with noticed_in_time(talker.session):
            talker.ask("a saga")
            talker.read_until(ResponseOutputTextDelta)
            proxy.black_hole()

    def test_noticed_in_time_while_we_talk(self, proxy, talker):
        """What we send into the void is no sign of life."""
        with noticed_in_time(talker.session):
            proxy.black_hole()
            for _ in range(5000):
                talker.session.send(CLEAR)
                threading.Event().wait(0.002)

    def test_noticed_in_time_when_all_buffers_are_full(self, proxy, talker):
        with noticed_in_time(talker.session):
            proxy.black_hole()
            for _ in range(MEGABYTES // 2):
                talker.session.send(APPEND)

    def test_a_pause_that_is_shorter_is_none(self, proxy):
        """However many pings go unanswered in it."""
        talker = Talker(proxy.url, idle_timeout=PATIENCE, ping_interval=0.02)
        with talker.open():
            proxy.black_hole()
            threading.Event().wait(0.2)
            proxy.heal()
            talker.ask("a story")
            talker.read_until(ResponseDone)


class TestPings:
    def test_a_server_with_nothing_to_say_is_kept(self, proxy):
        talker = Talker(proxy.url, idle_timeout=LONG_IDLE_TIMEOUT, ping_interval=PING_INTERVAL)
        with talker.open() as session:
            talker.read_until(SessionCreated)
            talker.be_quiet(1.2 * LONG_IDLE_TIMEOUT)
            assert not session.closed

    def test_they_go_out_between_what_is_sent(self):
        """Everything that the peer answers here is pings: without them it would be taken for dead."""
        pings = []

        def behave(far):
            far.handshake()
            for opcode, payload in iter(far.read, (-1, b"")):
                if opcode == 9:
                    pings.append(payload)
                    far.send(frame(payload, 10))

        with peer(behave) as url, connect(url=url, idle_timeout=LONG_IDLE_TIMEOUT, close_timeout=0.2) as session:
            began = monotonic()
            while monotonic() - began < 1.2 * LONG_IDLE_TIMEOUT or len(pings) < 3:
                assert monotonic() - began < PATIENCE
                session.send(CLEAR)
                threading.Event().wait(0.002)
            assert not session.closed


class TestAConsumerThatStops:
    def test_all_is_kept_for_it_without_a_bound(self):
        sent: list[int] = []
        with peer(lambda far: talk(far, sent)) as url, connect(url=url) as session:
            session.receive(timeout=PATIENCE)
            assert wait_until(lambda: len(sent) == MEGABYTES)
            assert len(list(session.events())) == MEGABYTES - 1

    def test_the_peer_is_held_up_with_one(self):
        """The bound holds back everything, pongs too, and yet nobody takes the peer for dead."""
        sent: list[int] = []
        with (
            peer(lambda far: talk(far, sent)) as url,
            connect(url=url, idle_timeout=LONG_IDLE_TIMEOUT, ping_interval=PING_INTERVAL, max_queue=4) as session,
        ):
            for _ in range(2):
                session.receive(timeout=PATIENCE)
                sleep_in_ones_own_time()
                assert len(sent) < MEGABYTES / 2
            assert len(list(session.events())) == MEGABYTES - 2

    def test_nor_does_one_that_sends_all_the_while_lose_the_session(self):
        """A peer that is held up reads nothing either, so that the writer finds no room: the consumer's doing too."""
        sent: list[int] = []
        with (
            peer(lambda far: talk(far, sent)) as url,
            connect(url=url, idle_timeout=LONG_IDLE_TIMEOUT, ping_interval=PING_INTERVAL, max_queue=4) as session,
        ):
            session.receive(timeout=PATIENCE)
            with pytest.raises(TimeoutError):
                for _ in range(MEGABYTES):
                    session.send(APPEND, timeout=1.2 * LONG_IDLE_TIMEOUT)
            assert len(list(session.events())) == MEGABYTES - 1

    def test_events_come_late_but_whole_and_in_order(self, proxy):
        options = {"idle_timeout": LONG_IDLE_TIMEOUT, "ping_interval": PING_INTERVAL, "max_queue": 2}
        talker = Talker(proxy.url, **options)
        with talker.open() as session:
            talker.ask("a story")
            sleep_in_ones_own_time()
            talker.read_until(ResponseDone)
            talker.check_honesty(whole=True)
            assert not session.closed


class TestANetworkThatStops:
    def test_what_is_sent_waits_in_memory_without_a_bound(self, proxy):
        with connect(url=proxy.url, close_timeout=0.2) as session:
            proxy.black_hole("up")
            began = monotonic()
            for _ in range(MEGABYTES // 2):
                session.send(APPEND)
            assert monotonic() - began < SLACK
            proxy.heal()
            session.send(CLEAR)
            while not isinstance(session.receive(timeout=PATIENCE), InputAudioBufferCleared):
                pass

    def test_send_waits_for_room_with_one(self, proxy):
        with connect(url=proxy.url, close_timeout=0.2, max_queue=2) as session:
            proxy.black_hole("up")
            accepted = 0
            with pytest.raises(TimeoutError):
                for _ in range(MEGABYTES):
                    session.send(APPEND, timeout=0.2)
                    accepted += 1
            assert 2 <= accepted < MEGABYTES
            proxy.heal()
            session.send(CLEAR, timeout=PATIENCE)
            while not isinstance(session.receive(timeout=PATIENCE), InputAudioBufferCleared):
                pass

    def test_a_sender_that_waits_for_room_hears_of_the_loss(self, proxy):
        session = connect(url=proxy.url, idle_timeout=IDLE_TIMEOUT, max_queue=2)
        proxy.black_hole()
        began = monotonic()
        with pytest.raises(ConnectionLost):
            for _ in range(MEGABYTES):
                session.send(APPEND)
        assert monotonic() - began < IDLE_TIMEOUT + SLACK
        with pytest.raises(ConnectionClosed):
            session.send(CLEAR)
        session.close()

    def test_a_slow_network_is_no_dead_one(self, proxy):
        """An answer takes longer than the idle timeout; every frame that comes is a sign of life."""
        talker = Talker(proxy.url, idle_timeout=LONG_IDLE_TIMEOUT, ping_interval=PING_INTERVAL)
        with talker.open() as session:
            proxy.throttle(3000)
            began = monotonic()
            talker.ask("a story")
            talker.read_until(ResponseDone)
            assert monotonic() - began > LONG_IDLE_TIMEOUT
            talker.check_honesty(whole=True)
            assert not session.closed
