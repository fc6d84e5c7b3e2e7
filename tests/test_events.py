import base64
import copy
import enum
import pickle
import struct
from typing import Any, Literal, get_args, get_origin

import attrs
import numpy as np
import pytest

import reelthyme_sync
from reelthyme_sync import events
from reelthyme_sync.events import (
    CLIENT_EVENTS,
    SERVER_EVENTS,
    UNSET,
    AudioInput,
    ConversationItemDone,
    Error,
    ErrorDetail,
    Event,
    InputAudioBufferAppend,
    InputText,
    McpTool,
    OutputAudio,
    Part,
    RealtimeSession,
    Response,
    ResponseDone,
    ResponseOutputAudioDelta,
    ServerVad,
    SessionCreated,
    SessionOutputAudioDelta,
    TaggedPart,
    UnknownEvent,
    UnknownPart,
    UserMessage,
    evolve,
)

ALL_EVENTS = {**SERVER_EVENTS, **CLIENT_EVENTS}
PUBLIC = [getattr(events, name) for name in events.__all__]
RECORDS = [each for each in PUBLIC if isinstance(each, type) and attrs.has(each)]
ANNOTATIONS = [*PUBLIC, *(field.type for cls in RECORDS for field in attrs.fields(cls))]
UNIONS = [each for each in ANNOTATIONS if len(get_args(each)) > 1]


def camel_case(wire_name: str) -> str:
    return "".join(word.capitalize() for word in wire_name.replace(".", "_").split("_"))


@pytest.mark.parametrize("wire_name", ALL_EVENTS)
def test_an_event_is_named_after_its_type_on_the_wire(wire_name: str) -> None:
    cls = ALL_EVENTS[wire_name]
    assert cls.__name__ == camel_case(wire_name)
    assert cls.type == wire_name
    assert getattr(events, cls.__name__) is cls


def test_no_type_is_both_sent_and_received() -> None:
    assert not SERVER_EVENTS.keys() & CLIENT_EVENTS.keys()


def test_every_public_event_is_registered() -> None:
    bases = {Event, events.ClientEvent, events.ServerEvent, UnknownEvent}
    of_devices_and_money = {events.DeviceLost, events.BudgetWarning, events.BudgetSpent}
    of_the_library = of_devices_and_money | {events.Disconnected, events.Reconnected}  # which no server sends
    public = {cls for cls in RECORDS if issubclass(cls, Event)} - bases - of_the_library
    assert public == set(ALL_EVENTS.values())


@pytest.mark.parametrize("cls", RECORDS)
def test_every_class_says_when_to_use_it(cls: type) -> None:
    assert cls.__doc__
    assert cls.__doc__.strip().endswith(".")


@pytest.mark.parametrize("cls", SERVER_EVENTS.values())
def test_a_server_event_needs_no_field(cls: Any) -> None:
    assert cls() == cls()


@pytest.mark.parametrize("cls", SERVER_EVENTS.values())
def test_two_events_share_nothing_that_can_change(cls: Any) -> None:
    one, other = cls(), cls()
    for field in attrs.fields(cls):
        value = getattr(one, field.name)
        if isinstance(value, list | UnknownPart | Response):
            assert value is not getattr(other, field.name)


def tagged_members(union: Any) -> list[type[TaggedPart]]:
    return [each for each in get_args(union) if isinstance(each, type) and issubclass(each, TaggedPart)]


def test_every_choice_by_tag_has_room_for_a_tag_to_come() -> None:
    assert not [union for union in UNIONS if tagged_members(union) and UnknownPart not in get_args(union)]


def test_no_two_members_of_a_choice_have_the_same_tag() -> None:
    for union in UNIONS:
        tags = [(cls.type, getattr(cls, "role", None)) for cls in tagged_members(union) if cls is not UnknownPart]
        assert len(tags) == len(set(tags)), union


def test_the_three_states_of_a_field_differ() -> None:
    absent, null, value = AudioInput(), AudioInput(turn_detection=None), AudioInput(turn_detection=ServerVad())
    assert absent.turn_detection is UNSET
    assert null.turn_detection is None
    assert len({repr(absent), repr(null), repr(value)}) == 3
    assert absent != null != value


def test_unset_is_false_and_copies_as_itself() -> None:
    assert not UNSET
    assert UNSET != None  # noqa: E711  # the comparison is what is tested
    assert isinstance(UNSET, enum.Enum)
    assert copy.deepcopy(UNSET) is UNSET
    assert pickle.loads(pickle.dumps(UNSET)) is UNSET


def test_events_cannot_be_changed() -> None:
    event = InputAudioBufferAppend(audio="AAAA")
    with pytest.raises(attrs.exceptions.FrozenInstanceError):
        event.audio = "BBBB"  # type: ignore[misc]


def test_a_changed_copy() -> None:
    event = InputAudioBufferAppend(audio="AAAA")
    assert evolve(event, event_id="e1") == InputAudioBufferAppend(audio="AAAA", event_id="e1")
    assert evolve(UserMessage(content=[]), id="i") == UserMessage(content=[], id="i")
    assert evolve(UnknownEvent(type="a"), type="b") == UnknownEvent(type="b")
    assert event == InputAudioBufferAppend(audio="AAAA")


def test_a_changed_copy_of_a_field_that_is_not_there() -> None:
    with pytest.raises(TypeError, match="adio"):
        evolve(InputAudioBufferAppend(audio="AAAA"), adio="BBBB")


@pytest.mark.parametrize("cls", [ResponseOutputAudioDelta, SessionOutputAudioDelta])
class TestSamples:
    def test_of_a_delta(self, cls: Any) -> None:
        samples = cls(delta=base64.b64encode(struct.pack("<4h", 0, 1, -1, -32768)).decode()).pcm()
        assert samples.tolist() == [0, 1, -1, -32768]
        assert samples.dtype == np.int16

    def test_are_yours_to_change(self, cls: Any) -> None:
        samples = cls(delta="AQACAA==").pcm()
        samples //= 2
        assert samples.tolist() == [0, 1]

    def test_of_nothing(self, cls: Any) -> None:
        assert cls().pcm().shape == (0,)

    @pytest.mark.parametrize("delta", ["AAA", "AAAA", "AAAAA"])
    def test_of_what_is_no_sound(self, cls: Any, delta: str) -> None:
        with pytest.raises(ValueError, match=r"padding|multiple|characters"):
            cls(delta=delta).pcm()


def test_a_misspelt_field_is_refused() -> None:
    with pytest.raises(TypeError, match="instuctions"):
        RealtimeSession(instuctions="Be brief.")  # type: ignore[call-arg]


def test_events_copy_and_pickle() -> None:
    event = ResponseDone(response=Response(id="resp_1", output=[UnknownPart(type="new", raw={"type": "new"})]))
    assert copy.deepcopy(event) == event
    assert pickle.loads(pickle.dumps(event)) == event


def test_events_match() -> None:
    event: Event = ConversationItemDone(item=UserMessage(content=[InputText(text="hello")]))
    match event:
        case ConversationItemDone(item=UserMessage(role="user", content=[InputText(text=text)])):
            assert text == "hello"
        case _:
            pytest.fail("no match")


def test_an_unknown_event_says_what_it_is() -> None:
    assert UnknownEvent(type="response.sung").type == "response.sung"
    assert "response.sung" in repr(UnknownEvent(type="response.sung"))


class TestRepr:
    def test_shows_what_is_set(self) -> None:
        assert (
            repr(RealtimeSession(instructions="Be brief.", prompt=None))
            == "RealtimeSession(instructions='Be brief.', prompt=None)"
        )

    def test_shortens_audio(self) -> None:
        shown = repr(ResponseOutputAudioDelta(delta="AQAB" * 4000))
        assert "16000 characters" in shown
        assert len(shown) < 200

    def test_shortens_audio_inside_parts(self) -> None:
        assert len(repr(UserMessage(content=[events.InputAudio(audio="AQAB" * 4000)]))) < 200
        assert len(repr(OutputAudio(audio="AQAB" * 4000))) < 200

    def test_hides_secrets(self) -> None:
        tool = McpTool(server_label="mail", authorization="tok-123", headers={"Authorization": "Bearer tok-123"})
        assert "tok-123" not in repr(SessionCreated(session=RealtimeSession(tools=[tool])))

    def test_shows_why_it_failed(self) -> None:
        assert "no such item" in repr(Error(error=ErrorDetail(message="no such item")))

    def test_what_the_server_says_of_an_error_is_shown_whole(self):
        message = "Cannot update a conversation's voice if assistant audio is present: " + "begin another session. " * 5
        assert repr(message) in repr(Error(error=ErrorDetail(message=message)))


def test_parts_and_events_are_two_families() -> None:
    assert not [cls for cls in RECORDS if issubclass(cls, Event) and issubclass(cls, Part)]
    assert all(issubclass(cls, Event | Part) for cls in RECORDS)


def test_literals_are_of_one_kind() -> None:
    literals = [each for each in ANNOTATIONS if get_origin(each) is Literal]
    assert literals
    assert all(len({type(value) for value in get_args(each)}) == 1 for each in literals)


def test_the_shop_window_has_all_that_it_promises():
    assert [name for name in reelthyme_sync.__all__ if not hasattr(reelthyme_sync, name)] == []
    for name in ("ConversationItem", "PendingReply", "Reply", "ToolCall", "Turn"):
        assert name in reelthyme_sync.__all__
