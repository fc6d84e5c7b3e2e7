"""What the library itself tells of the sound devices, in the stream of events."""

from typing import Literal

from .base import ServerEvent, part


@part("reelthyme.device_lost")
class DeviceLost(ServerEvent):
    """A speaker or microphone has stopped: it was unplugged, or taken away. The session goes on without it.

    ``AudioStream.reopen`` and ``Capture.reopen`` go on with the default device, or with one of your choice.
    """

    device: Literal["speaker", "microphone"] = "speaker"
    message: str = ""  # what has happened, and what to do
