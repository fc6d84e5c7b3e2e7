"""One request over HTTP, and what answers it. The only file that knows ``requests``; on the caller's thread.

What ``requests`` would do by itself and must not: follow a redirect, which takes the key along; put a login of
``~/.netrc`` in the place of the key; and trust other authorities than ``connect`` does.
"""

from __future__ import annotations

import socket
import ssl
from collections.abc import Mapping
from typing import Any, Final, TypeVar

import attrs
import requests
import urllib3.exceptions
from requests.adapters import HTTPAdapter

from .. import meanings

E = TypeVar("E", bound=BaseException)

ANSWER_LIMIT: Final = 1 << 20
"""Bytes of an answer: a session with all its tools takes a few thousand."""


@attrs.frozen
class Request:
    """What is sent.

    Attributes:
        url: ``http://…`` or ``https://…``.
        headers: with the key; values that do not show it.
        content: the body; with ``parts``, None.
        parts: the parts of a form: name → (media type, content).
    """

    url: str
    headers: Mapping[str, str]
    content: bytes | None = attrs.field(default=None, repr=False)
    parts: Mapping[str, tuple[str, bytes]] | None = attrs.field(default=None, repr=False)


@attrs.frozen
class Answer:
    """What came back.

    Attributes:
        status: of HTTP.
        headers: their names in any case.
        body: not shown: it may hold a secret.
    """

    status: int
    headers: Mapping[str, str]
    body: bytes = attrs.field(repr=False)


class Unanswered(Exception):
    """No answer came.

    Attributes:
        recoverable: whether another attempt may succeed.
    """

    def __init__(self, why: str, *, recoverable: bool) -> None:
        self.recoverable = recoverable
        super().__init__(why)


def post(request: Request, *, timeout: float | None, ssl_context: ssl.SSLContext | None) -> Answer:
    """Send it and wait for the answer.

    Args:
        request: what to send.
        timeout: seconds until the server has begun to answer, and for which it may be silent after that.
        ssl_context: how servers are verified; None verifies with the system's authorities, or SSL_CERT_FILE's.

    Raises:
        Unanswered: nobody there, or somebody who does not speak HTTP to the end.
    """
    try:
        return _post(request, timeout, ssl_context)
    except (OSError, urllib3.exceptions.HTTPError) as error:  # also the root of those of requests
        failure = _unanswered(error, timeout)
    raise failure  # here, without its cause: the variables of requests' frames hold the key


def _post(request: Request, timeout: float | None, ssl_context: ssl.SSLContext | None) -> Answer:
    limit: Any = urllib3.Timeout(total=timeout)
    files = {name: (None, content, media) for name, (media, content) in (request.parts or {}).items()}
    with requests.Session() as http:
        http.mount("https://", _Verifying(ssl_context or ssl.create_default_context()))
        with http.post(
            request.url,
            headers=request.headers,
            data=request.content,
            files=files or None,
            timeout=limit,
            auth=_unchanged,
            allow_redirects=False,
            stream=True,
        ) as response:
            return Answer(response.status_code, response.headers, _body(response))


def _body(response: requests.Response) -> bytes:
    body = b""
    for piece in response.iter_content(1 << 14):
        body += piece
        if len(body) > ANSWER_LIMIT:
            if response.ok:
                raise Unanswered("its answer is longer than any that there is", recoverable=False)
            break
    return body


def _unchanged(request: requests.PreparedRequest) -> requests.PreparedRequest:
    """The authorisation is in the headers already: with this in its place nobody looks for another."""
    return request


class _Verifying(HTTPAdapter):
    """Verifies servers as ``context`` says, and only so, behind a proxy too."""

    def __init__(self, context: ssl.SSLContext) -> None:
        self._context = context
        super().__init__()

    def init_poolmanager(self, *args: Any, **options: Any) -> None:
        super().init_poolmanager(*args, ssl_context=self._context, **options)

    def proxy_manager_for(self, proxy: str, **options: Any) -> Any:
        return super().proxy_manager_for(proxy, ssl_context=self._context, **options)

    def cert_verify(self, conn: Any, url: str, verify: object, cert: object) -> None:
        """Not as usual: that would load the authorities of requests into the context, which is its owner's."""
        conn.cert_reqs, conn.ca_certs, conn.ca_cert_dir = self._context.verify_mode, None, None


def _unanswered(error: Exception, timeout: float | None) -> Unanswered:
    """Why there is no answer. The words of the error itself may hold the login for a proxy: they are not repeated."""
    if (verdict := _within(error, ssl.SSLCertVerificationError)) is not None:
        return Unanswered(meanings.of_certificate(verdict.verify_code), recoverable=False)
    if isinstance(error, requests.exceptions.InvalidSchema):
        advice = 'install "requests[socks]", or exempt the host with NO_PROXY'
        return Unanswered(f"the environment names a proxy that requests cannot use: {advice}", recoverable=False)
    if isinstance(error, requests.exceptions.SSLError):
        return Unanswered("the TLS handshake failed: does the server speak TLS there?", recoverable=False)
    if isinstance(error, requests.Timeout) or _within(error, (TimeoutError, urllib3.exceptions.ReadTimeoutError)):
        return Unanswered("timed out" if timeout is None else f"timed out after {timeout:g} s", recoverable=True)
    if isinstance(error, requests.exceptions.ProxyError):
        return Unanswered("the proxy on the way is not there, or does not let us through", recoverable=True)
    if _within(error, socket.gaierror):
        return Unanswered("no such host is known: check the name, and that this machine is online", recoverable=True)
    if _within(error, ConnectionRefusedError):
        return Unanswered("nobody listens there: is the server running, and is the port right?", recoverable=True)
    return Unanswered("the connection broke off, or what answers there is no web server", recoverable=True)


def _within(error: BaseException, kind: type[E] | tuple[type[E], ...]) -> E | None:
    """The first error of this kind, or of one of these, among the error and what it was made from."""
    seen: list[BaseException] = []
    waiting: list[Any] = [error]
    while waiting:
        each = waiting.pop()
        if isinstance(each, kind):
            return each
        if isinstance(each, BaseException) and each not in seen:
            seen.append(each)
            waiting += [*each.args, getattr(each, "reason", None), each.__cause__, each.__context__]
    return None
