"""The WebRTC end of a call against a peer like a browser: sound, events, ends, and offers that are none."""

import asyncio
import contextlib
import gc
import io
import os
import threading
import time

import numpy as np
import pytest
from av import AudioCodecContext, AudioFrame, Packet
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from webrtc_peer import FRAME, PATIENCE, RATE, WebRtcPeer, calling

from reelthyme_sync.local_server.listener import Listener
from reelthyme_sync.local_server.refusal import Refusal
from reelthyme_sync.local_server.webrtc import Peers, peer
from reelthyme_sync.local_server.webrtc.sound import voice


class Call:
    """Takes the part of a call: notes what comes, and plays a tone."""

    id = "rtc_test"

    def __init__(self):
        self.ended = asyncio.Event()
        self.heard = bytearray()
        self.received = []
        self.listeners = []
        self.taken = 0
        self.told = []

    def hear(self, sound):
        self.heard += sound

    def sound(self, count):
        self.taken += count // 2
        return tone(660, self.taken - count // 2, count // 2)

    def receive(self, data):
        self.received.append(data)
        if "nonsense" in data:
            raise ZeroDivisionError

    def listen(self, send):
        listener = Listener(send)
        for text in ['{"type": "session.created"}', *self.told]:
            listener.tell(text)
        self.listeners.append(listener)
        return listener

    def tell(self, text):
        self.told.append(text)
        for listener in self.listeners:
            listener.tell(text)

    def hang_up(self):
        self.ended.set()
        for listener in self.listeners:
            listener.finish()


def tone(hertz, start, count):
    return (8000 * np.sin(2 * np.pi * hertz * np.arange(start, start + count) / RATE)).astype(np.int16).tobytes()


def purity(sound, hertz):
    """How loud a tone is, by its amplitude, and how far all else is below it, in dB."""
    samples = np.frombuffer(bytes(sound), np.int16).astype(np.float64)
    power = np.abs(np.fft.rfft(samples * np.hanning(len(samples)))) ** 2
    place = round(hertz * len(samples) / RATE)
    signal = power[place - 4 : place + 5].sum()
    return np.sqrt(2 * np.mean(samples**2)), 10 * np.log10(signal / (power.sum() - signal))


def hears_now(call, hertz):
    """Whether a call has heard a tone, and nothing else, for half a second."""
    sound = call.heard[-RATE:]
    return len(sound) == RATE and any(sound) and purity(sound, hertz)[1] > 35


def quietest(sound, size=FRAME):
    """The smallest amplitude of any 20 ms."""
    samples = np.frombuffer(bytes(sound), np.int16).astype(np.float64)
    return np.sqrt(2 * np.mean(samples[: len(samples) // size * size].reshape(-1, size) ** 2, axis=1)).min()


@contextlib.asynccontextmanager
async def call_from(**options):
    """A call, and the peer that makes it."""
    peers, call = Peers(), Call()
    try:
        async with calling(lambda offer: peers.answer(call, offer), **options) as far_side:
            yield call, far_side
    finally:
        await peers.close()


def run(scenario):
    """A scenario on a loop of its own, of which nothing is left."""

    async def checked():
        before = asyncio.all_tasks()
        await scenario()
        await none_left(before)

    asyncio.run(checked())


class SkippingLoop(asyncio.SelectorEventLoop):
    """A loop whose time passes only where it would wait, and then at once."""

    def __init__(self):
        super().__init__()
        self.now = 0.0
        select = self._selector.select

        def skip(timeout):
            self.now += timeout or 0.0
            return select(0)

        self._selector.select = skip

    def time(self):
        return self.now

    def run(self, scenario):
        try:
            return self.run_until_complete(scenario)
        finally:
            self.close()


async def none_left(before):
    deadline = time.monotonic() + PATIENCE
    while left := asyncio.all_tasks() - before:
        assert time.monotonic() < deadline, left
        await asyncio.sleep(0.01)


async def soon(true):
    deadline = time.monotonic() + PATIENCE
    while not true():
        assert time.monotonic() < deadline
        await asyncio.sleep(0.01)


# --- sound


def test_four_seconds_both_ways_are_clean_as_loud_as_they_were_and_without_a_gap():
    async def scenario():
        async with call_from() as (call, far_side):
            start = len(call.heard)
            await far_side.say(tone(440, 0, 5 * RATE))
            await far_side.until(lambda: len(far_side.heard) > 5 * RATE * 2)
            up = np.frombuffer(bytes(call.heard[start:]), np.int16)
            first = np.flatnonzero(np.abs(up) > 4000)[0] + FRAME
            up, down = up[first : first + 4 * RATE].tobytes(), far_side.heard[RATE : 9 * RATE]
            for sound, hertz in [(up, 440), (down, 660)]:
                amplitude, decibels = purity(sound, hertz)
                assert amplitude == pytest.approx(8000, rel=0.03)
                assert decibels > 35
                assert quietest(sound) > 7000

    run(scenario)


def test_sound_is_taken_in_real_time():
    async def scenario():
        async with call_from() as (call, _):
            await soon(lambda: call.taken)
            start, taken, last, stood = time.monotonic(), call.taken, time.monotonic(), 0.0
            while (now := time.monotonic()) - start - stood < 1.5:
                stood += now - last if now - last > 0.05 else 0.0  # nothing is taken while the loop stands still
                last = now
                await asyncio.sleep(0.005)
            assert call.taken - taken <= (last - start + 0.15) * RATE
            assert call.taken - taken >= (last - start - stood - 0.5) * RATE

    run(scenario)


def test_a_loop_that_stands_still_loses_no_sound_and_sends_no_burst():
    async def scenario():
        async with call_from() as (call, far_side):
            await soon(lambda: call.taken > RATE // 4)
            before, start = call.taken, time.monotonic()
            time.sleep(0.6)
            await asyncio.sleep(0.1)
            assert call.taken - before < (time.monotonic() - start - 0.3) * RATE
            await far_side.until(lambda: len(far_side.heard) > 1.5 * RATE * 2)
            assert quietest(far_side.heard[RATE // 2 : 3 * RATE]) > 7000

    run(scenario)


def test_the_first_packet_after_a_stop_says_how_long_it_was():
    loop = SkippingLoop()

    async def scenario():
        track = voice(bytes)
        before = [(await track.recv()).pts for _ in range(3)]
        loop.now += 0.5
        after = [(await track.recv()).pts for _ in range(3)]
        assert before == [0, FRAME, 2 * FRAME]
        assert after[0] - before[-1] == 25 * FRAME
        assert [stamp - after[0] for stamp in after] == before

    loop.run(scenario())


def test_who_is_muted_is_silent():
    async def scenario():
        async with call_from() as (call, far_side):
            await far_side.say(tone(440, 0, RATE // 2))
            far_side.mouth.muted = True
            await soon(lambda: len(call.heard) > 1.1 * RATE * 2)  # the first of the silence that nobody sent
            start = len(call.heard)
            await soon(lambda: len(call.heard) - start > RATE)
            assert not any(call.heard[start:])
            far_side.mouth.sound += tone(440, 0, 60 * RATE)
            far_side.mouth.muted = False
            await soon(lambda: hears_now(call, 440))

    run(scenario)


def test_two_calls_at_once_keep_to_themselves():
    async def scenario():
        async with call_from() as (one, first), call_from() as (two, second):
            first.mouth.sound += tone(440, 0, 60 * RATE)
            second.mouth.sound += tone(1000, 0, 60 * RATE)
            await soon(lambda: hears_now(one, 440) and hears_now(two, 1000))

    run(scenario)


@pytest.mark.parametrize(
    "options", [{"channel": False}, {"microphone": False}, {"channel": False, "microphone": False}]
)
def test_a_call_may_have_no_data_channel_and_no_microphone(options):
    async def scenario():
        async with call_from(**options) as (call, far_side):
            await far_side.until(lambda: len(far_side.heard) > 1.2 * RATE)
            assert purity(far_side.heard[RATE // 2 :], 660)[1] > 35
            assert bool(call.listeners) == options.get("channel", True)
            call.hang_up()
            await asyncio.wait_for(far_side.closed.wait(), PATIENCE)

    run(scenario)


# --- events


def test_what_was_told_before_the_channel_opened_comes_after_session_created_and_in_order():
    async def scenario():
        peers, call = Peers(), Call()

        async def ask(offer):
            answer = await peers.answer(call, offer)
            for number in range(100):
                call.tell(f'{{"type": "early", "number": {number}}}')
            return answer

        async with calling(ask) as far_side:
            call.tell('{"type": "late"}')
            await far_side.event("late")
        kinds = [(event["type"], event.get("number")) for event in far_side.events]
        assert kinds == [("session.created", None), *(("early", number) for number in range(100)), ("late", None)]
        await peers.close()

    run(scenario)


def test_events_go_to_the_call_however_long():
    async def scenario():
        async with call_from() as (call, far_side):
            long = '{"type": "long", "text": "%s"}' % ("ü" * 100_000)
            far_side.channel.send(long)
            far_side.send({"type": "short"})
            await soon(lambda: len(call.received) == 2)
            assert call.received == [long, '{"type": "short"}']
            call.tell(long)
            assert await far_side.event("long") == {"type": "long", "text": "ü" * 100_000}

    run(scenario)


def test_an_event_that_the_far_side_cannot_take_becomes_an_error_and_the_call_goes_on():
    async def scenario():
        async with call_from() as (call, far_side):
            call.tell('{"type": "huge", "text": "%s"}' % ("x" * 300_000))
            call.tell('{"type": "after"}')
            error = (await far_side.event("error"))["error"]
            assert error["code"] == "event_too_large"
            await far_side.event("after")
            assert not any(event["type"] == "huge" for event in far_side.events)

    run(scenario)


def test_a_call_that_fails_to_take_an_event_does_not_silence_the_connection(caplog):
    async def scenario():
        async with call_from() as (call, far_side):
            far_side.channel.send("nonsense")
            far_side.send({"type": "sense"})
            await soon(lambda: len(call.received) == 2)
            call.tell('{"type": "after"}')
            await far_side.event("after")
            heard = len(far_side.heard)
            await far_side.until(lambda: len(far_side.heard) > heard + RATE // 2)

    run(scenario)
    assert "failed" in caplog.text


def test_many_events_arrive_in_order():
    async def scenario():
        async with call_from() as (call, far_side):
            text = "x" * 1000
            for number in range(1200):  # more than may wait in the channel
                call.tell(f'{{"type": "many", "number": {number}, "text": "{text}"}}')
            await far_side.until(lambda: len(far_side.events) == 1201)
            assert [event["number"] for event in far_side.events[1:]] == list(range(1200))

    run(scenario)


# --- ends


def test_the_last_events_of_a_call_arrive_before_its_end(monkeypatch):
    monkeypatch.setattr(peer, "_FLUSH_WITHIN", PATIENCE)  # 0.5 s pass when a machine stands still

    async def scenario():
        async with call_from() as (call, far_side):
            text = "x" * 2000  # more than is under way at a time
            for number in range(100):
                call.tell(f'{{"type": "last", "number": {number}, "text": "{text}"}}')
            call.hang_up()
            await asyncio.wait_for(far_side.closed.wait(), PATIENCE)
            assert [event.get("number") for event in far_side.events] == [None, *range(100)]

    run(scenario)


def test_a_far_side_that_closes_hangs_up():
    async def scenario():
        async with call_from() as (call, far_side):
            await far_side.close()
            await asyncio.wait_for(call.ended.wait(), PATIENCE)

    run(scenario)


def test_a_far_side_that_vanishes_hangs_up_within_five_seconds():
    async def scenario():
        async with call_from() as (call, far_side):
            start = time.monotonic()
            far_side.vanish()
            await asyncio.wait_for(call.ended.wait(), PATIENCE)
            assert time.monotonic() - start < 12  # 4 to 4.5 where nothing stands still; ICE alone takes 30

    run(scenario)


def test_a_far_side_that_never_comes_hangs_up(monkeypatch):
    monkeypatch.setattr(peer, "_CONNECT_WITHIN", 0.2)

    async def scenario():
        peers, call, far_side = Peers(), Call(), WebRtcPeer()
        await peers.answer(call, await far_side.offer())
        await asyncio.wait_for(call.ended.wait(), PATIENCE)
        await far_side.close()

    run(scenario)


def test_the_end_of_the_server_is_the_end_of_its_calls():
    async def scenario():
        peers, calls = Peers(), [Call(), Call(), Call()]
        async with contextlib.AsyncExitStack() as stack:
            for call in calls:
                far_side = await stack.enter_async_context(calling(lambda offer, call=call: peers.answer(call, offer)))
            await asyncio.wait_for(peers.close(), PATIENCE)
            assert all(call.ended.is_set() for call in calls)
            await asyncio.wait_for(far_side.closed.wait(), PATIENCE)

    run(scenario)


# --- offers


def an_offer():
    async def made():
        far_side = WebRtcPeer()
        text = await far_side.offer()
        await far_side.close()
        return text

    return asyncio.run(made())


OFFER = an_offer()
LINES = OFFER.splitlines(keepends=True)


def refusal_of(offer):
    """What an offer is refused with; None where it is answered."""
    refusals = []

    async def scenario():
        peers, call = Peers(), Call()
        try:
            await peers.answer(call, offer)
        except Refusal as refusal:
            refusals.append(refusal)
            assert not call.ended.is_set()
        await peers.close()

    run(scenario)
    return refusals[0] if refusals else None


def left_open():
    gc.collect()
    return len(os.listdir("/dev/fd")), {thread.name for thread in threading.enumerate()}


@pytest.fixture(scope="module")
def _few_to_look_through():
    """What stood before is left out when what is left over is looked for: all of a long run's tests cost 0.3 s."""
    gc.collect()
    gc.freeze()
    yield
    gc.unfreeze()


@pytest.mark.usefixtures("_few_to_look_through")
@pytest.mark.parametrize(
    ("offer", "why"),
    [
        ("", "one audio section"),
        ("hello", "one audio section"),
        ("v=0\r\nm=audio", "no SDP"),
        ("{}", "one audio section"),
        (OFFER.replace("m=audio", "m=video"), "one audio section"),
        (OFFER + OFFER[OFFER.index("m=application") :], "at most one data channel"),
        (OFFER[: OFFER.index("m=audio")] + OFFER[OFFER.index("m=application") :], "one audio section"),
        (OFFER.replace("a=mid:1", "a=mid:0"), "mid"),
        (OFFER.replace("BUNDLE 0 1", "BUNDLE 7 0 1"), "BUNDLE"),
        ("".join(line for line in LINES if not line.startswith("a=fingerprint")), "fingerprint"),
        ("".join(line for line in LINES if not line.startswith("a=setup")), "fingerprint"),
        ("".join(line for line in LINES if not line.startswith("a=sctp-port")), "sctp-port"),
        ("".join(line for line in LINES if not line.startswith("a=ice-pwd")), "cannot be answered"),
        ("".join(line for line in LINES if not line.startswith("a=rtpmap")), "cannot be answered"),
        (OFFER.replace("opus", "opera"), "cannot be answered"),
        (OFFER + "a=x:" + "y" * 2**16, "characters"),
    ],
)
def test_an_offer_that_is_none_is_refused(offer, why):
    assert offer != OFFER
    before = left_open()
    refusal = refusal_of(offer)
    assert why in str(refusal)
    assert refusal.code == "invalid_offer"
    assert left_open() == before


mutations = st.lists(
    st.one_of(
        st.tuples(st.just("drop"), st.integers(0, len(LINES) - 1), st.just("")),
        st.tuples(st.just("double"), st.integers(0, len(LINES) - 1), st.just("")),
        st.tuples(st.just("put"), st.integers(0, len(LINES) - 1), st.text(max_size=30)),
        st.tuples(st.just("cut"), st.integers(0, len(OFFER)), st.just("")),
        st.tuples(st.just("number"), st.integers(0, len(LINES) - 1), st.sampled_from(["-1", "0", "65536", "9" * 30])),
    ),
    min_size=1,
    max_size=4,
)


def mutated(changes):
    lines = list(LINES)
    for kind, place, text in changes:
        if kind == "cut":
            lines = "".join(lines)[:place].splitlines(keepends=True)
        elif place < len(lines):
            line = lines[place]
            head, _, tail = line.partition(":")
            number = "".join(text if part.isdigit() else part for part in tail.replace(" ", " \0").split("\0"))
            lines[place] = {
                "drop": "",
                "double": line * 2,
                "put": f"{head}:{text}\r\n",
                "number": f"{head}:{number or text}\r\n",
            }[kind]
    return "".join(lines)


@pytest.mark.usefixtures("_few_to_look_through")
def test_the_offer_itself_is_answered_and_leaves_nothing():
    before = left_open()
    assert refusal_of(OFFER) is None
    assert left_open() == before


@pytest.mark.usefixtures("_few_to_look_through")
@settings(max_examples=60, suppress_health_check=list(HealthCheck))
@given(mutations)
def test_whatever_an_offer_is_it_leaves_no_task_no_socket_and_no_thread(changes):
    before = left_open()
    refusal = refusal_of(mutated(changes))
    assert refusal is None or refusal.code == "invalid_offer"
    assert left_open() == before


def test_an_offer_makes_us_send_nothing_to_where_it_points():
    async def scenario():
        loop = asyncio.get_running_loop()
        came = asyncio.Event()

        class Victim(asyncio.DatagramProtocol):
            def datagram_received(self, data, address):
                came.set()

        transport, _ = await loop.create_datagram_endpoint(Victim, local_addr=("127.0.0.1", 0))
        port = transport.get_extra_info("sockname")[1]
        candidate = f"a=candidate:1 1 udp 2130706431 127.0.0.1 {port} typ host\r\n"
        peers, call = Peers(), Call()
        await peers.answer(call, "".join(line + candidate if line.startswith("a=mid") else line for line in LINES))
        with pytest.raises(asyncio.TimeoutError):
            await asyncio.wait_for(came.wait(), 0.5)
        await peers.close()
        transport.close()

    run(scenario)


def test_a_long_silence_is_not_encoded_again_and_again_and_what_follows_is_clear(monkeypatch):
    made = []
    monkeypatch.setattr("av.AudioFrame", lambda **form: made.append(form) or AudioFrame(**form))
    tone = (np.sin(2 * np.pi * 440 / 24_000 * np.arange(24_000)) * 8000).astype(np.int16).tobytes()
    said = io.BytesIO(bytes(960 * 70) + tone[: 960 * 20])

    async def packets():
        track = voice(said.read)
        return [bytes(await track.recv()) for _ in range(90)]

    sent = SkippingLoop().run(packets())
    assert len(made) == 50 + 20
    decoder = AudioCodecContext.create("libopus", "r")
    decoder.sample_rate, decoder.layout, decoder.format = 48_000, "mono", "s16"
    heard = np.concatenate([frame.to_ndarray()[0] for each in sent for frame in decoder.decode(Packet(each))])
    spectrum = np.abs(np.fft.rfft(heard[-len(heard) // 9 :].astype(float)))
    assert spectrum.max() ** 2 > 0.4 * (spectrum**2).sum()
