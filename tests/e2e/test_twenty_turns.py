"""A conversation of twenty turns over a real socket, with an exact transcript: every time.

Written and spoken answers, tools that are slow, that fail and that do not return, two interruptions and a question
beside the conversation. Whatever differs between two runs is a race in the library.
"""

from __future__ import annotations

import math
import threading

import pytest
from shop import (
    NO_ARCHIVE,
    NO_ORDER,
    SAGA,
    TALE,
    Beginning,
    Tools,
    Witness,
    line_of,
    transcript,
    transcript_at_the_server,
    write_script,
)

from reelthyme_sync.client import RealtimeClient
from reelthyme_sync.events import ResponseDone, ResponseOutputTextDelta
from reelthyme_sync.local_server import serve
from reelthyme_sync.reply import Reply
from reelthyme_sync.testing import PATIENCE, FakeSpeaker

HEARD_MS = 1500

WARM = "sunny, and quite warm for November"

TRANSCRIPT = [
    ("user", "Are you there?"),
    ("assistant", "I am here."),
    ("user", "What do you sell?"),
    ("assistant", "Lamps, large and small, and the bulbs that go with them."),
    ("user", "How is the weather in Paris?"),
    ("call", 'weather{"city":"Paris"}'),
    ("output", f'{{"city":"Paris","forecast":"{WARM}"}}'),
    ("assistant", "City: Paris. Sunny, and quite warm for November."),
    ("user", "Is that warm?"),
    ("assistant", "Warm enough for a walk."),
    ("user", "Would you deliver it?"),
    ("assistant", "Within a week."),
    ("user", "What is your favourite colour?"),
    ("assistant", "Blue, as the sea is in the evening."),
    ("user", "How is the weather in Rome, and where is my order?"),
    ("call", 'weather{"city":"Rome"}'),
    ("call", 'find_order{"number":17}'),
    ("output", NO_ORDER),
    ("output", f'{{"city":"Rome","forecast":"{WARM}"}}'),
    ("assistant", "ValueError: there is no such order. City: Rome. Sunny, and quite warm for November."),
    ("user", "Tell me a tale."),
    ("assistant", Beginning(TALE)),
    ("user", "Stop. Who wrote it?"),
    ("assistant", "Nobody knows."),
    ("user", "Was it a sailor?"),
    ("assistant", "Perhaps it was."),
    ("user", "Write me a saga."),
    ("assistant", Beginning(SAGA)),
    ("user", "That is enough."),
    ("assistant", "All right."),
    ("user", "Look into the archive, and for my order."),
    ("call", "archive{}"),
    ("call", 'find_order{"number":18}'),
    ("output", NO_ORDER),
    ("output", NO_ARCHIVE),
    ("assistant", "ValueError: there is no such order. Archive timed out after 0.4 s."),
    ("user", "How much is the lamp?"),
    ("assistant", "Twelve, with a shade."),
    ("user", "Is there a red one?"),
    ("assistant", "Red, green and white."),
    ("user", "How is the weather in Oslo?"),
    ("call", 'weather{"city":"Oslo"}'),
    ("output", f'{{"city":"Oslo","forecast":"{WARM}"}}'),
    ("assistant", "City: Oslo. Sunny, and quite warm for November."),
    ("user", "At what hour do you come?"),
    ("assistant", "Before noon."),
    ("user", "Can I pay by card?"),
    ("assistant", "You can."),
    ("user", "Is there anything else?"),
    ("assistant", "No, nothing else."),
    ("user", "Goodbye."),
    ("assistant", "Goodbye!"),
]

BATCHES = 4
BESIDE = 1
TURNS = 20


RUNS = [*range(2), *(pytest.param(run, id=f"soak-{run}", marks=pytest.mark.slow) for run in range(100))]


@pytest.fixture
def url(run, tmp_path):
    """A server that streams eight times as fast as it could speak; in every other run without any wait."""
    with serve(script=write_script(tmp_path), speed=math.inf if run % 2 else 8.0) as server:
        yield server.url


def listen(speaker: FakeSpeaker, reply: Reply) -> None:
    """Hear a reply to its end: all of it sounds, and nothing else."""
    speaker.wait_waiting(len(reply.pcm) / 48)
    assert reply.pcm
    assert speaker.pull(len(reply.pcm) // 2) == reply.pcm
    assert not speaker.waiting


def converse(client: RealtimeClient, speaker: FakeSpeaker) -> bytes:
    """Twenty turns. Gives what was heard of the one that was interrupted while it sounded."""

    def ask(question: str, *, aloud: bool = False) -> None:
        reply = client.say(question).wait(PATIENCE)
        if aloud:
            listen(speaker, reply)

    client.play(speaker)
    client.update_session(output_modalities=["text"])
    ask("Are you there?")
    ask("What do you sell?")
    ask("How is the weather in Paris?")
    client.send_user_message_content(["Is that warm?"])
    assert client.wait_for_reply(PATIENCE).text == "Warm enough for a walk."
    spoken = client.ask("Would you deliver it?", response={"output_modalities": ["audio"]}).wait(PATIENCE)
    assert (spoken.text, spoken.transcript) == ("", "Within a week.")
    listen(speaker, spoken)

    client.update_session(output_modalities=["audio"])
    ask("What is your favourite colour?", aloud=True)
    ask("How is the weather in Rome, and where is my order?", aloud=True)
    tale = client.say("Tell me a tale.")
    speaker.wait_waiting(HEARD_MS)
    heard = speaker.advance(HEARD_MS)
    listen(speaker, client.say("Stop. Who wrote it?", interrupt=True).wait(PATIENCE))
    assert TALE.startswith(tale.text(PATIENCE))
    ask("Was it a sailor?", aloud=True)

    client.update_session(output_modalities=["text"], max_output_tokens="inf")  # or 4,096 would end the saga
    saga = client.say("Write me a saga.")
    client.wait_for_next("server.response.output_text.delta", PATIENCE)
    mood = client.ask("Is the user content?", conversation="none", input=["Your lamps are lovely."])
    assert mood.text(PATIENCE) == "content"
    assert not saga.request.done
    assert client.interrupt() is None
    assert saga.wait(PATIENCE).status == "cancelled"
    ask("That is enough.")
    ask("Look into the archive, and for my order.")
    ask("How much is the lamp?")
    ask("Is there a red one?")

    client.update_session(output_modalities=["audio"])
    ask("How is the weather in Oslo?", aloud=True)
    ask("At what hour do you come?", aloud=True)

    client.update_session(output_modalities=["text"])
    ask("Can I pay by card?")
    ask("Is there anything else?")
    ask("Goodbye.")
    return heard


def check(client: RealtimeClient, witness: Witness, heard: bytes) -> None:
    """What was said is in the conversation, at the server too; and nothing was asked for, or answered, twice."""
    items = client.conversation.get_items()
    assert transcript(client.conversation) == TRANSCRIPT
    assert [item.id for item in witness.appended] == [item.id for item in items]
    (cut,) = (item for item in items if item.truncated)
    whole = [item.id for item in items if item is not cut and item.status == "completed"]
    assert [item.id for item in witness.completed if item.id != cut.id] == whole
    assert len(whole) == len(items) - 2
    assert (cut.formatted.pcm, cut.parts[0].heard_ms) == (heard, HEARD_MS)
    assert TALE.startswith(cut.heard_text + cut.unheard_text)
    assert transcript_at_the_server(client) == [
        (who, "" if who == "assistant" and words == cut.formatted.transcript else words)
        for who, words in transcript(client.conversation)
    ]

    assert not witness.refusals
    assert [repr(failure) for failure in witness.failures] == [
        "ValueError('there is no such order')",
        "ValueError('there is no such order')",
        "TimeoutError('archive timed out after 0.4 s')",
    ]
    assert witness.requests == TURNS + BATCHES + BESIDE
    calls = [item.formatted.tool.call_id for item in items if item.formatted.tool]
    assert len(calls) == 6
    assert witness.answered == dict.fromkeys(calls, 1)
    assert len(witness.replies) == witness.requests
    assert (client.usage.total.input, client.usage.total.output) == witness.tokens()


@pytest.mark.parametrize("run", RUNS)
def test_twenty_turns_have_an_exact_transcript(url):
    speaker = FakeSpeaker(capacity_ms=600_000)
    with RealtimeClient(url=url) as client:
        tools, witness = Tools(client), Witness(client)
        try:
            heard = converse(client, speaker)
        finally:
            tools.close()
        check(client, witness, heard)


@pytest.mark.parametrize("run", range(2))
def test_five_turns_on_the_thread_that_takes_the_events(url):
    with RealtimeClient(url=url, threaded=False) as client:
        Tools(client)
        witness, said = Witness(client), []
        client.update_session(output_modalities=["text"], max_output_tokens="inf")
        client.say("Write me a saga.")
        turns = iter(
            [
                lambda: client.say("How is the weather in Rome, and where is my order?"),
                lambda: said.append(client.say("Are you there?").text(PATIENCE)),
                lambda: client.send_user_message_content(["What do you sell?"]),
                lambda: client.say("Goodbye."),
            ]
        )
        for event in client.events():
            assert witness.told[-1] is event
            match event:
                case ResponseOutputTextDelta() if len(witness.appended) == 2:
                    client.interrupt()
                case ResponseDone() if not witness.replies[-1].calls:
                    if (turn := next(turns, None)) is None:
                        break
                    turn()
        assert said == ["I am here."]
        assert witness.threads == {threading.get_ident()}
        assert [repr(failure) for failure in witness.failures] == ["ValueError('there is no such order')"]
        assert not witness.refusals
        assert witness.requests == 5 + 1
        assert [item.id for item in witness.appended] == [item.id for item in client.conversation.get_items()]
        assert transcript(client.conversation) == [
            ("user", "Write me a saga."),
            ("assistant", Beginning(SAGA)),
            *TRANSCRIPT[14:20],
            *TRANSCRIPT[:4],
            *TRANSCRIPT[-2:],
        ]


@pytest.mark.parametrize("run", range(2))
def test_a_handler_may_ask_and_wait_for_the_answer(url):
    with RealtimeClient(url=url) as client:
        Tools(client)
        witness, said = Witness(client), []

        @client.on("conversation.item.completed")
        def go_on(item):
            if line_of(item) == ("assistant", "I am here."):  # its response is not done yet
                said.append(client.say("What do you sell?").text(PATIENCE))
                client.say("How is the weather in Paris?")
                said.append(client.wait_for_reply(PATIENCE).text)

        client.update_session(output_modalities=["text"])
        assert client.say("Are you there?").text(PATIENCE) == "I am here."
        assert said == [TRANSCRIPT[3][1], TRANSCRIPT[7][1]]  # a wait comes back when the handlers have run
        client.say("Is that warm?").wait(PATIENCE)
        assert transcript(client.conversation) == TRANSCRIPT[:10]
        assert [line_of(item) for item in witness.completed] == TRANSCRIPT[:10]
        assert not witness.failures
        assert witness.requests == 4 + 1


@pytest.mark.parametrize("run", range(2))
def test_whoever_waits_for_what_follows_a_tool_gets_no_other_answer(url):
    with RealtimeClient(url=url) as client:
        tools, witness = Tools(client), Witness(client)
        client.update_session(output_modalities=["text"])
        catalogue = client.say("May I have the catalogue?")
        client.wait_for_next("reply", PATIENCE)
        assert client.say("Be brief.").text(PATIENCE) == "I will."
        tools.fetch.set()
        assert catalogue.text(PATIENCE) == "Here is the catalogue."
        with pytest.raises(TimeoutError):
            client.wait_for_reply(timeout=0)  # which counts from the last that was found
        assert transcript(client.conversation) == [
            ("user", "May I have the catalogue?"),
            ("call", "catalogue{}"),
            ("user", "Be brief."),
            ("assistant", "I will."),
            ("output", "Here is the catalogue."),
            ("assistant", "Here is the catalogue."),
        ]
        assert witness.requests == 3
        assert not witness.failures
