"""The errors that the server answers with: what the service refuses, with its codes and words. Pure."""

from __future__ import annotations

from typing import Final

from ..events import Error, ErrorDetail

ERROR_TYPE: Final = "invalid_request_error"


class Refusal(Exception):
    """A client event that cannot be done. It becomes an ``error`` event; the session goes on.

    Args:
        message: whose fault, and what to do.
        code: the service's name for it; some refusals have none.
        param: the path to the field at fault.
    """

    def __init__(self, message: str, *, code: str | None, param: str | None = None) -> None:
        self.code = code
        self.param = param
        super().__init__(message)

    def as_event(self, client_event_id: str | None) -> Error:
        """The event that tells the client, with the id that it gave to the event at fault."""
        return Error(
            error=ErrorDetail(
                type=ERROR_TYPE, code=self.code, message=str(self), param=self.param, event_id=client_event_id
            )
        )


def invalid_value(message: str, param: str) -> Refusal:
    """A value outside what the protocol allows."""
    return Refusal(message, code="invalid_value", param=param)


def missing(param: str) -> Refusal:
    """A required field is absent."""
    return Refusal(f"Missing required parameter: '{param}'.", code="missing_required_parameter", param=param)


def invalid_offer(why: str) -> Refusal:
    """The refusal of an SDP that cannot be answered."""
    return Refusal(f"Invalid SDP offer: {why}.", code="invalid_offer", param="sdp")
