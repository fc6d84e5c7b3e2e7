from reelthyme_sync.audio.valve import Valve
from reelthyme_sync.pcm import ms_to_bytes


def block(number: int) -> bytes:
    return bytes([number]) * ms_to_bytes(10)


def test_closed_at_first_and_open_with_what_came_just_before():
    valve = Valve(pre_roll_ms=20)
    assert [valve.push(block(number)) for number in (1, 2, 3)] == [b"", b"", b""]
    valve.open()
    assert valve.push(block(4)) == block(2) + block(3) + block(4)
    assert valve.push(block(5)) == block(5)


def test_what_was_heard_in_the_last_turn_is_not_heard_again():
    valve = Valve(pre_roll_ms=100)
    valve.open()
    assert valve.push(block(1)) == block(1)
    valve.close()
    assert valve.push(block(2)) == b""
    valve.open()
    assert valve.push(block(3)) == block(2) + block(3)


def test_only_what_comes_while_it_is_open_counts():
    valve = Valve(pre_roll_ms=100)
    valve.push(block(1))
    valve.open()
    for number in (2, 3):
        valve.push(block(number))
    valve.close()
    valve.push(block(4))
    assert valve.passed_ms == 20
    valve.open()
    assert valve.passed_ms == 0


def test_without_a_pre_roll_and_at_the_end():
    valve = Valve(pre_roll_ms=0)
    valve.push(block(1))
    valve.open()
    assert valve.push(block(2)) == block(2)
    assert valve.rest() == b""
