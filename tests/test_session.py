import threading

import pytest

from reelthyme_sync import ConcurrentReceive, ConnectionClosed, ConnectionLost, InvalidEvent, ProtocolError, Session
from reelthyme_sync.events import (
    DeviceLost,
    RealtimeSession,
    ResponseCreate,
    ResponseOutputTextDelta,
    SessionCreated,
    SessionUpdate,
    SessionUpdated,
    UnknownEvent,
)
from reelthyme_sync.testing import PATIENCE, ScriptedTransport


def delta(text: str) -> ResponseOutputTextDelta:
    return ResponseOutputTextDelta(delta=text)


def background(target) -> threading.Thread:
    thread = threading.Thread(target=target, daemon=True)
    thread.start()
    return thread


def thread_names() -> set[str]:
    return {thread.name for thread in threading.enumerate()}


class TestSending:
    def test_events_and_dictionaries_go_out_in_order(self, transport, session):
        session.send(ResponseCreate(event_id="a"))
        session.send({"type": "response.cancel"})
        transport.wait_sent("response.cancel")
        assert transport.sent == [{"type": "response.create", "event_id": "a"}, {"type": "response.cancel"}]

    def test_what_cannot_be_encoded_fails_here_and_harms_nothing(self, transport, session):
        with pytest.raises(InvalidEvent):
            session.send({"type": "response.create", "response": {"metadata": object()}})
        session.send({"type": "response.create"})
        transport.wait_sent("response.create")

    def test_hooks_change_and_drop(self, transport):
        def rename(event):
            return {**event, "event_id": "x"}

        def drop(event):
            return None if event["type"] == "response.cancel" else event

        with Session(transport, outgoing=[rename, drop]) as session:
            assert session.send({"type": "response.cancel"}) is False
            assert session.send({"type": "response.create"}) is True
            transport.wait_sent("response.create")
        assert transport.sent == [{"type": "response.create", "event_id": "x"}]

    def test_a_hook_that_raises_raises_in_the_callers_frame(self, transport):
        def refuse(event):
            raise InvalidEvent("no")

        with Session(transport, outgoing=refuse) as session, pytest.raises(InvalidEvent, match="no"):
            session.send({"type": "response.create"})

    def test_after_close(self, session):
        session.close()
        with pytest.raises(ConnectionClosed):
            session.send({"type": "response.create"})

    def test_after_a_loss_it_says_lost(self, transport, session):
        transport.hang_up(1011, "oops")
        with pytest.raises(ConnectionLost):
            session.receive(timeout=PATIENCE)
        with pytest.raises(ConnectionLost, match="1011") as caught:
            session.send({"type": "response.create"})
        assert (caught.value.code, caught.value.reason) == (1011, "oops")


class TestReceiving:
    def test_events_come_typed_and_in_order(self, transport, session):
        transport.push(delta("a"), {"type": "some.thing", "x": 1}, delta("b"))
        first, second, third = (session.receive(timeout=PATIENCE) for _ in range(3))
        assert (first, third) == (delta("a"), delta("b"))
        assert isinstance(second, UnknownEvent)
        assert second.raw == {"type": "some.thing", "x": 1}

    def test_a_timeout(self, session):
        with pytest.raises(TimeoutError):
            session.receive(timeout=0.01)

    def test_the_loop_ends_with_the_session(self, transport, session):
        transport.push(delta("a"), delta("b"))
        transport.hang_up(1000)
        assert [event.delta for event in session.events()] == ["a", "b"]
        assert list(session.events()) == []
        with pytest.raises(ConnectionClosed) as caught:
            session.receive()
        assert not isinstance(caught.value, ConnectionLost)

    def test_a_loss_comes_after_all_events_and_to_every_caller(self, transport, session):
        transport.push(delta("a"))
        transport.hang_up(None)
        events = session.events()
        assert next(events) == delta("a")
        for _ in range(2):
            with pytest.raises(ConnectionLost):
                list(session.events())

    def test_garbage_ends_the_session_and_says_why(self, transport, session):
        transport.push(b"<html>")
        with pytest.raises(ConnectionLost) as caught:
            session.receive(timeout=PATIENCE)
        assert isinstance(caught.value.__cause__, ProtocolError)

    def test_hooks_change_and_drop(self, transport):
        def upper(event):
            return delta(event.delta.upper())

        def drop(event):
            return None if event.delta == "B" else event

        with Session(transport, incoming=[upper, drop]) as session:
            transport.push(delta("a"), delta("b"), delta("c"))
            assert [session.receive(timeout=PATIENCE).delta for _ in range(2)] == ["A", "C"]

    def test_a_hook_that_raises_raises_in_the_callers_frame_and_the_next_event_comes(self, transport):
        def refuse(event):
            if event.delta == "bad":
                raise ZeroDivisionError
            return event

        with Session(transport, incoming=refuse) as session:
            transport.push(delta("bad"), delta("good"))
            with pytest.raises(ZeroDivisionError):
                session.receive(timeout=PATIENCE)
            assert session.receive(timeout=PATIENCE) == delta("good")

    def test_on_error_replaces_or_drops_what_a_hook_choked_on(self, transport):
        def choke(event):
            raise ValueError(event.delta)

        def replace(error):
            return delta("instead") if str(error) == "a" else None

        with Session(transport, incoming=choke, on_error=replace) as session:
            transport.push(delta("b"), delta("a"))
            assert session.receive(timeout=PATIENCE) == delta("instead")

    def test_a_dropped_event_does_not_start_the_timeout_anew(self, transport):
        with Session(transport, incoming=lambda event: None) as session:
            transport.push(*[delta("x")] * 50)
            with pytest.raises(TimeoutError):
                session.receive(timeout=0.05)

    def test_one_thread_at_a_time(self, transport):
        inside, may_leave = threading.Event(), threading.Event()

        def linger(event):
            inside.set()
            may_leave.wait(PATIENCE)
            return event

        with Session(transport, incoming=linger) as session:
            answers = []
            transport.push(delta("a"))
            other = background(lambda: answers.append(session.receive(timeout=PATIENCE)))
            assert inside.wait(PATIENCE)
            with pytest.raises(ConcurrentReceive):
                session.receive(timeout=PATIENCE)
            may_leave.set()
            other.join(PATIENCE)
            assert answers == [delta("a")]


class TestRoutes:
    def test_a_route_takes_an_event_out_on_the_reader_thread(self, transport, session):
        seen = []

        def route(event):
            seen.append((event.delta, threading.current_thread().name))
            return event.delta == "take"

        remove = session.intercept(route)
        transport.push(delta("take"), delta("leave"))
        assert session.receive(timeout=PATIENCE) == delta("leave")
        assert seen == [
            ("take", f"reelthyme-reader-{session.ordinal}"),
            ("leave", f"reelthyme-reader-{session.ordinal}"),
        ]
        remove()
        transport.push(delta("take"))
        assert session.receive(timeout=PATIENCE) == delta("take")

    def test_a_route_that_raises_loses_no_event(self, transport, session, caplog):
        session.intercept(lambda event: 1 / 0)
        transport.push(delta("a"))
        assert session.receive(timeout=PATIENCE) == delta("a")
        assert "ZeroDivisionError" in caplog.text

    def test_a_route_may_send_and_close(self, transport, session):
        def route(event):
            session.send({"type": "response.cancel"})
            session.close()
            return True

        session.intercept(route)
        transport.push(delta("a"))
        assert list(session.events()) == []
        assert transport.sent == [{"type": "response.cancel"}]

    def test_the_end_is_told_once_and_also_to_latecomers(self, transport, session):
        told = []
        session.on_end(lambda: told.append(1))
        session.on_end(lambda: 1 / 0)
        transport.hang_up()
        list(session.events())
        session.close()
        session.on_end(lambda: told.append(2))
        assert told == [1, 2]


class TestClosing:
    def test_it_says_goodbye_after_what_was_sent_and_leaves_no_thread(self, transport, session):
        for number in range(100):
            session.send({"type": "response.create", "event_id": str(number)})
        session.close()
        assert [message["event_id"] for message in transport.sent] == [str(number) for number in range(100)]
        assert transport.released
        assert not {name for name in thread_names() if name.endswith(f"-{session.ordinal}")}
        assert session.closed

    def test_many_closers_at_once(self, session):
        threads = [background(session.close) for _ in range(20)]
        for thread in threads:
            thread.join(PATIENCE)
        assert not any(thread.is_alive() for thread in threads)
        assert list(session.events()) == []

    def test_a_mute_peer_is_cut_off(self):
        transport = ScriptedTransport(answers_close=False)
        session = Session(transport, close_timeout=0.1)
        session.close()
        assert transport.released
        assert list(session.events()) == []

    def test_a_receiver_that_waits_meets_the_end(self, session):
        ends = []

        def receive():
            try:
                session.receive()
            except ConnectionClosed as end:
                ends.append(type(end))

        waiting = background(receive)
        session.close()
        waiting.join(PATIENCE)
        assert ends == [ConnectionClosed]

    def test_events_that_have_arrived_can_still_be_received(self, transport, session):
        transport.push(delta("a"))
        session.receive(timeout=PATIENCE)
        transport.push(delta("b"), delta("c"))
        session.close()
        assert [event.delta for event in session.events()] == ["b", "c"]

    def test_repr_is_a_status_line(self, session):
        assert repr(session) == f"<Session {session.ordinal} open>"
        session.close()
        assert repr(session) == f"<Session {session.ordinal} closed>"


class TestBackpressure:
    def test_a_full_inbox_stops_the_reading_and_loses_nothing(self, transport):
        with Session(transport, max_queue=2) as session:
            transport.push(*[delta(str(number)) for number in range(50)])
            assert [session.receive(timeout=PATIENCE).delta for _ in range(50)] == [str(number) for number in range(50)]

    def test_close_with_a_full_inbox(self, transport):
        session = Session(transport, max_queue=1)
        transport.push(*[delta(str(number)) for number in range(50)])
        session.close()
        assert [event.delta for event in session.events()] == [str(number) for number in range(50)]

    def test_a_full_outbox_makes_send_wait(self):
        network_is_stuck = threading.Event()

        class Stuck(ScriptedTransport):
            def send(self, data):
                network_is_stuck.wait(PATIENCE)
                super().send(data)

        transport = Stuck()
        with Session(transport, max_queue=1) as session:
            session.send({"type": "response.create", "event_id": "1"})
            with pytest.raises(TimeoutError):
                for _ in range(3):
                    session.send({"type": "response.create", "event_id": "2"}, timeout=0.05)
            network_is_stuck.set()
            session.send({"type": "response.cancel"}, timeout=PATIENCE)
            transport.wait_sent("response.cancel")


def test_a_silent_session_asks_for_a_sign_of_life():
    transport = ScriptedTransport()
    with Session(transport, ping_interval=0.01):
        transport.wait_pings(3)


def test_a_session_that_sends_all_the_time_asks_for_one_too():
    transport = ScriptedTransport()
    with Session(transport, ping_interval=0.01) as session:
        enough = background(lambda: transport.wait_pings(3))
        while enough.is_alive():
            session.send({"type": "input_audio_buffer.clear"})
        assert transport.pings >= 3


def test_a_close_from_a_route_has_a_deadline_too():
    transport = ScriptedTransport(answers_close=False)
    session = Session(transport, close_timeout=0.2)
    session.intercept(lambda event: bool(session.close()))
    transport.push(delta("a"))
    assert [event.delta for event in session.events()] == ["a"]
    assert transport.released


def test_whatever_breaks_the_writer_is_the_cause_of_the_end():
    class Broken(ScriptedTransport):
        def send(self, data):
            raise KeyError("surprise")

    with Session(Broken()) as session:
        session.send({"type": "response.create"})
        with pytest.raises(ConnectionLost, match="surprise") as caught:
            session.receive(timeout=PATIENCE)
    assert isinstance(caught.value.__cause__, KeyError)


def test_what_happens_beside_the_session_has_its_place_in_the_stream(session, transport):
    lost = DeviceLost(device="microphone", message="unplugged")
    session.report(lost)
    transport.push(delta("a"))
    assert session.receive(timeout=PATIENCE) == lost
    assert session.receive(timeout=PATIENCE) == delta("a")


def test_a_full_stream_holds_up_nobody_who_reports(transport):
    with Session(transport, max_queue=1) as session:
        transport.push(delta("a"))
        for _ in range(3):
            session.report(DeviceLost())
        types = [session.receive(timeout=PATIENCE).type for _ in range(4)]
    assert sorted(types) == ["reelthyme.device_lost"] * 3 + ["response.output_text.delta"]


def test_the_configuration_is_what_the_server_last_said(session, transport):
    assert session.configuration is None
    for settings in (RealtimeSession(model="first"), RealtimeSession(model="second")):
        made = SessionCreated if settings.model == "first" else SessionUpdated
        transport.push(made(session=settings))
        session.receive(timeout=PATIENCE)
        assert session.configuration == settings


def test_a_server_with_the_words_of_the_beta(transport):
    with Session(transport, shape="beta") as session:
        session.send(SessionUpdate(session=RealtimeSession(output_modalities=["text"])))
        transport.push({"type": "response.text.delta", "delta": "a"})
        assert session.receive(timeout=PATIENCE) == delta("a")
    assert transport.sent[0]["session"]["modalities"] == ["text"]


def test_a_writer_that_fails_ends_the_session_with_its_reason():
    class Broken(ScriptedTransport):
        def send(self, data):
            raise ConnectionLost("broken pipe")

    with Session(Broken()) as session:
        session.send({"type": "response.create"})
        with pytest.raises(ConnectionLost, match="broken pipe"):
            session.receive(timeout=PATIENCE)
