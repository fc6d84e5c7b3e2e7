"""What a ``POST`` to the calls brings: an offer, and perhaps a session, in either of the two forms. Pure."""

from __future__ import annotations

import email
import email.message
import re
from typing import Final

import attrs

from .bodies import parsed
from .refusal import Refusal, missing

_SDP: Final = "application/sdp"
_FORM: Final = "multipart/form-data"


@attrs.frozen
class CallRequest:
    """A call that is asked for.

    Attributes:
        sdp: the offer; that it is one with sound has been looked at, and no more.
        session: what was said about the session, JSON unpacked; None was nothing.
    """

    sdp: str
    session: object


def call_request(content_type: str, body: bytes) -> CallRequest:
    """The request that has this header and this body.

    Raises:
        Refusal: it is none.
    """
    kind = content_type.partition(";")[0].strip().lower()
    if kind == _SDP:
        return CallRequest(_offer(body), None)
    if kind != _FORM:
        raise Refusal(
            f"Unsupported content type. This endpoint takes '{_SDP}' and '{_FORM}'.", code="unsupported_content_type"
        )
    parts = _parts(content_type, body)
    if "sdp" not in parts:
        raise missing("sdp")
    return CallRequest(_offer(parts["sdp"]), parsed(parts["session"]) if parts.get("session") else None)


def _offer(body: bytes) -> str:
    try:
        sdp = body.decode()
    except UnicodeDecodeError:
        raise _no_offer("it is no text") from None
    if not sdp.startswith("v=0"):
        raise _no_offer("it does not begin with v=0")
    if not re.search(r"^m=audio ", sdp, re.MULTILINE):
        raise _no_offer("it has no audio")
    return sdp


def _no_offer(why: str) -> Refusal:
    return Refusal(f"Invalid SDP offer: {why}.", code="invalid_offer", param="sdp")


def _parts(content_type: str, body: bytes) -> dict[str, bytes]:
    """The fields of a form: the mail package reads any bytes, and what is no form has no fields."""
    header = re.sub(r"[\r\n]", " ", content_type).encode("utf-8", "replace")
    whole = email.message_from_bytes(b"Content-Type: " + header + b"\r\n\r\n" + body)
    return {
        str(part.get_param("name", "", "content-disposition")): _content(part)
        for part in (whole.get_payload() if whole.is_multipart() else [])
        if isinstance(part, email.message.Message)
    }


def _content(part: email.message.Message) -> bytes:
    content = part.get_payload(decode=True)
    return content if isinstance(content, bytes) else b""
