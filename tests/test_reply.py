import sys
import time

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from reelthyme_sync import connect
from reelthyme_sync.events import (
    SERVER_EVENTS,
    AssistantMessage,
    Audio,
    AudioConfig,
    AudioOutput,
    AudioPcmu,
    ConversationItemAdded,
    ConversationItemCreate,
    FunctionCall,
    InputText,
    OutputAudio,
    OutputText,
    RealtimeSession,
    Response,
    ResponseAudio,
    ResponseAudioOutput,
    ResponseContentPartDone,
    ResponseCreate,
    ResponseCreated,
    ResponseDone,
    ResponseOutputAudioDelta,
    ResponseOutputAudioTranscriptDelta,
    ResponseOutputAudioTranscriptDone,
    ResponseOutputItemAdded,
    ResponseOutputItemDone,
    ResponseOutputTextDelta,
    ResponseOutputTextDone,
    ResponseParams,
    ResponseStatusDetails,
    ResponseUsage,
    SessionCreated,
    UnknownEvent,
    UnknownPart,
    UserMessage,
)
from reelthyme_sync.g711 import encode_mulaw
from reelthyme_sync.pcm import encode_base64, ms_to_bytes
from reelthyme_sync.placing import REQUEST
from reelthyme_sync.reply import Reply, ReplyBook
from reelthyme_sync.reply.book import KEPT, KEPT_BYTES
from reelthyme_sync.testing import PATIENCE
from reelthyme_sync.usage import UsageMeter

HERE = {"response_id": "resp_1", "item_id": "item_1"}
SOUND = bytes(range(240)) * 20


def response(response_id="resp_1", **changes):
    return Response(id=response_id, conversation_id="conv_1", **changes)


def sound(pcm: bytes, **place) -> ResponseOutputAudioDelta:
    return ResponseOutputAudioDelta(**{**HERE, **place}, delta=encode_base64(pcm))


def said(words: str, **place) -> ResponseOutputAudioTranscriptDelta:
    return ResponseOutputAudioTranscriptDelta(**{**HERE, **place}, delta=words)


def wrote(words: str, **place) -> ResponseOutputTextDelta:
    return ResponseOutputTextDelta(**{**HERE, **place}, delta=words)


def done(response_id="resp_1", **changes) -> ResponseDone:
    return ResponseDone(response=response(response_id, **{"status": "completed", **changes}))


def reply_of(book: ReplyBook, *events) -> Reply:
    *others, last = events
    assert [book.process_event(event) for event in others] == [None] * len(others)
    reply = book.process_event(last)
    assert reply is not None
    return reply


def test_a_spoken_reply_has_its_words_and_its_sound():
    usage = ResponseUsage(total_tokens=7)
    reply = reply_of(
        ReplyBook(),
        ResponseCreated(response=response(status="in_progress")),
        said("Good"),
        sound(SOUND[:101]),
        said(" day."),
        sound(SOUND[101:]),
        done(usage=usage, metadata={"for": "me"}),
    )
    assert (reply.transcript, reply.text, reply.words, reply.status) == ("Good day.", "", "Good day.", "completed")
    assert reply.pcm == SOUND
    assert reply.audio.dtype == np.int16
    assert reply.audio.tobytes() == SOUND
    assert (reply.usage, reply.metadata, reply.in_conversation) == (usage, {"for": "me"}, True)


def test_a_written_reply_has_text():
    reply = reply_of(ReplyBook(), wrote("Good"), wrote(" day."), done())
    assert (reply.text, reply.transcript, reply.words, reply.pcm) == ("Good day.", "", "Good day.", b"")


def test_parts_are_in_their_order_however_they_come():
    second = {"item_id": "item_2", "output_index": 1}
    reply = reply_of(
        ReplyBook(),
        said("Then this.", **second),
        sound(b"\x02\x02", **second),
        said("First this."),
        sound(b"\x01\x01"),
        said("And that.", content_index=1),
        done(),
    )
    assert reply.transcript == "First this.\nAnd that.\nThen this."
    assert reply.pcm == b"\x01\x01\x02\x02"


@pytest.mark.parametrize(
    "event",
    [
        ResponseOutputAudioTranscriptDone(**HERE, transcript="Good day!"),
        ResponseContentPartDone(**HERE, part=Audio(transcript="Good day!")),
    ],
)
def test_what_is_said_in_the_end_counts(event):
    assert reply_of(ReplyBook(), said("Good dya"), event, done()).transcript == "Good day!"
    assert reply_of(ReplyBook(), ResponseOutputTextDone(**HERE, text="Good day!"), done()).text == "Good day!"


def test_the_response_itself_has_the_last_word():
    message = AssistantMessage(id="item_1", content=[OutputAudio(transcript="Good day!")])
    reply = reply_of(
        ReplyBook(), said("Good"), ResponseOutputAudioTranscriptDone(**HERE, transcript="x"), done(output=[message])
    )
    assert (reply.transcript, reply.items) == ("Good day!", (message,))


def test_an_item_that_is_described_without_words_keeps_those_that_came():
    message = AssistantMessage(id="item_1", content=[OutputAudio(transcript=None)])
    assert reply_of(ReplyBook(), said("Good day."), done(output=[message])).transcript == "Good day."


def test_a_server_without_deltas_is_understood():
    output = [
        AssistantMessage(id="item_1", content=[OutputText(text="Look:")]),
        FunctionCall(id="item_2", call_id="call_1", name="look", arguments="{}"),
        AssistantMessage(id="item_3", content=[OutputText(text="there.")]),
    ]
    reply = reply_of(ReplyBook(), done(output=output))
    assert reply.text == "Look:\nthere."
    assert [call.call_id for call in reply.calls] == ["call_1"]


def test_a_response_that_lists_nothing_has_the_items_that_were_done():
    call = FunctionCall(id="item_2", call_id="call_1", name="look", arguments="{}")
    message = AssistantMessage(id="item_1", content=[OutputText(text="Look.")])
    reply = reply_of(
        ReplyBook(),
        ResponseOutputItemDone(response_id="resp_1", output_index=1, item=call),
        ResponseOutputItemDone(response_id="resp_1", output_index=0, item=message),
        done(),
    )
    assert reply.items == (message, call)
    assert (reply.calls, reply.text) == ((call,), "Look.")


def test_a_reply_that_was_cut_short_says_so():
    details = ResponseStatusDetails(type="cancelled", reason="turn_detected")
    reply = reply_of(ReplyBook(), said("Good"), done(status="cancelled", status_details=details))
    assert (reply.status, reply.status_details, reply.transcript) == ("cancelled", details, "Good")


def test_two_responses_at_once_are_two_replies():
    book = ReplyBook()
    other = {"response_id": "resp_2", "item_id": "item_2"}
    beside = Response(id="resp_2", status="completed")
    begun = ResponseCreated(response=response())
    for event in (begun, said("one"), said("two", **other), said(" three", **other)):
        assert book.process_event(event) is None
    two, one = reply_of(book, ResponseDone(response=beside)), reply_of(book, done())
    assert (one.transcript, one.in_conversation) == ("one", True)
    assert (two.transcript, two.in_conversation) == ("two three", False)


def test_a_server_that_names_no_conversation_puts_its_items_into_it_all_the_same():
    reply = reply_of(
        ReplyBook(),
        ResponseOutputItemAdded(response_id="resp_1", item=AssistantMessage(id="item_1", content=[])),
        said(""),
        ConversationItemAdded(item=AssistantMessage(id="item_1", content=[])),
        ResponseDone(response=Response(id="resp_1")),
    )
    assert reply.in_conversation


@pytest.mark.parametrize("begun", [None, "conv_1"])
def test_a_server_need_not_name_the_conversation_when_a_response_is_done(begun):
    created = ResponseCreated(response=Response(id="resp_1", conversation_id=begun))
    reply = reply_of(ReplyBook(), created, said("Hi."), ResponseDone(response=Response(id="resp_1")))
    assert reply.in_conversation


def test_what_we_have_asked_for_beside_the_conversation_is_known_by_its_mark_on_any_server():
    beside = Response(id="resp_1", metadata={REQUEST: "event_1"})
    assert not reply_of(ReplyBook(), said("Hi."), ResponseDone(response=beside)).in_conversation


def test_what_comes_late_or_twice_changes_nothing():
    book = ReplyBook()
    first = reply_of(book, said("Good day."), done())
    assert book.process_event(said(" More")) is None
    assert book.process_event(ResponseCreated(response=response())) is None
    assert book.process_event(done()) is None
    assert book.find("resp_1") is first


def test_the_cost_is_in_the_reply():
    reply = ReplyBook().process_event(done(), cost_usd=0.25)
    assert reply is not None
    assert reply.cost_usd == 0.25


def test_without_audio_nothing_is_kept_of_it():
    reply = reply_of(ReplyBook(keep_audio=False), said("Hm."), sound(SOUND), done())
    assert (reply.pcm, reply.transcript) == (b"", "Hm.")


@pytest.mark.parametrize("whose", ["session", "response"])
def test_telephone_sound_becomes_pcm(whose):
    telephone = AudioPcmu()
    begun = ResponseAudio(output=ResponseAudioOutput(format=telephone)) if whose == "response" else None
    session = RealtimeSession(audio=AudioConfig(output=AudioOutput(format=telephone)))
    reply = reply_of(
        ReplyBook(),
        SessionCreated(session=session if whose == "session" else RealtimeSession()),
        ResponseCreated(response=response(audio=begun)),
        *[sound(encode_mulaw(bytes(160 * 2))) for _ in range(10)],
        done(),
    )
    assert len(reply.pcm) == ms_to_bytes(200)


def test_without_a_resampler_the_words_are_still_there(monkeypatch, caplog):
    monkeypatch.setitem(sys.modules, "soxr", None)
    session = RealtimeSession(audio=AudioConfig(output=AudioOutput(format=AudioPcmu())))
    book = ReplyBook()
    reply = reply_of(
        book, SessionCreated(session=session), sound(b"\xff" * 80), said("Hm."), sound(b"\xff" * 80), done()
    )
    assert (reply.pcm, reply.transcript) == (b"", "Hm.")
    assert caplog.text.count("soxr") == 1


def test_finished_replies_are_remembered_up_to_a_number():
    book = ReplyBook()
    for number in range(KEPT + 10):
        reply_of(book, done(f"resp_{number}"))
    assert book.find("resp_9") is None
    assert book.find("resp_10") is not None


def test_finished_replies_are_remembered_up_to_a_size():
    book = ReplyBook()
    half = bytes(KEPT_BYTES // 2)
    for number in range(4):
        reply_of(book, sound(half, response_id=f"resp_{number}"), done(f"resp_{number}"))
    assert [book.find(f"resp_{number}") is not None for number in range(4)] == [False, False, True, True]


def test_responses_that_never_end_are_forgotten():
    book = ReplyBook()
    for number in range(10_000):
        book.process_event(said("word", response_id=f"resp_{number}"))
    assert len(book._open) <= KEPT


def test_a_server_that_gives_no_ids_is_understood_more_than_once():
    book = ReplyBook()
    nameless = {"response_id": "", "item_id": ""}
    for words in ("One.", "Two."):
        assert reply_of(book, said(words, **nameless), done("")).transcript == words


def test_ten_thousand_deltas_take_microseconds_each():
    def seconds(count):
        book, delta = ReplyBook(), sound(bytes(4800))
        began = time.process_time()
        for _ in range(count):
            book.process_event(delta)
            book.process_event(said("word "))
        book.process_event(done())
        return (time.process_time() - began) / count

    assert min(seconds(10_000) for _ in range(3)) < 200e-6


def test_every_event_of_the_protocol_is_taken():
    book = ReplyBook()
    assert len([reply for event in SERVER_EVENTS.values() if (reply := book.process_event(event()))]) == 1


def test_a_reply_of_a_server(realtime_server):
    book, meter = ReplyBook(), UsageMeter()
    reply = None
    with connect(url=realtime_server.url, model="gpt-realtime") as session:
        session.send(ConversationItemCreate(item=UserMessage(content=[InputText(text="say good day")])))
        session.send(ResponseCreate(response=ResponseParams(output_modalities=["text"], metadata={"for": "me"})))
        while reply is None:
            event = session.receive(timeout=PATIENCE)
            cost = meter.process_event(event)
            reply = book.process_event(event, float(cost.usd) if cost and cost.usd is not None else None)
    assert (reply.words, reply.status, reply.metadata) == ("good day", "completed", {"for": "me"})
    assert reply.in_conversation
    assert reply.cost_usd == pytest.approx((3 * 4 + 2 * 16) / 1e6)


indices = st.integers(-1, 3)
ids = st.sampled_from(["", "resp_1", "resp_2"])
places = {"response_id": ids, "item_id": st.sampled_from(["", "a", "b"]), "output_index": indices}
places["content_index"] = indices
base64 = st.sampled_from(["", "AAAA", "AAA=", "?", "AA", "é"])
contents = st.sampled_from([OutputText(text="x"), OutputAudio(), OutputAudio(transcript="y"), UnknownPart()])
messages = st.builds(AssistantMessage, id=st.sampled_from(["a", "b"]), content=st.lists(contents))
responses = st.builds(Response, id=ids, output=st.lists(messages))
events = st.one_of(
    st.builds(ResponseOutputAudioDelta, **places, delta=base64),
    st.builds(ResponseOutputTextDelta, **places, delta=st.text(max_size=3)),
    st.builds(ResponseOutputTextDone, **places, text=st.text(max_size=3)),
    st.builds(ResponseContentPartDone, **places, part=st.sampled_from([UnknownPart(), Audio(), Audio(transcript="z")])),
    st.builds(ResponseDone, response=responses),
    st.builds(ResponseCreated, response=responses),
    st.builds(ResponseOutputItemDone, response_id=ids, output_index=indices, item=messages | st.just(UnknownPart())),
    st.just(UnknownEvent(type="news")),
)


@given(st.lists(events, max_size=30))
def test_nothing_that_a_server_says_raises(told):
    book = ReplyBook()
    replies = [reply for event in told if (reply := book.process_event(event)) is not None]
    named = [reply.response_id for reply in replies if reply.response_id]
    assert len(named) == len(set(named))
    assert all(len(reply.pcm) % 2 == 0 for reply in replies)
