"""A conversation that leaves the process: as JSON, and as events for another session."""

from __future__ import annotations

from typing import Any

import orjson
import pytest

from reelthyme_sync.codec import unstructure
from reelthyme_sync.conversation import RealtimeConversation
from reelthyme_sync.events import (
    AssistantMessage,
    AudioConfig,
    AudioInput,
    AudioPcmu,
    ConversationItemAdded,
    ConversationItemDone,
    ConversationItemTruncated,
    FunctionCall,
    FunctionCallOutput,
    InputAudio,
    InputAudioBufferAppend,
    InputAudioBufferCommit,
    InputAudioBufferCommitted,
    InputText,
    Item,
    McpApprovalRequest,
    OutputAudio,
    OutputText,
    RealtimeSession,
    ResponseOutputAudioDelta,
    ResponseOutputAudioTranscriptDelta,
    SessionCreated,
    SystemMessage,
    UnknownPart,
    UserMessage,
)
from reelthyme_sync.pcm import encode_base64, silence

SECOND = silence(1000)


def after(*items: Item) -> RealtimeConversation:
    conversation = RealtimeConversation()
    for item in items:
        conversation.process_event(ConversationItemDone(item=item))
    return conversation


def call(call_id: str, item_id: str = "", status: Any = "completed") -> FunctionCall:
    return FunctionCall(id=item_id or f"f_{call_id}", call_id=call_id, name="look_up", arguments="{}", status=status)


def output(call_id: str) -> FunctionCallOutput:
    return FunctionCallOutput(id=f"o_{call_id}", call_id=call_id, output="3", status="completed")


def cut_off_answer() -> RealtimeConversation:
    """Half a second heard of "one two three four"."""
    conversation = RealtimeConversation()
    for event in (
        ConversationItemAdded(item=AssistantMessage(id="a", status="in_progress", content=[])),
        ResponseOutputAudioTranscriptDelta(item_id="a", delta="one two three four"),
        ResponseOutputAudioDelta(item_id="a", delta=encode_base64(SECOND)),
        ConversationItemTruncated(item_id="a", audio_end_ms=500),
    ):
        conversation.process_event(event)
    return conversation


def spoken(*settings: Any) -> RealtimeConversation:
    """A second of speech that nobody wrote down."""
    conversation = RealtimeConversation()
    for event in settings:
        conversation.process_event(event)
    conversation.note_sent(InputAudioBufferAppend(audio=encode_base64(SECOND)))
    conversation.note_sent(InputAudioBufferCommit())
    conversation.process_event(InputAudioBufferCommitted(item_id="u"))
    conversation.process_event(ConversationItemAdded(item=UserMessage(id="u", content=[InputAudio(transcript=None)])))
    return conversation


def told(conversation: RealtimeConversation) -> list[dict[str, Any]]:
    return [unstructure(event.item) for event in conversation.restoring_events()]


class TestExport:
    def test_what_was_cut_off_is_known_afterwards(self):
        again = RealtimeConversation.from_json(cut_off_answer().export())
        (item,) = again.get_items()
        assert (item.heard_text, item.unheard_text, item.audio_ms) == ("one two", " three four", 1000)
        assert (item.truncated, item.status, item.formatted.pcm) == (True, "in_progress", b"")

    def test_sound_goes_with_it_if_it_is_wanted(self):
        conversation = cut_off_answer()
        assert len(conversation.export()) < 1000
        again = RealtimeConversation.from_json(conversation.export(audio=True))
        assert again.get_items() == conversation.get_items()
        assert again.get_item("a").formatted.pcm == silence(500)
        quiet = RealtimeConversation.from_json(conversation.export(audio=True), keep_audio=False)
        assert quiet.get_item("a").formatted.pcm == b""

    def test_the_conversation_goes_on_after_it_and_tells_nothing_twice(self):
        conversation = RealtimeConversation.from_json(cut_off_answer().export())
        update = conversation.process_event(ResponseOutputAudioTranscriptDelta(item_id="a", delta=" five"))
        assert (update.appended, update.item.full_text) == (False, "one two three four five")
        whole = ConversationItemDone(item=AssistantMessage(id="a", status="completed", content=[]))
        assert conversation.process_event(whole).completed
        again = RealtimeConversation.from_json(conversation.export())
        assert not again.process_event(whole).completed

    def test_what_this_version_does_not_know_passes(self):
        news = {"type": "brand_new", "id": "n", "more": [1, {"a": None}]}
        conversation = after(UnknownPart(type="brand_new", raw=news))
        export = orjson.loads(conversation.export())
        export["items"][0]["later"] = export["later"] = 1
        assert RealtimeConversation.from_json(orjson.dumps(export).decode()).get_items() == conversation.get_items()

    @pytest.mark.parametrize(
        ("change", "message"),
        [
            (lambda export: export.update(version=2), r"version: this is version 2 .* only 1"),
            (lambda export: export.pop("version"), r"the export\.version: missing"),
            (lambda export: export.update(items={}), r"the export\.items: must be list, not dict"),
            (lambda export: export.update(items=[3]), r"items\[0\]: must be an object, not int"),
            (lambda export: export["items"].append(export["items"][0]), r"items: an id is there twice"),
            (lambda export: export["items"][0].pop("id"), r"items\[0\]\.id: missing"),
            (lambda export: export["items"][0].update(ended=1), r"items\[0\]\.ended: must be bool, not int"),
            (lambda export: export["items"][0]["item"].update(content=3), r"items\[0\]\.item: "),
            (
                lambda export: export["items"][0]["parts"][0].update(text=3),
                r"parts\[0\]\.text: must be str",
            ),
            (lambda export: export["items"][0]["parts"][0].update(audio="?"), r"items\[0\]\.parts\[0\]\.audio: "),
            (lambda export: export["items"][0]["parts"][0].update(sample_rate=0), r"sample_rate: must be at least 1"),
            (lambda export: export["items"][0]["parts"][0].update(heard_ms=-1), r"heard_ms: must be at least 0"),
        ],
    )
    def test_nonsense_is_refused_with_its_place(self, change, message):
        export = orjson.loads(cut_off_answer().export(audio=True))
        change(export)
        with pytest.raises(ValueError, match=message):
            RealtimeConversation.from_json(orjson.dumps(export).decode())

    @pytest.mark.parametrize("text", ["", "[]", "3", "{", '"{}"'])
    def test_what_is_no_export_is_refused(self, text):
        with pytest.raises(ValueError, match=r"export"):
            RealtimeConversation.from_json(text)


class TestRestoringEvents:
    def test_messages_say_what_was_written_and_heard(self):
        conversation = after(
            SystemMessage(id="s", content=[InputText(text="be kind")], status="completed", object="realtime.item"),
            UserMessage(id="u", content=[InputAudio(transcript="hello")], status="completed"),
            AssistantMessage(id="m", content=[OutputAudio(transcript="hi"), OutputText(text="!")], status="completed"),
        )
        assert told(conversation) == [
            {"type": "message", "role": "system", "id": "s", "content": [{"type": "input_text", "text": "be kind"}]},
            {"type": "message", "role": "user", "id": "u", "content": [{"type": "input_text", "text": "hello"}]},
            {
                "type": "message",
                "role": "assistant",
                "id": "m",
                "content": [{"type": "output_text", "text": "hi"}, {"type": "output_text", "text": "!"}],
            },
        ]
        (heard,) = told(cut_off_answer())
        assert heard["content"] == [{"type": "output_text", "text": "one two"}]

    def test_calls_go_in_pairs_only(self):
        conversation = after(
            output("late"),
            call("late"),
            call("both"),
            call("alone"),
            output("both"),
            output("nobodys"),
            call("cut", status="incomplete"),
            output("cut"),
        )
        assert [item["id"] for item in told(conversation)] == ["f_both", "o_both"]

    def test_speech_that_nobody_wrote_down_goes_as_sound_if_it_is_there(self):
        assert told(spoken())[0]["content"] == [{"type": "input_audio", "audio": encode_base64(SECOND)}]
        assert told(RealtimeConversation.from_json(spoken().export())) == []

    def test_sound_goes_once_however_many_parts_it_has(self):
        conversation = RealtimeConversation()
        conversation.queue_input_audio(SECOND)
        message = UserMessage(id="u", content=[InputAudio(), InputText(text="and"), InputAudio()])
        conversation.process_event(ConversationItemAdded(item=message))
        kinds = [part["type"] for part in told(conversation)[0]["content"]]
        assert kinds == ["input_audio", "input_text"]

    def test_telephone_sound_is_left_out(self):
        session = RealtimeSession(audio=AudioConfig(input=AudioInput(format=AudioPcmu())))
        assert told(spoken(SessionCreated(session=session))) == []

    def test_of_an_unknown_kind_all_but_the_servers_own_words_goes_back(self):
        raw = {"type": "brand_new", "id": "n", "status": "completed", "object": "realtime.item", "more": 1}
        assert told(after(UnknownPart(type="brand_new", raw=raw))) == [{"type": "brand_new", "id": "n", "more": 1}]

    def test_what_the_service_does_not_take_back_is_left_out(self):
        asked = McpApprovalRequest(id="q", server_label="s", name="n", arguments="{}")
        assert told(after(asked, AssistantMessage(id="m", content=[], status="completed"))) == []
