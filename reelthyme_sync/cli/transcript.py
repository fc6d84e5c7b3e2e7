"""What both sides say, printed as it is said, with times."""

from __future__ import annotations

from time import monotonic

from rich.console import Console
from rich.text import Text

from ..events import (
    ConversationItemInputAudioTranscriptionCompleted,
    Disconnected,
    Error,
    FunctionCall,
    Reconnected,
    ResponseDone,
    ResponseOutputAudioTranscriptDelta,
    ResponseOutputItemDone,
    ResponseOutputTextDelta,
    ServerEvent,
)

_STYLES = {
    "you": "bold cyan",
    "assistant": "bold green",
    "tool": "bold yellow",
    "cut": "bold red",
    "line": "bold red",
    "error": "bold red",
}


class Transcript:
    """Prints a conversation, one line a turn; the assistant's grow while they are spoken.

    Args:
        console: where to.
    """

    def __init__(self, console: Console) -> None:
        self._console = console
        self._began = monotonic()
        self._speaking = ""  # the item whose line is still open

    def see(self, event: ServerEvent) -> None:
        """Print what the event says, if it says something."""
        match event:
            case ConversationItemInputAudioTranscriptionCompleted(transcript=text):
                self.line("you", text.strip() or "(nothing understood)")
            case ResponseOutputAudioTranscriptDelta(item_id=item, delta=text):
                self._grow(item, text)
            case ResponseOutputTextDelta(item_id=item, delta=text):
                self._grow(item, text)
            case ResponseOutputItemDone(item=FunctionCall(name=name, arguments=arguments, status="completed")):
                self.line("tool", f"{name}({arguments})")
            case ResponseDone():
                self._end_line()
            case Disconnected(message=message):
                self.line("line", f"was lost, and is being opened again: {message}")
            case Reconnected(planned=False):
                self.line("line", "is open again; what was cut off has to be asked again")
            case Error(error=detail):
                self.line("error", detail.message)

    def cut(self, heard_ms: int, received_ms: int) -> None:
        """Print where the assistant was cut short."""
        self.line("cut", f"heard {heard_ms / 1000:.2f} s of {received_ms / 1000:.2f} s")

    def line(self, who: str, text: str) -> None:
        """Print a whole line."""
        self._end_line()
        self._begin_line(who)
        self._console.print(Text(text))

    def _grow(self, item: str, text: str) -> None:
        if item != self._speaking:
            self._end_line()
            self._begin_line("assistant")
            self._speaking = item
        self._console.print(Text(text), end="", soft_wrap=True)

    def _begin_line(self, who: str) -> None:
        time = f"{monotonic() - self._began:6.2f} s  "
        self._console.print(Text(time, "dim"), Text(f"{who:<10}", _STYLES[who]), sep="", end="")

    def _end_line(self) -> None:
        if self._speaking:
            self._console.print()
            self._speaking = ""
