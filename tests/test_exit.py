"""What becomes of sessions when their process ends. All but one case is a process of its own."""

import signal
import threading

import pytest
from processes import READY, Script, either_server, server, serving

from reelthyme_sync import _exit

__all__ = ["either_server", "server"]  # fixtures


class TestExit:
    @pytest.mark.parametrize(
        ("either_server", "last", "status"),
        [
            ("ws", "", 0),
            ("wss", "", 0),
            ("ws", "sys.exit(3)", 3),
            ("ws", "raise KeyboardInterrupt", -signal.SIGINT),
            ("ws", "1 / 0", 1),
        ],
        indirect=["either_server"],
    )
    def test_a_session_that_nobody_closed_ends_cleanly(self, either_server, last, status):
        script = Script(
            f"""
session = connect(url=URL)
for number in range(1000): session.send(say(str(number)))
print("done", flush=True)
{last}
""",
            either_server,
        )
        line = either_server.line()
        script.read()
        assert script.end()[0] == status
        line.wait_ended()
        assert line.ids() == [str(number) for number in range(1000)]
        assert line.close_codes == [1000]

    @pytest.mark.parametrize("mute", [False, True])
    def test_fifty_sessions_end_together(self, mute):
        with serving(mute=mute) as server:
            script = Script(
                """
sessions = [connect(url=URL) for _ in range(50)]
for session in sessions: session.send(say("a"))
print("done", flush=True)
""",
                server,
                gives_up=mute,
            )
            script.read()
            assert script.end() == (0, "")
            lines = [server.line() for _ in range(50)]
            for line in lines:
                line.wait_ended()
            assert [(line.ids(), line.close_codes) for line in lines] == [(["a"], [1000])] * 50

    def test_a_peer_that_reads_nothing_does_not_keep_the_process(self):
        with serving(deaf=True) as server:
            script = Script(
                """
session = connect(url=URL)
for _ in range(200): session.send(say("a" * 100_000))
print("done", flush=True)
""",
                server,
                gives_up=True,
            )
            script.read()
            assert script.end() == (0, "")

    @pytest.mark.parametrize(
        "use",
        [
            "session.receive()",
            "for event in session.events(): pass\n    print('over')",
            "while True: session.send(say('a'))",
            "while True: session.send(say('a')); session.receive()",
        ],
    )
    def test_a_daemon_thread_that_uses_it_says_nothing(self, server, use):
        script = Script(
            f"""
import traceback
def calls_of(thread):
    return traceback.extract_stack(sys._current_frames()[thread.ident])
session = connect(url=URL)
def use():
    {use}
thread = threading.Thread(target=use, daemon=True)
thread.start()
while not any("reelthyme_sync" in call.filename for call in calls_of(thread)): time.sleep(0.001)
print("done", flush=True)
""",
            server,
        )
        script.read()
        assert script.end() == (0, "")
        line = server.line()
        line.wait_ended()
        assert line.close_codes == [1000]

    def test_a_thread_that_is_no_daemon_talks_on(self, server):
        script = Script(
            """
session = connect(url=URL)
def talk():
    threading.main_thread().join()
    for number in range(10):
        session.send(say(str(number)))
        sure(session.receive(timeout=20).event_id == str(number))
threading.Thread(target=talk).start()
print("done", flush=True)
""",
            server,
        )
        script.read()
        assert script.end() == (0, "")
        line = server.line()
        line.wait_ended()
        assert (line.ids(), line.close_codes) == ([str(number) for number in range(10)], [1000])

    def test_sound_ends_too(self, server):
        script = Script(
            """
from reelthyme_sync.audio.software import SoftwareMicrophone, SoftwareSpeaker
class Telling:
    def close(self):
        super().close()
        os.write(1, f"{type(self).__name__} closed\\n".encode())
class Speaker(Telling, SoftwareSpeaker): pass
class Microphone(Telling, SoftwareMicrophone): pass
session = connect(url=URL)
events = stream(session, speaker=Speaker())
capture = capture_audio(session, microphone=Microphone())
under_way = threading.Event()
def slow(event):
    if not under_way.is_set():
        under_way.set()
        time.sleep(0.3)
    return False
session.intercept(slow)
minute = "AAAA" * 960_000
session.send({"type": "response.output_audio.delta", "item_id": "i", "content_index": 0, "delta": minute})
session.send(say("a"))
under_way.wait()
sure(events.stats.queued_ms > 50_000)
print("done", flush=True)
""",
            server,
        )
        script.read()
        told = {script.read(), script.read()}
        assert script.end() == (0, "")
        assert told == {"Speaker closed", "Microphone closed"}
        line = server.line()
        line.wait_ended()
        assert line.close_codes == [1000]

    def test_a_session_that_reconnects(self, server):
        script = Script(
            """
session = connect(url=URL, reconnect=Reconnect())
session.send(say("a"))
print("done", flush=True)
""",
            server,
        )
        script.read()
        assert script.end() == (0, "")
        line = server.line()
        line.wait_ended()
        assert (line.ids(), line.close_codes) == (["a"], [1000])

    def test_a_session_that_is_waiting_to_reconnect(self, server):
        script = Script(
            """
session = connect(url=URL, reconnect=Reconnect(initial_delay=60))
session.send({"type": "hang_up"})
while session.receive().type != "reelthyme.disconnected": pass
print("done", flush=True)
""",
            server,
        )
        script.read()
        assert script.end()[0] == 0

    def test_exit_functions_of_the_user_still_find_it_open(self, server):
        script = Script(
            """
import atexit
session = connect(url=URL)
atexit.register(lambda: session.send(say("bye")))
print("done", flush=True)
""",
            server,
        )
        script.read()
        assert script.end() == (0, "")
        line = server.line()
        line.wait_ended()
        assert (line.ids(), line.close_codes) == (["bye"], [1000])


def test_ctrl_c_inside_with_ends_the_session_cleanly(server):
    script = Script(
        f"""
with connect(url=URL) as session:
    session.send(say('a'))
    {READY}
    while True: session.receive()
""",
        server,
    )
    script.read()
    script.signal(signal.SIGINT)
    status, errors = script.end()
    assert status == -signal.SIGINT
    assert errors.rstrip().endswith("KeyboardInterrupt")
    line = server.line()
    line.wait_ended()
    assert (line.ids(), line.close_codes) == (["a"], [1000])


def test_whatever_does_not_end_is_cut_and_then_left_within_two_seconds(monkeypatch):
    done, now = [], [0.0]

    def stay(name, ends_when_cut):
        def join(timeout):
            if ends_when_cut and f"{name} cut" in done:
                return True
            now[0] += timeout
            return False

        abort = done.append if ends_when_cut else lambda _: 1 / 0
        return _exit.Resident(
            hang_up=lambda: done.append(f"{name} told"), abort=lambda: abort(f"{name} cut"), join=join
        )

    residents = [stay("first", ends_when_cut=False), stay("second", ends_when_cut=True)]
    monkeypatch.setattr(_exit, "monotonic", lambda: now[0])
    monkeypatch.setattr(_exit, "_leaving", threading.Event())
    monkeypatch.setattr(_exit, "_residents", {})
    for resident in residents:
        resident.end_with_process()
    _exit.end_all(lambda: done.append(f"all told at {now[0]:g}"))
    assert done == ["first told", "second told", "all told at 0", "second cut"]
    assert 1.0 < now[0] < 2.0
