"""Speaker and microphone as one stream: what was recorded comes with what was played in the same call of the device.

Knows which devices can: those of PortAudio, on this machine.
"""

from __future__ import annotations

from .devices import Microphone, Speaker
from .pyaudio_device import PyAudioMicrophone, PyAudioSpeaker


def join(speaker: Speaker, microphone: Microphone) -> bool:
    """Make them one stream, for an echo canceller: from then on the microphone knows what was ``played``.

    Both stay open, with what waits in them and all they have counted; there is a gap of 30 to 50 ms. When one is
    closed, the other goes on alone. Any thread, but not the callback of a device.

    Args:
        speaker: open. Only a ``PyAudioSpeaker`` can be joined.
        microphone: open. Only a ``PyAudioMicrophone`` can be joined.

    Returns:
        Whether they are one stream now. If not (other devices; one of them closed, lost, or one with another already;
        different rates; PortAudio refuses them together), each goes on with its own. A device that cannot be had back
        counts as lost: whoever waits for it gets ``AudioUnavailable``.
    """
    if isinstance(speaker, PyAudioSpeaker) and isinstance(microphone, PyAudioMicrophone):
        return speaker.line.join(microphone.line)
    return False
