"""What a client wants its session to be: the defaults, as they were patched. Pure.

Kept in the shape of the wire, because a patch is merged field by field, and absent, null and a value are told apart.
"""

from __future__ import annotations

import copy
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, Final, Literal, TypeAlias

from .. import codec
from ..events import (
    UNSET,
    FunctionTool,
    RealtimeSession,
    SessionUpdate,
    TranscriptionSession,
    TranslationConfig,
    UnknownPart,
)
from ..events.base import Unset
from .patches import merge

DEFAULTS: Final[dict[str, Any]] = {
    "output_modalities": ["audio"],
    "instructions": "",
    "audio": {
        "input": {
            "format": {"type": "audio/pcm", "rate": 24000},
            "transcription": None,
            "turn_detection": None,
        },
        "output": {"format": {"type": "audio/pcm", "rate": 24000}, "voice": "marin"},
    },
    "tools": [],
    "tool_choice": "auto",
    "max_output_tokens": 4096,
}
"""As OpenAI's reference client has them, in the words of today: turn detection is off, so the client decides whose turn
it is; ``turn_detection="server_vad"`` lets the service decide."""

Kind: TypeAlias = Literal["realtime", "transcription", "translation"]
"""What a session is for."""

_SHAPES: Final[dict[Kind, type[RealtimeSession] | type[TranscriptionSession] | type[TranslationConfig]]] = {
    "realtime": RealtimeSession,
    "transcription": TranscriptionSession,
    "translation": TranslationConfig,
}


class Settings:
    """The settings of one client. A value: a patch makes another.

    Args:
        wanted: where to begin, in the shape of the wire: the defaults, or nothing for a session that others set up.
    """

    def __init__(self, wanted: Mapping[str, Any] = DEFAULTS) -> None:
        self._wanted = copy.deepcopy(dict(wanted))

    @property
    def wanted(self) -> dict[str, Any]:
        """A copy of all that was asked for, in the shape of the wire."""
        return copy.deepcopy(self._wanted)

    @property
    def turn_detection(self) -> str | Unset | None:
        """Its type; None if it is off; UNSET if nobody has said."""
        found = self._wanted.get("audio", {}).get("input", {}).get("turn_detection", UNSET)
        return str(found["type"]) if isinstance(found, dict) else found

    @property
    def declared(self) -> frozenset[str]:
        """The names of the functions that the application runs itself."""
        return frozenset(each["name"] for each in self._wanted.get("tools") or () if each.get("name"))

    def patched(self, patch: Mapping[str, Any]) -> Settings:
        """The settings in which what the patch says differs: what is absent is left as it is, None turns it off."""
        changed = Settings(self._wanted)
        merge(changed._wanted, copy.deepcopy(dict(patch)))
        return changed

    def check(self, tools: Iterable[str]) -> None:
        """Nothing, unless one of these tools was declared by hand, too.

        Raises:
            ValueError: it was.
        """
        for name in tools:
            if name in self.declared:
                raise ValueError(f'Tool "{name}" has already been defined')

    def update(
        self, kind: Kind = "realtime", tools: Sequence[FunctionTool] = (), *, with_tools: bool = False
    ) -> SessionUpdate | None:
        """What to send: all settings, with these tools beside those declared by hand. None if there is nothing.

        Args:
            kind: what the session is for.
            tools: those that were added.
            with_tools: say so, too, if there are none at all.
        """
        wire = self.wanted
        if with_tools or tools or "tools" in wire:
            wire["tools"] = [*(wire.get("tools") or ()), *map(codec.unstructure, tools)]
        if not wire.keys() - {"type"}:
            return None
        if kind != "translation":  # which is refused with a type
            wire["type"] = kind
        session = codec.structure(wire, _SHAPES[kind])
        if codec.unstructure(session) == wire:
            return SessionUpdate(session=session)
        return SessionUpdate(session=UnknownPart(type=kind, raw=wire))  # something that has no class here
