"""Round trips of whatever the classes can hold, and the ways in which real servers differ from the protocol."""

import functools
import json
import logging
import math
import types
from collections.abc import Iterator
from typing import Any, Literal, Union, get_args, get_origin

import attrs
import hypothesis.strategies as st
import pytest
from hypothesis import given, settings

from reelthyme_sync import codec
from reelthyme_sync.errors import InvalidEvent, ProtocolError
from reelthyme_sync.events import (
    CLIENT_EVENTS,
    SERVER_EVENTS,
    UNSET,
    AssistantMessage,
    Audio,
    AudioConfig,
    AudioInput,
    AudioPcm,
    ConversationItemAdded,
    ConversationItemCreate,
    ConversationItemInputAudioTranscriptionCompleted,
    ConversationItemInputAudioTranscriptionDelta,
    ConversationItemRetrieved,
    CustomVoice,
    Error,
    Event,
    FunctionCall,
    FunctionCallOutput,
    FunctionTool,
    InputAudio,
    InputAudioBufferAppend,
    InputAudioBufferDtmfEventReceived,
    InputAudioBufferSpeechStarted,
    InputText,
    McpCall,
    McpHttpError,
    OutputText,
    RateLimitsUpdated,
    RealtimeSession,
    Response,
    ResponseContentPartAdded,
    ResponseCreate,
    ResponseCreated,
    ResponseDone,
    ResponseFunctionCallArgumentsDone,
    ResponseOutputAudioDelta,
    ResponseOutputTextDelta,
    ResponseParams,
    SemanticVad,
    SessionCreated,
    SessionUpdate,
    SystemMessage,
    Text,
    TranslationAudio,
    TranslationAudioOutput,
    TranslationConfig,
    TranslationSession,
    UnknownEvent,
    UnknownPart,
    Unset,
    UserMessage,
)

Json = dict[str, Any]

thorough = settings(max_examples=12)

scalars = st.none() | st.booleans() | st.integers(-(2**63), 2**63) | st.floats(allow_nan=False, allow_infinity=False)
json_values: st.SearchStrategy[Any] = st.recursive(
    scalars | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=2) | st.dictionaries(st.text(max_size=5), inner, max_size=2),
    max_leaves=5,
)
json_objects = st.dictionaries(st.text(max_size=5), json_values, max_size=2)
unknown_parts = st.builds(lambda rest: UnknownPart(type="new", raw={**rest, "type": "new"}), json_objects)

SIMPLE: dict[Any, st.SearchStrategy[Any]] = {
    str: st.text(max_size=10),
    int: st.integers(-(2**63), 2**63 - 1),
    float: st.floats(allow_nan=False, allow_infinity=False),
    bool: st.booleans(),
    types.NoneType: st.none(),
    Unset: st.just(UNSET),
    Any: json_values,
    UnknownPart: unknown_parts,
}


@functools.cache
def anything_of(annotation: Any) -> st.SearchStrategy[Any]:
    """Every value that an annotation of the event classes allows."""
    if annotation in SIMPLE:
        return SIMPLE[annotation]
    origin, args = get_origin(annotation), get_args(annotation)
    if origin is Literal:
        return st.sampled_from(args)
    if origin is list:
        return st.lists(anything_of(args[0]), max_size=2)
    if origin is dict:
        return st.dictionaries(st.text(max_size=5), anything_of(args[1]), max_size=2)
    if origin in (Union, types.UnionType):
        return st.one_of([anything_of(each) for each in args])
    return st.builds(annotation, **{field.name: anything_of(field.type) for field in attrs.fields(annotation)})


def received(wire: Json) -> Any:
    return codec.decode(json.dumps(wire))


def sent(event: Any) -> Any:
    return json.loads(codec.encode(event))


class TestRoundTrip:
    @pytest.mark.parametrize("cls", SERVER_EVENTS.values(), ids=SERVER_EVENTS)
    @thorough
    @given(data=st.data())
    def test_of_every_server_event(self, cls: type[Event], data: st.DataObject) -> None:
        event = data.draw(anything_of(cls))
        assert codec.decode(codec.encode(event)) == event

    @pytest.mark.parametrize("cls", CLIENT_EVENTS.values(), ids=CLIENT_EVENTS)
    @thorough
    @given(data=st.data())
    def test_of_every_client_event(self, cls: type[Event], data: st.DataObject) -> None:
        event = data.draw(anything_of(cls))
        assert codec.decode_client(codec.encode(event)) == event

    @thorough
    @given(rest=json_objects)
    def test_of_an_unknown_event_changes_nothing(self, rest: Json) -> None:
        raw = {**rest, "type": "response.sung"}
        event = codec.decode(json.dumps(raw))
        assert isinstance(event, UnknownEvent)
        assert event.raw == sent(event) == raw

    @thorough
    @given(rest=json_objects)
    def test_of_an_unknown_part_changes_nothing(self, rest: Json) -> None:
        raw = {**rest, "type": "hologram"}
        event = received({"type": "conversation.item.added", "item": raw})
        assert event == ConversationItemAdded(item=UnknownPart(type="hologram", raw=raw))
        assert sent(event)["item"] == raw


class TestThreeStates:
    def test_absent_is_left_out(self) -> None:
        assert sent(SessionUpdate(session=RealtimeSession())) == {
            "type": "session.update",
            "session": {"type": "realtime"},
        }

    def test_null_is_sent(self) -> None:
        event = SessionUpdate(
            session=RealtimeSession(prompt=None, audio=AudioConfig(input=AudioInput(turn_detection=None)))
        )
        assert sent(event)["session"] == {
            "type": "realtime",
            "prompt": None,
            "audio": {"input": {"turn_detection": None}},
        }

    @pytest.mark.parametrize("value", ["", [], {}, 0, False])
    def test_a_value_is_sent_however_empty(self, value: object) -> None:
        assert sent({"type": "x", "field": value}) == {"type": "x", "field": value}

    def test_empty_values_of_a_class_are_sent(self) -> None:
        event = SessionUpdate(session=RealtimeSession(instructions="", tools=[], parallel_tool_calls=False))
        assert sent(event)["session"] == {
            "type": "realtime",
            "instructions": "",
            "tools": [],
            "parallel_tool_calls": False,
        }

    def test_null_where_it_means_nothing_reads_as_absent(self) -> None:
        event = received({"type": "session.created", "session": {"type": "realtime", "include": None, "prompt": None}})
        assert event == SessionCreated(session=RealtimeSession(prompt=None))

    def test_the_server_side_always_sends_null(self) -> None:
        response = sent(ResponseCreated())["response"]
        assert response["status_details"] is response["usage"] is response["metadata"] is None


class TestEncode:
    def test_a_mapping_and_a_class_give_the_same_bytes(self) -> None:
        event = SessionUpdate(
            event_id="e1",
            session=RealtimeSession(
                instructions="Be brief.",
                audio=AudioConfig(input=AudioInput(format=AudioPcm(rate=24000), turn_detection=None)),
            ),
        )
        mapping = {
            "type": "session.update",
            "event_id": "e1",
            "session": {
                "type": "realtime",
                "instructions": "Be brief.",
                "audio": {"input": {"format": {"type": "audio/pcm", "rate": 24000}, "turn_detection": None}},
            },
        }
        assert codec.encode(event) == codec.encode(mapping)

    def test_a_mapping_is_sent_as_it_is(self) -> None:
        mapping = types.MappingProxyType({"b": [1, 2.0, None, True], "type": "x", "a": {"ü": "ß"}})
        assert codec.encode(mapping) == '{"b":[1,2.0,null,true],"type":"x","a":{"ü":"ß"}}'.encode()

    def test_a_mapping_may_hold_parts(self) -> None:
        mapping = {"type": "conversation.item.create", "item": UserMessage(content=[InputText(text="hi")])}
        assert codec.encode(mapping) == codec.encode(ConversationItemCreate(item=mapping["item"]))  # type: ignore[arg-type]

    def test_messages_say_type_and_role(self) -> None:
        event = ConversationItemCreate(item=SystemMessage(content=[InputText(text="hi")]))
        content = [{"type": "input_text", "text": "hi"}]
        assert sent(event)["item"] == {"type": "message", "role": "system", "content": content}

    def test_a_translation_session_is_updated_without_a_type(self) -> None:
        event = SessionUpdate(
            session=TranslationConfig(audio=TranslationAudio(output=TranslationAudioOutput(language="es")))
        )
        assert sent(event) == {"type": "session.update", "session": {"audio": {"output": {"language": "es"}}}}

    @pytest.mark.parametrize("number", [1, 1.0, 0.8, 2**63 - 1])
    def test_numbers_stay_what_they_are(self, number: float) -> None:
        assert codec.encode({"type": "x", "n": number}) == f'{{"type":"x","n":{number!r}}}'.encode()


LOOP: list[Any] = []
LOOP.append(LOOP)


class TestEncodeRefuses:
    @pytest.mark.parametrize(
        ("value", "problem"),
        [
            (math.nan, "a.b[1]: not a finite number"),
            (-math.inf, "a.b[1]: not a finite number"),
            (2**64, "a.b[1]: a number beyond 64 bits"),
            ("\ud83d", "a.b[1]: half a character (a lone surrogate)"),
            (b"pcm", "a.b[1]: bytes is nothing that JSON can say"),
            (UNSET, "a.b[1]: Unset is nothing that JSON can say"),
            ({1: 2}, "a.b[1]: a key must be a string, not int"),
        ],
    )
    def test_what_json_cannot_say_and_says_where(self, value: object, problem: str) -> None:
        with pytest.raises(InvalidEvent) as refused:
            codec.encode({"type": "x", "a": {"b": [0, value]}})
        assert refused.value.problems == (problem,)

    def test_the_same_inside_a_class(self) -> None:
        tool = FunctionTool(name="f", parameters={"maximum": math.inf})
        with pytest.raises(InvalidEvent) as refused:
            codec.encode(ResponseCreate(response=ResponseParams(tools=[tool])))
        assert refused.value.problems == ("response.tools[0].parameters.maximum: not a finite number",)

    def test_all_problems_at_once(self) -> None:
        with pytest.raises(InvalidEvent) as refused:
            codec.encode({"type": "x", "a": math.nan, "b": object()})
        assert len(refused.value.problems) == 2

    @pytest.mark.parametrize("value", [LOOP, json.loads("[" * 500 + "]" * 500)], ids=["endless", "deep"])
    def test_endless_nesting(self, value: object) -> None:
        with pytest.raises(InvalidEvent, match="nested too deeply"):
            codec.encode({"type": "x", "a": value})

    @pytest.mark.parametrize("event", [{}, {"type": None}, {"type": 5}, UnknownEvent(type="x", raw={})])
    def test_an_event_without_a_type(self, event: Any) -> None:
        with pytest.raises(InvalidEvent, match="type"):
            codec.encode(event)

    @pytest.mark.parametrize("event", [None, "session.update", [], 5, RealtimeSession(), AudioConfig()])
    def test_what_is_no_event(self, event: Any) -> None:
        with pytest.raises(InvalidEvent, match=type(event).__name__):
            codec.encode(event)


class TestDecodeRefuses:
    @pytest.mark.parametrize(
        "data",
        [b"", "{", b"\xff\xfe", '{"type": NaN}', "[]", '"error"', "null", "5", "{}", '{"type": null}', '{"type": 5}'],
    )
    @pytest.mark.parametrize("decode", [codec.decode, codec.decode_client])
    def test_what_is_no_protocol(self, decode: Any, data: str | bytes) -> None:
        with pytest.raises(ProtocolError):
            decode(data)

    @pytest.mark.parametrize("data", ["secret " * 100, b"\x00" * 1000, json.dumps(["x" * 1000])])
    def test_showing_only_the_beginning(self, data: str | bytes) -> None:
        with pytest.raises(ProtocolError) as refused:
            codec.decode(data)
        assert len(str(refused.value)) <= 60


Place = tuple[Any, Any]


def places_of(wire: Json) -> list[Place]:
    """Every place in an event but its type, as container and key."""
    return [(container, key) for container, key in nodes(wire) if not (container is wire and key == "type")]


def nodes(value: Any) -> Iterator[Place]:
    pairs = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for key, each in pairs:
        yield value, key
        yield from nodes(each)


class TestLeniency:
    @pytest.mark.parametrize("cls", SERVER_EVENTS.values(), ids=SERVER_EVENTS)
    @thorough
    @given(data=st.data())
    def test_no_value_anywhere_raises_and_null_or_nothing_costs_no_event(
        self, cls: type[Event], data: st.DataObject
    ) -> None:
        wire = sent(data.draw(anything_of(cls)))
        container, key = data.draw(st.sampled_from(places_of(wire)))
        container[key] = data.draw(json_values)
        event = received(wire)
        assert isinstance(event, cls) or event.raw == wire
        if isinstance(container, dict):
            container[key] = None
            assert isinstance(received(wire), cls)
            del container[key]
            assert isinstance(received(wire), cls)

    @pytest.mark.parametrize("cls", SERVER_EVENTS.values(), ids=SERVER_EVENTS)
    def test_an_empty_event_is_neutral(self, cls: Any) -> None:
        assert received({"type": cls.type}) == cls()

    @pytest.mark.parametrize(("kind", "cls"), CLIENT_EVENTS.items())
    def test_an_empty_client_event_is_that_event(self, kind: str, cls: type[Event]) -> None:
        assert isinstance(codec.decode_client(json.dumps({"type": kind})), cls)

    def test_an_empty_item_has_neutral_fields(self) -> None:
        item = {"type": "mcp_approval_response"}
        event = received({"type": "conversation.item.added", "item": item})
        assert (event.item.id, event.item.approve, event.item.reason) == ("", False, UNSET)

    def test_neutral_values_are_nobody_elses(self) -> None:
        one, other = (received({"type": "conversation.item.added"}) for _ in range(2))
        assert one.item.raw is not other.item.raw

    def test_an_unknown_type(self) -> None:
        event = received({"type": "ping", "event_id": "e1", "n": 1})
        assert event == UnknownEvent(type="ping", event_id="e1", raw={"type": "ping", "event_id": "e1", "n": 1})

    def test_unknown_fields_are_ignored(self) -> None:
        wire = {"type": "response.output_text.delta", "delta": "hi", "obfuscation": "x8s", "timestamp": 1}
        assert received(wire) == ResponseOutputTextDelta(delta="hi")

    def test_an_unknown_literal_passes(self) -> None:
        event = received({"type": "response.done", "response": {"status": "sung", "object": "realtime.song"}})
        assert event.response.status == "sung"

    def test_a_wrong_type_makes_an_unknown_event(self, caplog: pytest.LogCaptureFixture) -> None:
        wire = {"type": "response.done", "event_id": "e1", "response": {"output": "my secret"}}
        with caplog.at_level(logging.DEBUG, "reelthyme_sync"):
            assert received(wire) == UnknownEvent(type="response.done", event_id="e1", raw=wire)
        assert "response.done" in caplog.text
        assert "secret" not in caplog.text

    def test_a_wrong_event_id_makes_an_unknown_event(self) -> None:
        assert received({"type": "error", "event_id": 5}) == UnknownEvent(
            type="error", raw={"type": "error", "event_id": 5}
        )

    def test_a_whole_number_where_a_fraction_may_be(self) -> None:
        event = received({"type": "rate_limits.updated", "rate_limits": [{"reset_seconds": 0}]})
        assert event.rate_limits[0].reset_seconds == 0

    def test_a_fraction_where_a_whole_number_should_be(self) -> None:
        event = received({"type": "input_audio_buffer.speech_started", "audio_start_ms": 1024.5, "item_id": "i"})
        assert event == InputAudioBufferSpeechStarted(audio_start_ms=1024, item_id="i")

    def test_true_is_no_number(self) -> None:
        assert isinstance(received({"type": "input_audio_buffer.speech_started", "audio_start_ms": True}), UnknownEvent)

    @pytest.mark.parametrize("data", [str, str.encode])
    def test_text_and_bytes(self, data: Any) -> None:
        assert codec.decode(data('{"type":"error"}')) == Error()


class TestServersInTheWild:
    def test_items_without_object_and_status(self) -> None:
        item = {"id": "item_1", "type": "message", "role": "assistant", "content": []}
        assert received({"type": "conversation.item.added", "item": item}).item == AssistantMessage(
            id="item_1", content=[]
        )

    def test_a_user_message_whose_transcript_is_yet_to_come(self) -> None:
        item = {"type": "message", "role": "user", "content": [{"type": "input_audio", "transcript": None}]}
        event = received({"type": "conversation.item.added", "previous_item_id": None, "item": item})
        assert event.item == UserMessage(content=[InputAudio(transcript=None)])

    def test_a_retrieved_item_names_its_audio_as_parts_do(self) -> None:
        content = [{"type": "audio", "audio": "AAAA", "transcript": "hi", "format": "pcm16"}]
        item = {"type": "message", "role": "assistant", "content": content}
        event = received({"type": "conversation.item.retrieved", "item": item})
        assert event == ConversationItemRetrieved(item=AssistantMessage(content=[Audio(audio="AAAA", transcript="hi")]))

    def test_a_message_of_an_unknown_role(self) -> None:
        item = {"type": "message", "role": "narrator", "content": []}
        event = received({"type": "conversation.item.added", "item": item})
        assert event.item == UnknownPart(type="message", raw=item)

    @pytest.mark.parametrize("tag", [None, 5, ["message"], {}])
    @pytest.mark.parametrize("field", ["type", "role"])
    def test_a_part_without_a_proper_tag(self, field: str, tag: object) -> None:
        item = {"type": "message", "role": "user", field: tag}
        event = received({"type": "conversation.item.added", "item": item})
        assert event == ConversationItemAdded(item=UnknownPart(type="message" if field == "role" else "", raw=item))

    def test_content_parts(self) -> None:
        for raw, part in (
            ({"type": "audio", "transcript": ""}, Audio(transcript="")),
            ({"type": "text", "text": ""}, Text(text="")),
        ):
            assert received({"type": "response.content_part.added", "part": raw}) == ResponseContentPartAdded(part=part)

    def test_function_call_arguments_without_a_name(self) -> None:
        wire = {"type": "response.function_call_arguments.done", "call_id": "call_1", "arguments": "{}"}
        assert received(wire) == ResponseFunctionCallArgumentsDone(call_id="call_1", arguments="{}")

    def test_transcripts_without_usage_or_index(self) -> None:
        kind = "conversation.item.input_audio_transcription"
        completed = received({"type": f"{kind}.completed", "transcript": "hi"})
        assert completed == ConversationItemInputAudioTranscriptionCompleted(transcript="hi")
        assert completed.usage is None
        assert received({"type": f"{kind}.delta", "delta": None}) == ConversationItemInputAudioTranscriptionDelta()

    def test_a_key_of_a_telephone_has_no_event_id(self) -> None:
        wire = {"type": "input_audio_buffer.dtmf_event_received", "event": "9", "received_at": 1763605109}
        assert received(wire) == InputAudioBufferDtmfEventReceived(event="9", received_at=1763605109)

    def test_an_error_with_nulls(self) -> None:
        error = {"type": "server_error", "message": "sorry", "code": None, "param": None, "event_id": None}
        assert received({"type": "error", "error": error}).error.message == "sorry"

    def test_an_error_whose_error_is_null(self) -> None:
        assert received({"type": "error", "error": None}) == Error()

    def test_rate_limits_of_null(self) -> None:
        assert received({"type": "rate_limits.updated", "rate_limits": None}) == RateLimitsUpdated()

    def test_sessions_are_told_apart(self) -> None:
        session = {"type": "translation", "id": "sess_1", "model": "m", "audio": {}, "expires_at": 5}
        event = received({"type": "session.created", "session": session})
        assert event.session == TranslationSession(id="sess_1", model="m", expires_at=5)

    def test_a_session_says_what_only_servers_say(self) -> None:
        session = {"type": "realtime", "object": "realtime.session", "id": "sess_1", "expires_at": 0}
        event = received({"type": "session.created", "session": session})
        assert event.session == RealtimeSession(object="realtime.session", id="sess_1", expires_at=0)

    @pytest.mark.parametrize(
        ("raw", "voice"),
        [("marin", "marin"), ("of_tomorrow", "of_tomorrow"), ({"id": "voice_1"}, CustomVoice(id="voice_1"))],
    )
    def test_voices(self, raw: object, voice: object) -> None:
        session = {"type": "realtime", "audio": {"output": {"voice": raw}}}
        event = received({"type": "session.updated", "session": session})
        assert event.session.audio.output.voice == voice

    def test_turn_detection_and_settings_of_several_kinds(self) -> None:
        session = {
            "type": "realtime",
            "max_output_tokens": "inf",
            "tool_choice": "auto",
            "truncation": "auto",
            "tracing": None,
            "audio": {"input": {"turn_detection": {"type": "semantic_vad"}, "format": {"type": "audio/opus"}}},
        }
        audio = AudioConfig(
            input=AudioInput(
                turn_detection=SemanticVad(),
                format=UnknownPart(type="audio/opus", raw={"type": "audio/opus"}),
            )
        )
        expected = RealtimeSession(
            max_output_tokens="inf", tool_choice="auto", truncation="auto", tracing=None, audio=audio
        )
        assert received({"type": "session.updated", "session": session}).session == expected

    def test_an_mcp_call_that_failed(self) -> None:
        item = {
            "type": "mcp_call",
            "id": "mcp_1",
            "server_label": "s",
            "name": "n",
            "arguments": "{}",
            "approval_request_id": None,
            "output": None,
            "error": {"type": "http_error", "code": 502, "message": "bad gateway"},
        }
        event = received({"type": "response.output_item.done", "item": item})
        assert isinstance(event.item, McpCall)
        assert event.item.error == McpHttpError(code=502, message="bad gateway")

    def test_a_whole_response(self) -> None:
        output = [
            {"type": "message", "role": "assistant", "content": [{"type": "output_text", "text": "hi"}]},
            {"type": "function_call", "name": "f", "call_id": "c", "arguments": "", "status": "completed"},
            {"type": "function_call_output", "call_id": "c", "output": "5"},
        ]
        response = {"id": "resp_1", "status": "completed", "output": output, "metadata": {"a": "b", "c": None}}
        assert received({"type": "response.done", "response": response}) == ResponseDone(
            response=Response(
                id="resp_1",
                status="completed",
                output=[
                    AssistantMessage(content=[OutputText(text="hi")]),
                    FunctionCall(name="f", call_id="c", arguments="", status="completed"),
                    FunctionCallOutput(call_id="c", output="5"),
                ],
                metadata={"a": "b"},
            )
        )


class TestOtherEnd:
    def test_a_client_event_is_no_server_event(self) -> None:
        data = codec.encode(InputAudioBufferAppend(audio="AAAA"))
        assert codec.decode_client(data) == InputAudioBufferAppend(audio="AAAA")
        assert isinstance(codec.decode(data), UnknownEvent)

    def test_a_server_event_is_no_client_event(self) -> None:
        assert isinstance(codec.decode_client(codec.encode(ResponseOutputAudioDelta(delta="AAAA"))), UnknownEvent)


def test_structure_reads_a_value_alone() -> None:
    assert codec.structure({"type": "realtime", "model": "m"}, RealtimeSession) == RealtimeSession(model="m")
    with pytest.raises(TypeError, match="int where str"):
        codec.structure({"model": 5}, RealtimeSession)
