"""What is said on a call, for many readers: everything, in order, as it is by now."""

import threading

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from reelthyme_sync.conversation import RealtimeConversation
from reelthyme_sync.events import (
    AssistantMessage,
    ConversationItemAdded,
    ConversationItemDone,
    ConversationItemInputAudioTranscriptionCompleted,
    FunctionCall,
    FunctionCallOutput,
    InputAudio,
    InputText,
    OutputText,
    SystemMessage,
    UserMessage,
)
from reelthyme_sync.supervise import Feed, Line, event_stream

PATIENCE = 30.0


def line(name: str, text: str = "", *, done: bool = False) -> Line:
    return Line(name, "user", text, done)


class TestReading:
    def test_a_reader_first_gets_all_so_far_and_then_what_comes(self):
        feed = Feed()
        feed.put(line("a", "one"))
        reading = feed.read()
        assert next(reading).lines == (line("a", "one"),)
        feed.put(line("b", "two"))
        assert next(reading).lines == (line("b", "two"),)
        feed.end("finished")
        assert (last := next(reading)).lines == ()
        assert last.ended == "finished"
        assert list(reading) == []

    def test_a_line_keeps_its_place_when_it_grows(self):
        feed = Feed()
        for text, name in enumerate("abab"):
            feed.put(line(name, str(text)))
        assert next(feed.read()).lines == (line("a", "2"), line("b", "3"))

    def test_who_comes_after_the_end_gets_all(self):
        feed = Feed()
        feed.put(line("a"))
        feed.end("idle")
        feed.end("closed")
        feed.put(line("b"))
        (news,) = feed.read()
        assert (news.lines, news.ended) == ((line("a"),), "idle")

    def test_reading_goes_on_where_an_earlier_one_was(self):
        feed = Feed()
        feed.put(line("a"))
        number = next(feed.read()).number
        feed.put(line("b"))
        assert next(feed.read(number)).lines == (line("b"),)
        assert next(feed.read(number + 100)).lines == (line("a"), line("b"))

    def test_who_does_not_stay_gets_what_there_is(self):
        feed = Feed()
        (news,) = feed.read(stays=False)
        assert (news.lines, news.ended) == ((), None)

    def test_silence_is_told_so_that_a_reader_can_find_out_that_its_peer_has_left(self):
        reading = Feed().read(keepalive=0.01)
        assert [next(reading).lines for _ in range(3)] == [(), (), ()]

    def test_many_readers_miss_nothing_of_many_writers(self):
        feed, seen = Feed(), []

        def write(writer: int) -> None:
            for number in range(200):
                feed.put(line(f"{writer}-{number % 20}", str(number)))

        def read() -> None:
            lines = {each.item_id: each.text for news in feed.read() for each in news.lines}
            seen.append(lines)

        readers = [threading.Thread(target=read) for _ in range(5)]
        writers = [threading.Thread(target=write, args=(number,)) for number in range(4)]
        for thread in readers + writers:
            thread.start()
        for thread in writers:
            thread.join(PATIENCE)
        feed.end("finished")
        for thread in readers:
            thread.join(PATIENCE)
        expected = {f"{writer}-{number % 20}": str(number) for writer in range(4) for number in range(200)}
        assert seen == [expected] * 5

    @given(st.lists(st.tuples(st.sampled_from("abcd"), st.booleans()), max_size=30))
    def test_whenever_a_reader_looks_it_has_the_latest_of_each_in_the_order_of_their_coming(self, steps):
        feed, have, latest, number = Feed(), {}, {}, 0
        for text, (name, looks) in enumerate(steps):
            feed.put(line(name, str(text)))
            latest[name] = str(text)
            if looks:
                news = next(feed.read(number, stays=False))
                number = news.number
                have |= {each.item_id: each.text for each in news.lines}
                assert have == latest
        everything = next(feed.read(stays=False)).lines
        assert [each.item_id for each in everything] == list(latest)


def parsed(body: bytes) -> list[tuple[dict, str | None]]:
    """The events of a stream: data and id."""
    events = []
    for block in body.decode().split("\n\n"):
        fields = dict(each.split(": ", 1) for each in block.split("\n") if ": " in each)
        if "data" in fields:
            events.append((orjson.loads(fields["data"]), fields.get("id")))
    return events


class TestEventStream:
    def test_says_what_a_page_expects(self):
        feed = Feed()
        feed.put(Line("item_1", "user", "Grüße\nund\r\nmehr", True))
        feed.put(Line("item_2", "assistant", "Hallo", False))
        feed.end("finished")
        body = b"".join(event_stream(feed))
        assert body.startswith(b"retry: 1000\n\n")
        assert parsed(body) == [
            (
                {"kind": "line", "item_id": "item_1", "who": "user", "text": "Grüße\nund\r\nmehr", "done": True},
                None,
            ),
            ({"kind": "line", "item_id": "item_2", "who": "assistant", "text": "Hallo", "done": False}, None),
            ({"kind": "ended", "why": "finished"}, "3"),
        ]

    def test_who_comes_again_gets_what_is_new(self):
        feed = Feed()
        feed.put(line("a"))
        ((_, number),) = parsed(b"".join(event_stream(feed, stays=False)))
        feed.put(line("b"))
        ((data, _),) = parsed(b"".join(event_stream(feed, last_event_id=number, stays=False)))
        assert data["item_id"] == "b"

    @pytest.mark.parametrize("nonsense", ["", "-1", "x", "1e9", "9" * 5000, "²"])
    def test_a_number_that_is_none_means_from_the_beginning(self, nonsense):
        feed = Feed()
        feed.put(line("a"))
        assert len(parsed(b"".join(event_stream(feed, last_event_id=nonsense, stays=False)))) == 1

    def test_silence_is_a_comment(self):
        stream = event_stream(Feed(), keepalive=0.01)
        assert [next(stream) for _ in range(3)] == [b"retry: 1000\n\n", b":\n\n", b":\n\n"]


class TestLines:
    @pytest.mark.parametrize(
        ("item", "expected"),
        [
            (UserMessage(id="i", content=[InputText(text="Hello")], status="completed"), ("user", "Hello", True)),
            (AssistantMessage(id="i", content=[OutputText(text="Hi")], status="completed"), ("assistant", "Hi", True)),
            (
                FunctionCall(id="i", call_id="c", name="get_time", arguments="{}", status="completed"),
                ("tool", "get_time({})", True),
            ),
            (FunctionCallOutput(id="i", call_id="c", output="noon"), ("tool", "noon", True)),
        ],
    )
    def test_an_item_is_a_line(self, item, expected):
        conversation = RealtimeConversation()
        conversation.process_event(ConversationItemAdded(item=item))
        update = conversation.process_event(ConversationItemDone(item=item))
        known = conversation.get_item("i") if update is None else update.item
        assert Line.of(known) == Line("i", *expected)

    def test_what_a_user_says_aloud_is_done_when_it_has_been_written_down(self):
        conversation = RealtimeConversation()
        item = UserMessage(id="i", content=[InputAudio(transcript=None)], status="completed")
        conversation.process_event(ConversationItemAdded(item=item))
        conversation.process_event(ConversationItemDone(item=item))
        assert Line.of(conversation.get_item("i")) == Line("i", "user", "", False)
        heard = ConversationItemInputAudioTranscriptionCompleted(item_id="i", content_index=0, transcript="Hello")
        assert Line.of(conversation.process_event(heard).item) == Line("i", "user", "Hello", True)

    def test_instructions_are_none(self):
        item = SystemMessage(id="i", content=[InputText(text="Be brief")])
        assert Line.of(RealtimeConversation().process_event(ConversationItemAdded(item=item)).item) is None
