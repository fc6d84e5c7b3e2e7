"""Which echo control a word stands for. Pure, but for one line on the log."""

from __future__ import annotations

import functools
import logging
from typing import Literal

from ..errors import AudioUnavailable
from .canceller import EchoCanceller
from .control import EchoControl
from .half_duplex import HalfDuplex

logger = logging.getLogger(__name__)


def echo_control(wanted: EchoControl | Literal["auto", "gate"]) -> EchoControl:
    """The control itself, or the one that the word stands for.

    Args:
        wanted: ``"gate"`` for half duplex; ``"auto"`` for the canceller where it is installed, else half duplex, which
            the log is told once.

    Raises:
        ValueError: another word.
        TypeError: what is no control, such as a class that has not been called.
    """
    if not isinstance(wanted, str):
        if isinstance(wanted, type) or not hasattr(wanted, "process"):
            raise TypeError(f"echo is EchoCanceller(), or another object with process, rest and stats, not {wanted!r}")
        return wanted
    if wanted == "gate":
        return HalfDuplex()
    if wanted != "auto":
        raise ValueError(f'echo is "auto", "gate" or an echo control, not {wanted!r}')
    try:
        return EchoCanceller()
    except AudioUnavailable:
        _warn_once()
        return HalfDuplex()


@functools.cache
def _warn_once() -> None:
    logger.warning(
        "the microphone is shut while the assistant is heard, so nobody can interrupt it: "
        'pip install "reelthyme_sync[aec]" to have the echo cancelled instead'
    )
