"""A speaker and a microphone on a machine that is made up: what tests of full duplex begin with."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator

import pytest
from fake_sound_card import BLOCK, SoundCard, installed_sound_card

from reelthyme_sync.audio.full_duplex import join
from reelthyme_sync.audio.pyaudio_device import PyAudioMicrophone, PyAudioSpeaker
from reelthyme_sync.errors import AudioUnavailable

PATIENCE = 20.0


@pytest.fixture
def card(monkeypatch: pytest.MonkeyPatch) -> Iterator[SoundCard]:
    with installed_sound_card(monkeypatch) as card:
        yield card


class Pair:
    """A speaker and a microphone on streams of their own."""

    def __init__(self) -> None:
        self.speaker = PyAudioSpeaker()
        self.microphone = PyAudioMicrophone()

    def join(self) -> bool:
        return join(self.speaker, self.microphone)


@pytest.fixture
def pair(card: SoundCard) -> Iterator[Pair]:
    pair = Pair()
    yield pair
    pair.speaker.close()
    pair.microphone.close()


def block(value: int, samples: int = BLOCK) -> bytes:
    return value.to_bytes(2, "little") * samples


def failure_of(wait: Callable[[], object]) -> str:
    """What somebody is told who waits for a device that is lost."""
    told: list[str] = []

    def wait_and_tell() -> None:
        try:
            wait()
        except AudioUnavailable as error:
            told.append(str(error))

    waiting = threading.Thread(target=wait_and_tell, daemon=True)
    waiting.start()
    waiting.join(PATIENCE)
    assert told, "nothing was said"
    return told[0]


def open_directions(card: SoundCard) -> list[set[str]]:
    return [stream.directions for stream in card.open_streams]
