"""Keys do not get out: not through a traceback that shows local variables, and not unseen through any test."""

import functools
import os
import socket
import traceback
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

import attrs
import pytest
from keys import ALL, TEST_AZURE_KEY, TEST_KEY, TEST_TOKEN, TEST_XAI_KEY
from peers import Peer, peer

from reelthyme_sync import ConnectFailed, Endpoint, MissingApiKey, connect, endpoints

INNER_KEY = "sk-inner-0123456789"


class AccessToken(NamedTuple):
    """What azure-identity gives to those who ask it for a token themselves."""

    token: str
    expires_on: int


TESTS = Path(__file__).parent
ENDPOINTS = {
    "openai": lambda: endpoints.openai(api_key=TEST_KEY),
    "openai, asked": lambda: endpoints.openai(api_key=lambda: TEST_KEY),
    "openai, partial": lambda: endpoints.openai(api_key=functools.partial(str, TEST_KEY)),
    "azure, key": lambda: endpoints.azure("mine", deployment="d", api_key=TEST_AZURE_KEY),
    "azure, token": lambda: endpoints.azure("mine", deployment="d", token=lambda: TEST_TOKEN),
    "azure, preview": lambda: endpoints.azure("mine", deployment="d", api_key=TEST_AZURE_KEY, api_version="v"),
    "xai": lambda: endpoints.xai(api_key=TEST_XAI_KEY),
    "relay": lambda: endpoints.relay("ws://a.test/", api_key=TEST_KEY),
    "headers": lambda: Endpoint("ws://a.test/", {"Authorization": f"Bearer {TEST_KEY}"}),
    "more headers": lambda: Endpoint("ws://a.test/").with_headers({"Authorization": f"Bearer {TEST_KEY}"}),
}


def refuse(far_end: Peer) -> None:
    assert far_end.sock.recv(1 << 16)
    far_end.send(b"HTTP/1.1 401 Unauthorized\r\nContent-Length: 0\r\n\r\n")


def babble(far_end: Peer) -> None:
    assert far_end.sock.recv(1 << 16)
    far_end.send(b"SSH-2.0-OpenSSH_9.6\r\n\r\n")


def hang_up(far_end: Peer) -> None:
    assert far_end.sock.recv(1 << 16)


def variables(failure: BaseException) -> str:
    """A traceback as crash reporters show it: causes and all, with the variables of every frame but the tests' own."""
    parts = [trace := traceback.TracebackException.from_exception(failure, capture_locals=True)]
    for part in parts:
        ours = [frame for frame in part.stack if Path(frame.filename).parent != TESTS]
        part.stack = traceback.StackSummary.from_list(ours)
        parts += [linked for linked in (part.__cause__, part.__context__) if linked is not None]
    return "".join(trace.format())


def shown(failure: BaseException) -> list[str]:
    """The lines with a key in them."""
    return [line for line in variables(failure).splitlines() if any(key in line for key in ALL)]


def caught_from(act: Callable[[], object]) -> Exception:
    try:
        act()
    except Exception as error:
        return error
    raise AssertionError("it did not fail")


class TestTracebacks:
    def test_a_key_in_a_variable_would_be_seen(self):
        names = {}
        exec(compile("def fail(key): raise ValueError", "/elsewhere.py", "exec"), names)
        assert len(shown(caught_from(lambda: names["fail"](TEST_KEY)))) == 1

    @pytest.mark.parametrize("behave", [refuse, babble, hang_up])
    @pytest.mark.parametrize("make", ENDPOINTS.values(), ids=ENDPOINTS)
    def test_a_failing_connect_shows_no_key(self, make, behave):
        with peer(behave) as url:
            failure = caught_from(lambda: connect(endpoint=attrs.evolve(make(), url=url)))
        assert isinstance(failure, ConnectFailed)
        assert "header" in variables(failure)
        assert shown(failure) == []

    def test_a_request_that_cannot_be_sent_shows_no_key(self, monkeypatch):
        def reset(*_):
            raise ConnectionResetError("reset by peer")

        with peer(lambda far_end: far_end.sock.recv(1)) as url:
            monkeypatch.setattr(socket.socket, "sendall", reset)
            failure = caught_from(lambda: connect(endpoint=endpoints.relay(url, api_key=TEST_KEY)))
        assert isinstance(failure, ConnectFailed)
        assert isinstance(failure.__cause__, ConnectionResetError)
        assert shown(failure) == []

    @pytest.mark.parametrize("arguments", [{"api_key": TEST_KEY}, {"headers": {"Authorization": f"Bearer {TEST_KEY}"}}])
    def test_a_key_given_to_connect_is_not_shown_either(self, arguments):
        with peer(refuse) as url:
            failure = caught_from(lambda: connect(url=url, **arguments))
        assert isinstance(failure, ConnectFailed)
        assert shown(failure) == []

    @pytest.mark.parametrize(
        "make",
        [
            lambda: endpoints.openai(api_key=TEST_KEY, call_id="rtc_1", intent="translation"),
            lambda: endpoints.azure("a/b", deployment="d", api_key=TEST_AZURE_KEY),
            lambda: endpoints.azure("mine", deployment="d", api_key=TEST_AZURE_KEY, token=TEST_TOKEN),
            lambda: endpoints.relay("ftp://a.test/", api_key=TEST_KEY),
            lambda: endpoints.relay("ftp://a.test/", api_key=functools.partial(str, TEST_KEY)),
            lambda: endpoints.relay("ws://a.test/", api_key=f"{TEST_KEY}\r\nX: y").upgrade_headers(),
            lambda: endpoints.relay("ws://a.test/", api_key=lambda: AccessToken(TEST_TOKEN, 0)).upgrade_headers(),
            lambda: Endpoint("ftp://a.test/", {"Authorization": TEST_KEY}),
            lambda: Endpoint("ws://a.test/", {"Authorization": f"{TEST_KEY}\n"}),
            lambda: Endpoint("ws://a.test/").with_headers({"Authorization": f"{TEST_KEY}\n"}),
        ],
    )
    def test_an_endpoint_that_is_refused_shows_no_key(self, make):
        failure = caught_from(make)
        assert isinstance(failure, ValueError | MissingApiKey)
        assert "endpoints.py" in variables(failure)
        assert shown(failure) == []


class TestReprs:
    @pytest.mark.parametrize("make", ENDPOINTS.values(), ids=ENDPOINTS)
    def test_an_endpoint_and_its_parts_show_no_key(self, make):
        endpoint = make()
        text = f"{endpoint!r} {endpoint} {endpoint.url} {endpoint.headers} {endpoint.authorization!r}"
        text += f" {endpoint.upgrade_headers()} {attrs.asdict(endpoint)}"
        assert [key for key in ALL if key in text] == []


LEAKY = f"""
    import logging

    import pytest
    from reelthyme_sync import ConnectFailed

    KEY = "{INNER_KEY}"

    def test_prints():
        print(f"the key is {{KEY}}")

    def test_prints_and_reads_it(capsys):
        print(KEY)
        assert capsys.readouterr().out

    @pytest.mark.parametrize("logger", ["reelthyme_sync", "websocket", "another"])
    @pytest.mark.parametrize("level", [logging.DEBUG, logging.WARNING])
    def test_logs(logger, level):
        logging.getLogger(logger).log(level, "asking with %s", KEY)

    def test_expects_an_exception_with_it():
        with pytest.raises(ConnectFailed):
            raise ConnectFailed(f"refused: {{KEY}}")

    def test_expects_an_exception_that_it_caused():
        with pytest.raises(ConnectFailed):
            raise ConnectFailed("refused") from ValueError(KEY)

    def test_keeps_it():
        print("nothing to see", len(KEY))
"""


def test_the_suite_notices_a_test_that_shows_a_key(pytester, monkeypatch):
    """In a process of its own, with a key of its own, which this test may show."""
    pytester.makepyfile(keys=f"ALL = [{INNER_KEY!r}]")
    pytester.makepyfile(LEAKY)
    monkeypatch.setenv("COLUMNS", "200")
    monkeypatch.setenv("PYTHONPATH", os.pathsep.join([str(pytester.path), str(TESTS)]))
    result = pytester.runpytest_subprocess("-p", "leaks", "-p", "no:cacheprovider", "-rA")
    leaks = result.parseoutcomes()
    result.stdout.fnmatch_lines_random(
        [
            "ERROR *::test_prints - a test key was shown, in: Captured stdout call",
            "ERROR *::test_prints_and_reads_it - a test key was shown, in: what the test took of its output",
            "ERROR *::test_logs[[]10-reelthyme_sync[]] - a test key was shown, in: Captured log call",
            "ERROR *::test_logs[[]10-websocket[]] - *",
            "ERROR *::test_logs[[]30-another[]] - *",
            "ERROR *::test_expects_an_exception_with_it - a test key was shown, in: an expected exception",
            "ERROR *::test_expects_an_exception_that_it_caused - *",
        ]
    )
    assert leaks == {"passed": 11, "errors": 9}
