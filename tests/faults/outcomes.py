"""How a session can end, or not; what holds for everybody who uses it afterwards."""

from __future__ import annotations

import attrs
import pytest

from reelthyme_sync import ConnectFailed, ConnectionClosed, ConnectionLost, Session


@attrs.frozen
class Unharmed:
    """All that was asked for came."""


@attrs.frozen
class Failed:
    """No session came about."""


@attrs.frozen
class Closed:
    """The session ended as we wanted it to; with the peer's code where the peer answered."""

    code: int | None = None


@attrs.frozen
class Lost:
    """The session ended although we did not want it to."""

    code: int | None = None


def outcome_of(error: Exception) -> Failed | Closed | Lost:
    """What an exception of the library tells. Any other exception is none of its outcomes, and is raised."""
    match error:
        case ConnectFailed():
            return Failed()
        case ConnectionLost():
            return Lost(error.code)
        case ConnectionClosed():
            return Closed(error.code)
    raise error


def check_end_stays(session: Session, end: Closed | Lost) -> None:
    """Whoever asks a session after its end is told the same, as often as they ask."""
    assert session.closed
    with pytest.raises(ConnectionClosed):
        while session.receive():  # what had come before whoever sent was told of the end
            pass
    kind = ConnectionLost if isinstance(end, Lost) else ConnectionClosed
    for _ in range(2):
        for ask in (session.receive, lambda: session.send({"type": "response.create"})):
            with pytest.raises(ConnectionClosed) as caught:
                ask()
            assert (type(caught.value), caught.value.code) == (kind, end.code)
        if isinstance(end, Lost):
            with pytest.raises(ConnectionLost):
                list(session.events())
        else:
            assert list(session.events()) == []
