import logging
from decimal import Decimal

import attrs
import pytest
from hypothesis import given
from hypothesis import strategies as st

from reelthyme_sync.events import (
    SERVER_EVENTS,
    AudioConfig,
    AudioInput,
    CachedTokensDetails,
    ConversationItemInputAudioTranscriptionCompleted,
    DurationUsage,
    InputTokenDetails,
    OutputTokenDetails,
    RealtimeSession,
    Response,
    ResponseDone,
    ResponseUsage,
    SessionCreated,
    SessionUpdated,
    TokensUsage,
    Transcription,
    TranscriptionTokenDetails,
)
from reelthyme_sync.usage import PUBLISHED, Prices, PriceTable, TokenCount, UsageMeter
from reelthyme_sync.usage.tokens import response_tokens


def created(model: str = "gpt-realtime", transcription: str | None = None) -> SessionCreated:
    written = Transcription(model=transcription) if transcription else None
    return SessionCreated(
        session=RealtimeSession(model=model, audio=AudioConfig(input=AudioInput(transcription=written)))
    )


def done(usage: ResponseUsage | None, response_id: str = "resp_1") -> ResponseDone:
    return ResponseDone(response=Response(id=response_id, status="completed", usage=usage))


def spoken(item_id: str = "item_1", **usage: object) -> ConversationItemInputAudioTranscriptionCompleted:
    return ConversationItemInputAudioTranscriptionCompleted(item_id=item_id, transcript="Hello.", **usage)


USAGE = ResponseUsage(
    total_tokens=1600,
    input_tokens=1300,
    output_tokens=300,
    input_token_details=InputTokenDetails(
        text_tokens=400,
        audio_tokens=900,
        image_tokens=0,
        cached_tokens=896,
        cached_tokens_details=CachedTokensDetails(text_tokens=256, audio_tokens=640, image_tokens=0),
    ),
    output_token_details=OutputTokenDetails(text_tokens=60, audio_tokens=240),
)


def test_a_response_costs_what_a_calculator_says():
    meter = UsageMeter()
    meter.process_event(created("gpt-realtime-2025-08-28"))
    cost = meter.process_event(done(USAGE))
    assert cost is not None
    assert cost.tokens == TokenCount(
        text_in=144, text_cached=256, text_out=60, audio_in=260, audio_cached=640, audio_out=240
    )
    # 144 x 4 + 256 x 0.4 + 60 x 16 + 260 x 32 + 640 x 0.4 + 240 x 64 = 25574.4 millionths
    assert cost.usd == Decimal("0.0255744")
    assert (cost.response_id, cost.model) == ("resp_1", "gpt-realtime-2025-08-28")
    assert meter.usd == Decimal("0.0255744")


def test_cached_tokens_are_a_part_of_the_input():
    tokens = response_tokens(USAGE)
    assert (tokens.input, tokens.cached, tokens.output, tokens.total) == (1300, 896, 300, 1600)


def test_pictures_have_their_price():
    usage = ResponseUsage(
        input_tokens=1000, output_tokens=0, input_token_details=InputTokenDetails(text_tokens=0, image_tokens=1000)
    )
    meter = UsageMeter(model="gpt-realtime-mini")
    meter.process_event(done(usage))
    assert meter.usd == Decimal("0.0008")


def test_what_is_not_detailed_counts_as_text():
    assert response_tokens(ResponseUsage(input_tokens=10, output_tokens=5)) == TokenCount(text_in=10, text_out=5)
    partly = ResponseUsage(input_tokens=10, input_token_details=InputTokenDetails(audio_tokens=4, cached_tokens=8))
    assert response_tokens(partly) == TokenCount(text_cached=6, audio_in=2, audio_cached=2)


def test_details_without_sums_are_enough():
    usage = ResponseUsage(
        input_token_details=InputTokenDetails(text_tokens=3, audio_tokens=4),
        output_token_details=OutputTokenDetails(text_tokens=1, audio_tokens=2),
    )
    assert response_tokens(usage) == TokenCount(text_in=3, audio_in=4, text_out=1, audio_out=2)


def test_a_response_that_is_told_twice_is_paid_once():
    meter = UsageMeter(model="gpt-realtime")
    assert meter.process_event(done(USAGE)) is not None
    assert meter.process_event(done(USAGE)) is None
    assert meter.total.total == 1600


def test_responses_without_ids_are_all_paid():
    meter = UsageMeter(model="gpt-realtime")
    meter.process_event(done(USAGE, ""))
    meter.process_event(done(USAGE, ""))
    assert meter.total.total == 3200


def test_a_response_without_usage_costs_nothing_that_is_known_of():
    meter = UsageMeter(model="gpt-realtime")
    assert meter.process_event(done(None)) is None
    assert meter.usd == 0


def test_a_transcription_by_tokens():
    meter = UsageMeter()
    meter.process_event(created(transcription="gpt-4o-transcribe"))
    usage = TokensUsage(
        input_tokens=1000,
        output_tokens=100,
        total_tokens=1100,
        input_token_details=TranscriptionTokenDetails(audio_tokens=1000, text_tokens=0),
    )
    cost = meter.process_event(spoken(usage=usage))
    assert cost is not None
    assert (cost.item_id, cost.response_id, cost.usd) == ("item_1", "", Decimal("0.0035"))
    assert meter.transcription == TokenCount(audio_in=1000, text_out=100) == meter.total


def test_a_transcription_by_time():
    meter = UsageMeter()
    meter.process_event(created(transcription="whisper-1"))
    for number in range(3):
        meter.process_event(spoken(f"item_{number}", usage=DurationUsage(seconds=10)))
    assert meter.usd == Decimal("0.003")
    assert meter.transcribed_s == 30


def test_a_transcription_that_comes_after_it_was_turned_off_has_its_price():
    meter = UsageMeter()
    meter.process_event(created(transcription="whisper-1"))
    meter.process_event(created())
    meter.process_event(spoken(usage=DurationUsage(seconds=60)))
    assert meter.usd == Decimal("0.006")


def test_every_event_of_the_protocol_is_taken():
    meter = UsageMeter()
    for event in SERVER_EVENTS.values():
        meter.process_event(event())
    assert meter.usd == 0


def test_a_transcription_without_usage_is_no_cost():
    meter = UsageMeter()
    assert meter.process_event(spoken()) is None


def test_the_model_may_change_with_the_session():
    meter = UsageMeter()
    meter.process_event(created("gpt-realtime"))
    meter.process_event(SessionUpdated(session=RealtimeSession(model="gpt-realtime-mini")))
    cost = meter.process_event(done(ResponseUsage(output_tokens=1_000_000)))
    assert cost is not None
    assert cost.usd == Decimal("2.4")


def test_an_unknown_price_is_no_price_and_is_said_once(caplog):
    meter = UsageMeter()
    meter.process_event(created("gpt-realtime"))
    meter.process_event(done(USAGE))
    meter.process_event(created("somebodys-model"))
    with caplog.at_level(logging.WARNING):
        for number in range(2, 5):
            cost = meter.process_event(done(USAGE, f"resp_{number}"))
            assert cost is not None
            assert cost.usd is None
    assert meter.usd is None
    assert meter.at_least_usd == Decimal("0.0255744")
    assert [record.getMessage() for record in caplog.records] == [
        "the price of somebodys-model is not known, so what the session costs is not either"
    ]


def test_the_model_that_was_given_counts_where_the_servers_has_no_price():
    meter = UsageMeter(model="gpt-realtime")
    meter.process_event(created("my-deployment"))
    cost = meter.process_event(done(USAGE))
    assert cost is not None
    assert (cost.model, cost.usd) == ("gpt-realtime", Decimal("0.0255744"))


def test_a_kind_of_token_without_a_price_leaves_the_cost_unknown():
    prices = Prices(text_in=1, text_out=2)
    assert prices.of_tokens(TokenCount(text_in=1_000_000)) == 1
    assert prices.of_tokens(TokenCount(text_in=1, audio_in=1)) is None


@pytest.mark.parametrize(
    ("model", "like"),
    [
        ("gpt-realtime-2025-08-28", "gpt-realtime"),
        ("gpt-realtime-mini-2025-12-15", "gpt-realtime-mini"),
        ("gpt-4o-realtime-preview-2025-06-03", "gpt-4o-realtime-preview"),
        ("gpt-4o-realtime-preview-2024-10-01", "gpt-4o-realtime-preview-2024-10-01"),
    ],
)
def test_a_name_stands_for_its_snapshots(model, like):
    assert PUBLISHED.find(model) is PUBLISHED.prices[like]


@pytest.mark.parametrize("model", ["gpt-realtime-3", "gpt-realtime-translate", "gpt", "", None])
def test_a_name_stands_for_no_other_model(model):
    assert PUBLISHED.find(model) is None


def test_prices_are_extended_and_replaced():
    table = PUBLISHED.with_prices({"mine": {"text_in": 0.1}, "gpt-realtime": Prices(text_in=1)})
    assert table.find("mine") == Prices(text_in="0.1")
    assert table.find("gpt-realtime") == Prices(text_in=1)
    assert table.find("gpt-realtime-mini") == PUBLISHED.find("gpt-realtime-mini")
    assert PUBLISHED.find("mine") is None


@pytest.mark.parametrize("price", [-1, "four", float("nan"), float("inf")])
def test_what_is_no_price_is_refused(price):
    with pytest.raises(ValueError, match="no amount"):
        PriceTable({"mine": {"text_in": price}})


def test_a_meter_remembers_the_last_only():
    meter = UsageMeter(model="gpt-realtime")
    for number in range(1000):
        meter.process_event(done(USAGE, f"resp_{number}"))
    assert len(meter.responses) == 64
    assert meter.responses[-1].response_id == "resp_999"
    assert meter.total.total == 1000 * 1600
    assert meter.usd == 1000 * Decimal("0.0255744")


counts = st.integers(-3, 10_000) | st.none()
cached_details = st.builds(CachedTokensDetails, text_tokens=counts, audio_tokens=counts, image_tokens=counts)
usages = st.builds(
    ResponseUsage,
    input_tokens=counts,
    output_tokens=counts,
    total_tokens=counts,
    input_token_details=st.none()
    | st.builds(
        InputTokenDetails,
        text_tokens=counts,
        audio_tokens=counts,
        image_tokens=counts,
        cached_tokens=counts,
        cached_tokens_details=st.none() | cached_details,
    ),
    output_token_details=st.none() | st.builds(OutputTokenDetails, text_tokens=counts, audio_tokens=counts),
)


@given(st.lists(usages, max_size=30), st.sampled_from(sorted(PUBLISHED.prices)))
def test_the_total_is_the_sum(told, model):
    meter = UsageMeter(model=model)
    costs = [meter.process_event(done(usage, f"resp_{number}")) for number, usage in enumerate(told)]
    assert meter.total == sum((cost.tokens for cost in costs), TokenCount())
    assert meter.at_least_usd == sum(cost.usd for cost in costs if cost.usd is not None)
    assert (meter.usd is None) == any(cost.usd is None for cost in costs)


@given(st.lists(st.floats(0, 5000), max_size=30))
def test_time_adds_up_exactly_too(seconds):
    meter = UsageMeter()
    meter.process_event(created(transcription="gpt-live-transcribe"))
    costs = [
        meter.process_event(spoken(f"item_{number}", usage=DurationUsage(seconds=each)))
        for number, each in enumerate(seconds)
    ]
    assert meter.usd == sum(cost.usd for cost in costs)


@given(usages)
def test_no_token_is_counted_twice_and_none_is_below_zero(usage):
    tokens = response_tokens(usage)
    assert min(attrs.astuple(tokens)) >= 0
    details = usage.input_token_details or InputTokenDetails()
    kinds = sum(max(0, each or 0) for each in (details.text_tokens, details.audio_tokens, details.image_tokens))
    assert tokens.input == max(kinds, usage.input_tokens or 0, 0)


@given(usages, st.sampled_from(["gpt-realtime", "gpt-realtime-mini", "gpt-realtime-2.1"]))
def test_a_cache_never_makes_it_dearer(usage, model):
    details = usage.input_token_details
    uncached = details and attrs.evolve(details, cached_tokens=None, cached_tokens_details=None)
    prices = PUBLISHED.find(model)
    with_cache = prices.of_tokens(response_tokens(usage))
    assert with_cache <= prices.of_tokens(response_tokens(attrs.evolve(usage, input_token_details=uncached)))


@pytest.mark.parametrize("seconds", [-1.0, float("nan"), float("inf"), 1e300])
def test_nonsense_does_not_raise(seconds):
    meter = UsageMeter()
    meter.process_event(created(transcription="whisper-1"))
    assert meter.process_event(spoken(usage=DurationUsage(seconds=seconds))) is not None
    assert meter.usd is not None
    assert meter.usd >= 0


def test_a_meter_shows_its_totals():
    meter = UsageMeter()
    meter.process_event(created())
    meter.process_event(done(USAGE))
    assert repr(meter) == f"<UsageMeter 1300 input, 896 cached, 300 output, {meter.usd} USD>"
    meter.process_event(created("no-such-model"))
    meter.process_event(done(USAGE, "resp_2"))
    assert repr(meter).endswith(f", at least {meter.at_least_usd} USD>")
