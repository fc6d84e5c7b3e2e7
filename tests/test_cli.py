import io
import json

import pytest
from rich.console import Console

from reelthyme_sync import __version__, cli, events
from reelthyme_sync.audio.software import SoftwareMicrophone
from reelthyme_sync.cli.directors import OneRecording, ThreeQuestions, forever
from reelthyme_sync.cli.toolbox import Toolbox
from reelthyme_sync.cli.transcript import Transcript
from reelthyme_sync.pcm import ms_to_bytes


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


class TestArguments:
    def test_version(self, capsys):
        with pytest.raises(SystemExit) as caught:
            cli.main(["--version"])
        assert caught.value.code == 0
        assert __version__ in capsys.readouterr().out

    @pytest.mark.parametrize(
        "arguments", [[], ["sing"], ["talk", "--nonsense"], ["serve", "--port", "x"], ["talk", "--url", "ftp://a"]]
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

    def test_nothing_understood(self, transcript, printed):
        transcript.see(events.ConversationItemInputAudioTranscriptionCompleted(transcript=""))
        assert "(nothing understood)" in printed.getvalue()


class TestToolbox:
    @pytest.fixture
    def toolbox(self):
        def get_weather(city: str) -> dict[str, str]:
            return {"city": city}

        return Toolbox({"get_weather": (events.FunctionTool(name="get_weather"), get_weather)})

    def output(self, toolbox, done) -> dict:
        (found,) = toolbox.calls(done)
        item = toolbox.run(found).item
        assert item.call_id == "call_1"
        return json.loads(item.output)

    def test_a_call_is_run(self, toolbox):
        assert self.output(toolbox, call('{"city": "Paris"}')) == {"city": "Paris"}

    @pytest.mark.parametrize(
        ("done", "error"),
        [
            (call('{"town": "Paris"}'), "TypeError"),
            (call("{"), "JSONDecodeError"),
            (call(name="other"), "KeyError"),
        ],
    )
    def test_what_goes_wrong_is_told_to_the_assistant(self, toolbox, done, error):
        assert self.output(toolbox, done)["error"].startswith(error)

    @pytest.mark.parametrize("done", [call(status="cancelled"), message(), events.ResponseCreated()])
    def test_only_finished_calls_count(self, toolbox, done):
        assert toolbox.calls(done) == []


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
