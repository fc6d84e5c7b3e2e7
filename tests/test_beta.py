"""What beta servers say, as their documentation shows it, and what they are told."""

import copy
import json
from typing import Any

import pytest

from reelthyme_sync import beta, codec
from reelthyme_sync.errors import InvalidEvent
from reelthyme_sync.events import (
    CLIENT_EVENTS,
    SERVER_EVENTS,
    AssistantMessage,
    Audio,
    AudioConfig,
    AudioInput,
    AudioOutput,
    AudioPcm,
    AudioPcma,
    AudioPcmu,
    ConversationItemCreate,
    ConversationItemCreated,
    FunctionTool,
    InputAudio,
    InputAudioBufferAppend,
    InputText,
    NoiseReduction,
    OutputAudio,
    OutputText,
    RealtimeSession,
    Response,
    ResponseAudio,
    ResponseAudioOutput,
    ResponseContentPartAdded,
    ResponseCreate,
    ResponseDone,
    ResponseOutputAudioDelta,
    ResponseOutputItemDone,
    ResponseParams,
    ServerVad,
    SessionCreated,
    SessionUpdate,
    SessionUpdated,
    Transcription,
    TranscriptionAudio,
    TranscriptionSession,
    UnknownEvent,
    UnknownPart,
    UserMessage,
)

Json = dict[str, Any]

BETA_SESSION: Json = {
    "id": "sess_1",
    "object": "realtime.session",
    "model": "gpt-4o-realtime-preview",
    "modalities": ["text", "audio"],
    "instructions": "Be brief.",
    "voice": "alloy",
    "speed": 1.2,
    "input_audio_format": "pcm16",
    "output_audio_format": "g711_ulaw",
    "input_audio_transcription": {"model": "whisper-1"},
    "input_audio_noise_reduction": {"type": "near_field"},
    "turn_detection": {"type": "server_vad", "threshold": 0.5},
    "tools": [{"type": "function", "name": "f"}],
    "tool_choice": "auto",
    "max_response_output_tokens": "inf",
}
GA_SESSION = RealtimeSession(
    id="sess_1",
    object="realtime.session",
    model="gpt-4o-realtime-preview",
    output_modalities=["audio"],
    instructions="Be brief.",
    audio=AudioConfig(
        input=AudioInput(
            format=AudioPcm(rate=24000),
            transcription=Transcription(model="whisper-1"),
            noise_reduction=NoiseReduction(type="near_field"),
            turn_detection=ServerVad(threshold=0.5),
        ),
        output=AudioOutput(format=AudioPcmu(), voice="alloy", speed=1.2),
    ),
    tools=[FunctionTool(name="f")],
    tool_choice="auto",
    max_output_tokens="inf",
)
ASSISTANT: Json = {
    "type": "message",
    "role": "assistant",
    "content": [{"type": "text", "text": "hi"}, {"type": "audio", "transcript": "ho"}, {"type": "smell"}],
}

BETA_RESPONSE: Json = {"id": "r", "modalities": ["text", "audio"], "voice": "alloy", "output_audio_format": "pcm16"}


def received(wire: Json, **options: Any) -> Any:
    return codec.decode(json.dumps(wire), **options)


def sent(event: Any) -> Json:
    wire: Json = json.loads(codec.encode(event, shape="beta"))
    return wire


class TestEvents:
    @pytest.mark.parametrize(
        ("old", "new"),
        [
            ("response.text.delta", "response.output_text.delta"),
            ("response.text.done", "response.output_text.done"),
            ("response.audio.delta", "response.output_audio.delta"),
            ("response.audio.done", "response.output_audio.done"),
            ("response.audio_transcript.delta", "response.output_audio_transcript.delta"),
            ("response.audio_transcript.done", "response.output_audio_transcript.done"),
            ("transcription_session.created", "session.created"),
            ("transcription_session.updated", "session.updated"),
        ],
    )
    def test_old_names_are_understood_without_being_told(self, old: str, new: str) -> None:
        assert old not in SERVER_EVENTS
        event = received({"type": old, "event_id": "e1"})
        assert event == SERVER_EVENTS[new](event_id="e1")

    def test_sound(self) -> None:
        wire = {"type": "response.audio.delta", "response_id": "r", "item_id": "i", "content_index": 1, "delta": "AAAA"}
        assert received(wire) == ResponseOutputAudioDelta(response_id="r", item_id="i", content_index=1, delta="AAAA")

    def test_an_item_that_is_created_is_still_created(self) -> None:
        item = {"id": "i", "type": "message", "role": "user", "content": [{"type": "input_audio", "transcript": None}]}
        event = received({"type": "conversation.item.created", "previous_item_id": None, "item": item})
        assert event == ConversationItemCreated(item=UserMessage(id="i", content=[InputAudio(transcript=None)]))

    @pytest.mark.parametrize("wire", [{"delta": 5}, {"delta": []}])
    def test_an_old_event_in_an_unknown_shape_keeps_its_name(self, wire: Json) -> None:
        wire = {**wire, "type": "response.audio.delta", "event_id": "e1"}
        assert received(wire) == UnknownEvent(type="response.audio.delta", event_id="e1", raw=wire)

    def test_a_vendors_own_event_is_unknown(self) -> None:
        for shape in ("ga", "beta"):
            assert received({"type": "ping", "n": 1}, shape=shape) == UnknownEvent(
                type="ping", raw={"type": "ping", "n": 1}
            )

    @pytest.mark.parametrize("cls", SERVER_EVENTS.values(), ids=SERVER_EVENTS)
    def test_an_event_in_todays_words_is_the_same_in_either_shape(self, cls: Any) -> None:
        data = codec.encode(cls(event_id="e1"))
        assert codec.decode(data, shape="beta") == codec.decode(data) == cls(event_id="e1")


class TestSessions:
    @pytest.mark.parametrize("cls", [SessionCreated, SessionUpdated])
    def test_all_that_it_says(self, cls: Any) -> None:
        assert received({"type": cls.type, "session": BETA_SESSION}) == cls(session=GA_SESSION)

    @pytest.mark.parametrize("shape", ["ga", "beta"])
    def test_with_a_type_it_is_todays(self, shape: str) -> None:
        wire = {"type": "session.created", "session": {"type": "realtime", "model": "m", "voice": "alloy"}}
        assert received(wire, shape=shape) == SessionCreated(session=RealtimeSession(model="m"))

    def test_halfway_between(self) -> None:
        """As xAI has it: settings of the beta beside an ``audio`` of today."""
        session = {"voice": "eve", "turn_detection": None, "audio": {"input": {"format": {"type": "audio/pcmu"}}}}
        audio = AudioConfig(input=AudioInput(format=AudioPcmu(), turn_detection=None), output=AudioOutput(voice="eve"))
        assert received({"type": "session.updated", "session": session}) == SessionUpdated(
            session=RealtimeSession(audio=audio)
        )

    def test_where_both_are_said_todays_counts(self) -> None:
        session = {"voice": "alloy", "audio": {"output": {"voice": "marin"}}}
        event = received({"type": "session.updated", "session": session})
        assert event.session == RealtimeSession(audio=AudioConfig(output=AudioOutput(voice="marin")))

    @pytest.mark.parametrize(
        ("name", "audio_format"),
        [
            ("pcm16", AudioPcm(rate=24000)),
            ("g711_ulaw", AudioPcmu()),
            ("g711_alaw", AudioPcma()),
            ("pcm24", UnknownPart(type="pcm24", raw={"type": "pcm24"})),
        ],
    )
    def test_formats(self, name: str, audio_format: Any) -> None:
        event = received({"type": "session.created", "session": {"output_audio_format": name}})
        assert event.session.audio.output.format == audio_format
        assert sent(SessionUpdate(session=event.session))["session"] == {"output_audio_format": name}

    @pytest.mark.parametrize(
        ("modalities", "today"), [(["text"], ["text"]), (["text", "audio"], ["audio"]), (["audio", "text"], ["audio"])]
    )
    def test_modalities(self, modalities: list[str], today: list[str]) -> None:
        event = received({"type": "session.created", "session": {"modalities": modalities}})
        assert event.session.output_modalities == today
        assert set(sent(SessionUpdate(session=event.session))["session"]["modalities"]) == set(modalities)

    @pytest.mark.parametrize("name", ["transcription_session.created", "transcription_session.updated"])
    def test_that_only_listen(self, name: str) -> None:
        session = {"id": "s", "input_audio_format": "pcm16", "turn_detection": None, "modalities": ["text"]}
        event = received({"type": name, "session": session})
        audio = TranscriptionAudio(input=AudioInput(format=AudioPcm(rate=24000), turn_detection=None))
        assert event.session == TranscriptionSession(id="s", audio=audio)

    def test_that_say_what_they_are(self) -> None:
        session = {"object": "realtime.transcription_session", "input_audio_transcription": {"model": "whisper-1"}}
        event = received({"type": "session.created", "session": session})
        assert event.session == TranscriptionSession(
            object="realtime.transcription_session",
            audio=TranscriptionAudio(input=AudioInput(transcription=Transcription(model="whisper-1"))),
        )

    @pytest.mark.parametrize("junk", [5, "x", [], {"a": 1}, None, True])
    @pytest.mark.parametrize("field", BETA_SESSION)
    def test_junk_costs_at_most_the_class(self, field: str, junk: object) -> None:
        wire = {"type": "session.created", "session": {**BETA_SESSION, field: junk}}
        event = received(wire)
        assert isinstance(event, SessionCreated) or event.raw == wire


class TestResponses:
    def test_come_in_todays_words_from_a_server_that_is_known_to_be_old(self) -> None:
        wire = {"type": "response.done", "response": {**BETA_RESPONSE, "temperature": 0.8, "output": [ASSISTANT]}}
        content = [
            OutputText(text="hi"),
            OutputAudio(transcript="ho"),
            UnknownPart(type="smell", raw={"type": "smell"}),
        ]
        assert received(wire, shape="beta") == ResponseDone(
            response=Response(
                id="r",
                output_modalities=["audio"],
                audio=ResponseAudio(output=ResponseAudioOutput(voice="alloy", format=AudioPcm(rate=24000))),
                output=[AssistantMessage(content=content)],
            )
        )

    def test_items_come_in_todays_words_too(self) -> None:
        event = received({"type": "response.output_item.done", "item": ASSISTANT}, shape="beta")
        assert isinstance(event, ResponseOutputItemDone)
        assert event.item.content[0] == OutputText(text="hi")

    def test_content_parts_were_always_called_so(self) -> None:
        wire = {"type": "response.content_part.added", "part": {"type": "audio", "transcript": ""}}
        assert received(wire, shape="beta") == ResponseContentPartAdded(part=Audio(transcript=""))


class TestSending:
    def test_a_session(self) -> None:
        wire = sent(SessionUpdate(event_id="e1", session=GA_SESSION))
        assert wire == {"type": "session.update", "event_id": "e1", "session": BETA_SESSION}

    def test_null_stays_null_and_what_is_absent_absent(self) -> None:
        event = SessionUpdate(session=RealtimeSession(audio=AudioConfig(input=AudioInput(turn_detection=None))))
        assert sent(event)["session"] == {"turn_detection": None}

    def test_a_session_that_only_listens_has_its_own_event(self) -> None:
        audio = TranscriptionAudio(input=AudioInput(transcription=Transcription(model="whisper-1")))
        assert sent(SessionUpdate(session=TranscriptionSession(audio=audio))) == {
            "type": "transcription_session.update",
            "session": {"input_audio_transcription": {"model": "whisper-1"}},
        }

    def test_a_response(self) -> None:
        params = ResponseParams(
            output_modalities=["audio"],
            audio=ResponseAudio(output=ResponseAudioOutput(voice="alloy", format=AudioPcma())),
            max_output_tokens=100,
            conversation="none",
            input=[AssistantMessage(content=[OutputText(text="hi")]), UserMessage(content=[InputText(text="ho")])],
        )
        assert sent(ResponseCreate(response=params))["response"] == {
            "modalities": ["text", "audio"],
            "voice": "alloy",
            "output_audio_format": "g711_alaw",
            "max_response_output_tokens": 100,
            "conversation": "none",
            "input": [
                {"type": "message", "role": "assistant", "content": [{"type": "text", "text": "hi"}]},
                {"type": "message", "role": "user", "content": [{"type": "input_text", "text": "ho"}]},
            ],
        }

    def test_an_item(self) -> None:
        item = AssistantMessage(content=[OutputText(text="hi"), OutputAudio(transcript="ho")])
        assert sent(ConversationItemCreate(item=item))["item"]["content"] == ASSISTANT["content"][:2]

    @pytest.mark.parametrize("cls", [cls for cls in CLIENT_EVENTS.values() if cls is not SessionUpdate])
    def test_what_has_no_settings_is_sent_as_today(self, cls: Any) -> None:
        event = codec.decode_client(json.dumps({"type": cls.type, "event_id": "e1"}))
        assert codec.encode(event, shape="beta") == codec.encode(event)

    def test_a_mapping_is_translated_too_and_keeps_what_only_the_beta_knows(self) -> None:
        mapping = {"type": "session.update", "session": {"type": "realtime", "temperature": 0.8, "audio": {"x": 1}}}
        assert sent(mapping) == {"type": "session.update", "session": {"temperature": 0.8, "audio": {"x": 1}}}

    @pytest.mark.parametrize(
        "body",
        [
            {"audio": 5},
            {"audio": {"input": 5, "output": None}},
            {"input": 5},
            {"input": [5, None]},
            {"role": "assistant", "content": 5},
            {"role": "assistant", "content": [5, {"type": ["text"]}]},
        ],
    )
    @pytest.mark.parametrize("field", ["session", "response", "item"])
    def test_what_makes_no_sense_is_sent_as_it_is(self, field: str, body: Json) -> None:
        assert sent({"type": "x", field: body}) == {"type": "x", field: body}

    def test_what_json_cannot_say_is_refused_with_its_place(self) -> None:
        event = {"type": "session.update", "session": {"audio": {"output": {"speed": float("nan")}}}}
        with pytest.raises(InvalidEvent) as refused:
            codec.encode(event, shape="beta")
        assert refused.value.problems == ("session.speed: not a finite number",)

    def test_sound_is_sent_alike(self) -> None:
        event = InputAudioBufferAppend(audio="AAAA")
        assert codec.encode(event, shape="beta") == codec.encode(event)


class TestPurity:
    WIRES = (
        {"type": "session.created", "session": BETA_SESSION},
        {"type": "transcription_session.updated", "session": BETA_SESSION},
        {"type": "response.done", "response": {**BETA_RESPONSE, "output": [ASSISTANT]}},
        {"type": "conversation.item.created", "item": ASSISTANT},
        codec.unstructure(SessionUpdate(session=GA_SESSION)),
        codec.unstructure(ConversationItemCreate(item=AssistantMessage(content=[OutputText(text="hi")]))),
    )

    @pytest.mark.parametrize("translate", [beta.to_ga, beta.from_ga])
    @pytest.mark.parametrize("wire", WIRES)
    def test_what_is_given_stays_as_it_was(self, translate: Any, wire: Json) -> None:
        before = copy.deepcopy(wire)
        translate(wire)
        assert wire == before

    @pytest.mark.parametrize("wire", WIRES)
    def test_translating_twice_changes_nothing_more(self, wire: Json) -> None:
        once = beta.to_ga(wire)
        assert beta.to_ga(once) == once

    @pytest.mark.parametrize("wire", WIRES[:1])
    def test_there_and_back(self, wire: Json) -> None:
        assert beta.from_ga(beta.to_ga(wire)) == wire
