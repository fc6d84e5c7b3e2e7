from hypothesis import given
from hypothesis import strategies as st

from reelthyme_sync.playback import AudioPart, Heard, PlaybackLedger

RATE = 24_000
FIRST, SECOND = AudioPart("item_1"), AudioPart("item_2")


def ms(count: float) -> int:
    return int(count * RATE / 1000)


def test_a_cut_in_the_middle_tells_what_was_heard():
    ledger = PlaybackLedger(RATE)
    ledger.receive(FIRST, ms(3800))
    ledger.hear(ms(1240.9))
    assert ledger.cut() == [
        Heard(item_id="item_1", content_index=0, audio_end_ms=1240, item_heard_ms=1240, received_ms=3800)
    ]


def test_nothing_is_cut_when_all_was_heard():
    ledger = PlaybackLedger(RATE)
    ledger.receive(FIRST, ms(100))
    ledger.complete(FIRST)
    ledger.hear(ms(100))
    assert ledger.cut() == []


def test_a_part_that_is_still_growing_is_cut_although_all_of_it_was_heard():
    ledger = PlaybackLedger(RATE)
    ledger.receive(FIRST, ms(100))
    ledger.hear(ms(100))
    assert [heard.audio_end_ms for heard in ledger.cut()] == [100]
    assert not ledger.receive(FIRST, ms(100))


def test_items_that_wait_are_cut_unheard():
    ledger = PlaybackLedger(RATE)
    ledger.receive(FIRST, ms(100))
    ledger.receive(SECOND, ms(300))
    ledger.hear(ms(40))
    assert [(heard.item_id, heard.audio_end_ms) for heard in ledger.cut()] == [("item_1", 40), ("item_2", 0)]


def test_what_is_late_for_a_cut_item_is_refused_and_later_items_are_not():
    ledger = PlaybackLedger(RATE)
    ledger.receive(FIRST, ms(100))
    ledger.cut()
    assert not ledger.receive(FIRST, ms(100))
    assert ledger.receive(SECOND, ms(100))
    assert ledger.received_ms("item_1") == 100


def test_hearing_goes_on_in_the_next_item_after_a_cut():
    ledger = PlaybackLedger(RATE)
    ledger.receive(FIRST, ms(1000))
    ledger.hear(ms(400))
    ledger.cut()
    ledger.receive(SECOND, ms(500))
    ledger.hear(ms(400 + 150))
    assert ledger.cut()[0] == Heard(
        item_id="item_2", content_index=0, audio_end_ms=150, item_heard_ms=150, received_ms=500
    )


def test_an_item_is_accounted_for_over_many_deltas():
    ledger = PlaybackLedger(RATE)
    for _ in range(10):
        ledger.receive(FIRST, ms(100))
    ledger.hear(ms(550))
    assert (ledger.heard_ms(), ledger.unheard_ms()) == (550, 450)


def cut_after(heard_ms: float, words: str, received_ms: float = 1000) -> Heard:
    ledger = PlaybackLedger(RATE)
    ledger.receive(FIRST, ms(received_ms))
    for start in range(0, len(words), 7):
        ledger.transcribe(FIRST, words[start : start + 7])
    ledger.hear(ms(heard_ms))
    (heard,) = ledger.cut()
    return heard


def test_the_words_that_were_heard_are_whole_ones():
    heard = cut_after(560, "The weather in Paris is fine")
    assert (heard.heard_text, heard.unheard_text) == ("The weather in", " Paris is fine")


def test_of_what_was_never_heard_no_word_was():
    heard = cut_after(0, "Hello")
    assert (heard.heard_text, heard.unheard_text) == ("", "Hello")


def test_a_script_without_spaces_is_cut_between_its_characters():
    assert cut_after(500, "巴黎天气很好哦").heard_text == "巴黎天"


@given(st.text(), st.integers(0, 1000), st.integers(0, 1000))
def test_no_word_is_lost_and_more_sound_is_never_fewer_words(words, one, other):
    short, long = (cut_after(heard, words) for heard in sorted((one, other)))
    assert short.heard_text + short.unheard_text == words
    assert long.heard_text.startswith(short.heard_text)


def test_words_that_no_cut_will_tell_are_not_kept():
    ledger = PlaybackLedger(RATE)
    for number in range(50):
        part = AudioPart(f"item_{number}")
        ledger.transcribe(part, "word")
        ledger.receive(part, ms(20))
        ledger.complete(part)
        ledger.hear(ms(20 * (number + 1)))
    kept = [part.item_id for part, played in ledger._parts.items() if played.pieces]
    assert kept == ["item_49"]


steps = st.lists(
    st.one_of(
        st.tuples(st.just("receive"), st.integers(0, 4), st.integers(0, 5_000)),
        st.tuples(st.just("hear"), st.integers(0, 9_000)),
        st.tuples(st.just("cut")),
    ),
    max_size=60,
)


@given(steps)
def test_heard_never_goes_past_what_was_received(script):
    ledger = PlaybackLedger(RATE)
    received: dict[str, int] = {}
    playing = count = 0
    for step in script:
        if step[0] == "receive":
            part = AudioPart(f"item_{step[1]}")
            if ledger.receive(part, step[2]):
                received[part.item_id] = received.get(part.item_id, 0) + step[2]
                playing += step[2]
        elif step[0] == "hear":  # a speaker never counts more than it was given
            sounded = min(step[1], playing)
            playing -= sounded
            count += sounded
            ledger.hear(count)
        else:
            playing = 0
            for heard in ledger.cut():
                assert heard.received_ms == received[heard.item_id] * 1000 // RATE
                assert 0 <= heard.audio_end_ms <= heard.received_ms
            assert ledger.unheard_ms() == 0
