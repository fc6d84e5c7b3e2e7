"""The order of events in every flow, without sockets, threads or speech: the test does the brain's jobs."""

import datetime
import json
import re

import pytest

from reelthyme_sync import codec, g711, pcm
from reelthyme_sync.events import (
    SERVER_EVENTS,
    AudioConfig,
    AudioInput,
    AudioOutput,
    AudioPcm,
    AudioPcma,
    AudioPcmu,
    ConversationItemCreate,
    ConversationItemDelete,
    ConversationItemRetrieve,
    ConversationItemTruncate,
    DurationUsage,
    FunctionCallOutput,
    FunctionTool,
    InputAudio,
    InputAudioBufferAppend,
    InputAudioBufferClear,
    InputAudioBufferCommit,
    InputImage,
    InputText,
    ItemReference,
    RealtimeSession,
    ResponseAudio,
    ResponseAudioOutput,
    ResponseCancel,
    ResponseCreate,
    ResponseParams,
    SemanticVad,
    ServerVad,
    SessionUpdate,
    Transcription,
    TranscriptionAudio,
    TranscriptionSession,
    UnknownEvent,
    UnknownPart,
    UserMessage,
)
from reelthyme_sync.local_server.answers import STORY, Answers
from reelthyme_sync.local_server.brain import Brain, Hear, Perform
from reelthyme_sync.local_server.script import Line
from reelthyme_sync.vad import EnergyClassifier

SPOKEN = bytes(range(256)) * 100  # 533 ms of an answer
WEATHER = FunctionTool(
    name="get_weather",
    parameters={"type": "object", "properties": {"city": {"type": "string"}}, "required": ["city"]},
)
NO_VAD = RealtimeSession(audio=AudioConfig(input=AudioInput(turn_detection=None)))

ITEM = ["conversation.item.added", "conversation.item.done"]
BEGUN = ["response.output_item.added", "conversation.item.added"]
ENDED = ["conversation.item.done", "response.output_item.done", "response.done", "rate_limits.updated"]
AUDIO_ENDED = ["response.output_audio.done", "response.output_audio_transcript.done", "response.content_part.done"]
TURN = ["input_audio_buffer.speech_started", "input_audio_buffer.speech_stopped", "input_audio_buffer.committed", *ITEM]


class Dialogue:
    """A brain, and whoever does its jobs."""

    def __init__(self, *updates, transcribes=False, hears="hello", script=()):
        clock = datetime.datetime(2026, 11, 21, 14, 5)
        self.hears = hears
        answers = Answers(lambda: clock, script)
        self.brain = Brain(model="gpt-realtime", answer=answers.answer, transcribes=transcribes)
        self.created = self.brain.open()[0]
        for session in updates:
            assert kinds(self.send(SessionUpdate(session=session))) == ["session.updated"]

    def send(self, event):
        return self.brain.receive(event)

    def say(self, text):
        return self.send(ConversationItemCreate(item=UserMessage(content=[InputText(text=text)])))

    def ask(self, text, **params):
        """A typed question, with all that is answered to it."""
        self.say(text)
        return self.send(ResponseCreate(response=ResponseParams(**params))) + self.work()

    def append(self, sound):
        return self.send(InputAudioBufferAppend(audio=pcm.encode_base64(sound)))

    def work(self, *, slices=None):
        """Do what is to be done; of each response, only so many slices."""
        events = []
        while jobs := self.brain.jobs():
            for job in jobs:
                events += self.heard(job) if isinstance(job, Hear) else self.performed(job, slices)
        return events

    def heard(self, job):
        return self.brain.heard(job.item_id, self.hears)

    def performed(self, job, slices):
        self.performance = self.brain.perform(job.response_id, SPOKEN if job.text else b"")
        pieces = self.performance if slices is None else (next(self.performance) for _ in range(slices))
        return [event for piece in pieces for event in piece.events]


@pytest.fixture(autouse=True)
def _loud_is_speech(monkeypatch):
    monkeypatch.setattr("reelthyme_sync.vad.WebRtcClassifier", EnergyClassifier)


def kinds(events):
    """The types in order; runs of deltas once."""
    found = []
    for event in events:
        if not (event.type.endswith(".delta") and event.type in found[-2:]):
            found.append(event.type)
    return found


def of(events, kind):
    return [event for event in events if event.type == kind]


def one(events, kind):
    (event,) = of(events, kind)
    return event


def error(events):
    (event,) = events
    assert event.type == "error"
    return event.error


def loud(ms):
    return b"\x00\x20\x00\xe0" * (pcm.ms_to_samples(ms) // 2)


def test_the_session_begins_with_all_its_defaults():
    dialogue = Dialogue()
    session = dialogue.created.session
    assert (session.model, session.output_modalities, session.tools) == ("gpt-realtime", ["audio"], [])
    assert session.audio.input.transcription is None
    assert session.audio.input.turn_detection == ServerVad(
        threshold=0.5,
        prefix_padding_ms=300,
        silence_duration_ms=500,
        idle_timeout_ms=None,
        create_response=True,
        interrupt_response=True,
    )
    assert dialogue.created.event_id == "event_0001"


def test_an_update_is_a_patch():
    dialogue = Dialogue(RealtimeSession(instructions="Be brief", audio=AudioConfig(output=AudioOutput(voice="cedar"))))
    session = one(dialogue.send(SessionUpdate(session=NO_VAD)), "session.updated").session
    assert session.instructions == "Be brief"
    assert session.audio.output == AudioOutput(format=session.audio.output.format, voice="cedar", speed=1.0)
    assert session.audio.input.turn_detection is None
    again = AudioInput(turn_detection=SemanticVad(eagerness="low"))
    session = one(
        dialogue.send(SessionUpdate(session=RealtimeSession(audio=AudioConfig(input=again)))), "session.updated"
    ).session
    assert session.audio.input.turn_detection == SemanticVad(
        eagerness="low", create_response=True, interrupt_response=True
    )


def test_text_turn():
    dialogue = Dialogue(RealtimeSession(output_modalities=["text"]))
    assert kinds(dialogue.say("what is seven times six?")) == ITEM
    assert kinds(dialogue.send(ResponseCreate())) == ["response.created"]
    events = dialogue.work()
    assert kinds(events) == [
        *BEGUN,
        "response.content_part.added",
        "response.output_text.delta",
        "response.output_text.done",
        "response.content_part.done",
        *ENDED,
    ]
    assert "".join(event.delta for event in of(events, "response.output_text.delta")) == "7 times 6 is 42."
    assert one(events, "conversation.item.added").previous_item_id == "item_0001"
    response = one(events, "response.done").response
    assert (response.status, response.conversation_id) == ("completed", "conv_0001")
    assert response.output[0].content[0].text == "7 times 6 is 42."
    assert response.usage.total_tokens == response.usage.input_tokens + response.usage.output_tokens == 6 + 4


def test_every_event_can_be_read_and_has_its_own_id():
    dialogue = Dialogue()
    events = [dialogue.created, *dialogue.ask("hello")]
    assert [codec.decode(codec.encode(event)) for event in events] == events
    ids = [event.event_id for event in events]
    assert len(set(ids)) == len(ids)
    assert {event.type for event in events} <= set(SERVER_EVENTS)


def test_spoken_turn_with_turn_detection():
    dialogue = Dialogue(
        RealtimeSession(audio=AudioConfig(input=AudioInput(transcription=Transcription(model="whisper-1"))))
    )
    events = dialogue.append(pcm.silence(1000) + loud(1000) + pcm.silence(600))
    assert kinds(events) == [*TURN, "response.created"]
    started, stopped = events[0], events[1]
    assert (started.audio_start_ms, stopped.audio_end_ms) == (700, 2500)
    assert {started.item_id, stopped.item_id, events[2].item_id, events[3].item.id} == {"item_0001"}
    assert events[3].item.content == [InputAudio(transcript=None)]
    events = dialogue.work()
    assert kinds(events) == [
        "conversation.item.input_audio_transcription.delta",
        "conversation.item.input_audio_transcription.completed",
        *BEGUN,
        "response.content_part.added",
        "response.output_audio_transcript.delta",
        "response.output_audio.delta",
        *AUDIO_ENDED,
        *ENDED,
    ]
    told = one(events, "conversation.item.input_audio_transcription.completed")
    assert told.transcript == "hello"
    assert told.usage == DurationUsage(seconds=(2500 - 700) / 1000)  # as the service bills this model
    deltas = [pcm.decode_base64(event.delta) for event in of(events, "response.output_audio.delta")]
    assert b"".join(deltas) == SPOKEN
    transcript = "".join(event.delta for event in of(events, "response.output_audio_transcript.delta"))
    assert transcript == one(events, "response.output_audio_transcript.done").transcript
    usage = one(events, "response.done").response.usage
    assert usage.input_token_details.audio_tokens == 18
    assert usage.output_token_details.audio_tokens == 11


def test_positions_are_of_the_whole_session():
    dialogue = Dialogue()
    turn = pcm.silence(400) + loud(500) + pcm.silence(500)
    for start in (0, 1400, 2800):
        started, stopped, *_ = dialogue.append(turn)
        dialogue.work()
        assert (started.audio_start_ms, stopped.audio_end_ms) == (start + 100, start + 1400)
        dialogue.send(InputAudioBufferClear())


def test_turn_detection_may_create_no_response():
    dialogue = Dialogue(
        RealtimeSession(audio=AudioConfig(input=AudioInput(turn_detection=ServerVad(create_response=False))))
    )
    assert kinds(dialogue.append(loud(500) + pcm.silence(600))) == TURN
    assert dialogue.work() == []


def test_push_to_talk():
    dialogue = Dialogue(NO_VAD, hears="what is two plus two")
    assert dialogue.append(loud(500)) == []
    events = dialogue.send(InputAudioBufferCommit())
    assert kinds(events) == ["input_audio_buffer.committed", *ITEM]
    assert events[0].previous_item_id is None
    assert dialogue.work() == []  # heard, but nobody asked for a transcript
    dialogue.send(ResponseCreate())
    assert one(dialogue.work(), "response.output_audio_transcript.done").transcript == "2 plus 2 is 4."


def test_clear_forgets_the_sound():
    dialogue = Dialogue(NO_VAD)
    dialogue.append(loud(500))
    assert kinds(dialogue.send(InputAudioBufferClear())) == ["input_audio_buffer.cleared"]
    assert error(dialogue.send(InputAudioBufferCommit())).code == "input_audio_buffer_commit_empty"


def test_commit_in_the_middle_of_speech_keeps_the_announced_item():
    dialogue = Dialogue()
    started = one(dialogue.append(loud(500)), "input_audio_buffer.speech_started")
    assert one(dialogue.send(InputAudioBufferCommit()), "input_audio_buffer.committed").item_id == started.item_id
    assert dialogue.append(pcm.silence(1000)) == []


def test_function_call():
    dialogue = Dialogue(RealtimeSession(tools=[WEATHER]))
    events = dialogue.ask("What is the weather in Paris?")
    assert kinds(events) == [
        "response.created",
        *BEGUN,
        "response.function_call_arguments.delta",
        "response.function_call_arguments.done",
        *ENDED,
    ]
    assert one(events, "response.output_item.added").item.arguments == ""
    done = one(events, "response.function_call_arguments.done")
    assert (done.name, json.loads(done.arguments)) == ("get_weather", {"city": "Paris"})
    assert "".join(event.delta for event in of(events, "response.function_call_arguments.delta")) == done.arguments
    assert one(events, "response.done").response.output[0].call_id == done.call_id
    output = FunctionCallOutput(call_id=done.call_id, output='{"forecast": "It will be sunny and warm"}')
    assert kinds(dialogue.send(ConversationItemCreate(item=output))) == ITEM
    dialogue.send(ResponseCreate())
    spoken = one(dialogue.work(), "response.output_audio_transcript.done").transcript
    assert spoken == "It will be sunny and warm."


@pytest.mark.parametrize(
    ("choice", "expected"), [("none", "message"), ("required", "function_call"), ("auto", "message")]
)
def test_tool_choice(choice, expected):
    events = Dialogue(RealtimeSession(tools=[WEATHER])).ask("Hello!", tool_choice=choice)
    assert one(events, "response.done").response.output[0].type == expected


LAMPS = Line(re.compile("lamps"), calls=(("lamp", {"number": 1}), ("lamp", {"number": 2}), ("bell", {})))


def test_several_calls_in_one_response():
    events = Dialogue(script=[LAMPS]).ask("both lamps")
    called = ["response.function_call_arguments.delta", "response.function_call_arguments.done"]
    closed = ["conversation.item.done", "response.output_item.done"]
    assert [event.type for event in events if event.type in [*BEGUN, *called[1:], *closed]] == [
        *([*BEGUN, *called[1:], *closed] * 3)
    ]
    output = one(events, "response.done").response.output
    assert [(call.name, call.arguments, call.status) for call in output] == [
        ("lamp", '{"number":1}', "completed"),
        ("lamp", '{"number":2}', "completed"),
        ("bell", "{}", "completed"),
    ]
    assert len({call.call_id for call in output}) == 3
    for kind in ("response.output_item.added", "response.output_item.done", "response.function_call_arguments.done"):
        assert [event.output_index for event in of(events, kind)] == [0, 1, 2]
    follows = [event.previous_item_id for event in of(events, "conversation.item.added")[-3:]]
    assert follows[1:] == [output[0].id, output[1].id]


def test_calls_that_are_interrupted_are_those_that_had_begun():
    dialogue = Dialogue(script=[LAMPS])
    dialogue.say("both lamps")
    dialogue.send(ResponseCreate())
    dialogue.work(slices=3)
    events = dialogue.send(ResponseCancel())
    output = one(events, "response.done").response.output
    assert [call.status for call in output] == ["completed", "incomplete"]
    assert list(dialogue.performance) == []


def test_pictures_are_taken_and_counted():
    dialogue = Dialogue()
    picture = InputImage(image_url="data:image/png;base64,AAAA")
    item = one(
        dialogue.send(ConversationItemCreate(item=UserMessage(content=[picture]))), "conversation.item.added"
    ).item
    assert item.content == [picture]
    events = dialogue.send(ResponseCreate()) + dialogue.work()
    assert "picture" in one(events, "response.output_audio_transcript.done").transcript
    details = one(events, "response.done").response.usage.input_token_details
    assert (details.image_tokens, details.text_tokens) == (85, 0)
    nothing = error(dialogue.send(ConversationItemCreate(item=UserMessage(content=[InputImage()]))))
    assert (nothing.code, nothing.param) == ("missing_required_parameter", "item.content[0].image_url")


def test_interruption_by_voice():
    dialogue = Dialogue()
    dialogue.say("Tell me a story")
    dialogue.send(ResponseCreate())
    dialogue.work(slices=2)
    events = dialogue.append(loud(500))
    assert kinds(events) == ["input_audio_buffer.speech_started", *AUDIO_ENDED, *ENDED]
    response = one(events, "response.done").response
    assert (response.status, response.status_details.reason) == ("cancelled", "turn_detected")
    assert response.output[0].status == "incomplete"
    assert list(dialogue.performance) == []  # what was cut says nothing more
    item_id = response.output[0].id
    truncated = dialogue.send(ConversationItemTruncate(item_id=item_id, content_index=0, audio_end_ms=150))
    assert one(truncated, "conversation.item.truncated").audio_end_ms == 150
    item = one(dialogue.send(ConversationItemRetrieve(item_id=item_id)), "conversation.item.retrieved").item
    assert item.content[0].transcript is None
    assert pcm.decode_base64(item.content[0].audio) == SPOKEN[: pcm.ms_to_bytes(150)]


def test_interruption_while_the_question_is_being_heard():
    dialogue = Dialogue()
    dialogue.append(loud(500) + pcm.silence(600))
    events = dialogue.append(loud(500))
    assert kinds(events) == ["input_audio_buffer.speech_started", "response.done", "rate_limits.updated"]
    assert dialogue.work() == []


def test_cancel_by_the_client():
    dialogue = Dialogue()
    dialogue.say("Tell me a story")
    dialogue.send(ResponseCreate())
    dialogue.work(slices=3)
    events = dialogue.send(ResponseCancel())
    assert kinds(events) == [*AUDIO_ENDED, *ENDED]
    assert one(events, "response.done").response.status_details.reason == "client_cancelled"
    assert list(dialogue.performance) == []
    said = one(events, "response.output_audio_transcript.done").transcript
    assert STORY.startswith(said)
    assert 0 < len(said) < len(STORY)


def test_no_interruption_when_it_is_off():
    dialogue = Dialogue(
        RealtimeSession(audio=AudioConfig(input=AudioInput(turn_detection=ServerVad(interrupt_response=False))))
    )
    dialogue.say("Tell me a story")
    dialogue.send(ResponseCreate())
    dialogue.work(slices=2)
    events = dialogue.append(loud(500) + pcm.silence(600))
    assert kinds(events) == [*TURN, "error"]
    assert events[-1].error.code == "conversation_already_has_active_response"


def test_response_beside_the_conversation():
    dialogue = Dialogue()
    dialogue.say("what is one plus one")
    dialogue.send(ResponseCreate())
    dialogue.work(slices=1)
    question = UserMessage(content=[InputText(text="what is two plus two")])
    params = ResponseParams(
        conversation="none", input=[question], metadata={"topic": "sums"}, output_modalities=["text"]
    )
    events = dialogue.send(ResponseCreate(response=params)) + dialogue.work()
    assert kinds(events) == [
        "response.created",
        "response.output_item.added",
        "response.content_part.added",
        "response.output_text.delta",
        "response.output_text.done",
        "response.content_part.done",
        "response.output_item.done",
        "response.done",
        "rate_limits.updated",
    ]
    response = one(events, "response.done").response
    assert (response.conversation_id, response.metadata) == (None, {"topic": "sums"})
    assert response.output[0].content[0].text == "2 plus 2 is 4."


def test_response_to_references_and_to_sound_that_came_with_it():
    dialogue = Dialogue(hears="what is three plus three")
    item_id = one(dialogue.say("what is one plus one"), "conversation.item.added").item.id
    dialogue.say("hello")
    events = dialogue.send(
        ResponseCreate(response=ResponseParams(input=[ItemReference(id=item_id)], conversation="none"))
    )
    assert one(events + dialogue.work(), "response.output_audio_transcript.done").transcript == "1 plus 1 is 2."
    sound = UserMessage(content=[InputAudio(audio=pcm.encode_base64(loud(300)))])
    events = dialogue.send(ResponseCreate(response=ResponseParams(input=[sound])))
    assert one(events + dialogue.work(), "response.output_audio_transcript.done").transcript == "3 plus 3 is 6."


def test_a_limit_of_tokens_makes_a_response_incomplete():
    events = Dialogue().ask("tell me a story", max_output_tokens=40)
    response = one(events, "response.done").response
    assert (response.status, response.status_details.reason) == ("incomplete", "max_output_tokens")


def test_a_transcription_session_only_listens():
    dialogue = Dialogue(
        TranscriptionSession(
            audio=TranscriptionAudio(input=AudioInput(transcription=Transcription(model="whisper-1")))
        ),
        transcribes=True,
    )
    assert dialogue.created.session.type == "transcription"
    assert kinds(dialogue.append(loud(500) + pcm.silence(600))) == TURN
    assert kinds(dialogue.work())[-1] == "conversation.item.input_audio_transcription.completed"
    assert error(dialogue.send(ResponseCreate())).code == "invalid_value"


def test_items_go_where_they_should():
    dialogue = Dialogue()
    first, second = (one(dialogue.say(text), "conversation.item.added").item.id for text in "ab")

    def previous(after):
        item = UserMessage(content=[InputText(text="c")])
        return one(
            dialogue.send(ConversationItemCreate(item=item, previous_item_id=after)), "conversation.item.added"
        ).previous_item_id

    assert previous("root") is None
    assert previous(first) == first
    assert kinds(dialogue.send(ConversationItemDelete(item_id=second))) == ["conversation.item.deleted"]
    assert error(dialogue.send(ConversationItemRetrieve(item_id=second))).code == "item_retrieve_invalid_item_id"


def message(**content):
    return {"type": "message", "role": "user", "content": [content]}


@pytest.mark.parametrize(
    ("event", "code", "param"),
    [
        ({"type": "no.such.event"}, "invalid_value", "type"),
        ({"type": "session.update", "session": {"instructions": "x"}}, "missing_required_parameter", "session.type"),
        ({"type": "session.update", "session": {"type": "transcription"}}, "invalid_value", "session.type"),
        ({"type": "session.update", "session": {"type": "realtime", "model": "y"}}, "invalid_value", "session.model"),
        (
            {"type": "session.update", "session": {"type": "realtime", "output_modalities": ["audio", "text"]}},
            "invalid_value",
            "session.output_modalities",
        ),
        ({"type": "session.update", "session": 7}, "invalid_value", "session.update"),
        ({"type": "input_audio_buffer.append", "audio": "AAA"}, "invalid_value", "audio"),
        ({"type": "input_audio_buffer.commit"}, "input_audio_buffer_commit_empty", None),
        ({"type": "response.cancel"}, "response_cancel_not_active", None),
        ({"type": "conversation.item.create"}, "missing_required_parameter", "item.type"),
        (
            {"type": "conversation.item.create", "item": message(type="input_text")},
            "missing_required_parameter",
            "item.content[0].text",
        ),
        (
            {"type": "conversation.item.create", "item": message(type="smell")},
            "invalid_value",
            "item.content[0].type",
        ),
        (
            {"type": "conversation.item.create", "item": message(type="input_audio", audio="AAA")},
            "invalid_value",
            "item.content[0].audio",
        ),
        (
            {"type": "conversation.item.create", "previous_item_id": "x", "item": message(type="input_text", text="")},
            "item_create_invalid_previous_item_id",
            "previous_item_id",
        ),
        ({"type": "conversation.item.delete", "item_id": "x"}, "item_delete_invalid_item_id", "item_id"),
        (
            {"type": "conversation.item.truncate", "item_id": "x", "content_index": 0, "audio_end_ms": 0},
            "item_truncate_invalid_item_id",
            "item_id",
        ),
        ({"type": "output_audio_buffer.clear"}, "invalid_value", "type"),
    ],
)
def test_refusals_name_the_fault_and_the_event(event, code, param):
    dialogue = Dialogue()
    refused = error(dialogue.send(codec.decode_client(json.dumps(event | {"event_id": "mine"}))))
    assert (refused.type, refused.code, refused.param) == ("invalid_request_error", code, param)
    assert refused.event_id == "mine"
    assert kinds(dialogue.ask("hello"))[-1] == "rate_limits.updated"  # the session lives


def test_nonsense_is_an_invalid_event():
    assert error(Dialogue().brain.receive_nonsense("no type")).code == "invalid_event"


def test_a_second_response_is_refused_while_one_is_active():
    dialogue = Dialogue()
    dialogue.send(ResponseCreate())
    refused = error(dialogue.send(ResponseCreate()))
    assert refused.code == "conversation_already_has_active_response"
    assert "resp_0001" in refused.message


@pytest.mark.parametrize(
    ("audio_end_ms", "code", "words"),
    [(10_000, None, "Audio content of 533ms is already shorter than 10000ms"), (-1, "integer_below_min_value", "-1")],
)
def test_a_message_is_truncated_only_where_it_has_sound(audio_end_ms, code, words):
    dialogue = Dialogue()
    item_id = one(dialogue.ask("hello"), "response.done").response.output[0].id
    refused = error(
        dialogue.send(ConversationItemTruncate(item_id=item_id, content_index=0, audio_end_ms=audio_end_ms))
    )
    assert refused.code == code
    assert words in refused.message


def test_only_audio_of_the_model_can_be_truncated():
    dialogue = Dialogue()
    item_id = one(dialogue.say("hello"), "conversation.item.added").item.id
    refused = error(dialogue.send(ConversationItemTruncate(item_id=item_id, content_index=0, audio_end_ms=0)))
    assert refused.code == "unsupported_content_type"


def test_the_voice_is_fixed_once_it_was_heard():
    dialogue = Dialogue(RealtimeSession(audio=AudioConfig(output=AudioOutput(voice="ash"))))
    dialogue.ask("hello")
    other = RealtimeSession(audio=AudioConfig(output=AudioOutput(voice="cedar")))
    assert error(dialogue.send(SessionUpdate(session=other))).code == "cannot_update_voice"


def test_a_job_names_the_voice_and_the_speed():
    dialogue = Dialogue(RealtimeSession(audio=AudioConfig(output=AudioOutput(voice="ash", speed=1.2))))
    dialogue.send(ResponseCreate())
    (job,) = dialogue.brain.jobs()
    assert isinstance(job, Perform)
    assert (job.voice, job.speed) == ("ash", 1.2)


def test_an_unknown_event_in_the_callers_hands():
    assert error(Dialogue().send(UnknownEvent(type="x", raw={"type": "x"}))).param == "type"


TELEPHONE = pytest.mark.parametrize(
    ("law", "encode", "decode"),
    [(AudioPcmu(), g711.encode_mulaw, g711.decode_mulaw), (AudioPcma(), g711.encode_alaw, g711.decode_alaw)],
    ids=["mu-law", "A-law"],
)


def as_on_the_telephone(law, **params):
    """A dialogue in which both sides are to sound so, and the sound and length of one answer, in bytes."""
    audio = AudioConfig(input=AudioInput(format=law, turn_detection=None), output=AudioOutput(format=law))
    dialogue = Dialogue(RealtimeSession(audio=audio))
    events = dialogue.ask("Hello", **params)
    deltas = [event for event in events if event.type == "response.output_audio.delta"]
    return dialogue, b"".join(pcm.decode_base64(delta.delta) for delta in deltas)


@TELEPHONE
def test_an_answer_in_the_format_of_the_telephone(law, encode, decode):
    _, data = as_on_the_telephone(law)
    assert len(data) == pytest.approx(len(SPOKEN) / 6, abs=1)  # a third of the samples, a byte each


@TELEPHONE
def test_a_response_may_have_a_format_of_its_own(law, encode, decode):
    spoken = ResponseAudio(output=ResponseAudioOutput(format=AudioPcm(rate=24_000)))
    _, data = as_on_the_telephone(law, audio=spoken)
    assert data == SPOKEN


@TELEPHONE
def test_a_question_in_the_format_of_the_telephone(law, encode, decode):
    dialogue, _ = as_on_the_telephone(law)
    for _ in range(10):
        assert dialogue.send(InputAudioBufferAppend(audio=pcm.encode_base64(encode(bytes(2 * 800))))) == []
    dialogue.send(InputAudioBufferCommit())
    (job,) = [job for job in dialogue.brain.jobs() if isinstance(job, Hear)]
    assert len(job.sound) == pcm.ms_to_bytes(1000)


def test_a_format_that_there_is_not_is_refused():
    dialogue = Dialogue()
    opus = RealtimeSession(audio=AudioConfig(output=AudioOutput(format=UnknownPart(type="audio/opus", raw={}))))
    (error,) = dialogue.send(SessionUpdate(session=opus))
    assert (error.type, error.error.param) == ("error", "session.audio.output.format.type")
