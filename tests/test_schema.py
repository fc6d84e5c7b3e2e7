"""The strict check: what must pass, what must not, and that one fault is one problem at its place."""

import base64
import functools
import json
import timeit
import types
from collections.abc import Callable, Iterator
from typing import Any, Literal, Union, get_args, get_origin

import attrs
import hypothesis.strategies as st
import pytest
from hypothesis import HealthCheck, given, settings

from reelthyme_sync import Session, codec, events, schema
from reelthyme_sync.errors import InvalidEvent
from reelthyme_sync.events import (
    CLIENT_EVENTS,
    SERVER_EVENTS,
    UNSET,
    AudioPcm,
    ClientEvent,
    ConversationItemCreate,
    Event,
    InputAudioBufferAppend,
    InputText,
    McpTool,
    ResponseCreate,
    TaggedPart,
    TranslationConfig,
    UnknownEvent,
    UnknownPart,
    Unset,
    UserMessage,
)
from reelthyme_sync.schema import rules
from reelthyme_sync.testing import ScriptedTransport

Json = dict[str, Any]


def problems(event: Any) -> tuple[str, ...]:
    try:
        schema.validate(event)
    except InvalidEvent as error:
        return error.problems or ("invalid, but why?",)
    return ()


def session(**fields: Any) -> Json:
    return {"type": "session.update", "session": {"type": "realtime", **fields}}


def transcription(**fields: Any) -> Json:
    return {"type": "session.update", "session": {"type": "transcription", **fields}}


def translation(**fields: Any) -> Json:
    return {"type": "session.update", "session": fields}


def audio_input(**fields: Any) -> Json:
    return session(audio={"input": fields})


def audio_output(**fields: Any) -> Json:
    return session(audio={"output": fields})


def server_vad(**fields: Any) -> Json:
    return audio_input(turn_detection={"type": "server_vad", **fields})


def tools(*each: Json) -> Json:
    return session(tools=list(each))


def mcp(**fields: Any) -> Json:
    return {"type": "mcp", "server_label": "mail", **fields}


def response(**fields: Any) -> Json:
    return {"type": "response.create", "response": fields}


def item(kind: str, **fields: Any) -> Json:
    return {"type": "conversation.item.create", "item": {"type": kind, **fields}}


def message(role: str, *content: Json) -> Json:
    return item("message", role=role, content=list(content))


def truncate(**fields: Any) -> Json:
    return {"type": "conversation.item.truncate", "item_id": "i", "content_index": 0, "audio_end_ms": 0, **fields}


def append(audio: Any) -> Json:
    return {"type": "input_audio_buffer.append", "audio": audio}


URL = "https://mail.example/mcp"
TUNNEL = "tunnel_" + "a1" * 16
CALL = {"id": "m", "server_label": "mail", "name": "read", "arguments": "{}"}
LISTED = {"name": "read", "input_schema": {"type": "object", "properties": {"id": {"type": "integer"}}}}

# Where the schema of the library that this one follows was wrong; its numbers are those of our list of them.
CORRECTED_VALID = {
    "01 output_modalities: sound": session(output_modalities=["audio"]),
    "01 output_modalities: text": session(output_modalities=["text"]),
    "02 max_output_tokens of a response": response(max_output_tokens=4096),
    "03 transcription nests its input": transcription(audio={"input": {"transcription": {"model": "whisper-1"}}}),
    "04 response.create alone": {"type": "response.create"},
    "05 response.cancel alone": {"type": "response.cancel"},
    "06 a speed without a voice": audio_output(speed=1.1),
    "06 a format without a voice": audio_output(format={"type": "audio/pcmu"}),
    "07 sound without a transcript": message("user", {"type": "input_audio", "audio": "AAAA"}),
    "08 output_audio of an assistant needs nothing": message("assistant", {"type": "output_audio"}),
    "09 mcp by url": tools(mcp(server_url=URL)),
    "09 mcp by connector": tools(mcp(connector_id="connector_gmail")),
    "09 mcp by tunnel": tools(mcp(tunnel_id=TUNNEL)),
    "09 mcp by its label again": tools(mcp()),
    "10 mcp filter by name": tools(mcp(server_url=URL, allowed_tools={"tool_names": ["read"]})),
    "10 mcp filter by reading": tools(mcp(server_url=URL, allowed_tools={"read_only": True})),
    "11 mcp choice without a name": session(tool_choice={"type": "mcp", "server_label": "mail"}),
    "11 mcp choice with null": session(tool_choice={"type": "mcp", "server_label": "mail", "name": None}),
    "12 listed tools without an id": item("mcp_list_tools", server_label="mail", tools=[LISTED]),
    "12 listed tools with any annotations": item(
        "mcp_list_tools", server_label="mail", tools=[{**LISTED, "description": None, "annotations": {"hints": [1]}}]
    ),
    "13 mcp call, short": item("mcp_call", **CALL),
    "13 mcp call with nulls": item("mcp_call", **CALL, approval_request_id=None, output=None, error=None),
    "13 mcp call that failed": item("mcp_call", **CALL, error={"type": "http_error", "code": 502, "message": "m"}),
    "14 function by its name": tools({"type": "function", "name": "read"}),
    "15 function call without an id": item("function_call", name="read", arguments="{}"),
    "16 a whole number for a speed": audio_output(speed=1),
    "17 pcm without a rate": audio_input(format={"type": "audio/pcm"}),
    "17 pcm without a type": audio_input(format={"rate": 24000}),
    "18 any voice": audio_output(voice="nova-2"),
    "18 a voice of your own": audio_output(voice={"id": "voice_1"}),
    "19 any transcription model": audio_input(transcription={"model": "whisper-9"}),
    "20 any conversation": response(conversation="conv_1"),
    "21 prompt": session(prompt={"id": "p", "version": None, "variables": {"a": "b"}}),
    "21 prompt with a text": session(prompt={"id": "p", "variables": {"a": {"type": "input_text", "text": "b"}}}),
    "21 prompt with null": session(prompt={"id": "p", "variables": None}),
    "21 no prompt": response(prompt=None),
    "23 tracing": session(tracing=None),
    "23 prompt": session(prompt=None),
    "23 idle_timeout_ms": server_vad(idle_timeout_ms=None),
    "23 metadata": response(metadata=None),
    "23 of mcp": tools(
        mcp(server_url=URL, allowed_tools=None, headers=None, require_approval=None, allowed_callers=None)
    ),
    "23 reason": item("mcp_approval_response", id="a", approval_request_id="r", approve=True, reason=None),
    "23 input": audio_input(noise_reduction=None, transcription=None, turn_detection=None),
    "24 any content_index": truncate(content_index=1),
    "25 status and object of an item": item(
        "message", role="user", content=[], status="completed", object="realtime.item"
    ),
}

VALID = {
    "empty context": response(input=[]),
    "item_reference where it belongs": response(input=[{"type": "item_reference", "id": "i"}]),
    "an endless response": session(max_output_tokens="inf"),
    "no tools any more": session(tools=[]),
    "no instructions any more": session(instructions=""),
    "a translation": translation(audio={"output": {"language": "es"}}),
    "a translation's filter": translation(audio={"input": {"noise_reduction": {"type": "far_field"}}}),
    "a filter's strength alone": audio_input(noise_reduction={"strength": 0}),
    "any function schema": tools({"type": "function", "name": "f", "parameters": {"a": [None, {"b": 1.5}]}}),
    "a function and a server of one name": tools({"type": "function", "name": "mail"}, mcp(server_url=URL)),
    "one authorization": tools(mcp(server_url=URL, authorization="t", headers={"Accept": "json"})),
    "a header of authorization": tools(mcp(server_url=URL, headers={"Authorization": "t"})),
    "metadata at its limits": response(metadata={f"{n:064}": "v" * 512 for n in range(16)}),
    "any metadata for tracing": session(tracing={"metadata": {str(n): n for n in range(17)}}),
    "an event_id at its limit": {"type": "response.cancel", "event_id": "e" * 512},
    "bounds, low": audio_output(speed=0.25),
    "bounds, high": server_vad(threshold=1, idle_timeout_ms=30000),
    "no sound": append(""),
    "a tuple for a list": message("user", {"type": "input_text", "text": "a"}) | {"item": UserMessage(content=())},  # type: ignore[arg-type]
    "a class inside a dictionary": {"type": "session.update", "session": events.RealtimeSession(instructions="a")},
}

INVALID = {
    # --- corrected
    "01 both": (
        session(output_modalities=["audio", "text"]),
        'session.output_modalities: must be ["audio"] or ["text"]',
    ),
    "01 none": (response(output_modalities=[]), 'response.output_modalities: must be ["audio"] or ["text"]'),
    "01 another": (
        session(output_modalities=["video"]),
        'session.output_modalities[0]: "video" is not one of text, audio',
    ),
    "02 its name in the beta": (
        response(max_response_output_tokens=1),
        "response.max_response_output_tokens: unknown; did you mean max_output_tokens?",
    ),
    "03 flat": (
        transcription(audio={"transcription": {"model": "whisper-1"}}),
        "session.audio.transcription: unknown",
    ),
    "09 two addresses": (
        tools(mcp(server_url=URL, connector_id="connector_gmail")),
        "session.tools[0]: only one of server_url, connector_id",
    ),
    "09 no address": (
        tools(mcp(allowed_tools=["read"])),
        "session.tools[0]: one of server_url, connector_id, tunnel_id is missing; "
        "or send server_label alone, to use it again",
    ),
    "13 no such error": (
        item("mcp_call", **CALL, error={"type": "http", "code": 1, "message": "m"}),
        'item.error.type: "http" is not one of protocol_error, tool_execution_error, http_error; '
        "did you mean http_error?",
    ),
    "14 function without a name": (tools({"type": "function"}), "session.tools[0].name: missing"),
    "16 too fast": (audio_output(speed=2.0), "session.audio.output.speed: 2.0 is above 1.5"),
    "16 too slow": (audio_output(speed=0.2), "session.audio.output.speed: 0.2 is below 0.25"),
    "17 another rate": (
        audio_input(format={"type": "audio/pcm", "rate": 16000}),
        "session.audio.input.format.rate: must be 24000, not 16000",
    ),
    "21 prompt without an id": (session(prompt={}), "session.prompt.id: missing"),
    "22 speed of a response": (response(audio={"output": {"speed": 1.0}}), "response.audio.output.speed: unknown"),
    "24 negative content_index": (truncate(content_index=-1), "content_index: -1 is below 0"),
    "25 another status": (
        item("message", role="user", content=[], status="done"),
        'item.status: "done" is not one of in_progress, completed, incomplete',
    ),
    "25 another object": (
        item("message", role="user", content=[], object="item"),
        'item.object: must be "realtime.item", not "item"',
    ),
    # --- types of events
    "no type": ({}, "type: must be the name of the event"),
    "a misspelt event": (
        {"type": "response.creat"},
        'type: unknown event "response.creat"; did you mean response.create?',
    ),
    "an event of the beta": (
        {"type": "transcription_session.update"},
        'type: unknown event "transcription_session.update"; did you mean session.update?',
    ),
    "an event of another vendor": ({"type": "ping"}, 'type: unknown event "ping"'),
    "an answer": (
        {"type": "session.updated"},
        'type: "session.updated" is sent by the server; did you mean session.update?',
    ),
    "a server's event": ({"type": "response.done"}, 'type: "response.done" is sent by the server'),
    "a long event_id": ({"type": "response.cancel", "event_id": "e" * 513}, "event_id: 513 characters, at most 512"),
    "an unknown key of an event": (
        {"type": "response.cancel", "respose_id": "r"},
        "respose_id: unknown; did you mean response_id?",
    ),
    "a key that is no string": ({"type": "response.cancel", 5: 1}, "5: unknown"),
    # --- session
    "no session": ({"type": "session.update"}, "session: missing"),
    "an empty session": (translation(), "session.type: missing"),
    "a session without a type": (translation(instructions="a"), "session.type: missing"),
    "a translation with a type": (
        translation(type="translation", audio={}),
        'session.type: "translation" is not one of realtime, transcription; '
        "a translation session is updated without a type",
    ),
    "a translation to a number": (
        translation(audio={"output": {"language": 5}}),
        "session.audio.output.language: must be a string, not a whole number",
    ),
    "a translation's filter without a type": (
        translation(audio={"input": {"noise_reduction": {"strength": 1}}, "output": {"language": "es"}}),
        "session.audio.input.noise_reduction.type: missing",
    ),
    "what the server says": (session(id="sess_1"), "session.id: only the server says it"),
    "what the server says of a transcription": (
        transcription(expires_at=1),
        "session.expires_at: only the server says it",
    ),
    "modalities": (session(modalities=["text"]), "session.modalities: unknown; did you mean output_modalities?"),
    "voice": (session(voice="marin"), "session.voice: unknown; did you mean audio.output.voice?"),
    "temperature": (response(temperature=0.8), "response.temperature: unknown; there is no temperature any more"),
    "turn_detection": (
        transcription(turn_detection=None),
        "session.turn_detection: unknown; did you mean audio.input.turn_detection?",
    ),
    "a misspelt key": (session(instuctions="a"), "session.instuctions: unknown; did you mean instructions?"),
    "too many tokens": (session(max_output_tokens=4097), "session.max_output_tokens: 4097 is above 4096"),
    "no tokens": (response(max_output_tokens=0), "response.max_output_tokens: 0 is below 1"),
    "not inf": (session(max_output_tokens="max"), 'session.max_output_tokens: must be "inf", not "max"'),
    "a boolean for a number": (
        audio_output(speed=True),
        "session.audio.output.speed: must be a number, not a boolean",
    ),
    "not a number": (audio_output(speed=float("nan")), "session.audio.output.speed: nan is below 0.25"),
    "a fraction for a whole number": (
        server_vad(silence_duration_ms=0.5),
        "session.audio.input.turn_detection.silence_duration_ms: must be a whole number, not a number",
    ),
    "a null": (session(instructions=None), "session.instructions: must be a string, not null"),
    "threshold": (server_vad(threshold=1.1), "session.audio.input.turn_detection.threshold: 1.1 is above 1"),
    "idle_timeout_ms": (
        server_vad(idle_timeout_ms=4999),
        "session.audio.input.turn_detection.idle_timeout_ms: 4999 is below 5000",
    ),
    "strength": (
        audio_input(noise_reduction={"type": "near_field", "strength": -0.1}),
        "session.audio.input.noise_reduction.strength: -0.1 is below 0",
    ),
    "languages": (
        audio_input(transcription={"languages": []}),
        "session.audio.input.transcription.languages: must not be empty",
    ),
    "retention_ratio": (
        session(truncation={"type": "retention_ratio", "retention_ratio": 2}),
        "session.truncation.retention_ratio: 2 is above 1",
    ),
    "post_instructions": (
        session(
            truncation={"type": "retention_ratio", "retention_ratio": 1, "token_limits": {"post_instructions": -1}}
        ),
        "session.truncation.token_limits.post_instructions: -1 is below 0",
    ),
    "include twice": (
        session(include=["item.input_audio_transcription.logprobs"] * 2),
        'session.include[1]: "item.input_audio_transcription.logprobs" is there already',
    ),
    "include of a transcription twice": (
        transcription(include=["item.input_audio_transcription.logprobs"] * 2),
        'session.include[1]: "item.input_audio_transcription.logprobs" is there already',
    ),
    "a choice": (
        audio_input(turn_detection={"type": "semantic_vad", "eagerness": "hi"}),
        'session.audio.input.turn_detection.eagerness: "hi" is not one of low, medium, high, auto; did you mean high?',
    ),
    "the wrong detector's field": (
        audio_input(turn_detection={"type": "semantic_vad", "threshold": 0.5}),
        "session.audio.input.turn_detection.threshold: unknown",
    ),
    "a tag that is no string": (
        audio_input(turn_detection={"type": []}),
        "session.audio.input.turn_detection.type: must be a string, not a list",
    ),
    # --- tools
    "one name twice": (
        response(tools=[{"type": "function", "name": "f"}, {"type": "function", "name": "f"}]),
        'response.tools[1].name: "f" is there already',
    ),
    "one label twice": (
        tools(mcp(server_url=URL), mcp()),
        'session.tools[1].server_label: "mail" is there already',
    ),
    "a tunnel": (
        tools(mcp(tunnel_id="tunnel_A")),
        'session.tools[0].tunnel_id: "tunnel_A" is not tunnel_ and 32 lower case letters or digits',
    ),
    "a tunnel and a line": (
        tools(mcp(tunnel_id=TUNNEL + "\n")),
        f'session.tools[0].tunnel_id: "{TUNNEL}\\n" is not tunnel_ and 32 lower case letters or digits',
    ),
    "an authorization twice": (
        tools(mcp(server_url=URL, authorization="t", headers={"authorization": "t"})),
        "session.tools[0].headers.authorization: given beside authorization; only one of them",
    ),
    "a tool name twice": (
        tools(mcp(server_url=URL, allowed_tools={"tool_names": ["a", "a"]})),
        'session.tools[0].allowed_tools.tool_names[1]: "a" is there already',
    ),
    "no callers": (
        tools(mcp(server_url=URL, allowed_callers=[])),
        "session.tools[0].allowed_callers: must not be empty",
    ),
    "a misspelt address": (
        tools(mcp(sever_url=URL)),
        "session.tools[0].sever_url: unknown; did you mean server_url?",
    ),
    "a tool of another vendor": (
        tools({"type": "web_search"}),
        'session.tools[0].type: "web_search" is not one of function, mcp',
    ),
    "a key that is no name": (
        tools({"type": "function", "name": "f", "parameters": {1: 2}}),
        "session.tools[0].parameters: a key must be a string, not a whole number",
    ),
    # --- items
    "text without a text": (message("user", {"type": "input_text"}), "item.content[0].text: missing"),
    "output_text without a text": (message("assistant", {"type": "output_text"}), "item.content[0].text: missing"),
    "sound without a sound": (message("user", {"type": "input_audio"}), "item.content[0].audio: missing"),
    "an image without an image": (message("user", {"type": "input_image"}), "item.content[0].image_url: missing"),
    "what an assistant says from a user": (
        message("user", {"type": "output_text", "text": "a"}),
        'item.content[0].type: "output_text" is not one of input_text, input_audio, input_image; '
        "did you mean input_text?",
    ),
    "what a user says from an assistant": (
        message("assistant", {"type": "input_text", "text": "a"}),
        'item.content[0].type: "input_text" is not one of output_text, output_audio; did you mean output_text?',
    ),
    "sound from the system": (
        message("system", {"type": "input_audio", "audio": "AAAA"}),
        'item.content[0].type: must be "input_text", not "input_audio"',
    ),
    "as the beta says": (
        message("assistant", {"type": "text", "text": "a"}),
        'item.content[0].type: "text" is not one of output_text, output_audio; did you mean output_text?',
    ),
    "no role": (item("message", content=[]), "item.role: missing"),
    "another role": (
        message("developer"),
        'item.role: "developer" is not one of system, user, assistant',
    ),
    "no type of an item": (
        {"type": "conversation.item.create", "item": {"role": "user", "content": []}},
        "item.type: missing",
    ),
    "no sound of an item": (
        message("user", {"type": "input_audio", "audio": "A"}),
        "item.content[0].audio: not base64",
    ),
    "no sound of an assistant": (
        message("assistant", {"type": "output_audio", "audio": "A"}),
        "item.content[0].audio: not base64",
    ),
    "item_reference where it does not belong": (
        item("item_reference", id="i"),
        'item.type: "item_reference" is not one of message, function_call, function_call_output, mcp_list_tools, '
        "mcp_call, mcp_approval_request, mcp_approval_response; only response.input takes it",
    ),
    "a text for an item": (
        {"type": "conversation.item.create", "item": "hello"},
        "item: must be an object, not a string",
    ),
    "no output": (item("function_call_output", call_id="c"), "item.output: missing"),
    "an object for an output": (
        item("function_call_output", call_id="c", output={}),
        "item.output: must be a string, not an object",
    ),
    "a negative time": (truncate(audio_end_ms=-1), "audio_end_ms: -1 is below 0"),
    # --- response
    "17 pairs": (response(metadata={str(n): "" for n in range(17)}), "response.metadata: 17 pairs, at most 16"),
    "a long value": (response(metadata={"a": "v" * 513}), "response.metadata.a: 513 characters, at most 512"),
    "a long key": (
        response(metadata={"k" * 65: ""}),
        f"response.metadata.{'k' * 60}…: a key of 65 characters, at most 64",
    ),
    "a number under a strange key": (
        response(metadata={"[0]": 1}),
        "response.metadata.[0]: must be a string, not a whole number",
    ),
    "a number as metadata": (
        response(metadata={"a": 1}),
        "response.metadata.a: must be a string, not a whole number",
    ),
    "a number as a key": (
        response(metadata={1: "a"}),
        "response.metadata: a key must be a string, not a whole number",
    ),
    # --- sound
    "bytes": (append(b"AAAA"), "audio: must be a string, not bytes"),
    "too much": (
        append("A" * (rules.MAX_APPEND + 4)),
        "audio: 15728644 characters of base64, at most 15728640 (15 MiB)",
    ),
    "translated": ({"type": "session.input_audio_buffer.append", "audio": "-_-_"}, "audio: not base64"),
}


@pytest.mark.parametrize("event", [*CORRECTED_VALID.values(), *VALID.values()], ids=[*CORRECTED_VALID, *VALID])
def test_valid(event: Json) -> None:
    assert problems(event) == ()


@pytest.mark.parametrize(("event", "problem"), INVALID.values(), ids=INVALID)
def test_invalid(event: Json, problem: str) -> None:
    assert problems(event) == (problem,)


@pytest.mark.parametrize(
    "text", ["A", "AAAAA", "AAA", "A===", "====", "AAAA====", "AA=A", "=AAA", "AA A", "AAA\n", "ÄÄÄÄ", "\ud800AAA"]
)
def test_not_base64(text: str) -> None:
    assert problems(append(text)) == ("audio: not base64",)


@given(st.binary(max_size=50))
def test_base64(data: bytes) -> None:
    assert problems(append(base64.b64encode(data).decode())) == ()


class TestAnError:
    def test_says_all_at_once(self) -> None:
        event = session(
            modalities=["text"],
            audio={"output": {"speed": 2.0}},
            tools=[{"type": "function"}, mcp(server_url=1)],
            output_modalities=["audio", "vidio"],
        )
        assert problems(event) == (
            "session.modalities: unknown; did you mean output_modalities?",
            "session.audio.output.speed: 2.0 is above 1.5",
            "session.tools[0].name: missing",
            "session.tools[1].server_url: must be a string, not a whole number",
            'session.output_modalities[1]: "vidio" is not one of text, audio; did you mean audio?',
            'session.output_modalities: must be ["audio"] or ["text"]',
        )

    def test_names_the_event(self) -> None:
        with pytest.raises(InvalidEvent, match="response.create is invalid\n  response.voice: unknown"):
            schema.validate(response(voice="marin"))

    def test_says_more_where_a_session_has_no_type(self) -> None:
        found = problems(translation(voice="marin", tools=[{"type": "function"}]))
        assert found[0] == "session.type: missing"
        assert len(found) == 3

    def test_shows_no_secret(self) -> None:
        secret = "sk-secret"
        tool = mcp(authorization=[secret], headers={"Authorization": {"a": secret}})
        assert len(problems(tools(tool))) == 4
        assert secret not in "".join(problems(tools(tool)))

    def test_is_short(self) -> None:
        found = problems({"type": "x" * 1000}) + problems(session(**{"k" * 1000: 1})) + problems(message("u" * 1000))
        assert len(found) == 3
        assert all(len(problem) < 120 for problem in found)

    def test_can_be_printed(self) -> None:
        for event in ({"type": "\ud800\n"}, session(**{"\ud800\n": 1}), tools(mcp(tunnel_id="\ud800\n"))):
            with pytest.raises(InvalidEvent) as caught:
                schema.validate(event)
            assert len(str(caught.value).encode().splitlines()) == 2

    @pytest.mark.parametrize("thing", [None, "response.create", 5, events.RealtimeSession()])
    def test_of_what_is_no_event(self, thing: Any) -> None:
        with pytest.raises(InvalidEvent):
            schema.validate(thing)

    def test_of_an_event_that_holds_itself(self) -> None:
        event = response()
        event["response"]["metadata"] = event
        with pytest.raises(InvalidEvent, match="holds itself"):
            schema.validate(event)

    @pytest.mark.parametrize("wire_name", SERVER_EVENTS)
    def test_of_a_server_event(self, wire_name: str) -> None:
        (problem,) = problems(SERVER_EVENTS[wire_name]())
        assert problem.startswith(f'type: "{wire_name}" is sent by the server')

    def test_of_an_unknown_event(self) -> None:
        event = UnknownEvent(type="session.avatar", raw={"type": "session.avatar"})
        assert problems(event) == ('type: unknown event "session.avatar"',)

    def test_of_an_unknown_part(self) -> None:
        event = ConversationItemCreate(item=UnknownPart(type="mesage", raw={"type": "mesage"}))
        (problem,) = problems(event)
        assert problem.endswith("did you mean message?")


class TestAsAHook:
    def test_gives_the_same_event(self) -> None:
        event = ConversationItemCreate(item=UserMessage(content=[InputText(text="hello")]))
        assert schema.validate(event) is event
        wire = wire_of(event)
        assert schema.validate(wire) is wire

    def test_stops_what_is_invalid_in_the_frame_of_the_sender(self) -> None:
        transport = ScriptedTransport()
        with Session(transport, outgoing=schema.validate) as opened:
            with pytest.raises(InvalidEvent, match="did you mean audio.output.voice"):
                opened.send(response(voice="marin"))
            opened.send(ResponseCreate())
        assert transport.sent == [{"type": "response.create"}]


class TestTables:
    def test_name_fields_that_exist(self) -> None:
        for table in (rules.FIELDS, rules.REQUIRED, rules.SAID_BY_SERVER):
            for cls, names in table.items():
                assert set(names) <= {field.name for field in attrs.fields(cls)}  # type: ignore[misc]

    def test_send_the_users_of_the_beta_to_what_exists(self) -> None:
        for cls, names in rules.OLD_NAMES.items():
            for meant in names.values():
                assert " " in meant or exists(cls, meant.split(".")), meant
        assert set(rules.OLD_EVENTS.values()) <= CLIENT_EVENTS.keys()


def exists(cls: Any, path: list[str]) -> bool:
    fields = {field.name: field.type for field in attrs.fields(cls)}
    if path[0] not in fields:
        return False
    nested = [each for each in get_args(fields[path[0]]) if attrs.has(each)]
    return len(path) == 1 or any(exists(each, path[1:]) for each in nested)


# --- whatever the classes can hold ----------------------------------------------------------------------------

thorough = settings(max_examples=25, suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large])

texts = st.text(max_size=5)
scalars = st.none() | st.booleans() | st.integers(-5, 5) | st.floats(allow_nan=False, allow_infinity=False) | texts
json_values: st.SearchStrategy[Any] = st.recursive(
    scalars, lambda inner: st.lists(inner, max_size=2) | st.dictionaries(texts, inner, max_size=2), max_leaves=5
)
json_objects = st.dictionaries(texts, json_values, max_size=2)

SIMPLE: dict[Any, st.SearchStrategy[Any]] = {
    str: texts,
    int: st.integers(-(2**31), 2**31),
    float: st.floats(allow_nan=False, allow_infinity=False) | st.integers(-5, 5),
    bool: st.booleans(),
    types.NoneType: st.none(),
    Unset: st.just(UNSET),
    Any: json_values,
    UnknownPart: st.builds(lambda rest: UnknownPart(type="new", raw={**rest, "type": "new"}), json_objects),
}


def maybe(strategy: st.SearchStrategy[Any]) -> st.SearchStrategy[Any]:
    return st.just(UNSET) | strategy


def distinct(strategy: st.SearchStrategy[Any], key: Any = None) -> st.SearchStrategy[Any]:
    return maybe(st.lists(strategy, max_size=2, unique_by=key))


SOUND = st.binary(max_size=20).map(lambda data: base64.b64encode(data).decode())
UNIT = maybe(st.floats(0, 1) | st.integers(0, 1))
COUNT = st.integers(0, 10000)
ABSENT = st.just(UNSET)
TOKENS = maybe(st.integers(1, 4096) | st.just("inf"))
MODALITIES = maybe(st.sampled_from([["audio"], ["text"]]))
LOGPROBS = maybe(st.just(["item.input_audio_transcription.logprobs"]))
ID = maybe(st.text(max_size=3) | st.text("e", min_size=510, max_size=512))


@functools.cache
def valid(annotation: Any) -> st.SearchStrategy[Any]:
    """Every value that an annotation allows, and the protocol with it."""
    return values(annotation, BOUNDED, valid)


@functools.cache
def whatever(annotation: Any) -> st.SearchStrategy[Any]:
    """Every value that an annotation allows."""
    return values(annotation, {}, whatever)


def values(
    annotation: Any, bounded: dict[Any, dict[str, Any]], inside: Callable[[Any], st.SearchStrategy[Any]]
) -> st.SearchStrategy[Any]:
    origin, args = get_origin(annotation), get_args(annotation)
    if annotation in SIMPLE:
        return SIMPLE[annotation]
    if origin is Literal:
        return st.sampled_from(args)
    if origin is list:
        return st.lists(inside(args[0]), max_size=2)
    if origin is dict:
        return st.dictionaries(texts, inside(args[1]), max_size=2)
    if origin in (Union, types.UnionType):
        unsaid = (UnknownPart, events.Text, events.Audio) if bounded else ()
        return st.one_of([inside(each) for each in args if each not in unsaid])
    if annotation is McpTool and bounded:
        return valid_mcp_tools()
    of_class = {"event_id": ID} if bounded and issubclass(annotation, ClientEvent) else {}
    of_class |= bounded.get(annotation, {})
    for field in attrs.fields(annotation):
        of_class.setdefault(field.name, st.deferred(lambda field=field: inside(field.type)))  # type: ignore[misc]
    return st.builds(annotation, **of_class)


@st.composite
def valid_mcp_tools(draw: st.DrawFn) -> McpTool:
    label = draw(texts)
    address = draw(st.sampled_from(["server_url", "connector_id", "tunnel_id", None]))
    if address is None:
        return McpTool(server_label=label)
    where = {"server_url": URL, "connector_id": "connector_dropbox", "tunnel_id": TUNNEL}[address]
    tool = McpTool(
        server_label=label,
        headers=draw(st.sampled_from([UNSET, None, {}, {"Accept": "json"}, {"Authorization": "Bearer t"}])),
        allowed_tools=draw(valid(list[str] | events.McpToolFilter | Unset | None)),
        allowed_callers=draw(st.sampled_from([UNSET, None, ["direct"], ["direct", "programmatic"]])),
        require_approval=draw(valid(attrs.fields_dict(McpTool)["require_approval"].type)),
        defer_loading=draw(valid(bool | Unset)),
        **{address: where},
    )
    both = isinstance(tool.headers, dict) and "Authorization" in tool.headers
    return tool if both else attrs.evolve(tool, authorization=draw(maybe(texts)))  # type: ignore[misc]


def label_of(tool: Any) -> tuple[str, str]:
    return tool.type, tool.server_label if isinstance(tool, McpTool) else tool.name


TOOLS = distinct(st.deferred(lambda: valid(events.FunctionTool) | valid_mcp_tools()), label_of)
ONLY_SERVER = {"id": ABSENT, "object": ABSENT, "expires_at": ABSENT, "include": LOGPROBS}
RESPONDING = {"tools": TOOLS, "max_output_tokens": TOKENS, "output_modalities": MODALITIES}

BOUNDED: dict[Any, dict[str, Any]] = {
    InputAudioBufferAppend: {"audio": SOUND},
    events.SessionInputAudioBufferAppend: {"audio": SOUND},
    events.ConversationItemTruncate: {"content_index": COUNT, "audio_end_ms": COUNT},
    events.RealtimeSession: {**ONLY_SERVER, **RESPONDING},
    events.TranscriptionSession: ONLY_SERVER,
    events.ResponseParams: {**RESPONDING, "metadata": maybe(st.none() | st.dictionaries(texts, texts, max_size=16))},
    events.AudioOutput: {"speed": maybe(st.floats(0.25, 1.5) | st.just(1))},
    events.NoiseReduction: {"strength": UNIT},
    events.ServerVad: {"threshold": UNIT, "idle_timeout_ms": maybe(st.none() | st.integers(5000, 30000))},
    events.Transcription: {"languages": maybe(st.lists(texts, min_size=1, max_size=2))},
    events.RetentionRatio: {"retention_ratio": st.floats(0, 1)},
    events.TokenLimits: {"post_instructions": COUNT},
    events.FunctionTool: {"name": texts},
    events.McpToolFilter: {"tool_names": maybe(st.lists(texts, min_size=1, max_size=2, unique=True))},
    events.InputText: {"text": texts},
    events.OutputText: {"text": texts},
    events.InputAudio: {"audio": SOUND},
    events.OutputAudio: {"audio": maybe(SOUND)},
    events.InputImage: {"image_url": texts},
    TranslationConfig: {"audio": st.deferred(lambda: valid(events.TranslationAudio))},
    events.TranslationAudio: {"output": st.builds(events.TranslationAudioOutput, language=texts)},
    events.TranslationAudioInput: {
        "noise_reduction": maybe(
            st.none()
            | st.builds(events.NoiseReduction, type=st.sampled_from(["near_field", "far_field"]), strength=UNIT)
        )
    },
}

every_event = pytest.mark.parametrize("cls", CLIENT_EVENTS.values(), ids=CLIENT_EVENTS)


def wire_of(event: Any) -> Json:
    return json.loads(codec.encode(event))  # type: ignore[no-any-return]


@attrs.frozen
class Place:
    """An object inside an event: where, what it is, and what it is on the wire."""

    path: str
    value: Any
    wire: Json

    def at(self, key: str) -> str:
        return f"{self.path}.{key}" if self.path else key


def places(value: Any, wire: Any, path: str = "") -> Iterator[Place]:
    if isinstance(value, list):
        for index, each in enumerate(value):
            yield from places(each, wire[index], f"{path}[{index}]")
    elif isinstance(value, dict):
        for key, each in value.items():
            yield from places(each, wire[key], f"{path}.{repr(key)[1:-1]}")
    elif attrs.has(type(value)):
        place = Place(path, value, wire)
        yield place
        for field in attrs.fields(type(value)):
            if field.name in wire:
                yield from places(getattr(value, field.name), wire[field.name], place.at(field.name))


NEEDED: dict[Any, set[str]] = {
    events.InputText: {"text"},
    events.OutputText: {"text"},
    events.InputAudio: {"audio"},
    events.InputImage: {"image_url"},
    events.FunctionTool: {"name"},
}
TYPELESS = (AudioPcm, events.AudioPcmu, events.AudioPcma, events.RealtimeSession, events.TranscriptionSession)
"""Classes that are taken for another without their type."""


def needed(place: Place) -> set[str]:
    cls = type(place.value)
    names = {field.name for field in attrs.fields(cls) if field.default is attrs.NOTHING} | NEEDED.get(cls, set())
    tagged = issubclass(cls, TaggedPart | Event) and cls not in TYPELESS
    return names | ({"type", "role"} & place.wire.keys() if tagged else set())


def changeable(place: Place) -> set[str]:
    """Keys whose value can be of a wrong type; what tells a translation session must stay what it is."""
    anything = {field.name for field in attrs.fields(type(place.value)) if field.type is Any}
    telling = {TranslationConfig: {"audio"}, events.TranslationAudio: {"output"}}.get(type(place.value), set())
    return place.wire.keys() - anything - telling


def may_be_a_list(place: Place, key: str) -> bool:
    field = attrs.fields_dict(type(place.value)).get(key)
    return field is not None and any(get_origin(each) is list for each in (field.type, *get_args(field.type)))


class TestWhateverTheClassesCanHold:
    @every_event
    @thorough
    @given(data=st.data())
    def test_what_the_protocol_allows_is_valid_and_any_fault_in_it_is_found(
        self, cls: Any, data: st.DataObject
    ) -> None:
        event = data.draw(valid(cls))
        assert problems(event) == problems(wire_of(event)) == ()
        self.what_is_needed_is_missed(event, data)
        self.what_is_unknown_is_found(event, data)
        self.a_wrong_type_is_found(event, data)

    @every_event
    @thorough
    @given(data=st.data())
    def test_a_dictionary_and_its_class_have_the_same_problems_and_nothing_else_is_raised(
        self, cls: Any, data: st.DataObject
    ) -> None:
        event = data.draw(whatever(cls))
        wire = wire_of(event)
        assert problems(event) == problems(wire)
        every = [(place, key) for place in places(event, wire) for key in sorted(place.wire)]
        place, key = data.draw(st.sampled_from(every))
        place.wire[key] = data.draw(json_values)
        problems(wire)

    def what_is_needed_is_missed(self, event: Any, data: st.DataObject) -> None:
        wire = wire_of(event)
        removable = [(place, key) for place in places(event, wire) for key in sorted(needed(place))]
        place, key = data.draw(st.sampled_from(removable))
        del place.wire[key]
        what = "missing" if "type" in wire else "must be the name of the event"
        assert problems(wire) == (f"{place.at(key)}: {what}",)

    def what_is_unknown_is_found(self, event: Any, data: st.DataObject) -> None:
        wire = wire_of(event)
        place = data.draw(st.sampled_from(list(places(event, wire))))
        place.wire["zzz"] = 1
        assert problems(wire) == (f"{place.at('zzz')}: unknown",)

    def a_wrong_type_is_found(self, event: Any, data: st.DataObject) -> None:
        wire = wire_of(event)
        every = [(place, key) for place in places(event, wire) for key in sorted(changeable(place))]
        place, key = data.draw(st.sampled_from(every))
        place.wire[key] = True if may_be_a_list(place, key) else []
        (problem,) = problems(wire)
        assert problem.startswith(f"{place.at(key)}: must be ")


def test_sound_is_checked_in_less_time_than_it_takes_to_decode_it() -> None:
    audio = base64.b64encode(bytes(range(240)) * 20).decode()  # 100 ms
    event = InputAudioBufferAppend(audio=audio)
    assert best_of(lambda: schema.validate(event)) < best_of(lambda: base64.b64decode(audio))


def best_of(call: Any) -> float:
    return min(timeit.repeat(call, number=100, repeat=50))


@pytest.mark.parametrize("seconds", [10, 600, 7200])
def test_the_body_of_a_rest_call_is_checked_too(seconds: int) -> None:
    body = events.ClientSecretRequest(
        expires_after=events.ExpiresAfter(seconds=seconds), session=events.RealtimeSession(instructions="Be brief.")
    )
    assert schema.validate(body) is body


@pytest.mark.parametrize(
    ("seconds", "problem"),
    [(9, "expires_after.seconds: 9 is below 10"), (7201, "expires_after.seconds: 7201 is above 7200")],
)
def test_a_secret_lives_ten_seconds_to_two_hours(seconds: int, problem: str) -> None:
    with pytest.raises(InvalidEvent, match="ClientSecretRequest is invalid") as caught:
        schema.validate(events.ClientSecretRequest(expires_after=events.ExpiresAfter(seconds=seconds)))
    assert caught.value.problems == (problem,)


def test_a_part_is_no_event() -> None:
    with pytest.raises(InvalidEvent, match="AudioConfig is a part"):
        schema.validate(events.AudioConfig())
