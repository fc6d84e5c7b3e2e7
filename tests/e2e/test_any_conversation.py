"""Whatever two threads do with a client, in whichever order: in the end both sides have the same conversation.

The server is asked for every item of it. The seed decides what is done, the machine in which order it meets.
"""

from __future__ import annotations

import contextlib
import math
import random
import threading

import pytest
from shop import Tools, Witness, transcript, transcript_at_the_server, write_script

from reelthyme_sync import RequestRefused
from reelthyme_sync.client import PendingReply, RealtimeClient
from reelthyme_sync.local_server import serve
from reelthyme_sync.testing import PATIENCE, FakeSpeaker

QUESTIONS = (
    "Are you there?",
    "Write me a story.",
    "Tell me a tale.",
    "How is the weather in Rome, and where is my order?",
    "May I have the catalogue?",
    "Look into the archive, and for my order.",
)
STEPS = ("say", "interrupting", "interrupt", "beside", "hear", "mode", "wait", "wait", "wait", "cancel", "tools")
TO_THE_END = 150.0
"""Seconds: several stories of a quarter of an hour each may have to be spoken first, on a machine that does more."""

SEEDS = [*range(2), *(pytest.param(seed, id=f"soak-{seed}", marks=pytest.mark.slow) for seed in range(100))]


def act(client: RealtimeClient, speaker: FakeSpeaker, choice: random.Random, asked: list[PendingReply]) -> None:
    """Do something."""
    match choice.choice(STEPS):
        case "say":
            asked.append(client.say(choice.choice(QUESTIONS)))
        case "interrupting":
            asked.append(client.say(choice.choice(QUESTIONS), interrupt=True))
        case "interrupt":
            client.interrupt()
        case "beside":
            asked.append(client.ask(conversation="none", input=["Your lamps are lovely."]))
        case "hear":
            speaker.pull(min(speaker.waiting, choice.randrange(50_000)))
        case "mode":
            client.update_session(output_modalities=[choice.choice(["text", "audio"])])
        case "wait" if asked:
            with contextlib.suppress(TimeoutError, RequestRefused):
                asked[-1].wait(choice.random() / 4)
        case "cancel" if asked:
            choice.choice(asked).cancel()
        case "tools":
            client.cancel_tools()


def settle(client: RealtimeClient, tools: Tools) -> None:
    """Wait until nothing more comes of what was asked. Each goodbye is answered behind all that waits before it."""
    for _ in range(2):
        client.say("Goodbye.", interrupt=True).wait(TO_THE_END)  # or what a tool said meanwhile is read aloud
        tools.close()
    assert client.say("Goodbye.").text(TO_THE_END) == "Goodbye!"


@pytest.mark.parametrize("seed", SEEDS)
def test_both_sides_have_the_same_conversation(seed, tmp_path):
    with (
        serve(script=write_script(tmp_path), speed=math.inf if seed % 2 else 8.0) as server,
        RealtimeClient(url=server.url) as client,
    ):
        tools, witness, speaker = Tools(client), Witness(client), FakeSpeaker(capacity_ms=600_000)
        asked: list[PendingReply] = []
        client.play(speaker)

        def live(choice: random.Random) -> None:
            for _ in range(20):
                act(client, speaker, choice, asked)

        threads = [threading.Thread(target=live, args=(random.Random(f"{seed} {thread}"),)) for thread in "ab"]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        settle(client, tools)

        items = client.conversation.get_items()
        ours, theirs = transcript(client.conversation), transcript_at_the_server(client)
        told = zip(items, ours, theirs, strict=True)
        assert [known if item.truncated else line for item, known, line in told] == ours  # of a cut, what was heard
        assert all(
            item.truncated for item, (_, words) in zip(items, theirs, strict=True) if not words and item.audio_ms
        )
        assert not [item for item in items if item.status == "in_progress"]
        assert not witness.refusals
        whole = [item.formatted.tool.call_id for item in items if item.formatted.tool and item.status == "completed"]
        assert witness.answered == dict.fromkeys(whole, 1)
        assert (client.usage.total.input, client.usage.total.output) == witness.tokens()
        for pending in asked:
            with contextlib.suppress(RequestRefused):
                pending.wait(PATIENCE)
