"""What messages are made of: text, sound and images, as one message's ``content`` holds them."""

from typing import Literal

from .base import UNSET, TaggedPart, UnknownPart, Unset, part


@part("input_text")
class InputText(TaggedPart):
    """Text from the user or the system."""

    text: str | Unset = UNSET


@part("input_audio")
class InputAudio(TaggedPart):
    """Speech from the user."""

    audio: str | Unset = UNSET  # base64, in the session's input format; comes back only from item.retrieve
    transcript: str | Unset | None = UNSET  # null until it has been written down


@part("input_image")
class InputImage(TaggedPart):
    """A picture from the user."""

    image_url: str | Unset = UNSET  # a data URI: data:image/png;base64,...
    detail: Literal["auto", "low", "high"] | Unset = UNSET


@part("output_text")
class OutputText(TaggedPart):
    """Text from the model."""

    text: str | Unset = UNSET


@part("output_audio")
class OutputAudio(TaggedPart):
    """Speech from the model."""

    audio: str | Unset = UNSET  # base64, in the session's output format; comes back only from item.retrieve
    transcript: str | Unset | None = UNSET


@part("text")
class Text(TaggedPart):
    """Text from the model, as ``response.content_part.*`` names it."""

    text: str | Unset = UNSET


@part("audio")
class Audio(TaggedPart):
    """Speech from the model, as ``response.content_part.*`` names it."""

    audio: str | Unset = UNSET  # base64
    transcript: str | Unset | None = UNSET


SystemContent = InputText | UnknownPart
UserContent = InputText | InputAudio | InputImage | UnknownPart
# Older servers, and item.retrieved, say Text and Audio where others say OutputText and OutputAudio.
AssistantContent = OutputText | OutputAudio | Text | Audio | UnknownPart
ContentPart = Text | Audio | UnknownPart
