"""``reelthyme talk``: a conversation with the microphone, or with a WAV file for the user."""

from __future__ import annotations

import argparse
from typing import Final

from rich.console import Console

from ..audio.wav import read_wav
from ..errors import AudioUnavailable
from ..pcm import bytes_to_ms
from .conversation import Conversation
from .directors import OneRecording, forever
from .opening import opening
from .partner import partner
from .sound import Sound, has_sound_card
from .transcript import Transcript

ANSWER_LIMIT: Final = 120.0
"""Seconds that a recording's answer may take."""


def talk(arguments: argparse.Namespace) -> int:
    """Hold the conversation that the arguments describe."""
    console = Console()
    with partner(arguments, console) as endpoint, Sound(arguments.output) as sound:
        conversation = _recorded(arguments, console, sound) if arguments.input else _live(arguments, console, sound)
        try:
            conversation.hold(endpoint)
        except KeyboardInterrupt:
            console.print()  # Ctrl-C is how a live conversation ends
    if arguments.output:
        console.print(f"Kept in {arguments.output}", highlight=False)
    return 0


def _live(arguments: argparse.Namespace, console: Console, sound: Sound) -> Conversation:
    try:
        microphone, speaker = sound.microphone(arguments.microphone), sound.speaker(arguments.speaker)
    except AudioUnavailable as error:
        raise AudioUnavailable(f"{error} A recording can speak for you: --input FILE.wav") from error
    console.print("Speak. Use a headset, so that the assistant does not hear itself. Ctrl-C ends it.\n")
    return Conversation(
        opening=opening(instructions=arguments.instructions, voice=arguments.voice),
        microphone=microphone,
        speaker=speaker,
        director=forever,
        transcript=Transcript(console),
    )


def _recorded(arguments: argparse.Namespace, console: Console, sound: Sound) -> Conversation:
    words = read_wav(arguments.input)
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
