"""What a ``POST`` to the calls brings: an offer, and perhaps a session, in either of the two forms. Pure."""

from __future__ import annotations

import re
from typing import Final

import attrs

from .bodies import parsed
from .refusal import Refusal, invalid_offer, missing

_SDP: Final = "application/sdp"
_FORM: Final = "multipart/form-data"
_NAME: Final = re.compile(rb'[;\s]name="?([^";\r\n]*)', re.IGNORECASE)


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
        raise invalid_offer("it is no text") from None
    if not sdp.startswith("v=0"):
        raise invalid_offer("it does not begin with v=0")
    if not re.search(r"^m=audio ", sdp, re.MULTILINE):
        raise invalid_offer("it has no audio")
    return sdp


def _parts(content_type: str, body: bytes) -> dict[str, bytes]:
    """The fields of a form; what is no form has none."""
    boundary = re.search(r'boundary="?([^";]+)', content_type, re.IGNORECASE)
    if boundary is None:
        return {}
    delimiter = f"\r\n--{boundary[1].strip()}".encode(errors="surrogateescape")  # the bytes that aiohttp made text of
    _, *parts = (b"\r\n" + body).split(delimiter)
    fields: dict[str, bytes] = {}
    for part in parts:
        head, _, content = part.partition(b"\r\n\r\n")
        for line in head.split(b"\r\n"):  # one expression for the whole head would take minutes for a hostile one
            if line.lower().startswith(b"content-disposition:") and (name := _NAME.search(line)) is not None:
                fields[name[1].decode("utf-8", "replace")] = content
    return fields
