"""The tools of a conversation on the console: declared in the session, called by the assistant, run here."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from typing import Any

import attrs

from ..events import (
    ConversationItemCreate,
    FunctionCall,
    FunctionCallOutput,
    FunctionTool,
    ResponseDone,
    ServerEvent,
)


@attrs.frozen
class Toolbox:
    """Tools, each with the function that runs when it is called."""

    tools: Mapping[str, tuple[FunctionTool, Callable[..., Any]]] = attrs.field(factory=dict)

    def declarations(self) -> list[FunctionTool]:
        """What the session is told of them."""
        return [declaration for declaration, _ in self.tools.values()]

    def calls(self, event: ServerEvent) -> list[FunctionCall]:
        """The calls to answer now: those of a response that has been completed, so each is met once."""
        if not isinstance(event, ResponseDone) or event.response.status != "completed":
            return []
        return [item for item in event.response.output or () if isinstance(item, FunctionCall)]

    def run(self, call: FunctionCall) -> ConversationItemCreate:
        """Run one call; what goes wrong is told to the assistant."""
        try:
            _, function = self.tools[call.name]
            output = json.dumps(function(**json.loads(call.arguments)))
        except Exception as error:  # a tool's fault is the assistant's to talk about, not ours to end on
            output = json.dumps({"error": f"{type(error).__name__}: {error}"})
        return ConversationItemCreate(item=FunctionCallOutput(call_id=call.call_id or "", output=output))
