"""A conversation and any sequence of events, of few items, in any order: what holds whatever a server says."""

from __future__ import annotations

from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from reelthyme_sync.conversation import ConversationItem, RealtimeConversation
from reelthyme_sync.events import (
    CLIENT_EVENTS,
    SERVER_EVENTS,
    AssistantMessage,
    AudioConfig,
    AudioInput,
    AudioOutput,
    AudioPcm,
    AudioPcma,
    AudioPcmu,
    ConversationItemAdded,
    ConversationItemCreate,
    ConversationItemCreated,
    ConversationItemDeleted,
    ConversationItemDone,
    Error,
    ErrorDetail,
    FunctionCall,
    FunctionCallOutput,
    InputAudio,
    InputAudioBufferAppend,
    InputAudioBufferClear,
    InputAudioBufferCommit,
    InputText,
    OutputAudio,
    OutputText,
    RealtimeSession,
    Reconnected,
    ResponseOutputItemDone,
    SessionCreated,
    SessionUpdated,
    SystemMessage,
    UnknownEvent,
    UnknownPart,
    UserMessage,
)
from reelthyme_sync.pcm import encode_base64

IDS = st.sampled_from(["a", "b", "c", ""])
INDEXES = st.sampled_from([0, 0, 0, 1, -1, 7])
WORDS = st.text(max_size=8)
MS = st.integers(-10, 30)
AUDIO = st.one_of(st.binary(max_size=400).map(encode_base64), st.just("no base64"))
STATUSES: Any = st.sampled_from(["in_progress", "completed", "incomplete", "new", UserMessage(content=[]).status])
FORMATS = st.sampled_from([None, AudioPcm(rate=24_000), AudioPcmu(), AudioPcma()])
NAMES = {
    "item_id": IDS,
    "response_id": st.sampled_from(["r", ""]),
    "previous_item_id": st.one_of(IDS, st.sampled_from([None, "root"])),
    "content_index": INDEXES,
    "transcript": WORDS,
    "text": WORDS,
    "arguments": WORDS,
    "audio_end_ms": MS,
    "audio_start_ms": MS,
}


def message(kind: Any, *content: Any) -> st.SearchStrategy[Any]:
    return st.builds(kind, id=IDS, status=STATUSES, content=st.lists(st.one_of(*content), max_size=3))


ITEMS = st.one_of(
    message(UserMessage, st.builds(InputText, text=WORDS), st.builds(InputAudio, transcript=st.none() | WORDS)),
    message(AssistantMessage, st.builds(OutputText, text=WORDS), st.builds(OutputAudio, transcript=st.none() | WORDS)),
    message(SystemMessage, st.builds(InputText, text=WORDS)),
    st.builds(FunctionCall, id=IDS, status=STATUSES, name=st.just("f"), arguments=WORDS, call_id=st.just("call")),
    st.builds(FunctionCallOutput, id=IDS, status=STATUSES, call_id=st.just("call"), output=WORDS),
    st.builds(lambda known: UnknownPart(type="new", raw={"type": "new", "id": known}), IDS),
)
DESCRIBING = [ConversationItemAdded, ConversationItemDone, ConversationItemCreated, ResponseOutputItemDone]


def about(cls: Any) -> st.SearchStrategy[Any]:
    """An event with the fields that it has of those that matter."""
    fields = {name: NAMES[name] for name in cls.__annotations__ if name in NAMES}
    if "delta" in cls.__annotations__:
        fields["delta"] = AUDIO if "audio.delta" in cls.type else WORDS
    return st.builds(cls, **fields)


def session(heard: Any, spoken: Any) -> RealtimeSession:
    return RealtimeSession(audio=AudioConfig(input=AudioInput(format=heard), output=AudioOutput(format=spoken)))


SESSIONS = st.builds(session, FORMATS, FORMATS)
OTHERS = [cls for cls in SERVER_EVENTS.values() if cls not in (*DESCRIBING, Error, SessionCreated, SessionUpdated)]
HEARD = st.one_of(
    *(st.builds(cls, item=ITEMS) for cls in DESCRIBING),
    st.builds(ConversationItemAdded, item=ITEMS, previous_item_id=NAMES["previous_item_id"]),
    st.one_of([about(cls) for cls in OTHERS if "item_id" in cls.__annotations__]),
    st.one_of([about(cls) for cls in OTHERS]),
    st.builds(SessionUpdated, session=SESSIONS),
    st.just(Error(error=ErrorDetail(code="input_audio_buffer_commit_empty"))),
    st.just(Reconnected()),
    st.just(UnknownEvent(type="news")),
)
SENT = st.one_of(
    st.builds(InputAudioBufferAppend, audio=AUDIO),
    st.sampled_from([InputAudioBufferCommit(), InputAudioBufferClear()]),
    st.builds(ConversationItemCreate, item=ITEMS),
)
PASSING = st.lists(st.one_of(HEARD, HEARD, HEARD, SENT), max_size=40)


def reading(item: ConversationItem) -> tuple[Any, ...]:
    """All that an item says."""
    formatted = item.formatted
    return (
        (item.id, item.type, item.role, item.status, item.item, item.ended, item.completed),
        (item.full_text, item.heard_text, item.unheard_text, item.audio_ms, item.truncated, item.arguments),
        (formatted.text, formatted.transcript, formatted.pcm, formatted.tool, formatted.output, formatted.sample_rate),
    )


def passed(events: list[Any], conversation: RealtimeConversation) -> None:
    for event in events:
        if type(event) in CLIENT_EVENTS.values():
            conversation.note_sent(event)
        else:
            conversation.process_event(event)


@given(PASSING)
def test_whatever_a_server_says(events):
    conversation = RealtimeConversation()
    there: set[str] = set()
    complete: set[str] = set()
    handed_out: list[tuple[ConversationItem, tuple[Any, ...]]] = []
    for event in events:
        if type(event) in CLIENT_EVENTS.values():
            conversation.note_sent(event)
            continue
        before = conversation.get_items()
        update = conversation.process_event(event)
        if isinstance(event, ConversationItemDeleted):
            there.discard(event.item_id)
            complete.discard(event.item_id)
        ids = [item.id for item in conversation.get_items()]
        if update is None:
            assert [item.id for item in before] == ids
            continue
        known = update.item.id
        handed_out.append((update.item, reading(update.item)))
        assert update.appended == (known not in there) or isinstance(event, ConversationItemDeleted)
        if update.appended:
            there.add(known)
        assert not (update.completed and known in complete)
        if update.completed:
            complete.add(known)
        assert complete <= there
        assert len(ids) == len(set(ids))
        assert set(ids) == there
        assert {item.id for item in conversation.get_items() if item.completed} == complete
        assert update.item.formatted.audio.tobytes() == update.item.formatted.pcm
        assert update.item.full_text.startswith(update.item.heard_text) or len(update.item.parts) > 1
    for item, first in handed_out:
        assert reading(item) == first


@given(PASSING, st.booleans())
def test_an_export_says_all_of_it(events, audio):
    conversation = RealtimeConversation(keep_audio=audio)
    passed(events, conversation)
    again = RealtimeConversation.from_json(conversation.export(audio=audio))
    assert again.get_items() == conversation.get_items()
    assert list(map(reading, again.get_items())) == list(map(reading, conversation.get_items()))
    assert again.restoring_events() == conversation.restoring_events()


@given(PASSING)
def test_what_restores_it_is_taken_in_by_another_conversation_in_the_same_order(events):
    conversation = RealtimeConversation()
    passed(events, conversation)
    restoring = conversation.restoring_events()
    again = RealtimeConversation()
    for event in restoring:
        again.process_event(ConversationItemDone(item=event.item))
    ids = [item.id for item in conversation.get_items()]
    assert [item.id for item in again.get_items()] == [each for each in ids if again.get_item(each)]
    assert len(again.get_items()) == len(restoring)
    for item in again.get_items():
        assert item.full_text == conversation.get_item(item.id).heard_text
