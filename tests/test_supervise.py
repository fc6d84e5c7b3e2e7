"""Calls followed in the background: places, threads, and every way in which it ends."""

import gc
import logging
import os
import signal
import subprocess
import sys
import threading
import time
import weakref

import pytest
from keys import TEST_KEY
from sidebands import PATIENCE, Service, service

from reelthyme_sync import ConnectFailed, Session, _exit, endpoints
from reelthyme_sync._alarm import Alarm
from reelthyme_sync.supervise import AlreadyFollowed, FollowedCall, Supervisor, TooManyCalls
from reelthyme_sync.supervise import supervisor as module

__all__ = ["service"]  # a fixture


@pytest.fixture(autouse=True)
def _time_for_greetings(monkeypatch):
    """A verdict that comes instead of a greeting must not be too late, whatever the machine does."""
    monkeypatch.setattr(module, "GREETED_WITHIN", PATIENCE)


@pytest.fixture
def supervisor():
    supervisor = Supervisor()
    yield supervisor
    supervisor.close()


def listen(session: Session) -> None:
    for _ in session.events():
        pass


def ended(call: FollowedCall) -> FollowedCall:
    assert call.wait(PATIENCE), "the call goes on"
    assert call.done
    return call


class TestFollowing:
    def test_the_conversation_runs_on_a_thread_of_its_own(self, supervisor, service):
        names = []

        def run(session: Session) -> None:
            names.append(threading.current_thread().name)
            assert session.receive(timeout=PATIENCE).type == "session.created"

        call = ended(supervisor.follow("rtc_1", run, url=service.url))
        assert names == [f"reelthyme-call-{call.session.ordinal}"]
        assert (call.call_id, call.ended, call.failure) == ("rtc_1", "finished", None)
        assert call.session.closed
        assert supervisor.calls == []

    def test_connects_with_the_key_given(self, supervisor, service):
        ended(supervisor.follow("rtc_1", lambda session: None, url=service.url, api_key=TEST_KEY))
        (request,) = service.requests
        assert b"call_id=rtc_1" in request.split(b"\r\n")[0]
        assert TEST_KEY.encode() in request

    def test_an_endpoint_names_the_call_itself(self, supervisor, service):
        ended(
            supervisor.follow(
                "rtc_1", lambda session: None, endpoint=endpoints.relay(service.url, call_id="rtc_1", api_key=TEST_KEY)
            )
        )
        assert b"call_id=rtc_1" in service.requests[0].split(b"\r\n")[0]
        with pytest.raises(ValueError, match="follows no call"):
            supervisor.follow("rtc_2", listen, endpoint=endpoints.relay(service.url))
        assert len(service.requests) == 1

    @pytest.mark.parametrize("call_id", ["unknown", "expired"])
    def test_a_call_that_is_not_to_be_followed_is_refused_in_the_callers_frame(self, supervisor, service, call_id):
        with pytest.raises(ConnectFailed) as caught:
            supervisor.follow(call_id, listen, url=service.url, api_key=TEST_KEY)
        assert not caught.value.recoverable
        assert supervisor.calls == []
        ended(supervisor.follow("rtc_1", lambda session: None, url=service.url))

    def test_a_server_that_says_nothing_is_followed_all_the_same(self, supervisor, service, monkeypatch):
        monkeypatch.setattr(module, "GREETED_WITHIN", 0.1)
        ended(supervisor.follow("mute", lambda session: None, url=service.url))

    def test_a_call_that_hangs_up_is_finished(self, supervisor, service):
        assert ended(supervisor.follow("brief", listen, url=service.url)).ended == "finished"

        def receive(session: Session) -> None:
            while True:
                session.receive()

        assert ended(supervisor.follow("brief", receive, url=service.url)).ended == "finished"

    def test_what_a_conversation_raises_is_kept_and_logged_and_harms_no_other(self, supervisor, service, caplog):
        other = supervisor.follow("rtc_1", listen, url=service.url)
        wrong = KeyError("the order")

        def run(session: Session) -> None:
            raise wrong

        call = ended(supervisor.follow("rtc_2", run, url=service.url))
        assert (call.ended, call.failure) == ("failed", wrong)
        (record,) = [record for record in caplog.records if record.levelno == logging.ERROR]
        assert record.exc_info[1] is wrong
        assert supervisor.calls == [other]
        assert not other.done

    def test_a_connection_that_is_lost_is_a_failure(self, supervisor, service, caplog):
        call = ended(supervisor.follow("broken", listen, url=service.url))
        assert call.ended == "failed"
        assert "ConnectionLost" in repr(call.failure)

    def test_callbacks_are_told_once_whenever_they_come_and_whatever_the_first_raises(
        self, supervisor, service, caplog
    ):
        told, go = [], threading.Event()
        call = supervisor.follow("rtc_1", lambda session: go.wait(PATIENCE) and None, url=service.url)
        call.on_end(lambda: 1 / 0)
        call.on_end(lambda: told.append(call.ended))
        go.set()
        ended(call)
        call.on_end(lambda: told.append("late"))
        assert told == ["finished", "late"]

    def test_a_callback_that_exits_keeps_no_place(self, supervisor, service):
        call = supervisor.follow("rtc_1", listen, url=service.url)
        call.on_end(sys.exit)
        assert call.close()
        assert supervisor.calls == []


class TestPlaces:
    def test_one_too_many_is_refused_and_a_free_place_is_taken(self, service):
        supervisor = Supervisor(limit=2)
        first, _ = (supervisor.follow(f"rtc_{n}", listen, url=service.url) for n in range(2))
        with pytest.raises(TooManyCalls):
            supervisor.follow("rtc_2", listen, url=service.url)
        first.close()
        supervisor.follow("rtc_2", listen, url=service.url)
        supervisor.close()

    def test_of_many_who_come_at_once_exactly_so_many_are_followed(self, service):
        supervisor, come, outcomes = Supervisor(limit=5), threading.Barrier(20), []

        def follow(number: int) -> None:
            come.wait(PATIENCE)
            try:
                outcomes.append(supervisor.follow(f"rtc_{number}", listen, url=service.url))
            except TooManyCalls:
                outcomes.append(None)

        threads = [threading.Thread(target=follow, args=(number,)) for number in range(20)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join(PATIENCE)
        assert len([each for each in outcomes if each]) == len(supervisor.calls) == 5
        assert len(outcomes) == 20
        supervisor.close()
        assert supervisor.calls == []

    def test_a_call_is_followed_once(self, supervisor, service):
        call = supervisor.follow("rtc_1", listen, url=service.url)
        with pytest.raises(AlreadyFollowed):
            supervisor.follow("rtc_1", listen, url=service.url)
        call.close()
        supervisor.follow("rtc_1", listen, url=service.url)

    def test_a_place_is_not_lost_by_arguments_that_make_no_sense(self, service):
        supervisor = Supervisor(limit=1)
        for _ in range(2):
            with pytest.raises(TypeError):
                supervisor.follow("rtc_1", listen, url=service.url, nonsense=True)
        ended(supervisor.follow("rtc_1", lambda session: None, url=service.url))

    def test_where_no_thread_can_start_nothing_is_left_behind(self, service, monkeypatch):
        def refuse(*_: object) -> None:
            raise RuntimeError("can't start new thread")

        supervisor, before = Supervisor(limit=1), set(_exit._residents)
        with monkeypatch.context() as patched:
            patched.setattr(Alarm, "set", refuse)
            with pytest.raises(RuntimeError):
                supervisor.follow("rtc_1", listen, url=service.url)
        assert set(_exit._residents) <= before  # or the end of the process would wait for it
        ended(supervisor.follow("rtc_1", lambda session: None, url=service.url))

    @pytest.mark.parametrize("arguments", [{"limit": 0}, {"idle_timeout": 0}])
    def test_a_limit_must_leave_something(self, arguments):
        with pytest.raises(ValueError, match="above zero"):
            Supervisor(**arguments)


class TestIdleness:
    def test_a_call_in_which_nothing_happens_is_let_go(self, service, caplog):
        supervisor = Supervisor(idle_timeout=0.3)
        assert ended(supervisor.follow("rtc_1", listen, url=service.url)).ended == "idle"
        assert service.wait_for_goodbyes(1) == ["rtc_1"]

    def test_events_keep_it_and_signs_of_life_do_not(self, service):
        supervisor = Supervisor(idle_timeout=2.0)
        begun, enough = threading.Event(), threading.Event()

        def talk(session: Session) -> None:
            while not enough.wait(0.1):
                session.send({"type": "response.create"})
                session.receive(timeout=PATIENCE)
                begun.set()

        talking = supervisor.follow("rtc_1", talk, url=service.url)
        assert begun.wait(PATIENCE)
        silent = supervisor.follow("rtc_2", listen, url=service.url, ping_interval=0.1)
        assert ended(silent).ended == "idle"  # the other has talked for longer
        enough.set()
        assert ended(talking).ended == "finished"

    def test_a_peer_that_answers_no_goodbye_is_let_go_too(self, service, caplog):
        supervisor = Supervisor(idle_timeout=0.3)
        assert ended(supervisor.follow("rude", listen, url=service.url)).ended == "idle"


class TestClosing:
    def test_all_end_at_once_and_no_more_are_followed(self, service):
        supervisor = Supervisor()
        calls = [supervisor.follow(f"rude_{n}", listen, url=service.url) for n in range(20)]
        began = time.monotonic()
        supervisor.close(timeout=PATIENCE)
        assert time.monotonic() - began < 10.0  # each takes a second: one after another they would take 20
        assert {call.ended for call in calls} == {"closed"}
        assert {call.failure for call in calls} == {None}
        with pytest.raises(TooManyCalls):
            supervisor.follow("rtc_1", listen, url=service.url)
        supervisor.close()

    def test_a_conversation_that_does_not_return_does_not_hold_it_up(self, service, caplog):
        supervisor, go = Supervisor(), threading.Event()
        call = supervisor.follow("rtc_1", lambda session: go.wait(PATIENCE) and None, url=service.url)
        began = time.monotonic()
        supervisor.close(timeout=0.5)
        assert time.monotonic() - began >= 0.5
        assert not call.done
        assert "stuck" in caplog.text
        go.set()
        assert ended(call).ended == "closed"

    def test_one_that_is_just_connecting_is_waited_for_and_told_of(self, service, monkeypatch, caplog):
        def connect(**options):
            supervisor.close(timeout=0.1)
            return real(**options)

        real, supervisor = module.connect, Supervisor()
        monkeypatch.setattr(module, "connect", connect)
        with pytest.raises(TooManyCalls):
            supervisor.follow("rtc_1", listen, url=service.url)
        assert "1 calls did not end" in caplog.text

    def test_one_that_is_just_connecting_is_refused(self, service, monkeypatch):
        supervisor = Supervisor()
        closing = threading.Thread(target=supervisor.close)

        def connect(**options):
            closing.start()
            while not supervisor._here.roster._closed:  # the moment that is meant
                time.sleep(0.001)
            return real(**options)

        real = module.connect
        monkeypatch.setattr(module, "connect", connect)
        with pytest.raises(TooManyCalls):
            supervisor.follow("rtc_1", listen, url=service.url)
        closing.join(PATIENCE)
        assert service.wait_for_goodbyes(1) == ["rtc_1"]

    def test_a_conversation_that_waits_for_its_own_end_is_told_so(self, supervisor, service):
        begun, followed = threading.Event(), []

        def run(session: Session) -> None:
            assert begun.wait(PATIENCE)
            followed[0].wait()

        followed.append(supervisor.follow("rtc_1", run, url=service.url))
        begun.set()
        assert isinstance(ended(followed[0]).failure, RuntimeError)

    def test_a_conversation_may_close_its_own_call_and_its_supervisor(self, service):
        supervisor = Supervisor()
        closed = []

        def run(session: Session) -> None:
            supervisor.close()
            closed.append(supervisor.calls[0].close())
            listen(session)

        call = supervisor.follow("rtc_1", run, url=service.url)
        assert ended(call).ended == "closed"
        assert closed == [True]

    def test_a_call_can_be_ended_alone(self, supervisor, service):
        calls = [supervisor.follow(f"rtc_{n}", listen, url=service.url) for n in range(2)]
        assert calls[0].close()
        assert calls[0].close()
        assert supervisor.calls == calls[1:]
        assert service.wait_for_goodbyes(1) == ["rtc_0"]


def test_calls_that_are_over_leave_nothing_behind(supervisor, service):
    left = weakref.WeakSet()
    for number in range(50):
        call = supervisor.follow(f"rtc_{number}", listen, url=service.url)
        left.update([call, call.session])
        call.hang_up()
    del call
    deadline = time.monotonic() + PATIENCE
    while left:
        gc.collect()
        assert time.monotonic() < deadline, list(left)
    assert supervisor.calls == []


PREAMBLE = """
import os, signal, sys, threading, time
from reelthyme_sync import _exit
from reelthyme_sync.supervise import Supervisor, TooManyCalls
def listen(session):
    for _ in session.events(): pass
    os.write(1, b"over\\n")  # print might mingle with another thread's
URL = sys.argv[1]
supervisor = Supervisor()
def follow(*names):
    return [supervisor.follow(name, listen, url=URL) for name in names]
"""


ENDS_BY_ITSELF = f"_exit.END_WITHIN = _exit._GOODBYE_WITHIN = {2 * PATIENCE}\n"


class Process:
    """A Python process of its own; ``end`` waits for its end.

    Args:
        code: what it runs.
        service: where its calls are.
        gives_up: whether it is the library's deadline that ends it. Otherwise there is none that a test could meet.
    """

    def __init__(self, code: str, service: Service, *, gives_up: bool = False) -> None:
        code = PREAMBLE + ("" if gives_up else ENDS_BY_ITSELF) + code
        self.process = subprocess.Popen(
            [sys.executable, "-W", "error", "-c", code, service.url],
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )

    def read(self) -> str:
        return self.process.stdout.readline().strip()

    def end(self) -> tuple[int, str, str]:
        """Status, what else it printed, and what it complained of. Fails if it waits for a peer that says nothing."""
        try:
            printed, errors = self.process.communicate(timeout=PATIENCE)
        finally:
            self.process.kill()
        return self.process.returncode, printed, errors


class TestTheEndOfTheProcess:
    def test_calls_end_with_it(self, service):
        script = Process("follow('rtc_1', 'rtc_2')", service)
        assert script.end() == (0, "over\n" * 2, "")
        assert service.wait_for_goodbyes(2) == ["rtc_1", "rtc_2"]

    def test_it_does_not_wait_for_a_peer_that_answers_no_goodbye(self, service):
        script = Process("follow('rude')", service, gives_up=True)
        status, _, errors = script.end()
        assert (status, errors) == (0, "")
        assert service.wait_for_goodbyes(1) == ["rude"]

    def test_sigterm_ends_them_where_nobody_else_takes_it_and_calls_are_followed_by_other_threads(self, service):
        script = Process(
            """
thread = threading.Thread(target=follow, args=("rtc_1", "rtc_2"))
thread.start(); thread.join()
print("ready", flush=True)
time.sleep(60)
""",
            service,
        )
        assert script.read() == "ready"
        script.process.send_signal(signal.SIGTERM)
        assert script.end() == (-signal.SIGTERM, "over\n" * 2, "")
        assert service.wait_for_goodbyes(2) == ["rtc_1", "rtc_2"]

    def test_sigterm_that_somebody_has_taken_ends_them_first_and_is_then_his(self, service):
        script = Process(
            """
gone = threading.Event()
signal.signal(signal.SIGTERM, lambda *_: gone.set())
supervisor.close_on_signals()
supervisor.close_on_signals()
calls = follow("rtc_1", "rtc_2")
print("ready", flush=True)
while not gone.wait(0.1): pass
assert all(call.wait(20) for call in calls)
try:
    follow("rtc_3")
except TooManyCalls:
    print("no more", flush=True)
os._exit(7)
""",
            service,
        )
        assert script.read() == "ready"
        script.process.send_signal(signal.SIGTERM)
        assert script.end() == (7, "over\nover\nno more\n", "")
        assert service.wait_for_goodbyes(2) == ["rtc_1", "rtc_2"]

    def test_a_signal_ends_the_calls_of_all_supervisors_that_asked_for_it(self, service):
        script = Process(
            """
gone = threading.Event()
signal.signal(signal.SIGTERM, lambda *_: gone.set())
other = Supervisor()
supervisor.close_on_signals()
other.close_on_signals()
calls = [*follow("rtc_1"), other.follow("rtc_2", listen, url=URL)]
print("ready", flush=True)
while not gone.wait(0.1): pass
os._exit(7 if all(call.wait(20) for call in calls) else 8)
""",
            service,
        )
        assert script.read() == "ready"
        script.process.send_signal(signal.SIGTERM)
        assert script.end() == (7, "over\n" * 2, "")

    def test_sigterm_ends_those_of_a_forked_process_that_asked_for_it(self, service):
        script = Process(
            """
pid = os.fork()
if not pid:
    signal.alarm(25)
    supervisor.close_on_signals()
    thread = threading.Thread(target=follow, args=("rtc_1",))
    thread.start(); thread.join()
    print(os.getpid(), flush=True)
    time.sleep(60)
print(os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]), flush=True)
""",
            service,
        )
        child = int(script.read())
        os.kill(child, signal.SIGTERM)
        assert script.end() == (0, f"over\n{-signal.SIGTERM}\n", "")
        assert service.wait_for_goodbyes(1) == ["rtc_1"]

    def test_a_forked_process_has_a_supervisor_with_nobody_in_it(self, service):
        script = Process(
            """
supervisor = Supervisor(limit=1)
(call,) = follow("rtc_1")
pid = os.fork()
if not pid:
    signal.alarm(25)
    assert supervisor.calls == [] and call.close() is False
    (mine,) = follow("rtc_2")
    supervisor.close()
    assert mine.ended == "closed"
    os._exit(5)
assert os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]) == 5
assert supervisor.calls == [call] and not call.done
call.session.send({"type": "response.create"})
supervisor.close()
""",
            service,
        )
        assert script.end() == (0, "over\n" * 2, "")
        assert service.wait_for_goodbyes(2) == ["rtc_1", "rtc_2"]
