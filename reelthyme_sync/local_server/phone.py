"""The handle of a telephone: for plain code on any thread, while the call itself is on the server's loop."""

from __future__ import annotations

import re
from typing import Final, Literal, Protocol, TypeAlias

from .._bell import Bell
from .caller import HeardAnswer

Status: TypeAlias = Literal["ringing", "answered", "rejected", "referred", "ended"]

PATIENCE: Final = 15.0
"""Seconds that a wait lasts unless told otherwise."""

_OVER: Final = ("rejected", "referred", "ended")


class Line(Protocol):
    """What the other end of the handle does; from any thread, and after the end of the call nothing."""

    def say(self, text: str) -> None:
        """Say this at once."""

    def press(self, keys: str) -> None:
        """Press these keys."""

    def hang_up(self) -> None:
        """End the call."""


class Phone:
    """A telephone that has rung the application; ``LocalServer.ring`` makes one. Any thread.

    Attributes:
        call_id: of the call that the webhook tells of, ``rtc_…``.
        caller: the number that calls.
        sip_code: with which the call was rejected; None if it was not.
        target_uri: to whom it was passed on; None if it was not.
        webhook_status: the HTTP status of the last answer to the webhook; None while there is none.
    """

    def __init__(self, call_id: str, caller: str, line: Line) -> None:
        self.call_id = call_id
        self.caller = caller
        self.sip_code: int | None = None
        self.target_uri: str | None = None
        self.webhook_status: int | None = None
        self._line = line
        self._statuses: tuple[Status, ...] = ("ringing",)
        self._heard: tuple[HeardAnswer, ...] = ()
        self._sound: list[bytes] = []
        self._bell = Bell()

    def __repr__(self) -> str:
        return f"<Phone {self.caller} {self.status}>"

    @property
    def status(self) -> Status:
        """``ringing``, then ``answered`` or ``rejected``; after an answer ``ended`` or ``referred``.

        Also ``ended``: the caller has hung up before somebody answered.
        """
        return self._statuses[-1]

    @property
    def heard(self) -> tuple[HeardAnswer, ...]:
        """What the assistant has said so far, response by response."""
        return self._heard

    @property
    def sound(self) -> bytes:
        """All that has come out of the telephone since it was answered, silence too: 24 kHz PCM16."""
        return b"".join(self._sound)

    def wait(self, status: Status, timeout: float = PATIENCE) -> None:
        """Wait until it has, or has had, this status.

        Raises:
            TimeoutError: it has not in time, or never will.
        """
        self._bell.wait_for(lambda: status in self._statuses or self.status in _OVER, timeout)
        if status not in self._statuses:
            raise TimeoutError(f"The call of {self.caller} was not {status}: it is {self.status}")

    def wait_heard(self, words: str, timeout: float = PATIENCE) -> HeardAnswer:
        """Wait until the assistant has said something in which this regular expression is found, in any case.

        Raises:
            TimeoutError: it has not in time, or never will.
        """

        def found() -> HeardAnswer | None:
            return next((each for each in self._heard if re.search(words, each.text, re.IGNORECASE)), None)

        self._bell.wait_for(lambda: found() is not None or self.status in _OVER, timeout)
        if (heard := found()) is None:
            raise TimeoutError(f"{words!r} was not heard, but {[each.text for each in self._heard]}")
        return heard

    def say(self, text: str) -> None:
        """Say this at once, whether the assistant speaks or not. English."""
        self._line.say(text)

    def press(self, keys: str) -> None:
        """Press keys, one after another.

        Raises:
            ValueError: there is no such key: ``0`` to ``9``, ``*``, ``#``, ``A`` to ``D``.
        """
        if not re.fullmatch(r"[0-9*#A-D]+", keys):
            raise ValueError(f"The keys of a telephone are 0 to 9, *, #, A to D, not {keys!r}")
        self._line.press(keys)

    def hang_up(self) -> None:
        """End the call, or ring no longer. Idempotent."""
        self._line.hang_up()

    # --- what the server's loop tells ------------------------------------------------------------------------

    def answered(self) -> None:
        """Somebody has accepted the call."""
        self._change("answered")

    def over(self, sip_code: int | None, target_uri: str | None) -> None:
        """The call has ended: it was rejected with this, or passed on to there, or neither."""
        self.sip_code, self.target_uri = sip_code, target_uri
        self._change("rejected" if sip_code is not None else "ended" if target_uri is None else "referred")

    def hears(self, sound: bytes) -> None:
        """Some sound has come out."""
        self._sound.append(sound)

    def has_heard(self, heard: tuple[HeardAnswer, ...]) -> None:
        """All that has been said by now."""
        if heard != self._heard:
            self._heard = heard
            self._bell.ring()

    def _change(self, status: Status) -> None:
        self._statuses += (status,)
        self._bell.ring()
