"""What was asked of a session, update by update, so that what the server refuses can be taken back. Pure.

Every update says all that is wanted, as the reference client's does. So a setting that is refused must be forgotten, or
it would have every later update refused with it; and an update that was already under way with it has to be repeated.
"""

from __future__ import annotations

import re
from collections import OrderedDict
from collections.abc import Mapping, Sequence
from typing import Any, Final

import attrs

from ..events import ErrorDetail, FunctionTool, SessionUpdate, evolve
from ..ids import generate_id
from .settings import Kind, Settings

KEPT: Final = 64
"""Patches that can still be taken back, and updates whose answer may still come: the latest."""


@attrs.frozen
class _Sent:
    """An update under way.

    Attributes:
        kind: of what kind of session it spoke.
        first: the patches that it was the first to tell the server.
        opening: whether the server had been told nothing before.
        withdrawn: how many patches had been taken back when it was sent.
    """

    kind: Kind
    first: tuple[int, ...]
    opening: bool
    withdrawn: int


class Updates:
    """The patches of one client, by number, from connection to connection.

    Args:
        first: the settings without any.
    """

    def __init__(self, first: Mapping[str, Any]) -> None:
        self._first = Settings(first)
        self._patches: dict[int, Mapping[str, Any]] = {}
        self._count = 0
        self._withdrawn = 0
        self._settings = self._first
        self._untold: tuple[int, ...] = ()
        self._opening = True
        self._with_tools = False  # that there are none has to be said once there have been some
        self._sent: OrderedDict[str, _Sent] = OrderedDict()
        self._latest = ""

    @property
    def settings(self) -> Settings:
        """All that is wanted."""
        return self._settings

    def add(self, patch: Mapping[str, Any]) -> int:
        """Want this, too. Gives its number."""
        self._count += 1
        self._patches[self._count] = patch
        self._untold += (self._count,)
        self._settings = self._settings.patched(patch)
        if len(self._patches) > KEPT:
            oldest = next(iter(self._patches))
            self._first = self._first.patched(self._patches.pop(oldest))
        return self._count

    def withdraw(self, *numbers: int) -> None:
        """Want these no more."""
        self._withdrawn += len(numbers)
        settings = self._first
        self._patches = {number: patch for number, patch in self._patches.items() if number not in numbers}
        for patch in self._patches.values():
            settings = settings.patched(patch)
        self._settings = settings
        self._untold = tuple(number for number in self._untold if number not in numbers)

    def begin(self) -> None:
        """A connection is new: its server has been told nothing."""
        self._untold, self._opening, self._with_tools = tuple(self._patches), True, False
        self._sent.clear()

    def update(self, kind: Kind, tools: Sequence[FunctionTool], *, with_tools: bool = False) -> SessionUpdate | None:
        """What to send; as ``Settings.update``. Its ``event_id`` is what a refusal will name."""
        self._with_tools |= with_tools
        update = self._settings.update(kind, tools, with_tools=self._with_tools)
        untold, opening = self._untold, self._opening
        self._untold, self._opening = (), False
        if update is None:
            return None
        event_id = generate_id("evt_")
        self._sent[event_id] = _Sent(kind, untold, opening, self._withdrawn)
        self._latest = event_id
        while len(self._sent) > KEPT:
            self._sent.popitem(last=False)
        return evolve(update, event_id=event_id)

    def refused(self, error: ErrorDetail, kind: Kind) -> bool:
        """The server has refused something: take back what it was, if it was an update. True: send another one.

        What is at fault is what the update was the first to say; of several patches, those about the ``param``. One
        that had to be refused, because of what was taken back since, is repeated when the last one under way is
        refused, too.

        Args:
            error: names the event that was refused.
            kind: what the session is for, as is known by now.
        """
        sent = self._sent.pop(error.event_id or "", None)
        if sent is None:
            return False
        first = [number for number in sent.first if number in self._patches]
        blameless = sent.withdrawn != self._withdrawn or sent.kind != kind
        guilty = [] if blameless else [number for number in first if _says(self._patches[number], error.param)]
        others = [number for number in first if number not in guilty]
        self.withdraw(*guilty)
        self._untold, self._opening = (*others, *self._untold), self._opening or sent.opening
        return error.event_id == self._latest and (blameless or (bool(guilty) and bool(others or sent.opening)))


def _says(patch: Mapping[str, Any], param: str | None) -> bool:
    """Whether a patch says something about what a server names, such as ``session.audio.input.turn_detection.type``."""
    said: Any = patch
    for step in re.split(r"[.\[]", (param or "").removeprefix("session").lstrip(".")):
        if not step or not isinstance(said, Mapping):
            return True
        if step not in said:
            return False
        said = said[step]
    return True
