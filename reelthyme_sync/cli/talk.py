"""``reelthyme talk``: a conversation with the microphone, or with a WAV file for the user."""

from __future__ import annotations

import argparse
import os
from typing import Final

from rich.console import Console

from ..audio.wav import read_wav, without_silent_end
from ..errors import AudioUnavailable
from ..pcm import bytes_to_ms
from ..reconnect import Reconnect
from .conversation import Conversation
from .directors import OneRecording, forever
from .invitation import echo_control, invite
from .opening import opening
from .partner import partner
from .sound import Sound, has_sound_card
from .transcript import Transcript

ANSWER_LIMIT: Final = 120.0
"""Seconds that a recording's answer may take."""


def talk(arguments: argparse.Namespace) -> int:
    """Hold the conversation that the arguments describe."""
    console = Console()
    words = _words(arguments) if arguments.input else None  # before the output is opened, which wipes it
    lasting = Reconnect() if words is None else None  # of a recording nobody would repeat what was lost
    with partner(arguments, console, reconnect=lasting) as session, Sound(arguments.output) as sound:
        conversation = (
            _live(arguments, console, sound) if words is None else _recorded(words, arguments, console, sound)
        )
        try:
            conversation.hold(session)
        except KeyboardInterrupt:
            if words is not None:
                raise
            console.print()  # Ctrl-C is how a live conversation ends
    if arguments.output:
        console.print(f"Kept in {arguments.output}", highlight=False)
    return 0


def _live(arguments: argparse.Namespace, console: Console, sound: Sound) -> Conversation:
    echo = echo_control() if arguments.echo_cancelling else None
    try:
        microphone, speaker = sound.microphone(arguments.microphone, echo=echo), sound.speaker(arguments.speaker)
    except AudioUnavailable as error:
        raise AudioUnavailable(f"{error} A recording can speak for you: --input FILE.wav") from error
    invite(console, echo)
    return Conversation(
        opening=opening(instructions=arguments.instructions, voice=arguments.voice),
        microphone=microphone,
        speaker=speaker,
        echo=sound.keeping(echo),
        director=forever,
        transcript=Transcript(console),
    )


def _words(arguments: argparse.Namespace) -> bytes:
    if arguments.output and os.path.realpath(arguments.output) == os.path.realpath(arguments.input):
        raise AudioUnavailable(f"{arguments.input} is to be read, so it cannot be the --output too")
    words = without_silent_end(read_wav(arguments.input))
    if not words:
        raise AudioUnavailable(f"Nobody says anything in {arguments.input}")
    return words


def _recorded(words: bytes, arguments: argparse.Namespace, console: Console, sound: Sound) -> Conversation:
    aloud = arguments.speaker is not None or has_sound_card()
    speaker = sound.speaker(arguments.speaker) if aloud else sound.software_speaker()
    microphone = sound.software_microphone()
    return Conversation(
        opening=opening(instructions=arguments.instructions, voice=arguments.voice),
        microphone=microphone,
        speaker=speaker,
        director=OneRecording(microphone, words),
        transcript=Transcript(console),
        limit=bytes_to_ms(len(words)) / 1000 + ANSWER_LIMIT,
    )
