"""The sound of the user's items: of what was sent, the piece that each was made of."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from reelthyme_sync.conversation import RealtimeConversation
from reelthyme_sync.events import (
    AssistantMessage,
    AudioConfig,
    AudioInput,
    AudioPcm,
    AudioPcmu,
    ConversationItemAdded,
    ConversationItemCreate,
    Error,
    ErrorDetail,
    InputAudio,
    InputAudioBufferAppend,
    InputAudioBufferClear,
    InputAudioBufferCommit,
    InputAudioBufferCommitted,
    InputAudioBufferSpeechStarted,
    InputAudioBufferSpeechStopped,
    InputAudioBufferTimeoutTriggered,
    InputText,
    RealtimeSession,
    Reconnected,
    SessionCreated,
    SessionUpdated,
    UserMessage,
)
from reelthyme_sync.g711 import decode_mulaw
from reelthyme_sync.pcm import encode_base64, ms_to_bytes

SECONDS = [(np.arange(24_000) % 4001 + 4001 * number).astype("<i2").tobytes() for number in range(6)]
"""Seconds of sound that cannot be taken for one another."""

EVERYTHING = b"".join(SECONDS)


def between(start_ms: float, end_ms: float) -> bytes:
    return EVERYTHING[ms_to_bytes(start_ms) : ms_to_bytes(end_ms)]


def append(pcm: bytes) -> InputAudioBufferAppend:
    return InputAudioBufferAppend(audio=encode_base64(pcm))


def added(item_id: str, *content: Any) -> ConversationItemAdded:
    return ConversationItemAdded(item=UserMessage(id=item_id, status="completed", content=list(content or SPOKEN)))


SPOKEN = (InputAudio(transcript=None),)


def started(item_id: str, ms: int) -> InputAudioBufferSpeechStarted:
    return InputAudioBufferSpeechStarted(item_id=item_id, audio_start_ms=ms)


def stopped(item_id: str, ms: int) -> InputAudioBufferSpeechStopped:
    return InputAudioBufferSpeechStopped(item_id=item_id, audio_end_ms=ms)


def committed(item_id: str) -> InputAudioBufferCommitted:
    return InputAudioBufferCommitted(item_id=item_id)


REFUSED = Error(error=ErrorDetail(code="input_audio_buffer_commit_empty"))


def after(*events: Any, keep_audio: bool = True) -> RealtimeConversation:
    """A conversation that has seen all that passed, in both directions."""
    conversation = RealtimeConversation(keep_audio=keep_audio)
    for event in events:
        if event.type in ("input_audio_buffer.append", "conversation.item.create") or event in (COMMIT, CLEAR):
            conversation.note_sent(event)
        else:
            conversation.process_event(event)
    return conversation


COMMIT, CLEAR = InputAudioBufferCommit(), InputAudioBufferClear()


def pcm(conversation: RealtimeConversation, item_id: str = "u") -> bytes:
    return conversation.get_item(item_id).formatted.pcm


class TestTurnsThatTheServerHears:
    @pytest.mark.parametrize("size", [777, 4800, 60_001])
    def test_have_what_lies_between_their_ends_however_it_was_sent(self, size):
        sent = [append(EVERYTHING[at : at + size]) for at in range(0, len(EVERYTHING), size)]
        conversation = after(*sent, started("u", 700), stopped("u", 2_300), committed("u"), added("u"))
        assert pcm(conversation) == between(700, 2_300)
        assert conversation.get_item("u").audio_ms == 1600

    def test_get_their_sound_in_whatever_order_the_server_tells_them(self):
        sent, begun, ended = append(EVERYTHING), started("u", 700), stopped("u", 2_300)
        assert pcm(after(sent, begun, added("u"), ended, committed("u"))) == between(700, 2_300)
        assert pcm(after(sent, begun, ended, added("u"), committed("u"))) == between(700, 2_300)

    def test_a_sound_that_comes_after_its_item_is_told(self):
        conversation = after(append(EVERYTHING), started("u", 700), added("u"), stopped("u", 2_300))
        assert conversation.process_event(committed("u")).item.audio_ms == 1600

    def test_the_clock_of_the_server_does_not_begin_anew(self):
        first = [append(SECONDS[0]), started("a", 0), stopped("a", 900), committed("a"), added("a"), CLEAR]
        second = [append(SECONDS[1]), started("b", 1_100), stopped("b", 1_900), committed("b"), added("b")]
        assert pcm(after(*first, *second), "b") == between(1_100, 1_900)

    def test_a_turn_whose_beginning_nobody_told_has_no_sound(self):
        assert pcm(after(append(EVERYTHING), stopped("u", 900), committed("u"), added("u"))) == b""

    def test_a_silence_that_became_an_item_has_its_sound_too(self):
        timeout = InputAudioBufferTimeoutTriggered(item_id="u", audio_start_ms=100, audio_end_ms=300)
        assert pcm(after(append(EVERYTHING), timeout, committed("u"), added("u"))) == between(100, 300)

    def test_on_another_server_that_counts_from_its_own_zero_there_is_no_sound_rather_than_a_wrong_one(self):
        turn = [started("u", 0), stopped("u", 900), committed("u"), added("u")]
        assert pcm(after(append(EVERYTHING), Reconnected(), *turn)) == b""
        assert pcm(after(append(SECONDS[0]), Reconnected(), COMMIT, committed("u"), added("u"))) == SECONDS[0]


class TestTurnsThatWeCommit:
    def test_have_all_since_the_last_one(self):
        first = [append(SECONDS[0]), COMMIT, committed("a"), added("a")]
        second = [append(SECONDS[1]), append(SECONDS[2]), COMMIT, committed("b"), added("b")]
        conversation = after(*first, *second)
        assert pcm(conversation, "a") == SECONDS[0]
        assert pcm(conversation, "b") == SECONDS[1] + SECONDS[2]

    def test_have_nothing_that_was_sent_after_their_commit_or_before_a_clear(self):
        late = [append(SECONDS[0]), CLEAR, append(SECONDS[1]), COMMIT, append(SECONDS[2]), committed("u"), added("u")]
        assert pcm(after(*late)) == SECONDS[1]

    def test_two_commits_may_wait_for_their_answers(self):
        asked = [append(SECONDS[0]), COMMIT, append(SECONDS[1]), COMMIT]
        conversation = after(*asked, committed("a"), committed("b"), added("a"), added("b"))
        assert (pcm(conversation, "a"), pcm(conversation, "b")) == (SECONDS[0], SECONDS[1])

    def test_what_was_too_short_to_be_committed_goes_into_the_next(self):
        again = [append(SECONDS[0]), COMMIT, REFUSED, append(SECONDS[1]), COMMIT, committed("u"), added("u")]
        assert pcm(after(*again)) == SECONDS[0] + SECONDS[1]
        both = [append(SECONDS[0]), COMMIT, append(SECONDS[1]), COMMIT, REFUSED, committed("u"), added("u")]
        assert pcm(after(*both)) == SECONDS[0] + SECONDS[1]
        assert after(REFUSED).get_items() == []

    def test_while_the_server_hears_speech_they_begin_where_it_began(self):
        turn = [append(SECONDS[0]), started("u", 400), COMMIT, committed("u"), added("u")]
        assert pcm(after(*turn)) == between(400, 1_000)

    def test_an_answer_of_the_server_alone_ends_where_we_are(self):
        assert pcm(after(append(SECONDS[0]), committed("u"), added("u"))) == SECONDS[0]


class TestItemsThatBringTheirSound:
    def test_by_their_id(self):
        item = UserMessage(id="u", content=[InputAudio(audio=encode_base64(SECONDS[0]))])
        assert pcm(after(ConversationItemCreate(item=item), added("v"), added("u"))) == SECONDS[0]

    def test_without_one_it_is_the_next(self):
        item = UserMessage(content=[InputAudio(audio=encode_base64(each)) for each in SECONDS[:2]])
        conversation = after(
            ConversationItemCreate(item=item), added("w", InputText(text="hi")), added("u"), added("v")
        )
        assert pcm(conversation) == SECONDS[0] + SECONDS[1]
        assert pcm(conversation, "v") == b""

    def test_a_server_that_tells_the_sound_is_believed(self):
        parts = [InputAudio(audio=encode_base64(each)) for each in SECONDS[:2]]
        conversation = after(append(SECONDS[3]), COMMIT, committed("u"), added("u", *parts), added("u", *parts))
        assert pcm(conversation) == SECONDS[0] + SECONDS[1]
        assert pcm(after(added("u", *parts), keep_audio=False)) == b""

    def test_one_sound_is_not_given_to_two_parts(self):
        conversation = RealtimeConversation()
        for sound in SECONDS[:2]:
            conversation.queue_input_audio(sound)
        conversation.process_event(added("u", *SPOKEN, *SPOKEN))
        assert pcm(conversation) == SECONDS[0]


class TestWhatIsQueued:
    def test_goes_to_the_next_spoken_item_that_has_no_sound(self):
        conversation = RealtimeConversation()
        assert conversation.queue_input_audio(SECONDS[0]) is SECONDS[0]
        for event in (added("w", InputText(text="hi")), added("u"), added("v")):
            conversation.process_event(event)
        assert (pcm(conversation, "u"), pcm(conversation, "v")) == (SECONDS[0], b"")


class TestFormats:
    def test_telephone_sound_is_decoded_at_its_own_rate(self):
        law = bytes(range(250)) * 32
        session = RealtimeSession(audio=AudioConfig(input=AudioInput(format=AudioPcmu())))
        turn = [started("u", 250), stopped("u", 750), committed("u"), added("u")]
        conversation = after(SessionCreated(session=session), append(law), *turn)
        assert pcm(conversation) == decode_mulaw(law)[4_000:12_000]
        assert conversation.get_item("u").formatted.sample_rate == 8_000

    def test_a_session_that_says_what_it_has_always_been_forgets_nothing(self):
        same = RealtimeSession(audio=AudioConfig(input=AudioInput(format=AudioPcm(rate=24_000))))
        early = [append(SECONDS[0]), SessionCreated(session=same), append(SECONDS[1])]
        assert pcm(after(*early, COMMIT, committed("u"), added("u"))) == SECONDS[0] + SECONDS[1]

    def test_a_change_of_the_rate_keeps_the_servers_clock(self):
        slow = RealtimeSession(audio=AudioConfig(input=AudioInput(format=AudioPcmu())))
        law = bytes(range(250)) * 32
        events = [append(SECONDS[0]), SessionUpdated(session=slow), append(law)]
        turn = [started("u", 1_500), stopped("u", 2_000), committed("u"), added("u")]
        assert pcm(after(*events, *turn)) == decode_mulaw(law)[8_000:]


class TestBounds:
    def test_the_last_five_minutes_are_kept(self):
        second = append(bytes(48_000))
        sent = [*[second] * 100, append(SECONDS[3]), *[second] * 299]
        kept, gone = [started("u", 100_000), stopped("u", 101_000), added("u")], [append(SECONDS[0])]
        assert pcm(after(*sent, *kept)) == SECONDS[3]
        assert pcm(after(*sent, *gone, *kept)) == b""

    def test_turns_that_never_become_items_are_forgotten(self):
        turns = [event for number in range(40) for event in (started(f"u{number}", 0), stopped(f"u{number}", 1_000))]
        conversation = after(append(SECONDS[0]), *turns, added("u0"), added("u39"))
        assert (pcm(conversation, "u0"), pcm(conversation, "u39")) == (b"", SECONDS[0])

    def test_without_sound_nothing_is_kept(self):
        turn = [append(SECONDS[0]), COMMIT, committed("u"), added("u")]
        conversation = after(*turn, keep_audio=False)
        conversation.queue_input_audio(SECONDS[0])
        conversation.process_event(added("v"))
        assert (pcm(conversation), pcm(conversation, "v")) == (b"", b"")

    def test_a_new_session_counts_anew(self):
        conversation = after(append(SECONDS[0]), started("u", 0), added("u"))
        conversation.clear()
        assert conversation.get_items() == []
        conversation.note_sent(append(SECONDS[1]))
        for event in (started("u", 0), stopped("u", 500), added("u")):
            conversation.process_event(event)
        assert pcm(conversation) == SECONDS[1][:24_000]


class TestAnotherSession:
    def test_counts_the_users_sound_from_its_own_zero(self):
        conversation = after(append(SECONDS[0]), started("lost", 500))
        conversation.begin_session()
        conversation.note_sent(append(SECONDS[1]))
        for event in (started("u", 0), stopped("u", 500), committed("u"), added("u")):
            conversation.process_event(event)
        assert pcm(conversation) == SECONDS[1][: ms_to_bytes(500)]

    def test_says_nothing_more_in_the_items_of_the_one_before(self):
        conversation = after(ConversationItemAdded(item=AssistantMessage(id="a", status="in_progress", content=[])))
        conversation.begin_session()
        assert [(item.id, item.status) for item in conversation.get_items()] == [("a", "incomplete")]
