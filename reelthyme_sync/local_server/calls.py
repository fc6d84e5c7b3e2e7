"""The calls of a server: made, found by their id, and ended with it. Runs on the server's loop."""

from __future__ import annotations

import secrets
from typing import Final

from .call import Call, Terms
from .settings import AnySettings

_ID_BYTES: Final = 16
"""Whoever has the key and an id can listen in: an id must not be guessed."""


class Calls:
    """Knows every call that rings or is under way."""

    def __init__(self, terms: Terms) -> None:
        self._terms = terms
        self._calls: dict[str, Call] = {}

    def begin(self, settings: AnySettings, owners: frozenset[str | None]) -> Call:
        """A browser's call: answered from the start."""
        call = self._add(owners)
        call.accept(settings)
        return call

    def place_call(self) -> Call:
        """A telephone's call, which rings until it is accepted, rejected or hung up."""
        return self._add(None)

    def find(self, call_id: str) -> Call | None:
        """The call with this id, unless it has ended."""
        call = self._calls.get(call_id)
        return call if call is not None and call.state != "ended" else None

    def close(self) -> None:
        """Hang up every call."""
        for call in self._calls.values():
            call.hang_up()

    def _add(self, owners: frozenset[str | None] | None) -> Call:
        self._calls = {call_id: call for call_id, call in self._calls.items() if call.state != "ended"}
        call = Call(f"rtc_{secrets.token_hex(_ID_BYTES)}", self._terms, owners)
        self._calls[call.id] = call
        return call
