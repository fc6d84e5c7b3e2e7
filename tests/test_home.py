"""What becomes of a session in a forked process. Every case is a process of its own."""

import os
import signal
import sys

import pytest
from processes import Script, either_server, server

__all__ = ["either_server", "server"]  # fixtures

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="there is no fork")

FORKED = """
def refused(use):
    try:
        use()
    except ForkedSession as error:
        return "post_fork" in str(error)

def child_finds_it_forked(session):
    sure(refused(lambda: session.send(say("child"))))
    sure(refused(session.receive))
    sure(refused(lambda: next(session.events())))
    sure(refused(lambda: session.intercept(lambda event: False)))
    sure(refused(lambda: session.on_end(print)))
    sure(session.closed)
    session.close()
    gc.collect()

def forked(child):
    pid = os.fork()
    if not pid:
        signal.alarm(20)  # a child that hangs dies of it
        child()
        os._exit(98)
    return pid

def status(pid):
    return os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])
"""


class TestFork:
    @pytest.mark.parametrize(
        ("either_server", "leave"),
        [("ws", "os._exit(7)"), ("ws", "sys.exit(7)"), ("wss", "sys.exit(7)")],
        indirect=["either_server"],
    )
    def test_the_parent_goes_on_unharmed_in_the_middle_of_traffic(self, either_server, leave):
        script = Script(
            FORKED
            + f"""
session = connect(url=URL, max_queue=50)
received = []
def receive():
    for event in session.events():
        received.append(event.event_id)
def talk():
    while not done:
        session.send(say(f"{{next(numbers)}}" + " " * 3000))
def child():
    child_finds_it_forked(session)
    {leave}
done, numbers = [], count()
threads = [threading.Thread(target=receive), threading.Thread(target=talk)]
for thread in threads: thread.start()
while len(received) < 100: time.sleep(0.001)
for _ in range(5):
    sure(status(forked(child)) == 7)
done.append(True)
threads[1].join()
session.send(say("last"))
while received[-1] != "last": time.sleep(0.001)
session.close()
threads[0].join()
sure([int(number) for number in received[:-1]] == list(range(next(numbers))))
print("fine")
""",
            either_server,
        )
        line = either_server.line()
        assert script.read() == "fine"
        assert script.end() == (0, "")
        line.wait_ended()
        assert [int(number) for number in line.ids()[:-1]] == list(range(len(line.messages) - 1))
        assert line.close_codes == [1000]

    def test_locks_that_other_threads_held_do_not_matter(self, server):
        script = Script(
            FORKED
            + """
locks = []
def kept(make):
    def made():
        locks.append(make())
        return locks[-1]
    return made
threading.Lock, threading.RLock = kept(threading.Lock), kept(threading.RLock)
from reelthyme_sync.audio.software import SoftwareMicrophone, SoftwareSpeaker
session = connect(url=URL, max_queue=1000)
events = stream(session, speaker=SoftwareSpeaker())
capture = capture_audio(session, microphone=SoftwareMicrophone())
of_session = list(locks)
def hold():
    taken = [lock for lock in of_session if lock.acquire(timeout=0.1)]
    os.write(held_fd[1], b"x")
    os.read(go_on_fd[0], 1)
    for lock in taken: lock.release()
held_fd, go_on_fd = os.pipe(), os.pipe()
thread = threading.Thread(target=hold, daemon=True)
thread.start()
os.read(held_fd[0], 1)
def child():
    child_finds_it_forked(session)
    sure(refused(lambda: next(iter(events))))
    sure(refused(events.flush))
    sure(refused(lambda: events.stats))
    events.stop()
    capture.stop()
    sys.exit(7)
sure(status(forked(child)) == 7)
os.write(go_on_fd[1], b"x")
thread.join()
session.send(say("a"))
while next(iter(events)).type != "response.create": pass
capture.stop()
session.close()
events.stop()
print("fine", flush=True)
""",
            server,
        )
        assert script.read() == "fine"
        assert script.end() == (0, "")
        line = server.line()
        line.wait_ended()
        assert line.close_codes == [1000]

    def test_workers_of_a_preloaded_application_open_their_own(self, server):
        script = Script(
            FORKED
            + """
import multiprocessing
session = connect(url=URL)
def worker(name):
    child_finds_it_forked(session)
    with connect(url=URL) as own:
        own.send(say(name))
        sure(own.receive(timeout=20).event_id == name)
workers = [multiprocessing.get_context("fork").Process(target=worker, args=(name,)) for name in "abc"]
for process in workers: process.start()
for process in workers: process.join()
sure([process.exitcode for process in workers] == [0, 0, 0])
session.send(say("parent"))
sure(session.receive(timeout=20).event_id == "parent")
session.close()
print("fine")
""",
            server,
        )
        assert script.read() == "fine"
        assert script.end() == (0, "")
        lines = [server.line() for _ in range(4)]
        for line in lines:
            line.wait_ended()
        assert sorted(line.ids() for line in lines) == [["a"], ["b"], ["c"], ["parent"]]
        assert [line.close_codes for line in lines] == [[1000]] * 4

    def test_a_child_does_not_keep_the_parents_connection_open(self, either_server):
        script = Script(
            FORKED
            + """
session = connect(url=URL)
def child():
    signal.alarm(60)
    print(os.getpid(), flush=True)
    signal.pause()
forked(child)
signal.pause()
""",
            either_server,
        )
        line = either_server.line()
        child = int(script.read())
        script.signal(signal.SIGKILL)
        try:
            line.wait_ended()
        finally:
            os.kill(child, signal.SIGKILL)
        assert script.end()[0] == -signal.SIGKILL

    def test_audio_of_the_parent_stops_no_child(self, server):
        script = Script(
            FORKED
            + """
from reelthyme_sync.audio.software import SoftwareMicrophone, SoftwareSpeaker
with connect(url=URL) as session:
    with stream(session, speaker=SoftwareSpeaker()) as events, capture_audio(session, microphone=SoftwareMicrophone()):
        def child():
            sure(refused(lambda: next(iter(events))))
            sure(refused(events.flush))
            sure(refused(lambda: events.stats))
            sys.exit(7)  # leaves the with blocks
        for _ in range(4):
            pid = os.fork()
            if not pid:
                signal.alarm(20)
                child()
            sure(status(pid) == 7)
        session.send(say("a"))
        while next(iter(events)).type != "response.create": pass
print("fine")
""",
            server,
        )
        assert script.read() == "fine"
        assert script.end() == (0, "")
        line = server.line()
        line.wait_ended()
        assert line.close_codes == [1000]

    def test_a_child_is_told_to_end_as_if_there_had_been_no_session(self, server):
        script = Script(
            FORKED
            + """
session = connect(url=URL)
def child():
    sure(signal.getsignal(signal.SIGTERM) == signal.SIG_DFL)
    os.kill(os.getpid(), signal.SIGTERM)
sure(status(forked(child)) == -signal.SIGTERM)
def child_with_a_session():
    own = connect(url=URL)
    own.send(say("a"))
    os.kill(os.getpid(), signal.SIGTERM)
sure(status(forked(child_with_a_session)) == -signal.SIGTERM)
session.close()
print("fine")
""",
            server,
        )
        assert script.read() == "fine"
        assert script.end() == (0, "")
        lines = [server.line(), server.line()]
        for line in lines:
            line.wait_ended()
        assert [(line.ids(), line.close_codes) for line in lines] == [([], [1000]), (["a"], [1000])]
