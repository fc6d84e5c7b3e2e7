"""Where an endpoint's URL leads: host, port, and what to ask for there. Pure."""

from __future__ import annotations

from urllib.parse import urlsplit

import attrs

from ..endpoints import Endpoint


@attrs.frozen
class Address:
    """A server, and a place on it.

    Attributes:
        secure: TLS, or plain.
        host: an ASCII name, or an IP address without brackets.
        port: the URL's, or the scheme's own.
        target: path and query, ready for a request; not shown, because a query may hold a ticket.
        shown: the URL as it may stand in a message.
    """

    secure: bool
    host: str
    port: int
    target: str = attrs.field(repr=False)
    shown: str

    @classmethod
    def of(cls, endpoint: Endpoint) -> Address:
        """The address of an endpoint, which has made its URL fit for the wire."""
        parts = urlsplit(endpoint.url)
        secure = parts.scheme == "wss"
        target = (parts.path or "/") + (f"?{parts.query}" if parts.query else "")
        return cls(secure, parts.hostname or "", parts.port or (443 if secure else 80), target, str(endpoint))

    @property
    def authority(self) -> str:
        """Host and port as a URL writes them, without the scheme's own port."""
        host = f"[{self.host}]" if ":" in self.host else self.host
        return host if self.port == (443 if self.secure else 80) else f"{host}:{self.port}"

    def __str__(self) -> str:
        return self.shown
