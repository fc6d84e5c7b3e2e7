"""What each event changes in a conversation, as values that stay as they are."""

from __future__ import annotations

import sys
import threading
import tracemalloc
from typing import Any

import numpy as np
import pytest

from reelthyme_sync.conversation import Delta, FormattedTool, RealtimeConversation, Update
from reelthyme_sync.events import (
    AssistantMessage,
    Audio,
    AudioConfig,
    AudioOutput,
    AudioPcmu,
    ConversationItemAdded,
    ConversationItemCreated,
    ConversationItemDeleted,
    ConversationItemDone,
    ConversationItemInputAudioTranscriptionCompleted,
    ConversationItemInputAudioTranscriptionDelta,
    ConversationItemTruncated,
    FunctionCall,
    FunctionCallOutput,
    InputAudio,
    InputAudioBufferSpeechStarted,
    InputImage,
    InputText,
    Item,
    OutputAudio,
    OutputText,
    RealtimeSession,
    Response,
    ResponseContentPartAdded,
    ResponseCreated,
    ResponseDone,
    ResponseFunctionCallArgumentsDelta,
    ResponseFunctionCallArgumentsDone,
    ResponseOutputAudioDelta,
    ResponseOutputAudioTranscriptDelta,
    ResponseOutputAudioTranscriptDone,
    ResponseOutputItemDone,
    ResponseOutputTextDelta,
    ResponseOutputTextDone,
    ServerEvent,
    SessionCreated,
    SystemMessage,
    UnknownEvent,
    UnknownPart,
    UserMessage,
)
from reelthyme_sync.g711 import decode_mulaw
from reelthyme_sync.pcm import encode_base64, ms_to_bytes, silence

TONE = (np.arange(24_000, dtype="<i2") % 999).tobytes()
"""A second in which no two neighbours are equal."""


def assistant(item_id: str = "a", status: Any = "in_progress", content: Any = ()) -> AssistantMessage:
    return AssistantMessage(id=item_id, status=status, content=list(content))


SPOKEN = (InputAudio(transcript=None),)


def user(item_id: str = "u", content: Any = SPOKEN, status: Any = "completed") -> UserMessage:
    return UserMessage(id=item_id, status=status, content=list(content))


def call(status: Any = "in_progress", arguments: str = "") -> FunctionCall:
    return FunctionCall(id="f", call_id="c", name="look_up", arguments=arguments, status=status)


def sound(pcm: bytes, item_id: str = "a", **fields: Any) -> ResponseOutputAudioDelta:
    return ResponseOutputAudioDelta(item_id=item_id, delta=encode_base64(pcm), **fields)


def words(delta: str, item_id: str = "a") -> ResponseOutputAudioTranscriptDelta:
    return ResponseOutputAudioTranscriptDelta(item_id=item_id, delta=delta)


def told(conversation: RealtimeConversation, *events: ServerEvent) -> list[Update | None]:
    return [conversation.process_event(event) for event in events]


def flags(*events: ServerEvent) -> list[tuple[bool, bool] | None]:
    updates = told(RealtimeConversation(), *events)
    return [update and (update.appended, update.completed) for update in updates]


class TestWhatIsToBeTold:
    def test_an_answer_from_its_first_word_to_its_end(self):
        done = ConversationItemDone(item=assistant(status="completed", content=[OutputAudio(transcript="hi there")]))
        assert flags(
            ConversationItemAdded(item=assistant()),
            ResponseContentPartAdded(item_id="a", part=Audio(transcript="")),
            words("hi "),
            sound(TONE),
            words("there"),
            ResponseOutputAudioTranscriptDone(item_id="a", transcript="hi there"),
            done,
            ResponseOutputItemDone(item=done.item),
        ) == [(True, False), None, (False, False), (False, False), (False, False), None, (False, True), (False, False)]

    @pytest.mark.parametrize(
        "item",
        [
            user(),
            user(status=UserMessage(content=[]).status),
            SystemMessage(id="s", content=[]),
            FunctionCallOutput(id="o", call_id="c", output="{}"),
        ],
        ids=["user", "user without status", "system", "output"],
    )
    @pytest.mark.parametrize("begin", [ConversationItemAdded, ConversationItemCreated])
    def test_what_a_client_makes_is_complete_when_it_is_added(self, item, begin):
        assert flags(begin(item=item), ConversationItemDone(item=item)) == [(True, True), (False, False)]

    @pytest.mark.parametrize("item", [assistant(), call()], ids=["message", "call"])
    @pytest.mark.parametrize("end", [ConversationItemDone, ResponseOutputItemDone])
    @pytest.mark.parametrize(("status", "completed"), [("completed", True), ("incomplete", False)])
    def test_what_the_model_makes_is_complete_when_its_end_says_so(self, item, end, status, completed):
        whole = assistant(status=status) if item.type == "message" else call(status=status)
        begun = ConversationItemAdded(item=item)
        assert flags(begun, end(item=whole), end(item=whole)) == [(True, False), (False, completed), (False, False)]

    def test_a_message_that_is_added_as_completed_is_not_complete_before_its_end(self):
        item = assistant(status="completed")
        assert flags(ConversationItemAdded(item=item), ConversationItemDone(item=item)) == [
            (True, False),
            (False, True),
        ]

    def test_the_older_wire_tells_all_with_created(self):
        assert flags(
            ConversationItemCreated(item=assistant()), ResponseOutputItemDone(item=assistant(status="completed"))
        ) == [(True, False), (False, True)]
        assert flags(ConversationItemCreated(item=assistant(status="completed"))) == [(True, True)]

    def test_the_end_alone_is_the_beginning_too(self):
        assert flags(ConversationItemDone(item=assistant(status="completed"))) == [(True, True)]

    def test_an_item_that_was_deleted_and_comes_again_is_a_new_one(self):
        added = ConversationItemAdded(item=user())
        gone = ConversationItemDeleted(item_id="u")
        assert flags(added, added, gone, gone, added) == [
            (True, True),
            (False, False),
            (False, False),
            None,
            (True, True),
        ]

    @pytest.mark.parametrize(
        "event",
        [UnknownEvent(type="news"), ResponseCreated(), ResponseDone(), InputAudioBufferSpeechStarted(item_id="u")],
        ids=lambda event: event.type,
    )
    def test_what_changes_no_item_is_nothing(self, event):
        assert told(RealtimeConversation(), event) == [None]


class TestDeltas:
    def test_each_says_what_was_added(self):
        conversation = RealtimeConversation()
        told(conversation, *(ConversationItemAdded(item=item) for item in (assistant(), call(), user())))
        updates = told(
            conversation,
            words("hi"),
            sound(TONE),
            ResponseOutputTextDelta(item_id="a", content_index=1, delta="written"),
            ResponseFunctionCallArgumentsDelta(item_id="f", delta="{"),
            ConversationItemInputAudioTranscriptionDelta(item_id="u", content_index=0, delta="well"),
        )
        assert [update and update.delta for update in updates] == [
            Delta(transcript="hi"),
            Delta(audio=TONE),
            Delta(text="written"),
            Delta(arguments="{"),
            Delta(transcript="well"),
        ]

    def test_a_delta_may_end_within_a_sample(self):
        conversation = RealtimeConversation()
        pieces = [TONE[:101], TONE[101:104], TONE[104:]]
        updates = told(conversation, ConversationItemAdded(item=assistant()), *map(sound, pieces))[1:]
        assert [len(update.delta.audio) for update in updates] == [100, 4, len(TONE) - 104]
        assert conversation.get_item("a").formatted.pcm == TONE

    def test_what_is_no_base64_is_no_sound(self):
        broken = ResponseOutputAudioDelta(item_id="a", delta="é!")
        assert told(RealtimeConversation(), ConversationItemAdded(item=assistant()), broken)[1] is None

    def test_telephone_sound_comes_as_samples_at_its_own_rate(self):
        law = bytes(range(256)) * 10
        conversation = RealtimeConversation()
        told(conversation, SessionCreated(session=speaking(AudioPcmu())), ConversationItemAdded(item=assistant()))
        (update,) = told(conversation, sound(law))
        assert update.delta == Delta(audio=decode_mulaw(law))
        assert (update.item.formatted.sample_rate, update.item.audio_ms) == (8_000, 320)

    def test_one_response_may_sound_unlike_its_session(self):
        response = Response(id="r", audio=speaking(AudioPcmu()).audio)
        conversation = RealtimeConversation()
        told(conversation, ConversationItemAdded(item=assistant()), ResponseCreated(response=response))
        (telephone,) = told(conversation, sound(bytes(100), response_id="r"))
        (studio,) = told(conversation, sound(bytes(100), response_id="other"))
        assert [len(telephone.delta.audio), len(studio.delta.audio)] == [200, 100]

    @pytest.mark.parametrize(
        ("pieces", "whole", "news"),
        [([], "well now", "well now"), (["well "], "well now", "now"), (["well"], "well", None), (["wel"], "no", None)],
    )
    def test_a_transcript_that_comes_as_a_whole_adds_only_what_its_pieces_had_not_said(self, pieces, whole, news):
        conversation = RealtimeConversation()
        told(conversation, ConversationItemAdded(item=user()))
        told(conversation, *(ConversationItemInputAudioTranscriptionDelta(item_id="u", delta=each) for each in pieces))
        (update,) = told(conversation, ConversationItemInputAudioTranscriptionCompleted(item_id="u", transcript=whole))
        assert update.delta == (news and Delta(transcript=news))
        assert update.item.formatted.transcript == whole


def speaking(audio_format: Any) -> RealtimeSession:
    return RealtimeSession(audio=AudioConfig(output=AudioOutput(format=audio_format)))


class TestTheUsersItems:
    def test_the_words_of_a_message_are_its_text(self):
        content = [InputText(text="one "), InputImage(), InputText(text="two")]
        (update,) = told(RealtimeConversation(), ConversationItemAdded(item=user(content=content)))
        formatted = update.item.formatted
        assert (formatted.text, formatted.transcript, formatted.pcm) == ("one two", "", b"")
        assert update.item.item == user(content=content)

    def test_a_description_without_words_takes_none_away(self):
        conversation = RealtimeConversation()
        (_, update) = told(
            conversation,
            ConversationItemAdded(item=user(content=[InputText(text="one")])),
            ConversationItemDone(item=user(content=[InputText()])),
        )
        assert update.item.item.content == [InputText(text="one")]
        assert update.item.formatted.text == "one"

    def test_a_transcript_may_come_before_its_item_in_pieces_too(self):
        conversation = RealtimeConversation()
        early = [ConversationItemInputAudioTranscriptionDelta(item_id="u", delta=each) for each in ("well", " now")]
        assert told(conversation, *early) == [None, None]
        (update,) = told(conversation, ConversationItemAdded(item=user()))
        assert (update.item.formatted.transcript, update.appended) == ("well now", True)
        assert update.item.item.content == [InputAudio(transcript="well now")]

    def test_an_empty_transcript_is_empty(self):
        conversation = RealtimeConversation()
        empty = ConversationItemInputAudioTranscriptionCompleted(item_id="u", transcript="")
        (_, update) = told(conversation, ConversationItemAdded(item=user()), empty)
        assert update.item.formatted.transcript == ""

    def test_a_server_that_names_no_part_means_the_spoken_one(self):
        conversation = RealtimeConversation()
        added = ConversationItemAdded(item=user(content=[InputImage(), InputAudio()]))
        heard = ConversationItemInputAudioTranscriptionCompleted(item_id="u", transcript="what is this")
        (_, update) = told(conversation, added, heard)
        assert update.item.item.content == [InputImage(), InputAudio(transcript="what is this")]

    def test_a_written_message_is_not_transcribed(self):
        heard = ConversationItemInputAudioTranscriptionCompleted(item_id="u", transcript="what")
        written = ConversationItemAdded(item=user(content=[InputText(text="hi")]))
        assert told(RealtimeConversation(), written, heard)[1] is None


class TestFormatted:
    def test_an_answer_by_its_words_and_its_sound(self):
        conversation = RealtimeConversation()
        told(conversation, ConversationItemAdded(item=assistant()), words("hi "), sound(TONE), words("there"))
        item = conversation.get_item("a")
        assert (item.type, item.role, item.status) == ("message", "assistant", "in_progress")
        assert (item.formatted.text, item.formatted.transcript, item.formatted.pcm) == ("", "hi there", TONE)
        assert item.formatted.audio.dtype == np.int16
        assert item.formatted.audio.tobytes() == TONE
        assert (item.audio_ms, item.truncated, item.unheard_text) == (1000, False, "")

    def test_a_call_by_its_arguments_so_far_and_its_output_by_its_words(self):
        conversation = RealtimeConversation()
        pieces = [ResponseFunctionCallArgumentsDelta(item_id="f", delta=each) for each in ('{"a":', "1}")]
        told(conversation, ConversationItemAdded(item=call()), *pieces)
        item = conversation.get_item("f")
        assert item.formatted.tool == FormattedTool("look_up", "c", '{"a":1}')
        assert item.item.arguments == '{"a":1}'
        assert (item.formatted.text, item.role, item.formatted.output) == ("", None, None)
        told(conversation, ResponseFunctionCallArgumentsDone(item_id="f", arguments='{"a": 2}'))
        assert conversation.get_item("f").formatted.tool.arguments == '{"a": 2}'
        told(conversation, ConversationItemAdded(item=FunctionCallOutput(id="o", call_id="c", output="3")))
        assert conversation.get_item("o").formatted.output == "3"
        assert conversation.get_item("o").formatted.tool is None

    def test_the_words_that_an_end_brings_replace_the_pieces(self):
        conversation = RealtimeConversation()
        told(conversation, ConversationItemAdded(item=assistant()))
        told(conversation, ResponseOutputTextDelta(item_id="a", delta="heLo"))
        (update,) = told(conversation, ResponseOutputTextDone(item_id="a", text="hello"))
        assert update.item.formatted.text == "hello"
        assert told(conversation, ResponseOutputTextDone(item_id="a", text="")) == [None]
        (update,) = told(conversation, ResponseOutputItemDone(item=assistant(content=[OutputText(text="hello!")])))
        assert update.item.formatted.text == "hello!"

    def test_after_a_truncation_it_is_what_was_heard_and_the_rest_is_known(self):
        conversation = RealtimeConversation()
        told(conversation, ConversationItemAdded(item=assistant()), words("one two three four"), sound(TONE))
        (update,) = told(conversation, ConversationItemTruncated(item_id="a", audio_end_ms=500))
        item = update.item
        assert (item.formatted.transcript, item.formatted.pcm) == ("one two", TONE[: ms_to_bytes(500)])
        assert (item.truncated, item.heard_text, item.unheard_text) == (True, "one two", " three four")
        assert (item.full_text, item.audio_ms) == ("one two three four", 1000)
        assert item.item.content == [OutputAudio(transcript="one two")]

    def test_what_was_cut_off_does_not_come_back(self):
        conversation = RealtimeConversation()
        told(conversation, ConversationItemAdded(item=assistant()), words("one two three four"), sound(TONE))
        cuts = [ConversationItemTruncated(item_id="a", audio_end_ms=ms) for ms in (500, 1000)]
        assert [update.item.heard_text for update in told(conversation, *cuts)] == ["one two", "one two"]

    @pytest.mark.parametrize(("audio_end_ms", "heard"), [(0, ""), (-5, ""), (10, "one two")])
    def test_of_sound_that_came_another_way_all_was_heard_or_nothing(self, audio_end_ms, heard):
        conversation = RealtimeConversation()
        cut = ConversationItemTruncated(item_id="a", audio_end_ms=audio_end_ms)
        (*_, update) = told(conversation, ConversationItemAdded(item=assistant()), words("one two"), cut)
        assert update.item.heard_text == heard

    def test_an_answer_that_was_cancelled_says_all_that_came(self):
        conversation = RealtimeConversation()
        told(conversation, ConversationItemAdded(item=assistant()), words("one two"), sound(TONE))
        (update,) = told(conversation, ConversationItemDone(item=assistant(status="incomplete")))
        assert (update.item.status, update.item.heard_text, update.completed) == ("incomplete", "one two", False)

    def test_without_sound_its_length_is_known_all_the_same(self):
        conversation = RealtimeConversation(keep_audio=False)
        (_, update) = told(conversation, ConversationItemAdded(item=assistant()), sound(TONE))
        assert (update.item.audio_ms, update.item.formatted.pcm, update.delta.audio) == (1000, b"", TONE)


class TestValues:
    def test_what_was_handed_out_does_not_change(self):
        conversation = RealtimeConversation()
        told(conversation, ConversationItemAdded(item=assistant()), words("one"), sound(TONE))
        early = conversation.get_item("a")
        told(conversation, words(" two"), sound(TONE), ConversationItemTruncated(item_id="a", audio_end_ms=10))
        told(conversation, ConversationItemDone(item=assistant("a", "completed", [OutputAudio(transcript="three")])))
        assert (early.formatted.transcript, early.formatted.pcm, early.truncated) == ("one", TONE, False)
        assert early.status == "in_progress"

    def test_what_was_read_goes_on_growing(self):
        conversation = RealtimeConversation()
        told(conversation, ConversationItemAdded(item=assistant()))
        read = []
        for word in ("one ", "two ", "three"):
            (update,) = told(conversation, words(word))
            read.append(update.item.formatted.transcript)
        assert read == ["one ", "one two ", "one two three"]

    def test_the_sound_cannot_be_written_into(self):
        conversation = RealtimeConversation()
        (_, update) = told(conversation, ConversationItemAdded(item=assistant()), sound(TONE))
        with pytest.raises(ValueError, match="read-only"):
            update.item.formatted.audio[0] = 1

    def test_a_value_shows_what_it_is_and_how_its_words_begin_and_no_sound(self):
        conversation = RealtimeConversation()
        added = ConversationItemAdded(item=assistant())
        (_, update, loud) = told(conversation, added, words("Good day! " * 20), sound(TONE))
        assert repr(update.item) == f"<ConversationItem 'a' assistant, in_progress, '{'Good day! ' * 6}…'>"
        assert repr(loud.item) == repr(update.item)[:-1] + f", {loud.item.audio_ms} ms>"

    def test_other_threads_may_read_while_it_grows(self):
        conversation = RealtimeConversation()
        stop = threading.Event()
        failures: list[BaseException] = []

        def read() -> None:
            try:
                while not stop.is_set():
                    for item in conversation.get_items():
                        text = item.formatted.transcript
                        assert text == "x" * len(text) == item.formatted.transcript
            except BaseException as failure:  # told to the test below
                failures.append(failure)

        reader = threading.Thread(target=read)
        reader.start()
        try:
            for number in range(300):
                told(conversation, ConversationItemAdded(item=assistant(f"a{number}")))
                told(conversation, *[words("x", f"a{number}")] * 20)
                if number % 3:
                    told(conversation, ConversationItemDeleted(item_id=f"a{number}"))
        finally:
            stop.set()
            reader.join(20)
        assert not reader.is_alive()
        assert failures == []


class TestCost:
    def test_a_delta_costs_as_much_at_the_end_of_ten_minutes_as_at_their_beginning(self):
        """Counted, not timed: the calls that the interpreter makes, and the memory that they take."""
        conversation = RealtimeConversation()
        told(conversation, ConversationItemAdded(item=assistant()))
        deltas = [sound(silence(100)), words("word ")]
        told(conversation, *deltas)
        calls, memory = self.cost(conversation, deltas)
        for _ in range(6_000 - 7):
            told(conversation, *deltas)
        calls_later, memory_later = self.cost(conversation, deltas)
        assert calls_later == calls
        assert memory_later < memory + 1_000
        assert conversation.get_item("a").audio_ms == 600_000

    def test_without_sound_memory_does_not_grow(self):
        conversation = RealtimeConversation(keep_audio=False)
        told(conversation, ConversationItemAdded(item=assistant()))
        piece = sound(silence(100))
        told(conversation, piece)
        tracemalloc.start()
        before = tracemalloc.get_traced_memory()[0]
        told(conversation, *[piece] * 5)
        for _ in range(5_000):
            conversation.process_event(piece)
        grown = tracemalloc.get_traced_memory()[0] - before
        tracemalloc.stop()
        assert grown < 10_000

    @staticmethod
    def cost(conversation: RealtimeConversation, events: list[ServerEvent]) -> tuple[int, int]:
        """Calls and bytes, the least of three: a list that grows by one makes room for an eighth more now and then."""
        return min(once(conversation, events) for _ in range(3))


def once(conversation: RealtimeConversation, events: list[ServerEvent]) -> tuple[int, int]:
    calls = 0

    def count(frame: Any, what: str, argument: Any) -> None:
        nonlocal calls
        calls += what in ("call", "c_call")

    tracemalloc.start()
    sys.setprofile(count)
    try:
        told(conversation, *events)
    finally:
        sys.setprofile(None)
        memory = tracemalloc.get_traced_memory()[1]
        tracemalloc.stop()
    return calls, memory


class TestNonsense:
    @pytest.mark.parametrize("index", [-1, 10**9])
    def test_a_content_index_that_cannot_be_is_a_part_like_any_other(self, index):
        conversation = RealtimeConversation()
        told(
            conversation,
            ConversationItemAdded(item=assistant()),
            ConversationItemAdded(item=user()),
            ResponseOutputAudioTranscriptDelta(item_id="a", content_index=index, delta="hi"),
            ConversationItemTruncated(item_id="a", content_index=index, audio_end_ms=-1),
            ConversationItemInputAudioTranscriptionCompleted(item_id="u", content_index=index, transcript="ho"),
        )
        assert [item.full_text for item in conversation.get_items()] == ["hi", "ho"]
        assert [len(item.item.content) for item in conversation.get_items()] == [1, 2]

    def test_words_for_an_item_of_another_kind_are_nobodys(self):
        conversation = RealtimeConversation()
        items: list[Item] = [user(), call(), UnknownPart(type="new", raw={"type": "new", "id": "n"})]
        told(conversation, *(ConversationItemAdded(item=item) for item in items))
        before = conversation.get_items()
        told(conversation, *(words("x", each) for each in "ufn"), *(sound(TONE, each) for each in "ufn"))
        told(conversation, ResponseFunctionCallArgumentsDelta(item_id="u", delta="{"))
        assert conversation.get_items() == before
