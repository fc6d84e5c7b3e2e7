"""A proxy on the way: which one the environment names, and the talk with it, through python-socks.

The user and the password for it are in no text that leaves this file. On the thread that opens; python-socks is
imported when there is a proxy.
"""

from __future__ import annotations

import ipaddress
import urllib.request
from typing import Any, Final, Literal
from urllib.parse import unquote, urlsplit

import attrs

from ..errors import ConnectFailed
from .address import Address
from .opening import Opening

_HEADER_LIMIT: Final = 1 << 16


@attrs.frozen
class _Kind:
    """How a scheme is spoken: python-socks' name for it, the usual port, and whether the proxy looks names up."""

    name: str
    port: int
    by_name: bool


_KINDS: Final = {
    "http": _Kind("HTTP", 80, by_name=True),
    "socks4": _Kind("SOCKS4", 1080, by_name=False),
    "socks4a": _Kind("SOCKS4", 1080, by_name=True),
    "socks5": _Kind("SOCKS5", 1080, by_name=False),
    "socks5h": _Kind("SOCKS5", 1080, by_name=True),
}

_UNREACHED: Final = {502, 503, 504, 1, 3, 4, 5, 6, 91}
"""A proxy's codes for a host that it cannot reach: HTTP's, SOCKS5's and SOCKS4's."""


@attrs.frozen
class Proxy:
    """A proxy: as text its scheme, host and port, never the user and the password."""

    scheme: str
    host: str
    port: int
    user: str = attrs.field(default="", repr=False)
    password: str = attrs.field(default="", repr=False)

    @classmethod
    def of(cls, url: str) -> Proxy:
        """The proxy that a URL names; one without a scheme, as many environments have it, is an HTTP proxy.

        Raises:
            ConnectFailed: it names none, or one of an unknown kind.
        """
        try:
            parts = urlsplit(url if "://" in url else f"http://{url}")
            usual = _KINDS[parts.scheme].port
            port = parts.port or usual
            host = (parts.hostname or "").encode("idna").decode()
        except (KeyError, ValueError):  # their texts hold parts of the URL, and so perhaps of the password
            host = ""
        if not host:
            raise ConnectFailed(
                "Could not connect: the proxy's URL cannot be used: it must be http://, socks5://, socks5h://, "
                "socks4:// or socks4a:// with a host, perhaps a port, perhaps a user and a password"
            )
        return cls(parts.scheme, host, port, unquote(parts.username or ""), unquote(parts.password or ""))

    def __str__(self) -> str:
        host = f"[{self.host}]" if ":" in self.host else self.host
        return f"{self.scheme}://{host}:{self.port}"

    def tunnel(self, address: Address, opening: Opening) -> None:
        """Have the proxy, to which ``opening`` is connected, connect us with ``address``.

        Raises:
            ConnectFailed: it refuses, cannot, or is no such proxy.
        """
        from python_socks import ProxyError, ProxyType
        from python_socks.sync.v2 import Proxy as Talk

        kind = _KINDS[self.scheme]
        line: Any = _Line(opening)  # stands for "the proxy before this one", which is how a Talk takes a socket
        talk = Talk(
            ProxyType[kind.name], self.host, self.port, self.user, self.password, rdns=kind.by_name, forward=line
        )
        where = f"Could not connect to {address} through the proxy {self}"
        try:
            talk.connect(address.host, address.port)
        except ProxyError as error:
            failure: Exception = self._refused(where, error.error_code, str(error))
        except TimeoutError:
            failure = TimeoutError()
        except ConnectFailed as error:
            failure = error.with_traceback(None)
        except OSError:
            failure = ConnectFailed(f"{where}: the connection with the proxy broke off", recoverable=True)
        except ValueError:
            failure = ConnectFailed(f"{where}: the proxy's user and password cannot be sent as they are")
        else:
            return
        raise failure  # here, without its cause: the variables of python-socks' frames hold the login

    def _refused(self, where: str, code: int | None, words: str) -> ConnectFailed:
        status = code if self.scheme == "http" else None
        if code == 407 or "uthentication" in words:
            wants = "refused the user and password given" if self.user else "wants a user and a password in its URL"
            return ConnectFailed(f"{where}: the proxy {wants}", status=status)
        if code in _UNREACHED:
            why = "the proxy cannot reach the server"
            return ConnectFailed(f"{where}: {why} (code {code})", status=status, recoverable=True)
        if code is not None:
            return ConnectFailed(f"{where}: the proxy does not let us through (code {code})", status=status)
        return ConnectFailed(f"{where}: what answers there is no {self.scheme} proxy")


def choose(address: Address, wanted: str | Literal[False] | None) -> Proxy | None:
    """The proxy to take: the one wanted, none (False), or the environment's (None).

    The environment says it as to other programs: HTTPS_PROXY for wss, HTTP_PROXY for ws, ALL_PROXY for both, NO_PROXY
    with the hosts that are reached without, in capitals or not.
    """
    if wanted is not None:
        return Proxy.of(wanted) if wanted else None
    named = urllib.request.getproxies()
    url = named.get("https" if address.secure else "http") or named.get("all")
    return Proxy.of(url) if url and not _is_exempt(address, named.get("no", "")) else None


def _is_exempt(address: Address, exempt: str) -> bool:
    if any(_holds(entry.strip(), address.host) for entry in exempt.split(",")):
        return True
    hosts = (address.host, address.authority, f"{address.host}:{address.port}")
    return any(urllib.request.proxy_bypass(host) for host in hosts)


def _holds(entry: str, host: str) -> bool:
    """Whether an entry of NO_PROXY is a network, such as 10.0.0.0/8, that holds the host; or its very address."""
    try:
        return ipaddress.ip_address(host) in ipaddress.ip_network(entry.strip("[]"), strict=False)
    except ValueError:
        return False


class _Line:
    """The opening's connection in the shape in which python-socks takes one, so that its deadline and abort hold."""

    def __init__(self, opening: Opening) -> None:
        self._opening = opening

    def connect(self, **_: object) -> _Line:
        return self

    def write(self, data: bytes) -> None:
        self._opening.send(data)

    def read(self) -> bytes:
        """The header of an HTTP answer, all of it, however small the pieces are in which it comes."""
        header = b""
        while not header.endswith(b"\r\n\r\n") and len(header) < _HEADER_LIMIT:
            header += self.read_exactly(1)
        return header

    def read_exactly(self, size: int) -> bytes:
        data = b""
        while len(data) < size:
            piece = self._opening.recv(size - len(data))
            if not piece:
                raise ConnectionResetError("the proxy closed the connection")
            data += piece
        return data

    def close(self) -> None:
        """Nothing: the socket is the opening's."""
