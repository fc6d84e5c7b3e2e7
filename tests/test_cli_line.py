"""A live conversation on the console outlives its connection."""

from __future__ import annotations

import argparse
import io

import pytest
from faults.patience import PATIENCE
from faults.proxy import FaultProxy
from rich.console import Console

from reelthyme_sync import ConnectionLost, Reconnect
from reelthyme_sync.cli import talk
from reelthyme_sync.cli.partner import partner
from reelthyme_sync.cli.transcript import Transcript
from reelthyme_sync.events import Disconnected, Reconnected, SessionCreated
from reelthyme_sync.local_server import serve


def arguments(url: str, **others: object) -> argparse.Namespace:
    return argparse.Namespace(url=url, model="gpt-realtime", **others)


@pytest.fixture(scope="module")
def server():
    with serve() as server:
        yield server


def test_what_is_lost_is_opened_again_and_the_user_is_told(server):
    printed = io.StringIO()
    console = Console(file=printed, width=200)
    transcript, quickly = Transcript(console), Reconnect(initial_delay=0.01)
    with FaultProxy(server.url) as proxy, partner(arguments(proxy.url), console, reconnect=quickly) as session:
        assert isinstance(session.receive(timeout=PATIENCE), SessionCreated)
        proxy.reset()
        proxy.heal()
        for event in session.events():
            transcript.see(event)
            if isinstance(event, Reconnected):
                break
    told = printed.getvalue()
    assert "line      was lost, and is being opened again: " in told
    assert "line      is open again; what was cut off has to be asked again" in told


def test_a_move_between_two_turns_is_not_worth_a_word():
    printed = io.StringIO()
    Transcript(Console(file=printed)).see(Reconnected(planned=True))
    assert printed.getvalue() == ""


@pytest.mark.parametrize(("recording", "lasts"), [(None, True), ("question.wav", False)])
def test_a_live_conversation_lasts_and_a_recording_does_not(recording, lasts, monkeypatch):
    asked = {}

    def noted(_arguments, _console, *, reconnect):
        asked["reconnect"] = reconnect
        raise ConnectionLost("that was all")

    monkeypatch.setattr(talk, "partner", noted)
    monkeypatch.setattr(talk, "_words", lambda _: b"words")
    with pytest.raises(ConnectionLost):
        talk.talk(arguments("ws://127.0.0.1:9", input=recording, output=None))
    assert (asked["reconnect"] == Reconnect()) == lasts


def test_the_message_of_what_was_lost_is_shown():
    printed = io.StringIO()
    Transcript(Console(file=printed, width=200)).see(Disconnected(message="reset by the peer"))
    assert printed.getvalue().rstrip().endswith("being opened again: reset by the peer")
