"""The session's configuration for a conversation on the console."""

from __future__ import annotations

from collections.abc import Sequence

from ..events import (
    UNSET,
    AudioConfig,
    AudioInput,
    AudioOutput,
    FunctionTool,
    RealtimeSession,
    SessionUpdate,
    Transcription,
)


def opening(
    *, instructions: str | None = None, voice: str | None = None, tools: Sequence[FunctionTool] = ()
) -> SessionUpdate:
    """Turn transcription of the user on; leave to the server what is not given."""
    return SessionUpdate(
        session=RealtimeSession(
            instructions=instructions or UNSET,
            tools=list(tools) or UNSET,
            audio=AudioConfig(
                input=AudioInput(transcription=Transcription(model="gpt-transcribe")),
                output=AudioOutput(voice=voice) if voice else UNSET,
            ),
        )
    )
