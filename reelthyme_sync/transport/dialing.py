"""From an address to a connected socket: the look-up, TCP, a proxy on the way, TLS. Knows no HTTP.

Each failure is told where it happens, because only there it is known whose it was. On the thread that opens.
"""

from __future__ import annotations

import errno
import functools
import os
import socket
import ssl
from typing import Any, Final, Literal

from .. import meanings
from ..errors import ConnectFailed
from . import proxies
from .address import Address
from .opening import Opening
from .proxies import Proxy

_UNREACHABLE: Final = {errno.ENETUNREACH, errno.EHOSTUNREACH, errno.ENETDOWN, errno.EADDRNOTAVAIL}


def dial(
    address: Address, opening: Opening, *, ssl_context: ssl.SSLContext | None, proxy: str | Literal[False] | None
) -> None:
    """Connect to ``address``: afterwards ``opening.sock`` carries what is between the server and us alone.

    Raises:
        ConnectFailed: with what to do about it.
    """
    way = proxies.choose(address, proxy)
    if way is None:
        _connect(address.host, address.port, opening, whose=str(address))
    else:
        _connect(way.host, way.port, opening, whose=f"the proxy {way} on the way to {address}")
        _tunnel(way, address, opening)
    if address.secure:
        _secure(address, opening, ssl_context)


def _connect(host: str, port: int, opening: Opening, *, whose: str) -> None:
    """Connect to the first of the host's addresses that answers; a silent one leaves time for those after it."""
    with opening.step(f"while the name {host} was looked up"):
        found = _look_up(host, port, whose)
    with opening.step(f"while connecting to {whose}"):
        for left in range(len(found), 0, -1):
            seconds = opening.remaining()
            try:
                _reach(found[-left], None if seconds is None else seconds / left, opening)
            except ConnectFailed:
                raise
            except OSError as error:
                failure = error
            else:
                return
        if isinstance(failure, TimeoutError):
            raise failure
        raise _unconnected(whose, failure) from failure


def _reach(found: Any, timeout: float | None, opening: Opening) -> None:
    family, kind, protocol, _, target = found
    sock = socket.socket(family, kind, protocol)
    opening.adopt(sock)
    try:
        sock.settimeout(timeout)
        sock.connect(target)
        sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)  # small frames are not held back
    except OSError:
        sock.close()
        raise


def _look_up(host: str, port: int, whose: str) -> list[Any]:
    try:
        return socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
    except OSError as error:
        raise ConnectFailed(
            f"Could not connect to {whose}: no host {host!r} is known: check the name, and that this machine is online",
            recoverable=True,
        ) from error


def _unconnected(whose: str, error: OSError) -> ConnectFailed:
    if isinstance(error, ConnectionRefusedError):
        why = "nobody listens there: is the server running, and is the port right?"
    elif error.errno in _UNREACHABLE:
        why = "there is no way there from this machine: is it online?"
    else:
        why = str(error)
    return ConnectFailed(f"Could not connect to {whose}: {why}", recoverable=True)


def _tunnel(way: Proxy, address: Address, opening: Opening) -> None:
    with opening.step(f"while the proxy {way} was asked for {address}"):
        way.tunnel(address, opening)


def _secure(address: Address, opening: Opening, context: ssl.SSLContext | None) -> None:
    if context is None:
        context = _default_context(os.environ.get("SSL_CERT_FILE"), os.environ.get("SSL_CERT_DIR"))
    with opening.step(f"during the TLS handshake with {address}"):
        try:
            # The handshake comes after adopt: wrap_socket takes the descriptor away from the socket that abort knew.
            sock = context.wrap_socket(opening.sock, server_hostname=address.host, do_handshake_on_connect=False)
            opening.adopt(sock)
            sock.settimeout(opening.remaining())
            sock.do_handshake()
        except (ConnectFailed, TimeoutError):
            raise
        except OSError as error:
            raise _unsecured(address, error) from error


def _unsecured(address: Address, error: OSError) -> ConnectFailed:
    where = f"Could not connect to {address}"
    if isinstance(error, ssl.SSLCertVerificationError):
        why = meanings.of_certificate(error.verify_code)
        return ConnectFailed(f"{where}: {why} ({error.verify_message})")
    if not isinstance(error, ssl.SSLError) or isinstance(error, ssl.SSLEOFError | ssl.SSLZeroReturnError):
        return ConnectFailed(f"{where}: the connection was cut during the TLS handshake", recoverable=True)
    if error.reason in ("WRONG_VERSION_NUMBER", "HTTP_REQUEST", "PACKET_LENGTH_TOO_LONG"):
        return ConnectFailed(f"{where}: the server does not speak TLS there: use ws:// if that is as it should be")
    return ConnectFailed(f"{where}: the TLS handshake failed: {error.reason or error}")


@functools.lru_cache(maxsize=1)
def _default_context(_cert_file: str | None, _cert_dir: str | None) -> ssl.SSLContext:
    """One for all sessions, anew when the environment names other authorities."""
    return ssl.create_default_context()
