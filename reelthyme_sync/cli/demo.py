"""``reelthyme demo``: a spoken conversation on any machine, live or from recordings."""

from __future__ import annotations

import argparse
from typing import Annotated, Final

from rich.console import Console

from ..tools import Tool
from .conversation import Conversation
from .directors import ThreeQuestions, forever
from .invitation import echo_control, invite
from .opening import opening
from .partner import partner
from .recordings import questions
from .sound import Sound, has_sound_card
from .transcript import Transcript

LIMIT: Final = 55.0
"""Seconds that the three questions and their answers may take."""

INSTRUCTIONS: Final = (
    "You are a friendly assistant. Answer in English, in one or two sentences; read forecasts out in full."
)


def demo(arguments: argparse.Namespace) -> int:
    """Talk live where there is a sound card; elsewhere let three recorded questions be asked."""
    console = Console()
    alive = has_sound_card() and not arguments.recorded
    with partner(arguments, console) as session, Sound(arguments.output) as sound:
        conversation = _live(arguments, console, sound) if alive else _recorded(console, sound)
        try:
            conversation.hold(session)
        except KeyboardInterrupt:
            if not alive:
                raise
            console.print()
    console.print(f"\nThe conversation is in {arguments.output}: you left, the assistant right.", highlight=False)
    return 0


def _live(arguments: argparse.Namespace, console: Console, sound: Sound) -> Conversation:
    weather = Tool.of(get_weather)
    echo = echo_control() if arguments.echo_cancelling else None
    microphone, speaker = sound.microphone(echo=echo), sound.speaker()
    transcript = Transcript(console)
    invite(console, echo, hint=": ask for the weather, say")
    return Conversation(
        opening=opening(instructions=INSTRUCTIONS, tools=[weather.declaration]),
        microphone=microphone,
        speaker=speaker,
        echo=sound.keeping(echo),
        director=forever,
        transcript=transcript,
        tools=[weather],
    )


def _recorded(console: Console, sound: Sound) -> Conversation:
    console.print("No microphone is listening: recorded questions are asked instead of yours.\n")
    weather = Tool.of(get_weather)
    microphone, speaker = sound.software_microphone(), sound.software_speaker()
    transcript = Transcript(console)  # its clock starts with the recording's
    return Conversation(
        opening=opening(instructions=INSTRUCTIONS, tools=[weather.declaration]),
        microphone=microphone,
        speaker=speaker,
        director=ThreeQuestions(microphone, questions()),
        transcript=transcript,
        tools=[weather],
        limit=LIMIT,
    )


def get_weather(city: Annotated[str, "The city, such as Paris"]) -> dict[str, str]:
    """Get the weather forecast of a city."""
    return {  # long enough to be interrupted
        "forecast": f"In {city} it will be sunny in the morning, with a light wind from the west. Clouds come up in "
        "the afternoon, and there may be some rain in the evening. The temperature will be around twenty degrees. "
        "The night will be clear and cool, and the day after will be warmer.",
    }
