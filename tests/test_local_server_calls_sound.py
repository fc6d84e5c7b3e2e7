"""What a caller hears and what is told of it: without sockets, threads or speech. The test is the line."""

import datetime
import itertools

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from reelthyme_sync import pcm
from reelthyme_sync.events import (
    AudioConfig,
    AudioInput,
    AudioOutput,
    AudioPcmu,
    ConversationItemCreate,
    ConversationItemDelete,
    ConversationItemRetrieve,
    ConversationItemTruncate,
    InputAudioBufferCommit,
    InputText,
    OutputAudioBufferClear,
    OutputAudioBufferCleared,
    OutputAudioBufferStarted,
    OutputAudioBufferStopped,
    RealtimeSession,
    ResponseCancel,
    ResponseCreate,
    ResponseParams,
    ServerVad,
    SessionUpdate,
    UserMessage,
)
from reelthyme_sync.local_server.answers import Answers
from reelthyme_sync.local_server.brain import Brain
from reelthyme_sync.local_server.call_brain import CallBrain
from reelthyme_sync.local_server.jobs import Hear
from reelthyme_sync.local_server.playout import Playout
from reelthyme_sync.vad import EnergyClassifier

SPOKEN = bytes(1 + place % 255 for place in range(25_600))  # 533 ms of an answer, in three slices, and no silence in it
FRAME = 960
VOICE = b"\x00\x40\x00\xc0" * 6_000  # half a second
SAID = ["output_audio_buffer.started", "output_audio_buffer.stopped"]


@pytest.fixture(autouse=True)
def _loud_is_speech(monkeypatch):
    monkeypatch.setattr("reelthyme_sync.vad.WebRtcClassifier", EnergyClassifier)


class Line:
    """A call's brain, and whoever does its jobs, says something to it and takes its sound."""

    def __init__(self, **changes):
        clock = datetime.datetime(2026, 11, 21, 14, 5)
        self.brain = CallBrain(Brain(model="gpt-realtime", answer=Answers(lambda: clock).answer))
        self.created = self.brain.open()[0]
        self.told = []
        self.heard = b""
        self.performances = {}
        if changes:
            self.send(SessionUpdate(session=RealtimeSession(**changes)))

    def note(self, events):
        self.told += events
        for job in self.brain.jobs():
            if isinstance(job, Hear):
                self.note(self.brain.heard(job.item_id, "hello"))
            else:
                sound = SPOKEN if job.text else b""
                self.performances[job.response_id] = self.brain.perform(job.response_id, sound)
        return events

    def send(self, event):
        return self.note(self.brain.receive(event))

    def ask(self, text="hello", **params):
        self.send(ConversationItemCreate(item=UserMessage(content=[InputText(text=text)])))
        return self.send(ResponseCreate(response=ResponseParams(**params)))

    def step(self):
        """One slice of the oldest response under way."""
        for response_id in list(self.performances):
            piece = next(self.performances[response_id], None)
            if piece is not None:
                return self.note(piece.events)
            del self.performances[response_id]
        return []

    def perform(self):
        while self.performances:
            self.step()

    def take(self, count=FRAME):
        sound, events = self.brain.take(count)
        assert len(sound) == count
        self.heard += sound.rstrip(b"\0")
        return self.note(events)

    def take_all(self):
        while any(self.brain._playout._queue):
            before = len(self.heard)
            self.take()
            if len(self.heard) == before:
                break

    def hear(self, sound):
        return self.note(self.brain.hear(sound))

    def item(self):
        """The assistant's last item."""
        return [each.item for each in self.told if each.type == "response.output_item.added"][-1]

    def retrieved(self):
        (event,) = self.send(ConversationItemRetrieve(item_id=self.item().id))
        return event.item


def kinds(events):
    return [event.type for event in events]


def only(events, *names):
    return [event for event in events if event.type in names]


def test_an_answer_sounds_on_the_line_and_not_in_the_events():
    line = Line()
    line.ask()
    line.perform()
    line.take_all()
    assert line.heard == SPOKEN
    told = kinds(line.told)
    assert "response.output_audio.delta" not in told
    assert "response.output_audio_transcript.delta" in told
    assert told.index("response.content_part.added") < told.index(SAID[0])
    assert told.index("response.done") < told.index(SAID[1])
    response = only(line.told, "response.done")[0].response
    assert [event.response_id for event in only(line.told, *SAID)] == [response.id, response.id]


def test_sound_is_heard_while_it_is_made_and_stops_after_response_done_only():
    line = Line()
    line.ask()
    for _ in range(20):
        line.step()
        line.take_all()
    assert line.heard == SPOKEN
    told = kinds(line.told)
    assert told.index(SAID[0]) < told.index("response.done") < told.index(SAID[1])
    assert told.count(SAID[0]) == told.count(SAID[1]) == 1


def test_a_line_on_which_nothing_is_said_is_silent_and_tells_nothing():
    line = Line()
    assert line.brain.take(FRAME) == (bytes(FRAME), [])
    line.ask("hello", output_modalities=["text"])
    line.perform()
    assert line.take() == []
    assert "response.done" in kinds(line.told)


@pytest.mark.parametrize("form", [AudioPcmu(), None])
def test_the_line_is_pcm16_whatever_the_format_of_the_session(form):
    line = Line(audio=AudioConfig(input=AudioInput(format=form), output=AudioOutput(format=form))) if form else Line()
    line.hear(VOICE)
    line.hear(pcm.silence(700))
    line.perform()
    line.take_all()
    assert line.heard == SPOKEN
    started, stopped = only(line.told, "input_audio_buffer.speech_started", "input_audio_buffer.speech_stopped")
    assert started.audio_start_ms == 0
    assert stopped.audio_end_ms == pytest.approx(1_000, abs=60)


def test_what_the_caller_says_may_be_cut_anywhere():
    line = Line()
    sound = VOICE + pcm.silence(700)
    for start in range(0, len(sound), 333):
        line.hear(sound[start : start + 333])
    assert "input_audio_buffer.committed" in kinds(line.told)


def test_a_line_on_which_nobody_looks_for_turns_keeps_ten_minutes():
    line = Line(audio=AudioConfig(input=AudioInput(turn_detection=None)))
    for minute in range(11):
        line.hear(bytes([minute, 0]) * pcm.ms_to_samples(60_000))
    line.send(InputAudioBufferCommit())
    item = only(line.told, "input_audio_buffer.committed")[0].item_id
    (event,) = line.send(ConversationItemRetrieve(item_id=item))
    sound = pcm.decode_base64(event.item.content[0].audio)
    assert (pcm.bytes_to_ms(len(sound)), sound[0]) == (600_000, 1)


def test_speech_drops_what_is_being_made_and_was_not_heard():
    line = Line()
    line.ask()
    line.step()
    line.step()
    line.take(pcm.ms_to_bytes(100))
    events = line.hear(VOICE)
    told = kinds(events)
    assert told[:2] == ["input_audio_buffer.speech_started", "output_audio_buffer.cleared"]
    assert told.index("response.done") < told.index("conversation.item.truncated")
    done, truncated = only(events, "response.done", "conversation.item.truncated")
    assert done.response.status_details.reason == "turn_detected"
    assert (truncated.item_id, truncated.content_index, truncated.audio_end_ms) == (line.item().id, 0, 100)
    assert line.take(9600) == []
    assert line.heard == SPOKEN[: pcm.ms_to_bytes(100)]
    assert pcm.decode_base64(line.retrieved().content[0].audio) == line.heard
    assert line.retrieved().content[0].transcript is None


def test_speech_drops_also_what_was_made_to_its_end_and_still_sounds():
    line = Line()
    line.ask()
    line.perform()
    line.take(pcm.ms_to_bytes(60))
    told = line.hear(VOICE)
    assert kinds(told)[:3] == [
        "input_audio_buffer.speech_started",
        "output_audio_buffer.cleared",
        "conversation.item.truncated",
    ]
    assert told[2].audio_end_ms == 60
    assert only(line.told, "response.done")[0].response.status == "completed"


def test_speech_after_all_was_heard_drops_nothing():
    line = Line()
    line.ask()
    line.perform()
    line.take_all()
    assert kinds(line.hear(VOICE)) == ["input_audio_buffer.speech_started"]
    assert line.retrieved().content[0].transcript


def test_who_does_not_want_to_be_interrupted_is_not():
    vad = ServerVad(interrupt_response=False, create_response=False)
    line = Line(audio=AudioConfig(input=AudioInput(turn_detection=vad)))
    line.ask()
    line.perform()
    line.take(FRAME)
    assert kinds(line.hear(VOICE)) == ["input_audio_buffer.speech_started"]
    line.take_all()
    assert line.heard == SPOKEN


def test_a_client_clears_and_is_answered_even_if_nothing_sounds():
    line = Line()
    assert [(each.type, each.response_id) for each in line.send(OutputAudioBufferClear())] == [
        ("output_audio_buffer.cleared", "")
    ]
    line.ask()
    line.step()
    line.step()
    line.take(FRAME)
    line.send(ResponseCancel())
    cleared, truncated = line.send(OutputAudioBufferClear())
    assert cleared.response_id == only(line.told, "response.done")[0].response.id
    assert (truncated.type, truncated.audio_end_ms) == ("conversation.item.truncated", 20)


def test_a_cleared_response_that_goes_on_is_not_heard_and_its_item_is_cut_when_it_is_done():
    line = Line()
    line.ask()
    line.step()
    line.step()
    line.take(pcm.ms_to_bytes(40))
    assert kinds(line.send(OutputAudioBufferClear())) == ["output_audio_buffer.cleared"]
    line.perform()
    line.take_all()
    assert line.heard == SPOKEN[: pcm.ms_to_bytes(40)]
    done, truncated = only(line.told, "response.done", "conversation.item.truncated")
    assert truncated.audio_end_ms == 40
    assert len(pcm.decode_base64(line.retrieved().content[0].audio)) == pcm.ms_to_bytes(40)
    assert done.response.status == "completed"


def test_a_cancelled_response_is_heard_as_far_as_it_was_made():
    line = Line()
    line.ask()
    line.step()
    line.step()
    line.send(ResponseCancel())
    line.take_all()
    assert line.heard == SPOKEN[: pcm.ms_to_bytes(200)]
    assert kinds(only(line.told, *SAID)) == SAID


def test_an_item_that_is_not_in_the_conversation_is_not_truncated():
    line = Line()
    line.ask(conversation="none")
    line.perform()
    line.take(FRAME)
    assert kinds(line.send(OutputAudioBufferClear())) == ["output_audio_buffer.cleared"]
    line.ask()
    line.perform()
    line.take(FRAME)
    line.send(ConversationItemDelete(item_id=line.item().id))
    assert kinds(line.send(OutputAudioBufferClear())) == ["output_audio_buffer.cleared"]


def test_two_responses_at_once_are_heard_one_after_the_other():
    line = Line()
    line.ask(conversation="none")
    line.ask(conversation="none")
    first, second = line.performances.values()
    for pieces in itertools.zip_longest(first, second):
        for piece in filter(None, pieces):
            line.note(piece.events)
    line.take_all()
    assert line.heard == SPOKEN * 2
    assert kinds(only(line.told, *SAID)) == SAID * 2


STEPS = st.one_of(
    st.tuples(st.just("push"), st.integers(0, 3), st.integers(0, 40)),
    st.tuples(st.just("finish"), st.integers(0, 3)),
    st.tuples(st.just("take"), st.integers(0, 60)),
    st.tuples(st.just("clear")),
)


@given(st.lists(STEPS, max_size=40))
def test_whatever_happens_what_was_heard_is_the_beginning_of_what_was_said(steps):
    """The samples of a response are numbered, and say whose they are."""
    playout, pushed, heard, notices, finished = Playout(), dict.fromkeys("0123", 0), b"", [], set()

    def do(step, *how):
        nonlocal heard
        if step == "push":
            name = str(how[0])
            if name in finished:
                return
            numbers = range(pushed[name], pushed[name] + how[1])
            playout.push(name, f"item {name}", b"".join(bytes([1 + how[0], 1 + each % 251]) for each in numbers))
            pushed[name] += how[1]
        elif step == "finish":
            name = str(how[0])
            if name not in finished:
                finished.add(name)
                notices.extend(playout.finish(name))
        elif step == "take":
            sound, found = playout.take(how[0] * 2)
            assert len(sound) == how[0] * 2
            heard += sound.rstrip(b"\0")
            notices.extend(found)
        else:
            notices.extend(playout.clear())

    for step in steps:
        do(*step)
    for name in range(4):
        do("finish", name)
    do("take", 40 * 40)

    runs = [(str(who - 1), [sample[1] for sample in each]) for who, each in _runs(heard)]
    assert len({who for who, _ in runs}) == len(runs)
    taken = {who: len(numbers) for who, numbers in runs}
    for who, numbers in runs:
        assert numbers == [1 + each % 251 for each in range(len(numbers))]
        assert len(numbers) <= pushed[who]
    started = [each.response_id for each in notices if isinstance(each, OutputAudioBufferStarted)]
    stopped = [each.response_id for each in notices if isinstance(each, OutputAudioBufferStopped)]
    cleared = [each.response_id for each in notices if isinstance(each, OutputAudioBufferCleared)]
    cuts = {each.item_id: each.audio_end_ms for each in notices if isinstance(each, ConversationItemTruncate)}
    assert started == [who for who, _ in runs]
    assert sorted(started) == sorted(name for name in stopped + cleared if name in taken)
    assert len(set(stopped + cleared)) == len(stopped + cleared)
    assert {name for name, count in pushed.items() if count} == set(stopped + cleared)
    for name, count in pushed.items():
        assert name in cleared or taken.get(name, 0) == count
        short = taken.get(name, 0) < count
        assert cuts.get(f"item {name}") == (pcm.samples_to_ms(taken.get(name, 0)) if short else None)
    assert playout.take(2) == (b"\0\0", [])


def _runs(sound):
    samples = [sound[place : place + 2] for place in range(0, len(sound), 2)]
    return itertools.groupby(samples, key=lambda sample: sample[0])


DEEDS = st.lists(
    st.sampled_from(["ask", "step", "step", "take", "take", "speak", "clear", "cancel", "aside"]), max_size=30
)


@settings(max_examples=60)
@given(DEEDS)
def test_whatever_happens_each_answer_that_began_to_sound_ends_once(deeds):
    line = Line()
    do = {
        "ask": line.ask,
        "aside": lambda: line.ask(conversation="none"),
        "step": line.step,
        "take": lambda: line.take(pcm.ms_to_bytes(130)),
        "speak": lambda: line.hear(VOICE + pcm.silence(600)),
        "clear": lambda: line.send(OutputAudioBufferClear()),
        "cancel": lambda: line.send(ResponseCancel()),
    }
    for deed in deeds:
        do[deed]()
    line.perform()
    line.take_all()
    began = [each.response_id for each in only(line.told, SAID[0])]
    ended = [each.response_id for each in only(line.told, SAID[1], "output_audio_buffer.cleared") if each.response_id]
    assert len(set(began)) == len(began)
    assert len(set(ended)) == len(ended)
    assert set(began) <= set(ended)
    done = [each.response.id for each in only(line.told, "response.done")]
    for response_id in only(line.told, SAID[1]):
        assert response_id.response_id in done
    ids = [each.event_id for each in [line.created, *line.told]]
    assert all(ids)
    assert len(set(ids)) == len(ids)
