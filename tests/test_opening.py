"""Opening a connection: what can go wrong on the way, in whose words, within which time, and how it is stopped."""

import contextlib
import errno
import socket
import ssl
import threading
import time
from datetime import datetime, timedelta, timezone
from email.utils import format_datetime
from time import monotonic
from urllib.parse import urlsplit

import pytest
import trustme
from peers import PATIENCE, close_frame, frame, peer
from proxies import running

from reelthyme_sync import ConnectFailed, connect, endpoints
from reelthyme_sync.endpoints import Endpoint
from reelthyme_sync.transport.address import Address
from reelthyme_sync.transport.opening import Opening
from reelthyme_sync.transport.websocket import WebSocketTransport

KEY = "sk-test-0123456789"


@pytest.fixture(autouse=True)
def no_proxy(monkeypatch):
    monkeypatch.setenv("NO_PROXY", "*")


def failure(url, **options) -> ConnectFailed:
    with pytest.raises(ConnectFailed) as caught:
        connect(url=url, api_key=KEY, **options).close()
    assert KEY not in repr(caught.value)
    return caught.value


def answering(answer: bytes):
    """A peer that answers the upgrade in its own way, and hangs up."""

    def behave(far):
        far.read_request()
        far.send(answer)

    return behave


def refusing(status: str, *headers: str, body: bytes = b""):
    return answering("\r\n".join([f"HTTP/1.1 {status}", *headers, "", ""]).encode() + body)


def mute(far):
    far.wait_until_gone()


def brief(far):
    far.handshake()
    far.send(close_frame(1000))
    far.read_until_gone()


def free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        return listener.getsockname()[1]


class TestAddress:
    @pytest.mark.parametrize(
        ("url", "host", "port", "authority", "target"),
        [
            ("ws://h", "h", 80, "h", "/"),
            ("wss://h", "h", 443, "h", "/"),
            ("wss://h:80/v1?model=m", "h", 80, "h:80", "/v1?model=m"),
            ("ws://[::1]:8080/a b", "::1", 8080, "[::1]:8080", "/a%20b"),
            ("wss://[::1]", "::1", 443, "[::1]", "/"),
            ("wss://B\u00fccher.example/", "xn--bcher-kva.example", 443, "xn--bcher-kva.example", "/"),
        ],
    )
    def test_the_parts_of_a_url(self, url, host, port, authority, target):
        address = Address.of(Endpoint(url))
        assert (address.host, address.port, address.authority, address.target) == (host, port, authority, target)

    def test_secrets_in_a_url_are_not_shown(self):
        address = Address.of(Endpoint("wss://relay.example/v1?ticket=hush&model=m"))
        assert "hush" not in f"{address} {address!r}"
        assert address.target == "/v1?ticket=hush&model=m"


class TestReaching:
    def test_a_name_that_nobody_knows(self, monkeypatch):
        def unknown(*_, **__):
            raise socket.gaierror(socket.EAI_NONAME, "Name or service not known")

        monkeypatch.setattr(socket, "getaddrinfo", unknown)  # the tests have no name server
        error = failure("ws://nowhere.example/v1")
        assert "no host 'nowhere.example' is known" in str(error)
        assert error.recoverable

    def test_a_port_where_nobody_listens(self):
        error = failure(f"ws://127.0.0.1:{free_port()}/")
        assert "nobody listens there" in str(error)
        assert error.recoverable

    def test_a_network_that_is_not_there(self):
        error = failure("ws://255.255.255.255/")  # TCP has no way to a broadcast address
        assert "no way there from this machine" in str(error)
        assert error.recoverable

    def test_the_next_address_is_tried(self, monkeypatch):
        with peer(brief) as url:
            port, dead = urlsplit(url).port, free_port()
            found = [(socket.AF_INET, socket.SOCK_STREAM, 6, "", ("127.0.0.1", number)) for number in (dead, port)]
            monkeypatch.setattr(socket, "getaddrinfo", lambda *_, **__: found)
            with connect(url="ws://two.example/") as session:
                assert list(session.events()) == []

    def test_a_silent_address_leaves_time_for_the_next(self, monkeypatch, silent_port):
        with peer(brief) as url:
            ports = silent_port, urlsplit(url).port
            found = [(socket.AF_INET, socket.SOCK_STREAM, 6, "", ("127.0.0.1", number)) for number in ports]
            monkeypatch.setattr(socket, "getaddrinfo", lambda *_, **__: found)
            with connect(url="ws://two.example/", open_timeout=2.4) as session:
                assert list(session.events()) == []

    def test_small_frames_are_not_held_back(self, monkeypatch):
        with peer(brief) as url:
            opening = Opening(PATIENCE)
            transport = WebSocketTransport(endpoints.relay(url), opening=opening, idle_timeout=None)
            assert transport._duplex._sock.getsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY)
            transport.abort()
            transport.close()


@pytest.fixture
def silent_port():
    """A port of loopback that does not answer, not even with a refusal: its queue of connections is full."""
    with contextlib.ExitStack() as stack:
        listener = stack.enter_context(socket.create_server(("127.0.0.1", 0), backlog=0))
        port = listener.getsockname()[1]
        for _ in range(16):
            waiting = stack.enter_context(socket.socket())
            waiting.settimeout(0.1)
            if waiting.connect_ex(("127.0.0.1", port)) == errno.EAGAIN:
                yield port
                return
    pytest.fail("the queue does not fill")


class TestRefusal:
    @pytest.mark.parametrize(
        ("status", "words", "recoverable"),
        [
            ("400 Bad Request", "did not understand the request", False),
            ("401 Unauthorized", "the API key was refused", False),
            ("403 Forbidden", "may not use this model", False),
            ("404 Not Found", "no realtime endpoint", False),
            ("405 Method Not Allowed", "no realtime endpoint", False),
            ("407 Proxy Authentication Required", "a user and a password", False),
            ("410 Gone", "exists no more", False),
            ("426 Upgrade Required", "wants another protocol", False),
            ("408 Request Timeout", "refused the upgrade", True),
            ("425 Too Early", "refused the upgrade", True),
            ("429 Too Many Requests", "wait, or look at the account's limits", True),
            ("500 Internal Server Error", "try again a little later", True),
            ("503 Service Unavailable", "try again a little later", True),
            ("301 Moved Permanently", "redirects", False),
            ("307 Temporary Redirect", "redirects", False),
            ("200 OK", "refused the upgrade", False),
        ],
    )
    def test_status_and_body_are_kept_and_explained(self, status, words, recoverable):
        body = b'{"error": {"message": "said so"}}'
        with peer(refusing(status, f"Content-Length: {len(body)}", "Location: ws://127.0.0.1:9/", body=body)) as url:
            error = failure(url)
        assert (error.status, error.body, error.retry_after) == (int(status[:3]), body.decode(), None)
        assert f"HTTP {error.status}: " in str(error)
        assert words in str(error)
        assert error.recoverable is recoverable

    @pytest.mark.parametrize(
        ("headers", "body"),
        [
            (["Transfer-Encoding: chunked"], b"4\r\nsaid\r\n3\r\n so\r\n0\r\n\r\n"),
            (["Connection: close"], b"said so"),
            (["Content-Length: 999"], b"said so"),
            (["Content-Length: what?"], b"said so"),
        ],
    )
    def test_a_body_of_any_make_up(self, headers, body):
        with peer(refusing("401 No", *headers, body=body)) as url:
            error = failure(url)
        assert (error.status, error.body) == (401, "said so")

    @pytest.mark.parametrize("body", [b"x\r\nno number", b""])
    def test_a_broken_body_does_not_hide_the_refusal(self, body):
        with peer(refusing("401 No", "Transfer-Encoding: chunked", body=body)) as url:
            assert failure(url).status == 401

    def test_an_endless_body_is_cut(self):
        def endless(far):
            far.read_request()
            with contextlib.suppress(OSError):
                far.send(b"HTTP/1.1 503 Busy\r\n\r\n")
                while True:
                    far.send(b"x" * 65536)

        with peer(endless) as url:
            error = failure(url)
        assert (error.status, len(error.body)) == (503, 65536)

    def test_a_body_that_drips_is_cut_at_the_deadline(self, clock):
        def dripping(far):
            far.read_request()
            far.send(b"HTTP/1.1 401 No\r\nContent-Length: 1000\r\n\r\n")
            far.drip(b"x" * 3, every=0.02)
            clock.let_go()
            far.drip(b"x" * 997, every=0.02)

        began = monotonic()
        with peer(dripping) as url:
            error = failure(url, open_timeout=0.3)
        assert monotonic() - began < PATIENCE
        assert error.status == 401
        assert 0 < len(error.body) < 1000

    @pytest.mark.parametrize(
        ("value", "seconds"), [("7", 7.0), ("1.5", 1.5), ("-3", 0.0), ("soon", None), ("inf", None), ("nan", None)]
    )
    def test_retry_after_in_seconds(self, value, seconds):
        with peer(refusing("429 Slow", f"Retry-After: {value}", "Content-Length: 0")) as url:
            assert failure(url).retry_after == seconds

    def test_retry_after_as_a_date(self):
        date = format_datetime(datetime.now(timezone.utc) + timedelta(minutes=10), usegmt=True)
        with peer(refusing("503 Later", f"Retry-After: {date}", "Content-Length: 0")) as url:
            assert 590 < failure(url).retry_after <= 600

    def test_garbage(self):
        with peer(answering(b"220 mail.example ESMTP\r\n")) as url:
            error = failure(url)
        assert "no web server" in str(error)
        assert not error.recoverable

    def test_garbage_that_is_cut(self):
        with peer(answering(b"220 mail")) as url:
            assert "no web server" in str(failure(url))

    def test_endless_garbage(self):
        def endless(far):
            with contextlib.suppress(OSError):
                while True:
                    far.send(b"x" * 65536)

        with peer(endless) as url:
            assert "no web server" in str(failure(url))

    @pytest.mark.parametrize("tampered", ["accept", "upgrade", "connection"])
    def test_an_answer_that_is_no_websocket_s(self, tampered):
        def behave(far):
            real_send = far.send
            names = {"accept": (b"Accept: ", b"Accept: x"), "upgrade": (b": websocket", b": h2c")}
            old, new = names.get(tampered, (b"Connection: Upgrade", b"Connection: close"))
            far.send = lambda data: real_send(data.replace(old, new))
            far.handshake()

        with peer(behave) as url:
            error = failure(url)
        assert "not that of a WebSocket server" in str(error)
        assert (error.status, error.recoverable) == (101, False)

    @pytest.mark.parametrize("said", [b"", b"H", b"HTTP/", b"HTTP/1.1 1", b"HTTP/1.1 101 Swi", b"HTTP/1.1 101 S\r\nUp"])
    def test_a_server_that_hangs_up(self, said):
        with peer(answering(said)) as url:
            error = failure(url)
        assert "closed the connection instead of answering" in str(error)
        assert (error.status, error.recoverable) == (None, True)

    def test_a_server_that_resets(self):
        def reset(far):
            far.read_request()
            far.sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\1\0\0\0\0\0\0\0")

        with peer(reset) as url:
            error = failure(url)
        assert "closed the connection instead of answering" in str(error)
        assert error.recoverable

    def test_frames_right_behind_the_answer_are_not_lost(self):
        def eager(far):
            real_send, sent = far.send, []
            far.send = sent.append
            far.handshake()
            real_send(b"".join(sent) + close_frame(1000, "at once"))
            far.read_until_gone()

        with peer(eager) as url, connect(url=url) as session:
            assert list(session.events()) == []

    def test_cookies_of_one_session_are_not_given_to_the_next(self):
        requests = []

        def with_a_cookie(far):
            real_send = far.send
            far.send = lambda data: real_send(
                data.replace(b"Upgrade: ", b"Set-Cookie: a=1; Domain=127.0.0.1\r\nUpgrade: ", 1)
            )
            far.handshake()
            requests.append(far.request)
            real_send(close_frame(1000))
            far.read_until_gone()

        for _ in range(2):
            with peer(with_a_cookie) as url, connect(url=url) as session:
                assert list(session.events()) == []
        assert [b"cookie" in request.lower() for request in requests] == [False, False]


@pytest.fixture(scope="module")
def authority():
    return trustme.CA()


def serving(certificate: trustme.LeafCert) -> ssl.SSLContext:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    certificate.configure_cert(context)
    return context


@pytest.fixture
def trusting(authority):
    context = ssl.create_default_context()
    authority.configure_trust(context)
    return context


class TestTls:
    @pytest.mark.parametrize("host", ["127.0.0.1", "localhost"])
    def test_a_custom_authority(self, authority, trusting, host):
        with peer(brief, tls=serving(authority.issue_cert(host))) as url:
            with connect(url=url.replace("127.0.0.1", host), ssl_context=trusting) as session:
                assert list(session.events()) == []

    def test_expired(self, authority, trusting):
        past = datetime.now(timezone.utc) - timedelta(days=3)
        old = authority.issue_cert("127.0.0.1", not_before=past, not_after=past + timedelta(days=1))
        with peer(mute, tls=serving(old)) as url:
            self.is_final(failure(url, ssl_context=trusting), "has expired")

    @pytest.mark.parametrize(
        ("host", "words"), [("127.0.0.1", "for another address"), ("localhost", "for another host")]
    )
    def test_wrong_host(self, authority, trusting, host, words):
        with peer(mute, tls=serving(authority.issue_cert("other.example"))) as url:
            self.is_final(failure(url.replace("127.0.0.1", host), ssl_context=trusting), words)

    def test_self_signed(self, authority, tmp_path):
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        (tmp_path / "own.pem").write_bytes(authority.private_key_pem.bytes() + authority.cert_pem.bytes())
        context.load_cert_chain(tmp_path / "own.pem")
        with peer(mute, tls=context) as url:
            self.is_final(failure(url), "is self-signed")

    def test_unknown_authority(self, authority):
        with peer(mute, tls=serving(authority.issue_cert("127.0.0.1"))) as url:
            self.is_final(failure(url), "nobody this machine trusts")

    def test_a_plain_server_behind_wss(self):
        def plain(far):
            far.sock.recv(1)
            far.send(b"HTTP/1.1 400 Bad Request\r\n\r\n")

        with peer(plain) as url:
            self.is_final(failure(url.replace("ws:", "wss:")), "does not speak TLS there")

    def test_a_tls_server_behind_ws(self, authority):
        with peer(mute, tls=serving(authority.issue_cert("127.0.0.1"))) as url:
            error = failure(url.replace("wss:", "ws:"))
        assert "wss:// instead of ws://" in str(error) or error.recoverable

    def test_a_cut_during_the_handshake(self):
        with peer(lambda far: far.sock.recv(1)) as url:
            error = failure(url.replace("ws:", "wss:"))
        assert "cut during the TLS handshake" in str(error)
        assert error.recoverable

    def test_the_environment_s_authority_is_taken_anew(self, authority, tmp_path, monkeypatch):
        certificate = serving(authority.issue_cert("127.0.0.1"))
        with peer(mute, tls=certificate) as url:
            failure(url)
        authority.cert_pem.write_to_path(tmp_path / "ca.pem")
        monkeypatch.setenv("SSL_CERT_FILE", str(tmp_path / "ca.pem"))
        with peer(brief, tls=certificate) as url, connect(url=url) as session:
            assert list(session.events()) == []

    @staticmethod
    def is_final(error, words):
        assert words in str(error)
        assert not error.recoverable


def dripping_proxy(client):
    with contextlib.suppress(OSError):
        for byte in b"HTTP/1.1 200 OK\r\n" + b"X: y\r\n" * 1000:
            client.sock.sendall(bytes([byte]))
            time.sleep(0.02)


STALLS = {
    "mute": (mute, "ws:", "was asked for a WebSocket"),
    "drip": (
        lambda far: far.drip(b"HTTP/1.1 101 Switching\r\n" + b"X: y\r\n" * 100, every=0.02),
        "ws:",
        "was asked for",
    ),
    "tls": (mute, "wss:", "during the TLS handshake"),
    "tls drip": (lambda far: far.drip(b"\x16\x03\x03\x10\x00" + b"x" * 1000, every=0.02), "wss:", "during the TLS"),
}
"""Peers that never come to an end, and the step in which the client is then."""


class HeldClock:
    """Stands until it is let go: a machine that stands still before a step is no reason to end in another one."""

    def __init__(self) -> None:
        self._held_at = monotonic()
        self._late: float | None = None

    def let_go(self) -> None:
        self._late = monotonic() - self._held_at

    def __call__(self) -> float:
        return self._held_at if self._late is None else monotonic() - self._late


@pytest.fixture
def clock(monkeypatch):
    """The one of the deadline."""
    clock = HeldClock()
    monkeypatch.setattr("reelthyme_sync.transport.opening.monotonic", clock)
    return clock


class TestDeadline:
    @pytest.mark.parametrize("stall", STALLS)
    def test_there_is_one_for_the_whole_way(self, stall, clock):
        behave, scheme, step = STALLS[stall]
        began = monotonic()

        def reached(far):
            far.sock.recv(1, socket.MSG_PEEK)
            clock.let_go()
            behave(far)

        with peer(reached) as url:
            error = failure(url.replace("ws:", scheme), open_timeout=0.3)
            assert monotonic() - began < PATIENCE / 2
        assert "timed out after 0.3 s, " in str(error)
        assert step in str(error)
        assert error.recoverable

    def test_also_for_tcp(self, silent_port):
        began = monotonic()
        error = failure(f"ws://127.0.0.1:{silent_port}/", open_timeout=0.3)
        assert monotonic() - began < PATIENCE / 2
        assert "timed out after 0.3 s, while connecting to" in str(error)

    def test_also_for_a_proxy_that_drips(self, clock):
        began = monotonic()

        def reached(client):
            client.file.peek(1)
            clock.let_go()
            dripping_proxy(client)

        with running(reached) as proxy:
            error = failure("ws://127.0.0.1:9/", proxy=f"http://{proxy.address}", open_timeout=0.3)
            assert monotonic() - began < PATIENCE / 2
        assert "timed out after 0.3 s, while the proxy" in str(error)

    def test_a_step_without_time_does_not_begin(self):
        opening = Opening(1e-9)
        with pytest.raises(ConnectFailed, match="timed out after 1e-09 s, before anything"):
            with opening.step("before anything"):
                pytest.fail("it must not begin")


class TestAborting:
    def open(self, url, opening, **options) -> ConnectFailed:
        with pytest.raises(ConnectFailed) as caught:
            WebSocketTransport(endpoints.relay(url), opening=opening, idle_timeout=None, **options)
        return caught.value

    def abort_when(self, opening, reached):
        """Abort from another thread once ``reached`` says so."""
        thread = threading.Thread(target=lambda: (reached.wait(PATIENCE), opening.abort(), opening.abort()))
        thread.start()
        return thread

    @pytest.mark.parametrize("stall", STALLS)
    def test_the_step_under_way_ends(self, stall):
        behave, scheme, _ = STALLS[stall]
        reached, opening = threading.Event(), Opening(10 * PATIENCE)

        def reaching(far):
            far.sock.recv(1, socket.MSG_PEEK)
            reached.set()
            behave(far)

        with peer(reaching) as url:
            thread = self.abort_when(opening, reached)
            error = self.open(url.replace("ws:", scheme), opening)
            thread.join()
        assert "aborted" in str(error)
        assert not error.recoverable

    def test_the_tcp_connection_under_way_ends(self, silent_port):
        opening, adopted = Opening(10 * PATIENCE), threading.Event()
        adopt = opening.adopt
        opening.adopt = lambda sock: (adopt(sock), adopted.set())
        thread = self.abort_when(opening, adopted)
        began = monotonic()
        error = self.open(f"ws://127.0.0.1:{silent_port}/", opening)
        thread.join()
        assert "aborted" in str(error)
        assert monotonic() - began < PATIENCE

    def test_a_talk_with_a_proxy_ends(self):
        reached, opening = threading.Event(), Opening(10 * PATIENCE)

        def talk(client):
            client.file.read(1)
            reached.set()
            client.file.read()

        with running(talk) as proxy:
            thread = self.abort_when(opening, reached)
            error = self.open("ws://127.0.0.1:9/", opening, proxy=f"socks5://{proxy.address}")
            thread.join()
        assert "aborted" in str(error)

    def test_nothing_begins_after_it(self):
        opening = Opening(None)
        opening.abort()
        with socket.create_server(("127.0.0.1", 0)) as listener:
            listener.setblocking(False)
            error = self.open(f"ws://127.0.0.1:{listener.getsockname()[1]}/", opening)
            with pytest.raises(BlockingIOError):
                listener.accept()
        assert "aborted" in str(error)

    def test_a_socket_that_comes_too_late_is_closed(self):
        opening = Opening(None)
        opening.abort()
        with socket.socket() as sock:
            with pytest.raises(ConnectFailed, match="aborted"):
                opening.adopt(sock)
            assert sock.fileno() == -1

    def test_an_open_connection_is_no_longer_its_to_cut(self):
        opening = Opening(PATIENCE)
        aborted = threading.Event()

        def speaking_late(far):
            far.handshake()
            assert aborted.wait(PATIENCE)
            far.send(frame(b"still here"))
            far.read_until_gone()

        with peer(speaking_late) as url:
            transport = WebSocketTransport(endpoints.relay(url), opening=opening, idle_timeout=PATIENCE)
            opening.abort()
            aborted.set()
            assert transport.recv() == b"still here"
            transport.abort()
            transport.close()


def test_a_credential_that_fails_comes_out_as_it_is():
    def token():
        raise LookupError("no token today")

    with socket.create_server(("127.0.0.1", 0)) as listener:
        with pytest.raises(LookupError, match="no token today"):
            connect(endpoint=endpoints.relay(f"ws://127.0.0.1:{listener.getsockname()[1]}/", api_key=token))
