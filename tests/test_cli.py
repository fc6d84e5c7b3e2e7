import io
import re
import sys
import wave

import numpy as np
import pytest
from rich.console import Console

from reelthyme_sync import __version__, cli, events
from reelthyme_sync.audio import LEFT
from reelthyme_sync.audio.pyaudio_device import Device
from reelthyme_sync.audio.software import SoftwareMicrophone
from reelthyme_sync.cli import arguments, check
from reelthyme_sync.cli.directors import OneRecording, ThreeQuestions, forever
from reelthyme_sync.cli.invitation import echo_control, invite
from reelthyme_sync.cli.sound import Sound
from reelthyme_sync.cli.transcript import Transcript
from reelthyme_sync.echo import EchoCanceller, HalfDuplex
from reelthyme_sync.errors import AudioUnavailable
from reelthyme_sync.pcm import ms_to_bytes, silence, to_pcm16


def message(status: str = "completed") -> events.ResponseDone:
    item = events.AssistantMessage(content=[events.OutputAudio(transcript="Four.")])
    return events.ResponseDone(response=events.Response(status=status, output=[item]))


def call(arguments: str = "{}", *, name: str = "get_weather", status: str = "completed") -> events.ResponseDone:
    item = events.FunctionCall(name=name, call_id="call_1", arguments=arguments)
    return events.ResponseDone(response=events.Response(status=status, output=[item]))


class SilentMicrophone(SoftwareMicrophone):
    """Notes what it is told to say, and runs no clock."""

    def __init__(self) -> None:
        self.said: list[bytes] = []

    def say(self, pcm: bytes) -> None:
        self.said.append(pcm)

    def said_all(self) -> bool:
        return True


class Playing:
    """A stream of which so much is still to be heard."""

    def __init__(self, queued_ms: int = 0) -> None:
        self.stats = self
        self.queued_ms = queued_ms


class Interrupted:
    """The import of a module, by what is raised then."""

    def __init__(self, module: str, error: BaseException) -> None:
        self._module = module
        self._error = error

    def find_spec(self, name, path=None, target=None) -> None:
        if name == self._module:
            raise self._error


class TestArguments:
    def test_version(self, capsys):
        with pytest.raises(SystemExit) as caught:
            cli.main(["--version"])
        assert caught.value.code == 0
        assert __version__ in capsys.readouterr().out

    @pytest.mark.parametrize(
        "arguments",
        [
            [],
            ["sing"],
            ["talk", "--nonsense"],
            ["serve", "--port", "x"],
            ["talk", "--url", "ftp://a"],
            ["devices", "--speaker", "nope"],
            ["devices", "--microphone", "0"],
        ],
    )
    def test_bad_ones(self, arguments, capsys):
        with pytest.raises(SystemExit) as caught:
            cli.main(arguments)
        assert caught.value.code == 2
        assert "usage: reelthyme" in capsys.readouterr().err

    def test_a_recording_is_not_written_over(self, capsys, tmp_path):
        path = tmp_path / "a.wav"
        path.write_bytes(b"precious")
        assert cli.main(["talk", "--input", str(path), "--output", str(tmp_path / "." / "a.wav")]) == 1
        assert path.read_bytes() == b"precious"
        assert "--output" in capsys.readouterr().err

    def test_a_port_that_is_none_is_one_line(self, capsys):
        assert cli.main(["serve", "--port", "99999"]) == 1
        assert capsys.readouterr().err.count("\n") == 1

    def test_an_error_is_one_line(self, capsys, tmp_path):
        assert cli.main(["talk", "--url", "ws://127.0.0.1:9", "--input", str(tmp_path / "none.wav")]) == 1
        error = capsys.readouterr().err
        assert error.startswith("reelthyme: There is no file")
        assert error.count("\n") == 1

    @pytest.mark.parametrize(
        ("command", "module"),
        [
            ("talk", "arguments"),
            ("talk", "talk"),
            ("demo", "demo"),
            ("serve", "serve"),
            ("devices", "devices"),
            ("devices --check", "check"),
        ],
    )
    def test_ctrl_c_while_a_command_is_imported_is_no_traceback(self, command, module, monkeypatch, capsys):
        name = f"reelthyme_sync.cli.{module}"
        monkeypatch.delitem(sys.modules, name, raising=False)
        monkeypatch.setattr(sys, "meta_path", [Interrupted(name, KeyboardInterrupt()), *sys.meta_path])
        assert cli.main(command.split()) == 130
        assert capsys.readouterr() == ("", "")

    def test_what_to_install_is_a_line_of_its_own(self, monkeypatch, capsys):
        missing = ModuleNotFoundError("No module named 'rich'", name="rich")
        monkeypatch.delitem(sys.modules, "reelthyme_sync.cli.serve", raising=False)
        monkeypatch.setattr(sys, "meta_path", [Interrupted("reelthyme_sync.cli.serve", missing), *sys.meta_path])
        assert cli.main(["serve"]) == 1
        assert 'pip install "reelthyme_sync[all]"' in capsys.readouterr().err.splitlines()


class TestTranscript:
    @pytest.fixture
    def printed(self):
        return io.StringIO()

    @pytest.fixture
    def transcript(self, printed):
        return Transcript(Console(file=printed, width=100))

    def lines(self, printed) -> list[str]:
        return [line[10:].rstrip() for line in printed.getvalue().splitlines()]

    def test_both_sides_and_the_cut(self, transcript, printed):
        def says(text: str) -> events.ResponseOutputAudioTranscriptDelta:
            return events.ResponseOutputAudioTranscriptDelta(item_id="item_2", delta=text)

        transcript.see(events.ConversationItemInputAudioTranscriptionCompleted(transcript=" what is it "))
        for word in ("It", " is", " [four]."):
            transcript.see(says(word))
        transcript.see(events.ResponseDone())
        transcript.cut(1240, 3800)
        assert self.lines(printed) == [
            "you       what is it",
            "assistant It is [four].",
            "cut       heard 1.24 s of 3.80 s",
        ]

    def test_a_line_in_the_middle_of_an_answer(self, transcript, printed):
        transcript.see(events.ResponseOutputTextDelta(item_id="a", delta="It"))
        transcript.see(events.Error(error=events.ErrorDetail(message="no")))
        transcript.see(events.ResponseOutputTextDelta(item_id="a", delta=" is"))
        transcript.see(events.ResponseDone())
        assert self.lines(printed) == ["assistant It", "error     no", "assistant  is"]

    def test_a_call(self, transcript, printed):
        item = events.FunctionCall(name="get_weather", arguments='{"city":"Paris"}', status="completed")
        transcript.see(events.ResponseOutputItemDone(item=item))
        transcript.see(events.ResponseOutputItemDone(item=events.evolve(item, status="incomplete")))
        assert self.lines(printed) == ['tool      get_weather({"city":"Paris"})']

    def test_nothing_understood(self, transcript, printed):
        transcript.see(events.ConversationItemInputAudioTranscriptionCompleted(transcript=""))
        assert "(nothing understood)" in printed.getvalue()


class TestDirectors:
    def test_a_live_conversation_never_ends_by_itself(self):
        assert not forever(message(), Playing())

    def test_one_recording(self):
        microphone = SilentMicrophone()
        director = OneRecording(microphone, b"sound")
        assert not director(events.SessionUpdated(), Playing())
        assert microphone.said[0].endswith(b"sound")
        assert not director(events.InputAudioBufferSpeechStarted(), Playing())
        assert not director(call(), Playing())
        assert director(message(), Playing())

    def test_three_questions(self):
        microphone = SilentMicrophone()
        director = ThreeQuestions(microphone, [b"first", b"second", b"third"])
        word = events.ResponseOutputAudioTranscriptDelta(delta="word")
        script = [events.SessionUpdated(), events.InputAudioBufferCommitted(), word, message()]
        assert not any(director(event, Playing(queued_ms=2000)) for event in script)
        assert [sound.lstrip(b"\0") for sound in microphone.said] == [b"first", b"second"]
        assert len(microphone.said[1]) > ms_to_bytes(2000)
        script = [events.InputAudioBufferCommitted(), call(), word, word, message("cancelled")]
        assert not any(director(event, Playing()) for event in script)
        assert [sound.lstrip(b"\0") for sound in microphone.said] == [b"first", b"second", b"third"]
        assert not director(events.InputAudioBufferCommitted(), Playing())
        assert director(message(), Playing())


@pytest.fixture
def without_pywebrtc(monkeypatch):
    monkeypatch.setitem(sys.modules, "pywebrtc_audio", None)


class TestOpenSpeakers:
    @pytest.fixture
    def printed(self):
        return io.StringIO()

    def invitation(self, printed, echo) -> str:
        invite(Console(file=printed, width=80), echo, hint=": ask for the weather, say")
        return printed.getvalue()

    def test_with_the_package_the_assistant_can_be_interrupted(self, printed):
        pytest.importorskip("pywebrtc_audio")
        echo = echo_control()
        assert isinstance(echo, EchoCanceller)
        words = " ".join(self.invitation(printed, echo).split())
        assert words.startswith("Speak: ask for the weather, say, and interrupt as you like")
        assert "with a headset or without one" in words
        assert "--no-echo-cancelling" not in words

    @pytest.mark.usefixtures("without_pywebrtc")
    def test_without_it_the_user_is_told_how_to_get_it(self, printed, caplog):
        echo = echo_control()
        assert isinstance(echo, HalfDuplex)
        words = self.invitation(printed, echo)
        assert "cannot be interrupted" in " ".join(words.split())
        assert 'pip install "reelthyme_sync[aec]"' in words.splitlines()
        assert caplog.messages == []  # said once

    def test_without_cancelling_a_headset_is_advised(self, printed):
        assert "Use a headset" in self.invitation(printed, None)

    @pytest.mark.parametrize("command", ["talk", "demo"])
    def test_cancelling_is_on_unless_it_is_turned_off(self, command, monkeypatch):
        asked = []
        monkeypatch.setattr(arguments, f"_{command}", lambda arguments: asked.append(arguments.echo_cancelling) or 0)
        assert cli.main([command]) == cli.main([command, "--no-echo-cancelling"]) == 0
        assert asked == [True, False]

    def test_the_recording_hears_what_the_service_hears(self, tmp_path):
        path = tmp_path / "conversation.wav"
        with Sound(str(path)) as sound:
            echo = sound.keeping(HalfDuplex(tail_ms=0))
            loud, quiet = b"\x00\x10" * 4800, silence(200)
            sent = echo.process(loud, loud) + echo.process(loud, quiet) + echo.rest()
            assert echo.stats.erle_db is None
        with wave.open(str(path)) as file:
            both = np.frombuffer(file.readframes(file.getnframes()), "<i2").reshape(-1, 2)
        assert len(sent) == 2 * len(loud)
        assert both[-len(sent) // 2 :, LEFT].tobytes() == sent

    def test_what_nobody_records_goes_through_nothing(self):
        echo = HalfDuplex()
        with Sound(None) as sound:
            assert sound.keeping(echo) is echo
            assert sound.keeping(None) is None


class Room:
    """A speaker and a microphone that hears it, without a clock: as much is played as is recorded.

    Args:
        loudness: of the echo; 1.0 is as loud as it was played.
        noise: of the room, in steps of 16 bits.
        late: blocks that find the speaker empty.
        joined: whether both are one stream.
        unread: blocks that were recorded before anything was played.
        lost_after: blocks after which the speaker is lost.
    """

    sample_rate = 24_000
    overflows = 0
    heard = 0

    def __init__(
        self,
        *,
        loudness: float = 0.3,
        noise: float = 5.0,
        late: int = 0,
        joined: bool = True,
        unread: int = 0,
        lost_after: float = float("inf"),
    ) -> None:
        self.starved = 0
        self.played: bytes | None = None
        self.closed = 0
        self.joined = joined
        self.blocks = 0
        self._unread = unread
        self._loudness, self._noise, self._late, self._lost_after = loudness, noise, late, lost_after
        self._random = np.random.default_rng(1)
        self._waiting = bytearray()
        self._air = bytearray(silence(30))

    def wait_writable(self) -> None:
        if self.blocks >= self._lost_after:
            raise AudioUnavailable("The speaker has stopped")

    def write(self, pcm: bytes) -> None:
        self._waiting += pcm

    def read(self) -> bytes:
        size = ms_to_bytes(10)
        if self._unread:
            self._unread -= 1
            return silence(10)
        played = bytes(self._waiting[:size]).ljust(size, b"\0")
        del self._waiting[:size]
        self.played = played if self.joined else None
        self.blocks += 1
        if self._late and any(played):
            self._late, self.starved = self._late - 1, self.starved + 240
        self._air += played
        echo = np.frombuffer(bytes(self._air[:size]), "<i2") * self._loudness
        del self._air[:size]
        return to_pcm16(echo + self._noise * self._random.standard_normal(240))

    def stop(self) -> None:
        raise AssertionError("nobody stops it")

    def close(self) -> None:
        self.closed += 1


class TestDevicesCheck:
    """What is no figure of the canceller is checked without it: it takes most of the time."""

    def check(self, room, monkeypatch, capsys) -> tuple[int, str]:
        device = Device(0, "card", 1, 1, default_input=True, default_output=True, rate=48_000)
        monkeypatch.setattr(check, "list_devices", lambda: [device])
        monkeypatch.setattr(check, "join", lambda speaker, microphone: room.joined)
        monkeypatch.setattr("reelthyme_sync.audio.pyaudio_device.PyAudioSpeaker", lambda device, tap: room)
        monkeypatch.setattr("reelthyme_sync.audio.pyaudio_device.PyAudioMicrophone", lambda device, tap: room)
        status = cli.main(["devices", "--check"])
        assert room.closed == 2
        return status, capsys.readouterr().out

    def figures(self, printed: str) -> dict[str, str]:
        rows = (re.split(" {3,}", line.rstrip(), maxsplit=1) for line in printed.splitlines())
        return {row[0]: row[1] for row in rows if len(row) == 2}

    def test_open_speakers_that_work(self, monkeypatch, capsys):
        pytest.importorskip("pywebrtc_audio")
        status, printed = self.check(Room(), monkeypatch, capsys)
        found = self.figures(printed)
        assert status == 0
        assert printed.endswith("Open speakers will work.\n")
        assert found["speaker"] == found["microphone"] == "card"
        assert found["together"] == "as one stream"
        assert found["lost sound"] == "none"
        assert found["delay"] == "30 ms"
        assert found["echo"] == "10 dB softer than it was played"
        assert int(found["after cancelling"].split()[0]) >= 20
        assert found["after cancelling"].endswith("dB less, inaudible")
        assert max(map(len, printed.splitlines())) <= 80

    @pytest.mark.usefixtures("without_pywebrtc")
    def test_without_the_package_only_its_figure_is_missing(self, monkeypatch, capsys):
        status, printed = self.check(Room(), monkeypatch, capsys)
        assert status == 0
        assert self.figures(printed)["delay"] == "30 ms"
        assert self.figures(printed)["after cancelling"] == "not known"
        assert 'pip install "reelthyme_sync[aec]"' in printed.splitlines()

    @pytest.mark.usefixtures("without_pywebrtc")
    def test_two_streams_and_lost_sound_are_told(self, monkeypatch, capsys):
        status, printed = self.check(Room(late=3, joined=False), monkeypatch, capsys)
        assert status == 0
        assert self.figures(printed)["together"].startswith("no, as two streams")
        assert self.figures(printed)["lost sound"] == "30 ms"

    @pytest.mark.usefixtures("without_pywebrtc")
    def test_what_waits_for_the_speaker_is_no_delay(self, monkeypatch, capsys):
        together, apart = (
            self.figures(self.check(Room(joined=joined), monkeypatch, capsys)[1]) for joined in (True, False)
        )
        assert together["delay"] == apart["delay"] == "30 ms"

    @pytest.mark.usefixtures("without_pywebrtc")
    def test_what_was_recorded_before_is_no_delay(self, monkeypatch, capsys):
        monkeypatch.setattr(check, "monotonic", iter([0.0, 0.5]).__next__)
        assert self.figures(self.check(Room(joined=False, unread=50), monkeypatch, capsys)[1])["delay"] == "30 ms"

    def test_a_speaker_that_is_lost_ends_it_at_once(self, monkeypatch, capsys):
        room = Room(lost_after=20)
        assert self.check(room, monkeypatch, capsys)[0] == 1
        assert room.blocks < 40

    @pytest.mark.usefixtures("colours", "without_pywebrtc")
    def test_figures_are_not_coloured(self, monkeypatch, capsys):
        assert "\x1b" not in self.check(Room(), monkeypatch, capsys)[1]

    @pytest.fixture
    def colours(self, monkeypatch):
        monkeypatch.setenv("FORCE_COLOR", "1")
        monkeypatch.setenv("TERM", "xterm-256color")

    def test_what_cannot_be_heard_is_not_told_to_be_less(self, monkeypatch, capsys):
        pytest.importorskip("pywebrtc_audio")
        status, printed = self.check(Room(loudness=0.02, noise=150.0), monkeypatch, capsys)
        assert status == 0
        assert self.figures(printed)["after cancelling"] == "below the noise, as before"

    @pytest.mark.parametrize(
        ("room", "status", "words"),
        [
            ({"loudness": 0.0}, 0, "does not hear the speaker"),
            ({"loudness": 0.0, "noise": 0.0}, 1, "nothing at all"),
            ({"loudness": 10.0}, 1, "distorts"),
        ],
    )
    def test_what_is_wrong_is_said_and_what_to_do(self, room, status, words, monkeypatch, capsys):
        found, printed = self.check(Room(**room), monkeypatch, capsys)
        assert found == status
        assert words in " ".join(printed.split())
