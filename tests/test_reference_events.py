"""The reference client's behaviours 1 to 15: its classes, its handlers, its arithmetic. L1 to L3 with them."""

from __future__ import annotations

import base64
import inspect
import threading
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from reference_peer import Peer, begun, call, ended, exactly, item_done

from reelthyme_sync import client as client_package
from reelthyme_sync import ids, pcm
from reelthyme_sync.client import EventHandler, RealtimeAPI, RealtimeClient, RealtimeConversation
from reelthyme_sync.testing import PATIENCE


def awaited(handler: EventHandler, name: str, payload: Any) -> Any:
    """What a wait on another thread gives when this happens."""
    with ThreadPoolExecutor(1) as pool:
        waiting = pool.submit(handler.wait_for_next, name, PATIENCE)
        while not waiting.done():  # until the wait has begun, nobody hears it
            handler.dispatch(name, payload)
        return waiting.result()


# --- A. structure -----------------------------------------------------------------------------------------------


def test_01_three_classes_and_what_hears_are_exported_together():
    for exported in ("RealtimeAPI", "RealtimeClient", "RealtimeConversation"):
        assert exported in client_package.__all__
    assert issubclass(RealtimeAPI, EventHandler)
    assert issubclass(RealtimeClient, EventHandler)
    assert not issubclass(RealtimeConversation, EventHandler)
    client = RealtimeClient()
    assert isinstance(client.realtime, RealtimeAPI)
    assert isinstance(client.conversation, RealtimeConversation)


def test_02_every_call_returns_without_the_servers_answer_and_tools_run_elsewhere():
    """The reference awaits connect, waits and tools; here nothing is awaited, and tools have threads of their own."""
    for kind in (RealtimeAPI, RealtimeClient, RealtimeConversation, EventHandler):
        assert not [name for name, each in inspect.getmembers(kind) if inspect.iscoroutinefunction(each)]
    with Peer() as peer:
        where = []
        peer.client.add_tool({"name": "where"}, lambda _: where.append(threading.current_thread().name))
        assert peer.client.send_user_message_content(["Hello!"]) is True  # although nobody answers
        asked = call("i1", "where", "{}")
        peer.says(begun(), item_done(asked), ended(asked))
        peer.transport.wait_sent("conversation.item.create", count=2)
        assert where == [f"reelthyme-tool-{peer.client.session.ordinal}"]


# --- B. handlers ------------------------------------------------------------------------------------------------


def test_03_on_appends_a_handler_and_gives_it_back():
    handler, told = EventHandler(), []
    assert handler.on("x", told.append) == told.append

    @handler.on("x")
    def decorated(event: str) -> None:
        told.append(event.upper())

    handler.dispatch("x", "a")
    handler.dispatch("x", "b")
    assert told == ["a", "A", "b", "B"]
    with pytest.raises(TypeError, match="must be callable"):
        handler.on("x", "no function")


def test_04_on_next_is_called_once_and_gives_its_handler_back():
    handler, told = EventHandler(), []
    assert handler.on_next("x", told.append) == told.append

    @handler.on_next("x")
    def decorated(event: int) -> None:
        told.append(-event)

    handler.dispatch("x", 1)
    handler.dispatch("x", 2)
    assert told == [1, -1]


def test_05_off_forgets_the_first_equal_handler_or_all_of_a_name():
    handler, told = EventHandler(), []
    handler.on("x", told.append)
    handler.on("x", told.append)
    handler.on("y", told.append)
    assert handler.off("x", told.append) is True
    handler.dispatch("x", 1)
    assert told == [1]
    refusal = 'Could not turn off specified event listener for "x": not found as a listener'
    with pytest.raises(ValueError, match=exactly(refusal)):
        handler.off("x", print)
    assert handler.off("x") is True
    assert handler.off("never seen") is True
    handler.dispatch("x", 2)
    handler.dispatch("y", 3)
    assert told == [1, 3]


def test_06_off_next_does_the_same_for_those_that_are_called_once():
    handler, told = EventHandler(), []
    handler.on_next("x", told.append)
    handler.on_next("x", told.append)
    assert handler.off_next("x", told.append) is True
    handler.dispatch("x", 1)
    assert told == [1]
    refusal = 'Could not turn off specified next event listener for "x": not found as a listener'
    with pytest.raises(ValueError, match=exactly(refusal)):
        handler.off_next("x", told.append)
    handler.on_next("x", told.append)
    assert handler.off_next("x") is True
    handler.dispatch("x", 2)
    assert told == [1]


def test_07_clear_event_handlers_forgets_both_kinds():
    handler, told = EventHandler(), []
    handler.on("x", told.append)
    handler.on_next("x", told.append)
    assert handler.clear_event_handlers() is True
    assert handler.dispatch("x", 1) is True
    assert told == []


def test_07_and_08_a_client_has_the_handlers_of_its_connection_too():
    client, told = RealtimeClient(), []
    client.on("server.x", told.append)
    client.realtime.on("server.x", told.append)
    client.on("x", told.append)
    for name in ("server.x", "x"):
        client.dispatch(name, name)
    assert told == ["server.x", "server.x", "x"]
    client.clear_event_handlers()
    client.dispatch("server.x", 1)
    client.realtime.dispatch("server.x", 2)
    client.dispatch("x", 3)
    assert told == ["server.x", "server.x", "x"]


def test_08_dispatch_calls_on_before_on_next_in_order_and_a_handler_that_raises_keeps_nobody_from_it():
    """In the reference the first handler that raises keeps the rest from hearing; here it is told to ``error``."""
    handler, told, failures = EventHandler(), [], []
    mistake = KeyError("oops")

    def fails(_: object) -> None:
        raise mistake

    handler.on("error", failures.append)
    handler.on_next("x", lambda event: told.append(f"once {event}"))
    handler.on("x", fails)
    handler.on("x", lambda event: told.append(f"first {event}"))
    handler.on("x", lambda event: told.append(f"second {event}"))
    assert handler.dispatch("x", 1) is True
    assert told == ["first 1", "second 1", "once 1"]
    assert failures == [mistake]


def test_08_handlers_that_change_during_a_dispatch_count_from_the_next_one():
    handler, told = EventHandler(), []

    def changes(event: int) -> None:
        told.append(("changes", event))
        handler.off("x", changes)
        handler.on("x", lambda event: told.append(("added", event)))

    handler.on("x", changes)
    handler.on("x", lambda event: told.append(("stays", event)))
    handler.dispatch("x", 1)
    handler.dispatch("x", 2)
    assert told == [("changes", 1), ("stays", 1), ("stays", 2), ("added", 2)]


def test_08_a_handler_of_errors_that_raises_is_not_told_of_itself():
    handler, told = EventHandler(), []

    def fails(event: object) -> None:
        told.append(event)
        raise ValueError

    handler.on("error", fails)
    handler.dispatch("error", "first")
    assert told == ["first"]


def test_09_wait_for_next_gives_the_payload_or_raises_when_the_time_is_up():
    """The reference gives null when the time is up, and looks every millisecond; null may be a payload here."""
    handler = EventHandler()
    assert awaited(handler, "x", {"a": 1}) == {"a": 1}
    with pytest.raises(TimeoutError, match=r"no y for 0\.05 s"):
        handler.wait_for_next("y", timeout=0.05)
    with pytest.raises(TimeoutError):
        handler.wait_for_next("y", timeout=0)  # is no time, and not for ever


def test_10_names_are_exact_and_only_the_literal_wildcards_exist():
    with Peer() as peer:
        told = []
        for name in ("server.*", "server.x", "server", "*", "conversation.*", "server.X", "client.*"):
            peer.client.on(name, lambda event, name=name: told.append((name, event.type)))
        peer.says({"type": "x"}, begun("r9"))
        seen = [each for each in told if not each[1].startswith("test.")]
        assert seen == [("server.x", "x"), ("server.*", "x"), ("server.*", "response.created")]


# --- C. arithmetic ----------------------------------------------------------------------------------------------


@given(st.lists(st.floats(-4, 4, width=32)))
def test_11_floats_are_clamped_and_cut_to_16_bits(values):
    def expected(value: float) -> int:
        clamped = max(-1.0, min(1.0, value))
        return int(clamped * (0x8000 if clamped < 0 else 0x7FFF))

    samples = np.array(values, np.float64)
    assert np.frombuffer(pcm.float_to_pcm16(samples), "<i2").tolist() == [expected(value) for value in samples]
    assert pcm.float_to_pcm16(np.array([-1.0, 1.0, -9.0, 9.0])) == np.array([-32768, 32767] * 2, "<i2").tobytes()


@given(st.binary())
def test_12_base64_becomes_bytes(data):
    assert pcm.decode_base64(base64.b64encode(data).decode()) == data
    with pytest.raises(ValueError, match="no base64"):
        pcm.decode_base64("not base64!")


def test_13_sound_becomes_base64_also_a_view_of_a_part_of_it():
    """The reference sends the whole buffer behind a part of it; here a part is a part."""
    whole = np.arange(20_000, dtype="<i2")
    assert pcm.encode_base64(whole.tobytes()) == base64.b64encode(whole.tobytes()).decode()
    with Peer() as peer:
        parts = [whole[5:9], whole[:8:2], memoryview(whole.tobytes())[2:6], whole.astype(np.float32)[:2] / 32768]
        for part in parts:
            peer.client.append_input_audio(part)
        appended = [np.frombuffer(base64.b64decode(event["audio"]), "<i2").tolist() for event in peer.sent()]
    assert appended == [[5, 6, 7, 8], [0, 2, 4, 6], [1, 2], [0, 0]]


def test_14_sound_is_merged_by_python_and_numpy():
    """The reference has a function for it; ``b"".join`` and ``numpy.concatenate`` are there already."""
    assert not [name for name in dir(pcm) if "merge" in name]
    left, right = np.array([1, 2], "<i2"), np.array([3], "<i2")
    assert b"".join([left.tobytes(), right.tobytes()]) == np.concatenate([left, right]).tobytes()


def test_15_ids_have_a_prefix_and_letters_that_nobody_confuses():
    made = [ids.generate_id("evt_") for _ in range(500)]
    assert len(set(made)) == 500
    assert all(len(each) == 21 and each.startswith("evt_") for each in made)
    assert not set("".join(each[4:] for each in made)) & set("0OIl_")
    assert len(ids.generate_id("item_", 32)) == 32


# --- L. decisions -----------------------------------------------------------------------------------------------


def test_l01_a_one_shot_that_is_added_during_a_dispatch_waits_for_the_next():
    handler, told = EventHandler(), []
    handler.on_next("x", lambda event: handler.on_next("x", told.append))
    handler.dispatch("x", 1)
    assert told == []
    handler.dispatch("x", 2)
    handler.dispatch("x", 3)
    assert told == [2]


@pytest.mark.parametrize("payload", [None, 0, "", False, []])
def test_l02_a_payload_that_is_false_wakes_who_waits(payload):
    assert awaited(EventHandler(), "x", payload) == payload


def test_l03_a_wait_that_timed_out_leaves_no_handler():
    handler = EventHandler()
    before = {name: repr(value) for name, value in vars(handler).items()}
    for _ in range(3):
        with pytest.raises(TimeoutError):
            handler.wait_for_next("x", timeout=0.001)
    assert {name: repr(value) for name, value in vars(handler).items()} == before
