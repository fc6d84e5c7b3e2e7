"""What may come of a frame, whatever it holds: an event, or a ``ProtocolError`` that shows little of it."""

from collections.abc import Callable
from typing import Any, Final

from reelthyme_sync import codec
from reelthyme_sync.errors import ProtocolError
from reelthyme_sync.events import ClientEvent, Event, ServerEvent, UnknownEvent

LONGEST_MESSAGE: Final = 200  # characters


def of_server(data: bytes | str) -> ServerEvent | None:
    """The event, or None where it is refused. Anything else that happens is a fault."""
    event = _outcome(codec.decode, data)
    assert event is None or isinstance(event, ServerEvent)
    return event


def of_beta_server(data: bytes | str) -> ServerEvent | None:
    """As ``of_server``, from a server that is known to be old."""
    event = _outcome(lambda data: codec.decode(data, shape="beta"), data)
    assert event is None or isinstance(event, ServerEvent)
    return event


def of_client(data: bytes | str) -> ClientEvent | UnknownEvent | None:
    """As ``of_server``, for the other end."""
    event = _outcome(codec.decode_client, data)
    assert event is None or isinstance(event, ClientEvent | UnknownEvent)
    return event


def _outcome(decode: Callable[[Any], Event], data: bytes | str) -> Any:
    try:
        event = decode(data)
    except ProtocolError as error:
        _check_message(str(error))
        return None
    if isinstance(event, UnknownEvent):
        assert event.raw["type"] == event.type
        assert isinstance(event.event_id, str)
    return event


def _check_message(message: str) -> None:
    assert len(message) <= LONGEST_MESSAGE
