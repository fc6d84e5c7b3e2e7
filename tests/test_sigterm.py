"""What becomes of sessions when their process is told to end. Every case is a process of its own."""

import signal
import sys
import threading

import pytest
from processes import PATIENCE, READY, Script, server, serving

from reelthyme_sync._mailbox import Mailbox

__all__ = ["server"]  # a fixture

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="there is no SIGTERM")


class TestSigterm:
    @pytest.mark.parametrize(
        "wait",
        [
            "session.receive()\nsession.receive()",
            "for event in session.events(): pass\nprint('over')",
            "time.sleep(60)",
            "while True: pass",
            "with session: threading.Event().wait()",
            "thread = threading.Thread(target=time.sleep, args=(60,)); thread.start()",
            "thread = threading.Thread(target=lambda: list(session.events())); thread.start()",
        ],
    )
    def test_the_session_ends_before_the_process(self, server, wait):
        script = Script(f"session = connect(url=URL)\nsession.send(say('a'))\n{READY}{wait}", server)
        script.read()
        script.signal(signal.SIGTERM)
        assert script.end() == (-signal.SIGTERM, "")
        line = server.line()
        line.wait_ended()
        assert (line.ids(), line.close_codes) == (["a"], [1000])

    @pytest.mark.parametrize("max_queue", [0, 5])
    def test_a_main_thread_that_is_sending_all_the_time(self, server, max_queue):
        script = Script(
            f"""
session = connect(url=URL, max_queue={max_queue})
threading.Thread(target=lambda: list(session.events()), daemon=True).start()
for number in count():
    session.send(say(str(number)))
    if number == 500: print("ready", flush=True)
""",
            server,
        )
        line = server.line()
        script.read()
        script.signal(signal.SIGTERM)
        assert script.end() == (-signal.SIGTERM, "")
        line.wait_ended()
        assert line.ids() == [str(number) for number in range(len(line.messages))]
        assert line.close_codes == [1000]

    def test_a_writer_that_is_blocked(self):
        with serving(deaf=True) as server:
            script = Script(
                f"""
session = connect(url=URL, max_queue=5)
try:
    while True: session.send(say("a" * 1_000_000), timeout=0.3)
except TimeoutError:
    {READY}
session.send(say("a"))
""",
                server,
                gives_up=True,
            )
            script.read()
            script.signal(signal.SIGTERM)
            assert script.end() == (-signal.SIGTERM, "")

    def test_a_speaker_that_is_stuck(self, server):
        script = Script(
            f"""
from reelthyme_sync.audio.software import SoftwareSpeaker
speaker = SoftwareSpeaker()
speaker.clear = threading.Event().wait
session = connect(url=URL)
events = stream(session, speaker=speaker)
{READY}
session.receive()
""",
            server,
            gives_up=True,
        )
        script.read()
        script.signal(signal.SIGTERM)
        assert script.end() == (-signal.SIGTERM, "")
        line = server.line()
        line.wait_ended()
        assert line.close_codes == [1000]

    def test_a_main_thread_that_holds_a_lock_of_ours_is_let_go_until_it_has_given_it_back(self, server):
        script = Script(
            """
from reelthyme_sync._passage import Passage
from reelthyme_sync._sigterm import Termination
send, fetch = Passage._send, Termination._fetch_main_thread
go, inside = threading.Event(), threading.Event()
def slowly(passage, *arguments):
    if go.is_set():
        with passage._changed:  # nothing can be told to end
            os.kill(os.getpid(), signal.SIGTERM)
        while not passage._shut: time.sleep(0.001)
        with passage._changed:  # all has been told, and cannot end
            inside.set()
            time.sleep(0.5)
    return send(passage, *arguments)
def just_then(termination):
    inside.wait()
    fetch(termination)
Passage._send, Termination._fetch_main_thread = slowly, just_then
session = connect(url=URL, reconnect=Reconnect())
session.send(say("a"))
go.set()
session.send(say("b"))
""",
            server,
        )
        line = server.line()
        assert script.end() == (-signal.SIGTERM, "")
        line.wait_ended()
        assert line.close_codes == [1000]

    def test_told_twice_it_ends_once(self):
        with serving(mute=True) as server:
            script = Script(f"session = connect(url=URL)\n{READY}session.receive()", server, gives_up=True)
            line = server.line()
            script.read()
            script.signal(signal.SIGTERM)
            script.signal(signal.SIGTERM)
            assert script.end() == (-signal.SIGTERM, "")
            line.wait_ended()
            assert line.close_codes == [1000]

    def test_many_sessions_and_a_mute_peer(self):
        with serving(mute=True) as server:
            code = f"sessions = [connect(url=URL) for _ in range(50)]\n{READY}time.sleep(60)"
            script = Script(code, server, gives_up=True)
            script.read()
            script.signal(signal.SIGTERM)
            assert script.end() == (-signal.SIGTERM, "")
            lines = [server.line() for _ in range(50)]
            for line in lines:
                line.wait_ended()
            assert [line.close_codes for line in lines] == [[1000]] * 50

    @pytest.mark.parametrize(
        "order",
        [
            "signal.signal(signal.SIGTERM, mine)\nsession = connect(url=URL)",
            "session = connect(url=URL)\nsignal.signal(signal.SIGTERM, mine)",
            "session = connect(url=URL)\nsignal.signal(signal.SIGTERM, mine)\nanother = connect(url=URL)",
        ],
    )
    def test_a_handler_of_the_application_wins(self, server, order):
        script = Script(
            f"""
def mine(number, frame):
    print("mine", flush=True)
    raise SystemExit(5)
{order}
{READY}
for event in session.events(): pass
""",
            server,
        )
        script.read()
        script.signal(signal.SIGTERM)
        assert script.read() == "mine"
        assert script.end() == (5, "")
        line = server.line()
        line.wait_ended()
        assert line.close_codes == [1000]

    @pytest.mark.parametrize("handler", ["SIG_IGN", "SIG_DFL"])
    def test_what_the_application_chose_is_not_undone(self, server, handler):
        script = Script(
            f"""
connect(url=URL).close()
signal.signal(signal.SIGTERM, signal.{handler})
session = connect(url=URL)
sure(signal.getsignal(signal.SIGTERM) == signal.{handler})
print("fine", flush=True)
""",
            server,
        )
        assert script.read() == "fine"
        assert script.end() == (0, "")

    def test_a_session_of_another_thread_installs_nothing(self, server):
        script = Script(
            """
def work(): connect(url=URL).close()
thread = threading.Thread(target=work)
thread.start()
thread.join()
sure(signal.getsignal(signal.SIGTERM) == signal.SIG_DFL)
print("fine", flush=True)
""",
            server,
        )
        assert script.read() == "fine"
        assert script.end() == (0, "")


def test_what_waits_can_be_sent_while_the_main_thread_is_stopped_in_the_middle_of_a_put():
    box, taken = Mailbox[str](1), []
    box.put("waiting")
    with box._lock:  # as the signal finds the main thread
        writer = threading.Thread(target=lambda: taken.append(box.get()), daemon=True)
        writer.start()
        writer.join(PATIENCE)
        assert taken == ["waiting"]
