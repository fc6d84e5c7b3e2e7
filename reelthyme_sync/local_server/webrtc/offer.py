"""What a browser offers, before anything is made of it."""

from __future__ import annotations

from typing import Final

from ..refusal import invalid_offer

_MAX_LENGTH: Final = 64 * 2**10
"""Characters. A browser's offer of a microphone and a data channel has about 6,000."""


def read_offer(offer: str) -> None:
    """See that an offer is one of sound, and perhaps of a data channel.

    Raises:
        Refusal: it is not.
    """
    from aiortc.sdp import SessionDescription

    if len(offer) > _MAX_LENGTH:
        raise invalid_offer(f"it has {len(offer)} characters, more than {_MAX_LENGTH}")
    try:
        described = SessionDescription.parse(offer)
    except Exception as error:  # the parser has no exception of its own
        raise invalid_offer(f"it is no SDP ({type(error).__name__})") from None
    kinds = [media.kind for media in described.media]
    if kinds.count("audio") != 1 or kinds.count("application") > 1 or set(kinds) > {"audio", "application"}:
        raise invalid_offer("a call has one audio section and at most one data channel, and nothing else")
    names = [media.rtp.muxId for media in described.media]
    if not all(names) or len(set(names)) != len(names):
        raise invalid_offer("each section needs a mid of its own")
    bundled = [name for group in described.group if group.semantic == "BUNDLE" for name in group.items]
    if not set(bundled) <= set(names):
        raise invalid_offer("its BUNDLE group names a section that it does not have")
    for media in described.media:
        if media.dtls is None or not media.dtls.fingerprints:
            raise invalid_offer("each section needs a fingerprint and a setup attribute")
        if media.kind == "application" and media.sctp_port is None:
            raise invalid_offer("its data channel needs an sctp-port")


def without_candidates(offer: str) -> str:
    """An offer whose maker has to find us, as it can: a server is reached.

    So nothing is sent to addresses that an offer names, no matter whose they are, and there is no waiting for a
    ``.local`` name, behind which browsers hide theirs. Nor does ICE give up early where no candidate is expected.
    """
    lines = offer.splitlines(keepends=True)
    return "".join(line for line in lines if not line.startswith(("a=candidate:", "a=end-of-candidates")))
