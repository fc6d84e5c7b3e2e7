"""A session over many transports: what the user sees, what each server is told, and how it ends."""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Callable
from functools import partial
from time import monotonic
from typing import Any

import pytest
from peers import close_frame, frame, peer

from reelthyme_sync import ConnectFailed, ConnectionClosed, ConnectionLost, Reconnect, Session, endpoints
from reelthyme_sync.events import (
    ConversationItemCreate,
    Disconnected,
    InputText,
    RealtimeSession,
    Reconnected,
    ResponseCreate,
    ServerEvent,
    SessionUpdate,
    UserMessage,
)
from reelthyme_sync.testing import PATIENCE, ScriptedTransport
from reelthyme_sync.transport.opening import Opening
from reelthyme_sync.transport.websocket import WebSocketTransport

QUICKLY = Reconnect(initial_delay=0.01, max_delay=0.02, max_attempts=4)


def answer(message: dict[str, Any]) -> list[dict[str, Any]]:
    """What the service says to a message."""
    match message["type"]:
        case "session.update":
            return [{"type": "session.updated", "session": message["session"]}]
        case "conversation.item.create":
            names = ("conversation.item.added", "conversation.item.done")
            return [{"type": name, "item": message["item"], "previous_item_id": None} for name in names]
        case "response.create":
            return [{"type": "response.created", "response": {"id": "resp_1", "conversation_id": "conv_1"}}]
    return []


class Service:
    """Gives a transport for every connection; the first is there from the beginning."""

    def __init__(self, reply: Callable[[dict[str, Any]], list[dict[str, Any]]] = answer) -> None:
        self._reply = reply
        self.refusals: list[Exception] = []
        self.attempts = 0
        self.transports: list[ScriptedTransport] = []
        self._came = threading.Condition()
        self.first = self._connect()

    def reopen(self, _opening: object) -> ScriptedTransport:
        self.attempts += 1
        if self.refusals:
            raise self.refusals.pop(0)
        return self._connect()

    def transport(self, number: int, within: float = PATIENCE) -> ScriptedTransport:
        """The transport of the connection with this number, from 0; waits for it."""
        with self._came:
            assert self._came.wait_for(lambda: len(self.transports) > number, within), "nobody connected"
        return self.transports[number]

    def _connect(self) -> ScriptedTransport:
        transport = ScriptedTransport(self._reply)
        transport.push({"type": "session.created", "session": {"type": "realtime", "id": f"s{len(self.transports)}"}})
        with self._came:
            self.transports.append(transport)
            self._came.notify_all()
        return transport


@pytest.fixture
def service() -> Service:
    return Service()


def open_session(service: Service, policy: Reconnect = QUICKLY, **options: Any) -> Session:
    return Session(service.first, reconnect=policy, reopen=service.reopen, **options)


def until(session: Session, wire_name: str) -> list[ServerEvent]:
    """All events up to the next of that type."""
    seen = [session.receive(PATIENCE)]
    while seen[-1].type != wire_name:
        seen.append(session.receive(PATIENCE))
    return seen


def names(events: list[ServerEvent]) -> list[str]:
    return [event.type for event in events]


def say(session: Session, text: str, item_id: str) -> None:
    session.send(ConversationItemCreate(item=UserMessage(id=item_id, content=[InputText(text=text)])))


def end_of(session: Session) -> ConnectionClosed:
    with pytest.raises(ConnectionClosed) as caught:
        while True:
            session.receive(PATIENCE)
    return caught.value


class TestGoingOn:
    def test_the_user_sees_that_it_broke_what_it_cut_off_and_that_it_goes_on(self, service):
        with open_session(service) as session:
            say(session, "hello", "a")
            session.send(ResponseCreate())
            until(session, "response.created")
            service.first.hang_up(1011, "oops")
            seen = until(session, "reelthyme.reconnected")
        assert names(seen) == ["reelthyme.disconnected", "response.done", "reelthyme.reconnected"]
        disconnected, done, reconnected = seen
        assert isinstance(disconnected, Disconnected)
        assert isinstance(reconnected, Reconnected)
        assert (disconnected.code, disconnected.interrupted) == (1011, ["resp_1"])
        assert (done.response.id, done.response.status) == ("resp_1", "failed")
        assert done.response.status_details.error.type == "connection_lost"
        assert (reconnected.restored, reconnected.planned, reconnected.session.id) == (["a"], False, "s1")
        assert len({event.event_id for event in seen}) == 3

    def test_the_new_server_is_told_settings_first_then_items_then_what_it_had_not_answered(self, service):
        with open_session(service) as session:
            session.send(SessionUpdate(session=RealtimeSession(instructions="short")))
            say(session, "hello", "a")
            until(session, "conversation.item.done")
            service.first.hang_up(None)
            until(session, "reelthyme.disconnected")
            say(session, "still there?", "b")
            until(session, "reelthyme.reconnected")
            seen = until(session, "conversation.item.done")
        sent = service.transport(1).sent
        assert [message["type"] for message in sent[:3]] == ["session.update", *["conversation.item.create"] * 2]
        assert sent[0]["session"] == {"type": "realtime", "instructions": "short"}
        assert [message["item"]["id"] for message in sent[1:]] == ["a", "b"]
        assert [event.item.id for event in seen] == ["b", "b"]

    def test_a_message_that_the_old_server_never_answered_is_sent_again(self, service):
        mute = Service(lambda message: [])
        mute_then_fine = [mute.first, service.first]
        session = Session(mute_then_fine[0], reconnect=QUICKLY, reopen=lambda opening: mute_then_fine[1])
        with session:
            say(session, "hello", "a")
            mute.first.wait_sent("conversation.item.create")
            mute.first.hang_up(None)
            seen = until(session, "conversation.item.done")
        assert names(seen)[-3:] == ["reelthyme.reconnected", "conversation.item.added", "conversation.item.done"]
        assert seen[-3].resent == 1

    def test_it_breaks_again_and_again(self, service):
        with open_session(service) as session:
            for number in range(5):
                say(session, "hello", f"item_{number}")
                until(session, "conversation.item.done")
                service.transport(number).hang_up(None)
                seen = until(session, "reelthyme.reconnected")
                assert seen[-1].restored == [f"item_{index}" for index in range(number + 1)]

    def test_a_server_that_is_lost_before_it_knows_all_is_not_told_of(self):
        answering = threading.Event()
        service = Service(lambda message: answer(message) if answering.is_set() else [])
        answering.set()
        with open_session(service) as session:
            say(session, "hello", "a")
            until(session, "conversation.item.done")
            answering.clear()
            service.first.hang_up(None)
            service.transport(1).wait_sent("conversation.item.create")
            answering.set()
            service.transport(1).hang_up(1011)
            seen = until(session, "reelthyme.reconnected")
        assert names(seen) == ["reelthyme.disconnected", "reelthyme.reconnected"]
        assert (seen[-1].attempts, seen[-1].restored) == (2, ["a"])

    def test_what_a_server_does_not_confirm_in_time_counts_as_not_restored(self):
        service = Service(lambda message: answer(message) if len(service.transports) == 1 else [])
        with open_session(service, open_timeout=0.1) as session:
            say(session, "hello", "a")
            until(session, "conversation.item.done")
            service.first.hang_up(None)
            reconnected = until(session, "reelthyme.reconnected")[-1]
        assert reconnected.restored == []
        assert [(lost.item_id, lost.reason) for lost in reconnected.not_restored] == [
            ("a", "the server did not confirm it")
        ]

    def test_refusals_that_may_pass_are_outwaited(self, service):
        service.refusals = [ConnectFailed("busy", status=503, recoverable=True)] * 2
        with open_session(service) as session:
            service.first.hang_up(None)
            assert until(session, "reelthyme.reconnected")[-1].attempts == 3

    def test_failed_attempts_are_not_told(self, service):
        service.refusals = [ConnectFailed("busy", recoverable=True)] * 3
        with open_session(service) as session:
            service.first.hang_up(None)
            seen = names(until(session, "reelthyme.reconnected"))
        assert seen == ["session.created", "reelthyme.disconnected", "reelthyme.reconnected"]

    def test_a_quiet_session_whose_sockets_live_a_while_has_all_its_attempts_again(self, service):
        with open_session(service) as session:
            for number in range(QUICKLY.max_attempts + 2):
                with pytest.raises(TimeoutError):
                    session.receive(2 * QUICKLY.max_delay) and session.receive(2 * QUICKLY.max_delay)
                service.transport(number).hang_up(None)
                until(session, "reelthyme.reconnected")

    def test_a_token_that_cannot_be_had_for_now_is_outwaited(self, service):
        service.refusals = [ConnectionError("the token's server is away")]
        with open_session(service) as session:
            service.first.hang_up(None)
            assert until(session, "reelthyme.reconnected")[-1].attempts == 2

    def test_a_server_cannot_have_us_wait_longer_than_the_policy(self, service):
        service.refusals = [ConnectFailed("later", recoverable=True, retry_after=86_400)]
        with open_session(service) as session:
            service.first.hang_up(None)
            assert until(session, "reelthyme.reconnected")[-1].attempts == 2

    def test_a_route_that_sends_when_it_hears_of_the_loss_holds_nothing_up(self, service):
        with open_session(service, max_queue=1) as session:

            def ask_again(event):
                if event.type == "reelthyme.disconnected":
                    say(session, "one", "a")
                    say(session, "two", "b")
                return False

            session.intercept(ask_again)
            service.first.hang_up(None)
            until(session, "reelthyme.reconnected")
            service.transport(1).wait_sent("conversation.item.create", count=2)

    def test_a_send_that_ctrl_c_ends_is_none(self, service):
        with open_session(service) as session:
            session.receive(PATIENCE)
            link = session._link._passage.span.link
            link.send = lambda data, timeout: (_ for _ in ()).throw(KeyboardInterrupt)
            with pytest.raises(KeyboardInterrupt):
                say(session, "hello", "a")
            service.first.hang_up(None)
            assert until(session, "reelthyme.reconnected")[-1].resent == 0


class TestTheEnd:
    @pytest.mark.parametrize("code", [1000, 1008, 3000, 4000])
    def test_an_end_that_is_meant_is_one(self, service, code):
        with open_session(service) as session:
            service.first.hang_up(code, "no")
            end = end_of(session)
        assert (end.code, end.reason, service.attempts) == (code, "no", 0)
        assert isinstance(end, ConnectionLost) is (code != 1000)

    @pytest.mark.parametrize("refusal", [ConnectFailed("the key", status=401), ValueError("no token")])
    def test_a_refusal_that_will_not_pass_ends_it(self, service, refusal):
        service.refusals = [refusal]
        with open_session(service) as session:
            service.first.hang_up(1011)
            end = end_of(session)
        assert isinstance(end, ConnectionLost)
        assert (end.__cause__, end.code, service.attempts) == (refusal, 1011, 1)

    def test_attempts_are_bounded_and_the_last_failure_is_told(self, service):
        service.refusals = [ConnectFailed(f"no {number}", recoverable=True) for number in range(9)]
        with open_session(service) as session:
            say(session, "hello", "a")
            until(session, "conversation.item.done")
            service.first.hang_up(None)
            until(session, "reelthyme.disconnected")
            say(session, "lost", "b")
            end = end_of(session)
        assert service.attempts == QUICKLY.max_attempts
        assert "no 3" in str(end)
        assert [b'"b"' in message for message in end.unsent] == [True]

    def test_a_server_that_takes_us_in_only_to_throw_us_out_does_not_renew_the_attempts(self, service):
        with open_session(service) as session:
            for number in range(QUICKLY.max_attempts + 1):
                service.transport(number).hang_up(1011)
                if number < QUICKLY.max_attempts:
                    until(session, "reelthyme.reconnected")
            assert isinstance(end_of(session), ConnectionLost)
        assert service.attempts == QUICKLY.max_attempts

    def test_sending_after_the_end(self, service):
        with open_session(service) as session:
            service.first.hang_up(1008, "policy")
            end_of(session)
            with pytest.raises(ConnectionLost, match="1008"):
                session.send(ResponseCreate())


class TestClosing:
    def test_with_a_socket_it_is_a_goodbye(self, service):
        session = open_session(service)
        session.send(ResponseCreate())
        session.close()
        assert type(end_of(session)) is ConnectionClosed
        assert service.first.released
        assert [message["type"] for message in service.first.sent] == ["response.create"]
        assert service.attempts == 0

    def test_while_it_waits_for_the_next_attempt(self, service):
        session = open_session(service, Reconnect(initial_delay=600, max_delay=600))
        service.first.hang_up(None)
        until(session, "reelthyme.disconnected")
        began = monotonic()
        session.close()
        assert monotonic() - began < PATIENCE / 2
        assert type(end_of(session)) is ConnectionClosed
        assert service.attempts == 0

    def test_while_it_connects(self, service):
        connecting = threading.Event()

        def never(opening):
            connecting.set()
            while True:  # as a transport does: look at the time, then wait a little
                opening.remaining()
                threading.Event().wait(0.01)

        session = Session(service.first, reconnect=QUICKLY, reopen=never)
        service.first.hang_up(None)
        assert connecting.wait(PATIENCE)
        session.close()
        assert type(end_of(session)) is ConnectionClosed

    def test_what_could_not_be_sent_is_told(self, service):
        session = open_session(service, Reconnect(initial_delay=600, max_delay=600))
        service.first.hang_up(None)
        until(session, "reelthyme.disconnected")
        say(session, "hello", "a")
        session.close()
        end = end_of(session)
        assert isinstance(end, ConnectionLost)
        assert len(end.unsent) == 1
        assert b'"hello"' in end.unsent[0]
        with pytest.raises(ConnectionLost):
            say(session, "more", "b")

    def test_in_a_route_that_sees_the_loss(self, service):
        closed = threading.Event()

        def close_at_loss(event):
            if event.type == "reelthyme.disconnected":
                session.close()
                closed.set()
            return False

        session = open_session(service)
        session.intercept(close_at_loss)
        service.first.hang_up(None)
        assert closed.wait(PATIENCE)
        assert type(end_of(session)) is ConnectionClosed
        assert service.attempts == 0

    def test_in_a_route_on_the_reader(self, service):
        session = open_session(service)
        session.intercept(lambda event: session.close() or False)
        assert type(end_of(session)) is ConnectionClosed

    def test_by_twenty_threads_while_it_breaks(self, service):
        for _ in range(10):
            service = Service()
            session = open_session(service)
            threads = [threading.Thread(target=session.close) for _ in range(20)]
            service.first.hang_up(None)
            for thread in threads:
                thread.start()
            for thread in threads:
                thread.join(PATIENCE)
                assert not thread.is_alive()
            assert isinstance(end_of(session), ConnectionClosed)

    def test_after_a_reconnect_over_a_real_socket_all_is_sent_first(self):
        received = []

        def breaking(far):
            far.handshake()

        def listening(far):
            far.handshake()
            far.send(frame(b'{"type": "session.created", "session": {}}'))
            for message in iter(far.read, (-1, b"")):
                received.append(message)
                if message[0] == 8:
                    far.send(close_frame(1000))

        with peer(breaking) as first, peer(listening) as second:
            urls = iter([first, second])
            connect_to = partial(WebSocketTransport, idle_timeout=PATIENCE)
            reopen = lambda opening: connect_to(endpoints.relay(next(urls)), opening=opening)  # noqa: E731
            session = Session(reopen(Opening(PATIENCE)), reconnect=QUICKLY, reopen=reopen)
            until(session, "reelthyme.reconnected")
            for number in range(20):
                say(session, "hello", f"item_{number}")
            session.close()
            assert type(end_of(session)) is ConnectionClosed
        assert [opcode for opcode, _ in received] == [1] * 20 + [8]

    def test_while_nothing_can_stop_the_attempt(self, service):
        stuck = threading.Event()

        def looking_up_a_name(_opening):
            stuck.wait(PATIENCE)
            raise ConnectFailed("late", recoverable=True)

        session = Session(service.first, reconnect=QUICKLY, reopen=looking_up_a_name, close_timeout=0.2)
        service.first.hang_up(None)
        until(session, "reelthyme.disconnected")
        say(session, "hello", "a")
        session.close()
        end = end_of(session)
        stuck.set()
        assert len(end.unsent) == 1

    def test_what_was_on_the_wire_is_not_told_as_unsent(self, service):
        session = open_session(service, Reconnect(initial_delay=600, max_delay=600))
        session.send({"type": "input_audio_buffer.append", "audio": "AAAA"})
        service.first.wait_sent("input_audio_buffer.append")
        service.first.hang_up(None)
        until(session, "reelthyme.disconnected")
        session.close()
        assert type(end_of(session)) is ConnectionClosed

    def test_no_message_is_lost_without_a_word_while_it_ends(self):
        for _ in range(5):
            service = Service(lambda message: [])
            session = open_session(service)
            accepted = []

            def send_until_refused(session=session, accepted=accepted):
                for number in range(100_000):
                    if number == 200:
                        threading.Thread(target=session.close).start()
                    try:
                        say(session, "hello", f"item_{number}")
                    except ConnectionClosed:
                        return
                    accepted.append(f"item_{number}")

            send_until_refused()
            end = end_of(session)
            sent = [message["item"]["id"] for message in service.first.sent]
            assert [*sent, *(json.loads(message)["item"]["id"] for message in end.unsent)] == accepted


class TestMoving:
    SOON = Reconnect(max_age=0.2)

    def test_between_turns_and_without_a_break(self, service):
        with open_session(service, self.SOON) as session:
            say(session, "hello", "a")
            seen = until(session, "reelthyme.reconnected")
            say(session, "again", "b")
            seen += until(session, "conversation.item.done")
        moved = next(event for event in seen if isinstance(event, Reconnected))
        assert (moved.planned, moved.restored, moved.session.id) == (True, ["a"], "s1")
        assert "reelthyme.disconnected" not in names(seen)
        assert service.first.released

    def test_never_in_the_middle_of_a_response(self, service):
        with open_session(service, self.SOON) as session:
            session.send(ResponseCreate())
            until(session, "response.created")
            with pytest.raises(TimeoutError):
                session.receive(0.3)
            service.first.push({"type": "response.done", "response": {"id": "resp_1", "status": "completed"}})
            assert names(until(session, "response.done")) == ["response.done"]

    def test_before_the_end_that_the_server_announces(self, service, monkeypatch):
        monkeypatch.setattr("reelthyme_sync.reconnect._BELIEVED", 0.0)
        service.first.push({"type": "session.updated", "session": {"type": "realtime", "expires_at": time.time() + 1}})
        with open_session(service) as session:
            assert until(session, "reelthyme.reconnected")[-1].planned

    def test_not_while_the_reader_waits_for_a_consumer_that_has_stopped(self, service):
        with open_session(service, Reconnect(max_age=0.4), max_queue=1) as session:
            service.first.push({"type": "rate_limits.updated"}, {"type": "rate_limits.updated"})
            with pytest.raises(AssertionError, match="nobody connected"):
                service.transport(1, within=0.6)
            seen = until(session, "reelthyme.reconnected")
        assert names(seen)[:3] == ["session.created", "rate_limits.updated", "rate_limits.updated"]

    def test_what_is_sent_during_the_move_arrives_once_and_in_order(self, service):
        with open_session(service, self.SOON) as session:
            sent = 0
            while len(service.transports) < 4:
                say(session, str(sent), f"item_{sent}")
                sent += 1
                until(session, "conversation.item.done")
            say(session, "the last", "last")
            while until(session, "conversation.item.done")[-1].item.id != "last":
                pass
        created = [message["item"]["id"] for message in service.transports[-1].sent if "item" in message]
        assert created == [*(f"item_{number}" for number in range(sent)), "last"]


class TestBound:
    def test_while_there_is_no_socket_a_full_queue_blocks_the_sender(self, service):
        with open_session(service, Reconnect(initial_delay=600, max_delay=600), max_queue=2) as session:
            service.first.hang_up(None)
            until(session, "reelthyme.disconnected")
            for number in range(2):
                say(session, "hello", f"item_{number}")
            with pytest.raises(TimeoutError):
                session.send(ResponseCreate(), timeout=0.05)

    def test_the_blocked_sender_goes_on_when_the_session_closes(self, service):
        session = open_session(service, Reconnect(initial_delay=600, max_delay=600), max_queue=1)
        service.first.hang_up(None)
        until(session, "reelthyme.disconnected")
        say(session, "hello", "a")
        refused = threading.Event()

        def blocked():
            with pytest.raises(ConnectionClosed):
                say(session, "more", "b")
            refused.set()

        threading.Thread(target=blocked, daemon=True).start()
        session.close()
        assert refused.wait(PATIENCE)


class TestFollowingACall:
    """The conversation is the call's, and goes on at the server when a socket of ours breaks."""

    def test_nothing_is_told_again_but_what_was_not_answered(self, service):
        with open_session(service, follows_call=True) as session:
            session.send(SessionUpdate(session=RealtimeSession(instructions="short")))
            say(session, "hello", "a")
            until(session, "conversation.item.done")
            service.first.hang_up(None)
            until(session, "reelthyme.disconnected")
            say(session, "more", "b")
            seen = until(session, "conversation.item.done")
        assert [message["item"]["id"] for message in service.transport(1).sent] == ["b"]
        reconnected = next(event for event in seen if isinstance(event, Reconnected))
        assert (reconnected.restored, reconnected.not_restored, reconnected.resent) == ([], [], 1)

    def test_a_response_ends_once(self, service):
        with open_session(service, follows_call=True) as session:
            session.send(ResponseCreate())
            until(session, "response.created")
            service.first.hang_up(None)
            seen = until(session, "reelthyme.reconnected")
            service.transport(1).push({"type": "response.done", "response": {"id": "resp_1", "status": "completed"}})
            service.transport(1).push({"type": "response.done", "response": {"id": "resp_2", "status": "completed"}})
            seen += until(session, "response.done")
        assert [event.response.id for event in seen if event.type == "response.done"] == ["resp_1", "resp_2"]

    def test_it_never_moves(self, service):
        with open_session(service, Reconnect(max_age=0.1), follows_call=True) as session:
            session.receive(PATIENCE)
            with pytest.raises(TimeoutError):
                session.receive(0.3)
        assert service.attempts == 0


def test_a_policy_that_cannot_work_is_refused():
    with pytest.raises(ValueError, match="max_delay must be above zero, not 0"):
        Reconnect(max_delay=0)
