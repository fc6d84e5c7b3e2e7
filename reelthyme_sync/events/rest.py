"""What travels beside the socket: the bodies of the REST calls, and the webhook that announces a telephone call.

None of them is an event of a session. ``calls/{id}/accept`` takes a plain ``RealtimeSession``, ``calls/{id}/hangup``
takes nothing.
"""

import re
from typing import Literal

import attrs

from .audio import TranslationAudio
from .base import UNSET, Part, TaggedPart, UnknownPart, Unset, part
from .server_events import AnySession
from .session_config import RealtimeSession, TranscriptionSession

_ADDRESS = re.compile(r'"(?:\\.|[^"\\])*(?:"|$)|<([^<>]*)>', re.DOTALL)
"""A name in quotes, or an address in brackets. It passes over each character once: the caller wrote them."""

# --- client secrets -----------------------------------------------------------------------------------------


@part()
class ExpiresAfter(Part):
    """How long a client secret can be used to connect. A session that began with it goes on."""

    anchor: Literal["created_at"] | Unset = UNSET
    seconds: int | Unset = UNSET  # 10 to 7200; absent: 600


@part()
class ClientSecretRequest(Part):
    """Asks for a secret that a browser may hold. What it connects to is ``session``, unless it says otherwise."""

    expires_after: ExpiresAfter | Unset = UNSET
    session: RealtimeSession | TranscriptionSession | UnknownPart | Unset = UNSET


@part()
class TranslationSessionRequest(Part):
    """The session of a ``TranslationClientSecretRequest``. It has no ``type``: the service refuses one here."""

    model: str  # cannot change
    audio: TranslationAudio | Unset = UNSET


@part()
class TranslationClientSecretRequest(Part):
    """Asks for a secret that opens a translation session."""

    session: TranslationSessionRequest
    expires_after: ExpiresAfter | Unset = UNSET


@part()
class ClientSecret(Part):
    """The secret, for any kind of session. It opens as many sessions as you like until it expires."""

    value: str = attrs.field(default="", repr=False)  # "ek_..."; in the place of an API key
    expires_at: int = 0  # Unix seconds
    session: AnySession = RealtimeSession()


# --- calls --------------------------------------------------------------------------------------------------


@part()
class CallCreate(Part):
    """Begins a WebRTC call. Sent as a form: ``sdp`` as ``application/sdp``, ``session`` as JSON."""

    sdp: str  # the offer
    session: RealtimeSession | UnknownPart | Unset = UNSET


@part()
class CallRefer(Part):
    """Passes a SIP call on."""

    target_uri: str  # "tel:+14155550123" or "sip:agent@example.com"


@part()
class CallReject(Part):
    """Declines a SIP call."""

    status_code: int | Unset = UNSET  # of SIP; absent: 603, "decline"


# --- webhook ------------------------------------------------------------------------------------------------


@part()
class SipHeader(Part):
    """A header of the SIP INVITE. The caller wrote it: do not trust it."""

    name: str = ""
    value: str = ""


@part()
class IncomingCall(Part):
    """The call that ``realtime.call.incoming`` announces."""

    call_id: str = ""
    sip_headers: list[SipHeader] = attrs.field(factory=list)  # as sent: in order, and repeated where repeated
    sip_media_security: Literal["rtp", "srtp"] | str | None = None  # "srtp" is encrypted; None: not known


@part("realtime.call.incoming")
class RealtimeCallIncoming(TaggedPart):
    """Somebody calls. Accept or reject the call by its ``data.call_id``, then connect to it with that id."""

    id: str = ""
    created_at: int = 0  # Unix seconds
    data: IncomingCall = attrs.field(factory=IncomingCall)
    object: Literal["event"] | None = None

    @property
    def call_id(self) -> str:
        """The id to accept, reject and follow the call by."""
        return self.data.call_id

    @property
    def caller(self) -> str | None:
        """The address in ``From``, such as ``sip:+14155550123@example.com``. It is what the caller says, not proved."""
        written = self.header("From") or self.header("f")
        if written is None:
            return None
        bracketed = next((match[1] for match in _ADDRESS.finditer(written) if match[1]), None)
        return (bracketed or written.partition(";")[0]).strip()

    def header(self, name: str) -> str | None:
        """The first SIP header of this name, however capitalised; None if there is none."""
        return next((each.value for each in self.data.sip_headers if each.name.lower() == name.lower()), None)
