"""Connecting through proxies: which one is taken, what it is told, and what its refusals become."""

import socket
import ssl
import traceback
from urllib.parse import urlsplit

import pytest
import trustme
from peers import close_frame, peer
from proxies import http_connect, mute, running, socks4, socks5

from reelthyme_sync import ConnectFailed, connect
from reelthyme_sync.endpoints import Endpoint
from reelthyme_sync.transport.address import Address
from reelthyme_sync.transport.proxies import Proxy, choose

USER, PASSWORD = "proxy-user", "p@ss:word"
LOGIN = (USER, PASSWORD)
IN_URL = "proxy-user:p%40ss%3Aword@"


@pytest.fixture(autouse=True)
def no_proxy_in_the_environment(monkeypatch):
    for name in ("http_proxy", "https_proxy", "all_proxy", "no_proxy"):
        monkeypatch.delenv(name, raising=False)
        monkeypatch.delenv(name.upper(), raising=False)


def brief(far):
    far.handshake()
    far.send(close_frame(1000))
    far.read_until_gone()


def address(url):
    return Address.of(Endpoint(url))


def port_of(url):
    return urlsplit(url).port


def talk_through(url, **options):
    with connect(url=url, **options) as session:
        assert list(session.events()) == []


class TestWays:
    @pytest.mark.parametrize(
        ("scheme", "talk", "host"),
        [
            ("http", http_connect(), "localhost"),
            ("socks5h", socks5(), "localhost"),
            ("socks5", socks5(), "127.0.0.1"),
            ("socks4a", socks4(), "localhost"),
            ("socks4", socks4(), "127.0.0.1"),
        ],
    )
    def test_every_kind_of_proxy_connects_and_is_told_the_name_or_the_address(self, scheme, talk, host, monkeypatch):
        local = socket.getaddrinfo
        monkeypatch.setattr(  # a machine may know localhost as ::1 too, where the peer does not listen
            socket, "getaddrinfo", lambda *place, **what: [one for one in local(*place, **what) if "." in one[4][0]]
        )
        with peer(brief) as url, running(talk) as proxy:
            talk_through(url.replace("127.0.0.1", "localhost"), proxy=f"{scheme}://{proxy.address}")
            assert proxy.asked == [(host, port_of(url))]

    @pytest.mark.parametrize(("scheme", "kind"), [("http", http_connect), ("socks5", socks5)])
    def test_the_login_is_decoded_and_given(self, scheme, kind):
        with peer(brief) as url, running(kind(login=LOGIN)) as proxy:
            talk_through(url, proxy=f"{scheme}://{IN_URL}{proxy.address}")
            assert proxy.logins == [LOGIN]

    @pytest.mark.parametrize(("scheme", "kind"), [("http", http_connect), ("socks5", socks5)])
    def test_tls_is_with_the_server_not_with_the_proxy(self, scheme, kind, monkeypatch):
        authority = trustme.CA()
        tls = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        authority.issue_cert("127.0.0.1").configure_cert(tls)
        ours = ssl.create_default_context()
        authority.configure_trust(ours)
        with peer(brief, tls=tls) as url, running(kind()) as proxy:
            monkeypatch.setenv("HTTPS_PROXY", f"{scheme}://{proxy.address}")
            talk_through(url, ssl_context=ours)
            assert proxy.asked


class TestChoice:
    WS, WSS = address("ws://api.example.com/"), address("wss://api.example.com/v1")

    @pytest.mark.parametrize("name", ["HTTPS_PROXY", "https_proxy", "ALL_PROXY", "all_proxy"])
    def test_the_environment_names_one_for_wss(self, name, monkeypatch):
        monkeypatch.setenv(name, "socks5://near:1")
        assert choose(self.WSS, None) == Proxy("socks5", "near", 1)

    @pytest.mark.parametrize("name", ["HTTP_PROXY", "http_proxy", "ALL_PROXY"])
    def test_the_environment_names_one_for_ws(self, name, monkeypatch):
        monkeypatch.setenv(name, "near:1")
        assert choose(self.WS, None) == Proxy("http", "near", 1)

    def test_each_scheme_has_its_own(self, monkeypatch):
        monkeypatch.setenv("HTTP_PROXY", "http://plain")
        assert choose(self.WSS, None) is None
        monkeypatch.setenv("HTTPS_PROXY", "http://tls:3128")
        monkeypatch.setenv("ALL_PROXY", "http://all")
        assert str(choose(self.WSS, None)) == "http://tls:3128"
        assert str(choose(self.WS, None)) == "http://plain:80"

    @pytest.mark.parametrize(
        ("exempt", "url", "taken"),
        [
            ("api.example.com", "wss://api.example.com/", False),
            ("example.com", "wss://api.example.com/", False),
            (".example.com", "wss://api.example.com/", False),
            ("ample.com", "wss://api.example.com/", True),
            ("other.com, api.example.com:443", "wss://api.example.com/", False),
            ("api.example.com:443", "wss://api.example.com:8443/", True),
            ("*", "wss://api.example.com/", False),
            ("127.0.0.1,localhost", "wss://127.0.0.1:9/", False),
            ("127.0.0.0/8", "wss://127.0.0.1:9/", False),
            ("10.0.0.0/8", "wss://127.0.0.1:9/", True),
            ("::1", "wss://[::1]:9/", False),
            ("[::1]", "wss://[::1]:9/", False),
            ("", "wss://127.0.0.1:9/", True),
        ],
    )
    def test_no_proxy_decides_alone_also_for_loopback(self, exempt, url, taken, monkeypatch):
        monkeypatch.setenv("HTTPS_PROXY", "http://near:1")
        monkeypatch.setenv("NO_PROXY", exempt)
        assert (choose(address(url), None) is not None) is taken

    def test_what_the_caller_wants_wins(self, monkeypatch):
        monkeypatch.setenv("ALL_PROXY", "http://near:1")
        monkeypatch.setenv("NO_PROXY", "*")
        assert choose(self.WSS, False) is None
        assert choose(self.WSS, "socks4://[::1]") == Proxy("socks4", "::1", 1080)
        assert str(choose(self.WSS, "socks4://[::1]")) == "socks4://[::1]:1080"

    @pytest.mark.parametrize(
        "url", ["ftp://u:hush@h", "http://", "http://u:hush@h:port", "http://u:hush@[h", "quic://h:1"]
    )
    def test_a_url_that_names_no_proxy(self, url):
        with pytest.raises(ConnectFailed, match="the proxy's URL cannot be used") as caught:
            connect(url="ws://127.0.0.1:9", proxy=url)
        assert not caught.value.recoverable
        assert "hush" not in "".join(traceback.format_exception(caught.value))


class TestRefusals:
    """The server is never reached: its port is one where nobody listens."""

    @pytest.mark.parametrize(
        ("scheme", "talk", "words", "status", "recoverable"),
        [
            ("http", http_connect(login=LOGIN), "wants a user and a password", 407, False),
            ("http", http_connect("403 Forbidden"), "does not let us through .code 403", 403, False),
            ("http", http_connect("502 Bad Gateway"), "cannot reach the server", 502, True),
            ("http", http_connect("504 Gateway Timeout"), "cannot reach the server", 504, True),
            ("http", http_connect("what is this"), "is no http proxy", None, False),
            ("socks5", socks5(login=LOGIN), "wants a user and a password", None, False),
            ("socks5", socks5(2), "does not let us through", None, False),
            ("socks5", socks5(4), "cannot reach the server", None, True),
            ("socks5", socks5(5), "cannot reach the server", None, True),
            ("socks4", socks4(91), "cannot reach the server", None, True),
            ("socks4", socks4(93), "does not let us through", None, False),
        ],
    )
    def test_a_refusal_says_whose_it_was(self, scheme, talk, words, status, recoverable):
        with running(talk) as proxy, pytest.raises(ConnectFailed, match=words) as caught:
            connect(url="ws://127.0.0.1:9", proxy=f"{scheme}://{proxy.address}")
        assert (caught.value.status, caught.value.recoverable) == (status, recoverable)
        assert f"through the proxy {scheme}://{proxy.address}" in str(caught.value)

    @pytest.mark.parametrize(("scheme", "kind"), [("http", http_connect), ("socks5", socks5)])
    def test_a_login_that_is_refused_is_shown_nowhere(self, scheme, kind):
        with running(kind(login=("other", "login"))) as proxy, pytest.raises(ConnectFailed) as caught:
            connect(url="ws://127.0.0.1:9", proxy=f"{scheme}://{IN_URL}{proxy.address}")
        assert "the proxy refused the user and password given" in str(caught.value)
        shown = "".join(traceback.format_exception(caught.value)) + repr(Proxy.of(f"{scheme}://{IN_URL}h"))
        assert not any(secret in shown for secret in (USER, PASSWORD, "p%40ss"))

    @pytest.mark.parametrize("login", ["us%3Aer:hush", "user:hush%C5%82"])
    @pytest.mark.parametrize("scheme", ["http", "socks5"])
    def test_a_login_that_cannot_be_sent(self, scheme, login):
        refusing = socks5(login=("a", "b")) if scheme == "socks5" else lambda client: None
        with running(refusing) as proxy, pytest.raises(ConnectFailed, match="proxy") as caught:
            connect(url="ws://127.0.0.1:9", proxy=f"{scheme}://{login}@{proxy.address}")
        shown = "".join(traceback.format_exception(caught.value))
        assert "hush" not in shown
        assert "\u0142" not in shown

    def test_nobody_is_the_proxy(self):
        with socket.create_server(("127.0.0.1", 0)) as listener:
            port = listener.getsockname()[1]
        with pytest.raises(
            ConnectFailed, match=f"the proxy http://127.0.0.1:{port} on the way.*nobody listens"
        ) as caught:
            connect(url="ws://127.0.0.1:9", proxy=f"http://{IN_URL}127.0.0.1:{port}")
        assert caught.value.recoverable

    @pytest.mark.parametrize("scheme", ["http", "socks5", "socks4"])
    def test_a_proxy_that_goes_in_the_middle_of_the_talk(self, scheme):
        with running(lambda client: None) as proxy, pytest.raises(ConnectFailed, match="broke off") as caught:
            connect(url="ws://127.0.0.1:9", proxy=f"{scheme}://{proxy.address}")
        assert caught.value.recoverable

    @pytest.mark.parametrize("scheme", ["http", "socks5", "socks4"])
    def test_a_proxy_that_says_nothing(self, scheme, monkeypatch):
        # what comes before takes no time, whatever the machine does
        monkeypatch.setattr("reelthyme_sync.transport.opening.monotonic", lambda: 0.0)
        with running(mute) as proxy:
            with pytest.raises(ConnectFailed, match="timed out after 0.2 s, while the proxy") as caught:
                connect(url="ws://127.0.0.1:9", proxy=f"{scheme}://{proxy.address}", open_timeout=0.2)
        assert caught.value.recoverable
