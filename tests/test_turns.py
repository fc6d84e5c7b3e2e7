import pytest
from hypothesis import given
from hypothesis import strategies as st

from reelthyme_sync.events import (
    SERVER_EVENTS,
    ConversationItemDeleted,
    ConversationItemInputAudioTranscriptionCompleted,
    ConversationItemInputAudioTranscriptionFailed,
    InputAudioBufferCommitted,
    InputAudioBufferSpeechStarted,
    InputAudioBufferSpeechStopped,
    InputAudioBufferTimeoutTriggered,
    Reconnected,
    ServerEvent,
    SessionClosed,
    SessionInputTranscriptDelta,
    SessionOutputTranscriptDelta,
    TranscriptionError,
    TranscriptionLanguage,
)
from reelthyme_sync.turns import NOT_WRITTEN, Turn, TurnOrder


def committed(item_id: str, after: str | None = None) -> InputAudioBufferCommitted:
    return InputAudioBufferCommitted(item_id=item_id, previous_item_id=after)


def written(item_id: str) -> ConversationItemInputAudioTranscriptionCompleted:
    return ConversationItemInputAudioTranscriptionCompleted(item_id=item_id, transcript=f"words of {item_id}")


def told(order: TurnOrder, *events: ServerEvent) -> list[str]:
    return [turn.item_id for event in events for turn in order.process_event(event)]


def test_a_short_turn_waits_for_the_long_one_before_it():
    order = TurnOrder()
    assert told(order, committed("a"), committed("b", "a"), written("b")) == []
    assert order.process_event(written("a")) == [
        Turn(item_id="a", transcript="words of a"),
        Turn(item_id="b", transcript="words of b"),
    ]


def test_a_turn_knows_where_it_is_in_the_sound_and_its_languages():
    order = TurnOrder()
    order.process_event(InputAudioBufferSpeechStarted(item_id="a", audio_start_ms=300))
    order.process_event(InputAudioBufferSpeechStopped(item_id="a", audio_end_ms=900))
    order.process_event(committed("a"))
    event = ConversationItemInputAudioTranscriptionCompleted(
        item_id="a", transcript="Moin.", languages=[TranscriptionLanguage(code="de")]
    )
    assert order.process_event(event) == [
        Turn(item_id="a", transcript="Moin.", languages=("de",), audio_start_ms=300, audio_end_ms=900)
    ]


def test_a_silence_that_was_committed_has_a_place_too():
    order = TurnOrder()
    order.process_event(InputAudioBufferTimeoutTriggered(item_id="a", audio_start_ms=1, audio_end_ms=6001))
    assert order.process_event(written("a"))[0].audio_end_ms == 6001


def test_a_turn_that_could_not_be_written_down_says_why_and_blocks_nobody():
    order = TurnOrder()
    told(order, committed("a"), committed("b", "a"), written("b"))
    failed = ConversationItemInputAudioTranscriptionFailed(
        item_id="a", error=TranscriptionError(code="audio_unintelligible", message="It could not be understood.")
    )
    turns = order.process_event(failed)
    assert [(turn.item_id, turn.error) for turn in turns] == [("a", "It could not be understood."), ("b", None)]


def test_a_deleted_item_blocks_nobody_and_is_not_told_of():
    order = TurnOrder()
    assert told(order, committed("a"), committed("b", "a"), written("b"), ConversationItemDeleted(item_id="a")) == ["b"]
    assert told(order, written("a")) == []


def test_what_is_told_twice_is_one_turn():
    order = TurnOrder()
    assert told(order, committed("a"), committed("a"), written("a"), written("a"), committed("a"), written("a")) == [
        "a"
    ]


def test_a_server_that_does_not_say_what_was_committed_is_believed():
    assert told(TurnOrder(), written("a"), written("b")) == ["a", "b"]


def test_a_turn_that_is_announced_late_has_its_place():
    order = TurnOrder()
    assert told(order, committed("b", "a"), committed("a"), written("b"), written("a")) == ["a", "b"]


def test_a_new_connection_does_not_wait_for_what_the_old_one_owed():
    order = TurnOrder()
    told(order, committed("a"), committed("b", "a"), written("b"))
    turns = order.process_event(Reconnected())
    assert [(turn.item_id, turn.error) for turn in turns] == [("a", NOT_WRITTEN), ("b", None)]
    assert told(order, committed("c", "b"), written("c")) == ["c"]


def test_at_the_end_the_rest_is_told():
    order = TurnOrder()
    told(order, committed("a"), committed("b"), written("b"))
    assert [(turn.item_id, turn.transcript) for turn in order.rest()] == [("a", ""), ("b", "words of b")]
    assert order.rest() == []


def test_every_event_of_the_protocol_is_taken():
    order = TurnOrder()
    for event in SERVER_EVENTS.values():
        order.process_event(event())
    assert order.rest() == []


@given(st.data())
def test_any_order_of_transcripts_gives_the_order_of_speech(data):
    items = [f"item_{number}" for number in range(data.draw(st.integers(1, 12)))]
    commits = [committed(item, before) for item, before in zip(items, [None, *items], strict=False)]
    closings = [
        data.draw(st.sampled_from([written, lambda item: ConversationItemInputAudioTranscriptionFailed(item_id=item)]))(
            item
        )
        for item in items
    ]
    events: list[ServerEvent] = []
    pending = data.draw(st.permutations(closings))
    open_ones: list[str] = []
    for commit in commits:  # a transcript comes after its commit, and anywhere after it
        events.append(commit)
        open_ones.append(commit.item_id)
        for closing in [each for each in pending if each.item_id in open_ones]:
            if data.draw(st.booleans()):
                events.append(closing)
                pending = [each for each in pending if each is not closing]
    order = TurnOrder()
    assert told(order, *events, *pending) == items
    assert order.rest() == []


def target(delta: str, elapsed_ms: int | None = None) -> SessionOutputTranscriptDelta:
    return SessionOutputTranscriptDelta(delta=delta, elapsed_ms=elapsed_ms)


def sentences(*deltas: str) -> list[str]:
    order = TurnOrder()
    turns = [turn for delta in deltas for turn in order.process_event(target(delta))]
    return [turn.transcript for turn in [*turns, *order.process_event(SessionClosed())]]


def test_a_translation_is_told_by_sentences_in_both_languages():
    order = TurnOrder()
    assert order.process_event(SessionInputTranscriptDelta(delta="Guten Tag.", elapsed_ms=200)) == []
    assert order.process_event(target("Good", 400)) == []
    assert order.process_event(target(" day.", 600)) == []
    assert order.process_event(target(" How", 800)) == [Turn(role="target", transcript="Good day.", elapsed_ms=600)]
    assert order.process_event(SessionClosed()) == [
        Turn(role="source", transcript="Guten Tag.", elapsed_ms=200),
        Turn(role="target", transcript="How", elapsed_ms=800),
    ]


@pytest.mark.parametrize(
    ("deltas", "expected"),
    [
        (["One. Two", "! Three? Four"], ["One.", "Two!", "Three?", "Four"]),
        (["It costs 3.", "14 euros.", " Really."], ["It costs 3.14 euros.", "Really."]),
        (["He said “no.", "” Then he left."], ["He said “no.”", "Then he left."]),
        (["Wait..", ". what?!", " Yes"], ["Wait...", "what?!", "Yes"]),
        (["你好。", "再见", "！"], ["你好。", "再见！"]),  # noqa: RUF001
        (["「はい。", "」そう"], ["「はい。」", "そう"]),
        (["no end at all", " none"], ["no end at all none"]),
        (["", "  "], []),
    ],
)
def test_a_sentence_ends_where_its_end_is_known(deltas, expected):
    assert sentences(*deltas) == expected


@given(st.lists(st.sampled_from(["Yes. ", "No", "!", "? ", " ", "。", "a”", "3.1 "]), max_size=40), st.data())
def test_how_deltas_are_cut_changes_nothing(pieces, data):
    text = "".join(pieces)
    cuts = sorted(data.draw(st.lists(st.integers(0, len(text)), max_size=6)))
    cut = [text[start:end] for start, end in zip([0, *cuts], [*cuts, len(text)], strict=True)]
    assert sentences(*cut) == sentences(text)
    assert "".join("".join(sentences(*cut)).split()) == "".join(text.split())
