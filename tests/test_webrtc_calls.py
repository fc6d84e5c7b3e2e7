"""Whole calls: a peer like a browser, speech, and the local server with its ears, its voice and its HTTP."""

import asyncio
import contextlib
import random

import aiohttp
import numpy as np
import pytest
from test_vad import recording
from webrtc_peer import PATIENCE, RATE, WebRtcPeer, calling

from reelthyme_sync import pcm
from reelthyme_sync.local_server import serve
from reelthyme_sync.local_server.voice import Voice
from reelthyme_sync.rest import create_client_secret

WITH_TRANSCRIPTS = {
    "type": "realtime",
    "output_modalities": ["audio"],
    "audio": {"input": {"transcription": {"model": "gpt-transcribe"}}},
}
MULTIPLICATION, HELLO = recording(3) + pcm.silence(300), recording(1) + pcm.silence(300)


@pytest.fixture
def server():
    with serve() as running:
        yield running


class Browser:
    """Posts offers, and hangs up."""

    def __init__(self, server, session):
        self._url = server.url.replace("ws", "http", 1) + "/calls"
        secret = create_client_secret(url=server.url, session=session)
        self._headers = {"Authorization": f"Bearer {secret.value}", "Content-Type": "application/sdp"}
        self.call_id = ""

    async def post(self, offer):
        """Status and body of the answer."""
        async with aiohttp.ClientSession() as http, http.post(self._url, data=offer, headers=self._headers) as answer:
            self.call_id = answer.headers.get("Location", "").rpartition("/")[2]
            return answer.status, await answer.text()

    async def ask(self, offer):
        status, text = await self.post(offer)
        assert status == 201, text
        return text

    @contextlib.asynccontextmanager
    async def sideband(self):
        headers = {"Authorization": self._headers["Authorization"]}
        url = f"{self._url.removesuffix('/calls')}?call_id={self.call_id}"
        async with aiohttp.ClientSession() as http, http.ws_connect(url, headers=headers) as sideband:
            yield sideband

    async def hang_up(self):
        headers = {"Authorization": self._headers["Authorization"]}
        async with (
            aiohttp.ClientSession() as http,
            http.post(f"{self._url}/{self.call_id}/hangup", headers=headers) as answer,
        ):
            return answer.status


def run(scenario):
    async def bounded():
        await asyncio.wait_for(scenario(), 60)

    asyncio.run(bounded())


@contextlib.asynccontextmanager
async def call_to(server, session=WITH_TRANSCRIPTS):
    browser = Browser(server, session)
    async with calling(browser.ask) as far_side:
        assert (await far_side.event("session.created"))["type"] == far_side.events[0]["type"]
        yield browser, far_side


def kinds(far_side):
    return [event["type"] for event in far_side.events]


def said(far_side):
    """The answers so far, in words."""
    done = (event for event in far_side.events if event["type"] == "response.output_audio_transcript.done")
    return " ".join(event["transcript"] for event in done)


def loud_seconds(sound):
    samples = np.frombuffer(bytes(sound), np.int16)
    return np.abs(samples[: len(samples) // 480 * 480].reshape(-1, 480)).max(axis=1).__gt__(200).sum() / 50


def ms_from_first_to_last_sound(sound):
    loud = np.flatnonzero(np.abs(np.frombuffer(bytes(sound), np.int16).astype(int)) > 200)
    return pcm.bytes_to_ms(int(loud[-1] - loud[0]) * 2)


def likeness(heard, said):
    """How well something that was said is found in what was heard: 1.0 where nothing differs."""
    long, short = (np.frombuffer(bytes(sound), np.int16).astype(np.float64) for sound in (heard, said))
    size = 2 ** int(np.ceil(np.log2(len(long) + len(short))))
    matches = np.fft.irfft(np.fft.rfft(long, size) * np.conj(np.fft.rfft(short, size)), size)
    place = int(np.argmax(matches[: len(long) - len(short)]))
    return matches[place] / np.linalg.norm(short) / np.linalg.norm(long[place : place + len(short)])


def test_a_spoken_question_is_understood_and_answered_aloud(server):
    async def scenario():
        async with call_to(server) as (_, far_side):
            await far_side.say(MULTIPLICATION)
            heard = await far_side.event("conversation.item.input_audio_transcription.completed")
            assert "six times seven" in heard["transcript"]
            await far_side.event("output_audio_buffer.stopped")
            assert "42" in said(far_side)
            for name in ("response.output_audio.delta", "error"):
                assert name not in kinds(far_side)
            order = ["speech_started", "speech_stopped", "response.created", "buffer.started", "response.done"]
            places = [next(n for n, kind in enumerate(kinds(far_side)) if kind.endswith(name)) for name in order]
            assert places[:-1] == sorted(places[:-1])
            assert places[-1] < kinds(far_side).index("output_audio_buffer.stopped")
            voice = b"".join(Voice().speak(said(far_side)))
            stopped = len(far_side.heard)
            await far_side.until(lambda: len(far_side.heard) > stopped + RATE)
            # Opus for voices turns their phases; another sentence is below 0.2
            assert likeness(far_side.heard, voice) > 0.7

    run(scenario)


def test_who_interrupts_hears_no_more_and_is_told_what_was_cut(server):
    async def scenario():
        async with call_to(server) as (_, far_side):
            far_side.send(
                {
                    "type": "conversation.item.create",
                    "item": {
                        "type": "message",
                        "role": "user",
                        "content": [{"type": "input_text", "text": "tell me a story"}],
                    },
                }
            )
            far_side.send({"type": "response.create"})
            await far_side.until(lambda: loud_seconds(far_side.heard) > 1)
            before = len(far_side.events)
            speaking = asyncio.create_task(far_side.say(MULTIPLICATION))
            started = await far_side.event("input_audio_buffer.speech_started", before)
            cleared = await far_side.event("output_audio_buffer.cleared", before)
            truncated = await far_side.event("conversation.item.truncated", before)
            told = len(far_side.heard)
            await far_side.until(lambda: len(far_side.heard) > told + RATE)  # what was still under way has come
            cut_ms = ms_from_first_to_last_sound(far_side.heard)
            await speaking
            begun = next(event for event in far_side.events if event["type"] == "output_audio_buffer.started")
            assert cleared["response_id"] == begun["response_id"]
            assert truncated["audio_end_ms"] > 1000
            assert cut_ms - 500 < truncated["audio_end_ms"] < cut_ms + 500
            await far_side.event("output_audio_buffer.started", far_side.events.index(started))
            await far_side.until(lambda: "42" in said(far_side))

    run(scenario)


def test_a_session_of_text_answers_a_spoken_question_in_text(server):
    async def scenario():
        async with call_to(server, {"type": "realtime", "output_modalities": ["text"]}) as (_, far_side):
            await far_side.say(MULTIPLICATION)
            assert "42" in (await far_side.event("response.output_text.done"))["text"]
            await far_side.event("response.done")
            assert not any(kind.startswith("output_audio_buffer") for kind in kinds(far_side))
            assert loud_seconds(far_side.heard) == 0

    run(scenario)


def test_two_calls_at_once_are_two_conversations(server):
    async def scenario():
        async with call_to(server) as (_, first), call_to(server) as (_, second):
            await asyncio.gather(first.say(MULTIPLICATION), second.say(HELLO))
            heard = [
                await each.event("conversation.item.input_audio_transcription.completed") for each in (first, second)
            ]
            assert "six times seven" in heard[0]["transcript"]
            assert "how are you" in heard[1]["transcript"]
            for each, answer in ((first, "42"), (second, "I am fine")):
                await each.event("output_audio_buffer.started")
                await each.until(lambda each=each, answer=answer: answer in said(each))

    run(scenario)


def test_hanging_up_by_http_ends_the_connection(server):
    async def scenario():
        async with call_to(server) as (browser, far_side):
            assert await browser.hang_up() == 200
            await asyncio.wait_for(far_side.closed.wait(), PATIENCE)
            assert await browser.hang_up() == 404

    run(scenario)


def test_a_peer_that_closes_ends_the_call(server):
    async def scenario():
        async with call_to(server) as (browser, far_side):
            async with browser.sideband() as sideband:
                await far_side.close()
                async for _ in sideband:
                    pass
                assert sideband.close_code == 1000

    run(scenario)


def test_broken_offers_harm_nobody(server):
    async def scenario():
        async with call_to(server) as (_, far_side):
            offering = WebRtcPeer()
            offer = await offering.offer()
            await offering.close()
            dice, browser = random.Random(1), Browser(server, WITH_TRANSCRIPTS)
            for _ in range(20):
                place = dice.randrange(len(offer))
                broken = offer[:place] + dice.choice(["", "\r\n", "x" * 100, "\r\nm=audio 1 X 1\r\n"])
                status, body = await browser.post(broken)
                assert status in (201, 400)
                assert status == 201 or "invalid_offer" in body
            await far_side.say(HELLO)
            await far_side.until(lambda: loud_seconds(far_side.heard) > 0.5)

    run(scenario)


def test_a_server_that_ends_ends_its_calls():
    async def scenario():
        with serve() as server:
            async with call_to(server) as (_, far_side):
                await asyncio.to_thread(server.close)
                await asyncio.wait_for(far_side.closed.wait(), PATIENCE)

    run(scenario)
