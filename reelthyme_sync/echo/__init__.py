"""Open speakers: what the microphone hears of the assistant's own voice is taken out, or shut out. Pure.

control     what every echo control does and tells; choosing: which one a word stands for
canceller   WebRTC's, with what it leaves over suppressed (residual); both can speak at once; resting: it does nothing
            while there is no echo
acoustics   what is learnt of a room: noise; delay, how late an echo is; expected, how loud it can be; path, whether
            there is one; and from all that, whether there is a voice beside it
half_duplex the microphone is shut while the assistant is heard; tail: for how long after that
meter       how loud the echo is, before and after
frames      20 ms of either end; fader: gain without clicks
"""

from .canceller import EchoCanceller
from .choosing import echo_control
from .control import EchoControl, EchoStats
from .half_duplex import HalfDuplex

__all__ = ["EchoCanceller", "EchoControl", "EchoStats", "HalfDuplex", "echo_control"]
