"""How the user may talk on open speakers: what keeps the assistant from hearing itself, and the words that say so."""

from __future__ import annotations

from rich.console import Console

from ..echo import EchoCanceller, EchoControl, HalfDuplex
from ..errors import AudioUnavailable


def echo_control() -> EchoControl:
    """A canceller where its package is installed, else what closes the microphone while the assistant speaks."""
    try:
        return EchoCanceller()
    except AudioUnavailable:
        return HalfDuplex()


def invite(console: Console, echo: EchoControl | None, hint: str = "") -> None:
    """Ask the user to speak.

    Args:
        console: where to.
        echo: what the microphone goes through, if anything.
        hint: what to say.
    """
    if echo is None:
        words = f"Speak{hint}. Use a headset, so that the assistant does not hear itself. Ctrl-C ends it."
    elif isinstance(echo, HalfDuplex):
        words = (
            f"Speak{hint}, and let the assistant finish: it cannot be interrupted. Ctrl-C ends it.\n"
            "To interrupt it, use a headset and --no-echo-cancelling, or install what open speakers need:\n"
            'pip install "reelthyme_sync[aec]"'
        )
    else:
        words = f"Speak{hint}, and interrupt as you like, with a headset or without one. Ctrl-C ends it."
    console.print(words + "\n", markup=False, highlight=False)
