"""Client secrets and calls, over real sockets, and all that can answer instead of the service."""

import functools
import gzip
import json
import math
import pickle
import socket
import ssl
import subprocess
import sys
import threading
import traceback
from email.message import Message
from email.parser import BytesParser

import openai
import pytest
import trustme
import urllib3.exceptions
from http_peer import hang, http_peer, raw
from hypothesis import given
from hypothesis import strategies as st
from keys import ALL, TEST_AZURE_KEY, TEST_KEY, TEST_TOKEN
from test_secrets import caught_from, shown, variables

from reelthyme_sync import Endpoint, InvalidEvent, MissingApiKey, codec, endpoints
from reelthyme_sync.errors import RequestFailed
from reelthyme_sync.events import (
    ClientSecret,
    ExpiresAfter,
    RealtimeSession,
    TranscriptionSession,
    TranslationAudio,
    TranslationAudioOutput,
    TranslationSession,
    TranslationSessionRequest,
    UnknownPart,
)
from reelthyme_sync.rest import calls, client_secrets, create_client_secret
from reelthyme_sync.rest.asking import refused
from reelthyme_sync.rest.places import address, endpoint_of
from reelthyme_sync.rest.wire import Answer

VALUE = "ek_test_0123456789"
SECRET = {"value": VALUE, "expires_at": 1763605109, "session": {"type": "realtime", "model": "m"}}
OFFER = "v=0\r\no=- 1 2 IN IP4 127.0.0.1\r\ns=-\r\na=ice-pwd:secret\r\n"
ANSWER = "v=0\r\no=- 3 4 IN IP4 127.0.0.1\r\ns=-\r\n"
DONE = (200, {}, b"")
JSON = {"Content-Type": "application/json"}
WITH_SECRET = (200, JSON, json.dumps(SECRET).encode())
BEGUN = (201, {"Content-Type": "application/sdp", "Location": "/v1/realtime/calls/rtc_1"}, ANSWER.encode())
ENVIRONMENT = ["OPENAI_API_KEY", "OPENAI_BASE_URL", "AZURE_OPENAI_API_KEY"]


@pytest.fixture(scope="module")
def one_authority(tmp_path_factory):
    path = tmp_path_factory.mktemp("authorities") / "ca.pem"
    trustme.CA().cert_pem.write_to_path(path)
    return str(path)


@pytest.fixture(autouse=True)
def _empty_environment(monkeypatch, one_authority):
    """Without a key, a proxy, and the system's authorities: to read all of those takes longer than most tests."""
    monkeypatch.setenv("SSL_CERT_FILE", one_authority)
    for name in [*ENVIRONMENT, *(f"{scheme}_proxy" for scheme in ("http", "https", "all", "no"))]:
        monkeypatch.delenv(name, raising=False)
        monkeypatch.delenv(name.upper(), raising=False)


def refusal(status, error=None, headers=None, body=None):
    content = json.dumps({"error": error}).encode() if body is None else body
    return (status, {**JSON, **(headers or {})}, content)


def at(peer, path=""):
    """The endpoint whose REST calls go to the peer."""
    return endpoints.relay(peer.url + path, api_key=TEST_KEY)


class TestPlaces:
    @pytest.mark.parametrize(
        ("endpoint", "translations", "place"),
        [
            (lambda: endpoints.openai(api_key="k"), False, "https://api.openai.com/v1/realtime/client_secrets"),
            (
                lambda: endpoints.openai(api_key="k", intent="transcription"),
                False,
                "https://api.openai.com/v1/realtime/client_secrets",
            ),
            (
                lambda: endpoints.openai(api_key="k", intent="translation"),
                True,
                "https://api.openai.com/v1/realtime/translations/client_secrets",
            ),
            (
                lambda: endpoints.azure("mine", deployment="d", api_key="k"),
                False,
                "https://mine.openai.azure.com/openai/v1/realtime/client_secrets",
            ),
            (lambda: endpoints.xai(api_key="k"), False, "https://api.x.ai/v1/realtime/client_secrets"),
            (lambda: endpoints.relay("ws://a.test:81/x/"), False, "http://a.test:81/x/client_secrets"),
            (
                lambda: endpoints.relay("https://a.test/x?tenant=a%20b&model=m"),
                False,
                "https://a.test/x/client_secrets?tenant=a%20b",
            ),
        ],
    )
    def test_they_are_below_the_sessions(self, endpoint, translations, place):
        assert (endpoint().intent == "translation") is translations
        assert address(endpoint(), "client_secrets", translations=translations) == place

    def test_openai_is_meant_unless_something_else_is_said(self, monkeypatch):
        monkeypatch.setenv("OPENAI_API_KEY", TEST_KEY)
        endpoint = endpoint_of(endpoint=None, url=None, api_key=None, safety_identifier="user-7")
        assert endpoint.url.startswith("wss://api.openai.com/")
        assert endpoint.upgrade_headers() == {
            "OpenAI-Safety-Identifier": "user-7",
            "Authorization": f"Bearer {TEST_KEY}",
        }

    def test_the_environments_key_stays_at_home(self, monkeypatch):
        monkeypatch.setenv("OPENAI_API_KEY", TEST_KEY)
        with http_peer(WITH_SECRET) as peer:
            create_client_secret(url=peer.url)
        assert "Authorization" not in peer.only.headers

    @pytest.mark.parametrize(
        "arguments",
        [
            {"endpoint": Endpoint("ws://a.test/"), "url": "ws://a.test/"},
            {"endpoint": Endpoint("ws://a.test/"), "api_key": TEST_KEY},
            {"endpoint": Endpoint("ws://a.test/", shape="beta")},
            {"url": "ftp://a.test/"},
        ],
    )
    def test_arguments_that_contradict_each_other_are_refused(self, arguments):
        with pytest.raises(ValueError, match="endpoint=|beta|no WebSocket address"):
            create_client_secret(**arguments)

    @pytest.mark.parametrize("ask", [create_client_secret, lambda: calls.create(OFFER), lambda: calls.hangup("rtc_1")])
    def test_no_key_is_told_before_anything_is_sent(self, ask):
        with pytest.raises(MissingApiKey, match="OPENAI_API_KEY"):
            ask()


class TestClientSecrets:
    def test_what_is_asked_and_what_comes_back(self):
        with http_peer(WITH_SECRET) as peer:
            secret = create_client_secret(url=peer.url, api_key=TEST_KEY, safety_identifier="user-7")
        assert secret == ClientSecret(value=VALUE, expires_at=1763605109, session=RealtimeSession(model="m"))
        asked = peer.only
        assert (asked.path, asked.body) == ("/v1/realtime/client_secrets", b"{}")
        assert asked.headers["Authorization"] == f"Bearer {TEST_KEY}"
        assert asked.headers["Content-Type"] == "application/json"
        assert asked.headers["OpenAI-Safety-Identifier"] == "user-7"
        assert asked.headers["User-Agent"].startswith("reelthyme_sync/")

    @pytest.mark.parametrize(
        ("arguments", "body"),
        [
            (
                {"session": RealtimeSession(model="m", prompt=None)},
                {"session": {"type": "realtime", "model": "m", "prompt": None}},
            ),
            ({"session": TranscriptionSession()}, {"session": {"type": "transcription"}}),
            ({"session": {"type": "realtime", "x": [1]}}, {"session": {"type": "realtime", "x": [1]}}),
            ({"session": {"model": "m"}}, {"session": {"model": "m"}}),
            ({"session": UnknownPart(type="new", raw={"type": "new"})}, {"session": {"type": "new"}}),
            ({"expires_after": 60}, {"expires_after": {"anchor": "created_at", "seconds": 60}}),
            ({"expires_after": ExpiresAfter(seconds=7200)}, {"expires_after": {"seconds": 7200}}),
            ({"expires_after": ExpiresAfter(anchor="created_at")}, {"expires_after": {"anchor": "created_at"}}),
            ({"expires_after": {"seconds": 10}}, {"expires_after": {"seconds": 10}}),
        ],
    )
    def test_the_body(self, arguments, body):
        with http_peer(WITH_SECRET) as peer:
            create_client_secret(endpoint=at(peer), **arguments)
        assert json.loads(peer.only.body) == body
        assert peer.only.path == "/v1/realtime/client_secrets"

    @pytest.mark.parametrize(
        ("path", "session", "sent"),
        [
            ("", TranslationSessionRequest(model="m"), {"model": "m"}),
            ("", {"type": "translation", "audio": {}}, {"model": "gpt-realtime-translate", "audio": {}}),
            ("/translations?model=x", {"model": "m"}, {"model": "m"}),
            ("/translations", None, {"model": "gpt-realtime-translate"}),
            (
                "/translations",
                TranslationSessionRequest(
                    model="m", audio=TranslationAudio(output=TranslationAudioOutput(language="es"))
                ),
                {"model": "m", "audio": {"output": {"language": "es"}}},
            ),
        ],
    )
    def test_a_translation_has_a_place_of_its_own(self, path, session, sent):
        raw_session = {"type": "translation", "id": "sess_1"}
        with http_peer((200, JSON, json.dumps({**SECRET, "session": raw_session}).encode())) as peer:
            secret = create_client_secret(endpoint=at(peer, path), session=session)
        assert secret.session == TranslationSession(id="sess_1")
        assert peer.only.path == "/v1/realtime/translations/client_secrets"
        assert json.loads(peer.only.body) == {"session": sent}

    @pytest.mark.parametrize("seconds", [9, 7201, 0, -60, 60.0, "60", True, math.nan])
    def test_a_time_out_of_bounds_is_refused_before_anything_is_sent(self, seconds):
        for expires_after in (seconds, {"seconds": seconds}, ExpiresAfter(seconds=seconds)):
            with pytest.raises(ValueError, match="from 10 to 7200"):
                create_client_secret(expires_after=expires_after, api_key=TEST_KEY)

    @pytest.mark.parametrize("session", [{"temperature": math.nan}, {"tools": {1, 2}}])
    def test_what_json_cannot_say_is_refused_before_anything_is_sent(self, session):
        with pytest.raises(InvalidEvent):
            create_client_secret(session=session, api_key=TEST_KEY)

    def test_azure_gets_its_key_in_its_own_header(self):
        with http_peer(WITH_SECRET) as peer:
            local = peer.url.replace("ws://", "http://").removesuffix("/v1/realtime")
            endpoint = endpoints.azure(local, deployment="d", api_key=TEST_AZURE_KEY)
            create_client_secret(endpoint=endpoint, session=RealtimeSession(model="d"))
        assert peer.only.path == "/openai/v1/realtime/client_secrets"
        assert peer.only.headers["api-key"] == TEST_AZURE_KEY
        assert "Authorization" not in peer.only.headers

    def test_a_callable_credential_is_asked_each_time(self):
        keys = iter([TEST_KEY, TEST_TOKEN])
        with http_peer(WITH_SECRET) as peer:
            endpoint = endpoints.relay(peer.url, api_key=lambda: next(keys))
            create_client_secret(endpoint=endpoint)
            create_client_secret(endpoint=endpoint)
        assert [asked.headers["Authorization"][7:] for asked in peer.asked] == [TEST_KEY, TEST_TOKEN]

    def test_the_secret_does_not_show_and_can_be_handed_on(self):
        with http_peer(WITH_SECRET) as peer:
            secret = create_client_secret(endpoint=at(peer))
        assert VALUE not in f"{secret!r} {secret} {secret.value!r} {vars}"
        assert secret.value == VALUE
        assert json.loads(json.dumps(codec.unstructure(secret))) == SECRET

    def test_a_session_of_an_unknown_shape_does_not_cost_the_secret(self):
        raw = {"type": "realtime", "tools": [[]]}
        with http_peer((200, JSON, json.dumps({**SECRET, "session": raw}).encode())) as peer:
            secret = create_client_secret(endpoint=at(peer))
        assert secret == ClientSecret(value=VALUE, expires_at=1763605109, session=UnknownPart(type="realtime", raw=raw))

    @pytest.mark.parametrize(
        "body",
        [b"", b"OK", b"[]", b"{}", b'{"value": ""}', b'{"value": 5}', b'{"value": "ek_test_0123456789"', b"\xff"],
    )
    def test_an_answer_without_a_secret(self, body):
        with http_peer((200, JSON, body)) as peer:
            failure = caught_from(lambda: create_client_secret(endpoint=at(peer)))
        assert isinstance(failure, RequestFailed)
        assert (failure.status, failure.body, failure.recoverable) == (200, "", False)
        assert "holds none" in str(failure)
        assert VALUE not in variables(failure)


class TestRefusals:
    def test_all_that_the_service_says(self):
        error = {"message": "Missing 'x'.", "type": "invalid_request_error", "code": "missing_x", "param": "session.x"}
        with http_peer(refusal(400, error)) as peer, pytest.raises(RequestFailed) as caught:
            create_client_secret(endpoint=at(peer))
        failure = caught.value
        assert str(failure).endswith("/v1/realtime/client_secrets: HTTP 400: Missing 'x'.")
        assert str(failure).startswith("Could not create a client secret at http://127.0.0.1:")
        assert (failure.status, failure.code, failure.param) == (400, "missing_x", "session.x")
        assert json.loads(failure.body) == {"error": error}
        assert (failure.retry_after, failure.recoverable) == (None, False)

    def test_a_refusal_can_be_pickled(self):
        failure = RequestFailed("no", status=429, code="c", param="p", body="b", retry_after=1.0, recoverable=True)
        assert vars(pickle.loads(pickle.dumps(failure))) == vars(failure)

    @pytest.mark.parametrize("headers", [{"Retry-After": "7"}, {"retry-after": "7"}])
    def test_a_busy_server_says_when_to_come_back(self, headers):
        with http_peer(refusal(503, headers=headers, body=b"<html>busy</html>")) as peer:
            failure = caught_from(lambda: create_client_secret(endpoint=at(peer)))
        assert (failure.status, failure.retry_after, failure.recoverable) == (503, 7.0, True)
        assert failure.body == "<html>busy</html>"
        assert "the server refused the request: the server is down or overloaded" in str(failure)

    @pytest.mark.parametrize(
        ("status", "error", "recoverable"),
        [
            (401, {"code": "invalid_api_key"}, False),
            (404, {}, False),
            (408, {}, True),
            (429, {"code": "rate_limit_exceeded"}, True),
            (429, {"code": "insufficient_quota"}, False),
            (500, {}, True),
        ],
    )
    def test_whether_trying_again_can_help(self, status, error, recoverable):
        failure = refused("where", status, {}, json.dumps({"error": error}).encode())
        assert failure.recoverable is recoverable

    @pytest.mark.parametrize(
        "body",
        [
            b"",
            b"<html>",
            b"null",
            b"[1]",
            b'{"error": null}',
            b'{"error": [1]}',
            b'{"error": {"code": 5}}',
            b"\xff",
            b"[" * 10**5,
        ],
    )
    def test_a_body_that_is_no_error_of_the_service(self, body):
        failure = refused("where", 404, {}, body)
        assert (failure.code, failure.param) == (None, None)
        assert str(failure).startswith("where: HTTP 404: there is no realtime endpoint")
        assert len(failure.body) <= 1 << 16

    def test_an_error_may_be_a_string(self):
        assert str(refused("where", 400, {}, b'{"error": "no such tenant"}')) == "where: HTTP 400: no such tenant"

    def test_a_server_that_repeats_the_key_does_not_get_it_into_an_error(self):
        said = {"message": f"Incorrect key {TEST_KEY}", "code": "invalid_api_key"}
        with http_peer(refusal(401, said, headers={"X-Echo": "a"})) as peer:
            failure = caught_from(lambda: create_client_secret(endpoint=at(peer)))
        assert str(failure).endswith("HTTP 401: Incorrect key ***")
        assert TEST_KEY not in failure.body
        assert shown(failure) == []

    def test_short_words_of_the_headers_may_stand_in_an_answer(self):
        endpoint_headers = {"X-Tenant": "a", "Authorization": "Bearer key"}.values()
        failure = refused("where", 400, {}, b'{"error": {"message": "Bearer of a key"}}', unsaid=endpoint_headers)
        assert str(failure) == "where: HTTP 400: Bearer of a key"

    @pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
    def test_a_redirect_is_not_followed_because_the_key_would_go_along(self, status):
        with http_peer(WITH_SECRET) as elsewhere:
            target = elsewhere.url.replace("ws://", "http://")
            with http_peer((status, {"Location": target}, b"")) as peer:
                failure = caught_from(lambda: create_client_secret(endpoint=at(peer)))
        assert isinstance(failure, RequestFailed)
        assert (failure.status, failure.recoverable) == (status, False)
        assert "not followed" in str(failure)
        assert elsewhere.asked == []

    def test_a_login_in_netrc_does_not_replace_the_key(self, tmp_path, monkeypatch):
        netrc = tmp_path / "netrc"
        netrc.write_text("machine 127.0.0.1 login me password other\n")
        monkeypatch.setenv("NETRC", str(netrc))
        with http_peer(WITH_SECRET) as peer:
            create_client_secret(endpoint=at(peer))
        assert peer.only.headers["Authorization"] == f"Bearer {TEST_KEY}"


class TestNoAnswer:
    def test_a_server_that_does_not_answer_is_given_up(self):
        """Or else it would be told that the server has hung up, as that does in the end."""
        with http_peer(hang) as peer:
            failure = caught_from(lambda: create_client_secret(endpoint=at(peer), timeout=0.3))
        assert isinstance(failure, RequestFailed)
        assert (failure.status, failure.recoverable) == (None, True)
        assert str(failure).endswith("timed out after 0.3 s")
        assert shown(failure) == []

    def test_a_server_that_falls_silent_within_its_answer_is_given_up(self):
        def begin(handler, peer):
            handler.wfile.write(b"HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\n{")
            hang(handler, peer)

        with http_peer(begin) as peer:
            failure = caught_from(lambda: create_client_secret(endpoint=at(peer), timeout=0.3))
        assert str(failure).endswith("timed out after 0.3 s")

    @pytest.mark.parametrize("timeout", [0, -1, math.nan])
    def test_a_timeout_without_sense_is_refused(self, timeout):
        with pytest.raises(ValueError, match="timeout must be above zero"):
            create_client_secret(url="ws://127.0.0.1:9/", timeout=timeout)

    def test_nobody_there(self):
        with socket.create_server(("127.0.0.1", 0)) as server:
            port = server.getsockname()[1]
        failure = caught_from(lambda: create_client_secret(url=f"ws://127.0.0.1:{port}/v1/realtime", api_key=TEST_KEY))
        assert isinstance(failure, RequestFailed)
        assert "nobody listens there" in str(failure)
        assert failure.recoverable
        assert shown(failure) == []

    def test_the_frames_of_requests_do_not_hang_on_a_failure(self):
        """Their variables hold the key as bytes; and not every crash reporter respects ``from None``."""
        with http_peer(raw(b"")) as peer:
            failure = caught_from(lambda: create_client_secret(endpoint=at(peer)))
        while failure is not None:
            files = {frame.filename for frame in traceback.extract_tb(failure.__traceback__)}
            assert not any("site-packages" in file for file in files)
            failure = failure.__cause__ or failure.__context__

    def test_no_such_host(self, monkeypatch):
        def unknown(*_, **__):
            raise socket.gaierror(-2, "Name or service not known")

        monkeypatch.setattr(socket, "getaddrinfo", unknown)
        failure = caught_from(lambda: create_client_secret(url="ws://nowhere.test/", api_key=TEST_KEY))
        assert "no such host is known" in str(failure)

    @pytest.mark.parametrize(
        "data",
        [
            b"",
            b"SSH-2.0-OpenSSH_9.6\r\n\r\n",
            b"HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\n{",
            b"HTTP/1.1 200 OK\r\nX",
        ],
    )
    def test_what_answers_is_no_web_server_or_breaks_off(self, data):
        with http_peer(raw(data)) as peer:
            failure = caught_from(lambda: create_client_secret(endpoint=at(peer), timeout=20))
        assert isinstance(failure, RequestFailed)
        assert failure.recoverable or "holds none" in str(failure)
        assert shown(failure) == []

    @pytest.mark.parametrize("pack", [lambda body: body, gzip.compress])
    def test_an_answer_without_end_is_not_read_to_it(self, pack):
        body = pack(b" " * (3 << 20))
        headers = {"Content-Encoding": "gzip"} if pack is gzip.compress else {}
        with http_peer((200, headers, body)) as peer:
            failure = caught_from(lambda: create_client_secret(endpoint=at(peer)))
        assert "longer than any" in str(failure)
        with http_peer((500, headers, body)) as peer:
            failure = caught_from(lambda: create_client_secret(endpoint=at(peer)))
        assert (failure.status, len(failure.body)) == (500, 1 << 16)

    def test_a_socks_proxy_without_its_package(self, monkeypatch):
        monkeypatch.setenv("HTTP_PROXY", f"socks5://me:{TEST_TOKEN}@127.0.0.1:9")
        failure = caught_from(lambda: create_client_secret(url="ws://a.test/", api_key=TEST_KEY))
        assert "requests[socks]" in str(failure)
        assert shown(failure) == []

    def test_a_proxy_of_the_environment_is_asked(self, monkeypatch):
        with http_peer(WITH_SECRET) as proxy:
            monkeypatch.setenv("HTTP_PROXY", proxy.url.replace("ws://", f"http://me:{TEST_TOKEN}@"))
            create_client_secret(url="ws://a.test/v1/realtime", api_key=TEST_KEY)
        assert proxy.only.path == "http://a.test/v1/realtime/client_secrets"

    def test_a_proxy_that_is_not_there_does_not_show_its_password(self, monkeypatch):
        with socket.create_server(("127.0.0.1", 0)) as server:
            port = server.getsockname()[1]
        monkeypatch.setenv("HTTPS_PROXY", f"http://me:{TEST_TOKEN}@127.0.0.1:{port}")
        failure = caught_from(lambda: create_client_secret(url="wss://a.test/", api_key=TEST_KEY))
        assert isinstance(failure, RequestFailed)
        assert "proxy" in str(failure)
        assert shown(failure) == []


class TestTls:
    @pytest.fixture
    def authority(self):
        return trustme.CA()

    @pytest.fixture
    def server_context(self, authority):
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        authority.issue_cert("127.0.0.1").configure_cert(context)
        return context

    def test_an_authority_of_ones_own(self, authority, server_context):
        trusting = ssl.create_default_context()
        authority.configure_trust(trusting)
        with http_peer(WITH_SECRET, tls=server_context) as peer:
            assert create_client_secret(endpoint=at(peer), ssl_context=trusting).value == VALUE

    def test_a_context_is_believed_and_left_as_it_is(self, authority, server_context, tmp_path, monkeypatch):
        """With requests alone it would trust all the authorities that requests knows from then on."""
        authority.cert_pem.write_to_path(str(tmp_path / "ca.pem"))
        monkeypatch.setenv("REQUESTS_CA_BUNDLE", str(tmp_path / "ca.pem"))
        trusting_nobody = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
        with http_peer(WITH_SECRET, tls=server_context) as peer:
            failure = caught_from(lambda: create_client_secret(endpoint=at(peer), ssl_context=trusting_nobody))
            assert "ssl_context" in str(failure)
            assert trusting_nobody.cert_store_stats()["x509_ca"] == 0
            not_verifying = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
            not_verifying.check_hostname, not_verifying.verify_mode = False, ssl.CERT_NONE
            with pytest.warns(urllib3.exceptions.InsecureRequestWarning):
                assert create_client_secret(endpoint=at(peer), ssl_context=not_verifying).value == VALUE
            assert not_verifying.verify_mode == ssl.CERT_NONE

    def test_an_authority_that_the_environment_names(self, authority, server_context, tmp_path, monkeypatch):
        authority.cert_pem.write_to_path(str(tmp_path / "ca.pem"))
        monkeypatch.setenv("SSL_CERT_FILE", str(tmp_path / "ca.pem"))
        with http_peer(WITH_SECRET, tls=server_context) as peer:
            assert create_client_secret(endpoint=at(peer)).value == VALUE

    def test_an_unknown_authority_gets_nothing(self, server_context):
        with http_peer(WITH_SECRET, tls=server_context) as peer:
            failure = caught_from(lambda: create_client_secret(endpoint=at(peer)))
        assert isinstance(failure, RequestFailed)
        assert "ssl_context" in str(failure)
        assert not failure.recoverable
        assert peer.asked == []

    def test_a_server_without_tls(self):
        with http_peer(WITH_SECRET) as peer:
            endpoint = endpoints.relay(peer.url.replace("ws://", "wss://"), api_key=TEST_KEY)
            failure = caught_from(lambda: create_client_secret(endpoint=endpoint))
        assert "does the server speak TLS there" in str(failure)


def parts(asked):
    """The parts of a form: name → (media type, file name, content)."""
    text = b"Content-Type: " + asked.headers["Content-Type"].encode() + b"\r\n\r\n" + asked.body
    message: Message = BytesParser().parsebytes(text)
    return {
        part.get_param("name", header="content-disposition"): (
            part.get_content_type(),
            part.get_filename(),
            part.get_payload(decode=True),
        )
        for part in message.get_payload()
    }


class TestCalls:
    def test_a_key_sends_the_offer_and_the_session_as_a_form(self):
        with http_peer(BEGUN) as peer:
            call = calls.create(OFFER, session=RealtimeSession(model="m"), endpoint=at(peer))
        assert (call.call_id, call.sdp) == ("rtc_1", ANSWER)
        assert peer.only.path == "/v1/realtime/calls"
        assert peer.only.headers["Accept"] == "application/sdp"
        assert peer.only.headers["Authorization"] == f"Bearer {TEST_KEY}"
        sent = parts(peer.only)
        assert sent["sdp"] == ("application/sdp", None, OFFER.encode())
        assert sent["session"][:2] == ("application/json", None)
        assert json.loads(sent["session"][2]) == {"type": "realtime", "model": "m"}

    def test_without_a_session_it_is_a_conversation_with_the_usual_model(self):
        with http_peer(BEGUN) as peer:
            calls.create(OFFER, endpoint=at(peer))
        assert json.loads(parts(peer.only)["session"][2]) == {"type": "realtime", "model": "gpt-realtime-2.1"}

    @pytest.mark.parametrize("secret", [TEST_TOKEN, ClientSecret(value=TEST_TOKEN)])
    def test_a_client_secret_sends_the_bare_offer(self, secret):
        with http_peer(BEGUN) as peer:
            calls.create(OFFER, client_secret=secret, url=peer.url)
        assert (peer.only.path, peer.only.body) == ("/v1/realtime/calls", OFFER.encode())
        assert peer.only.headers["Content-Type"] == "application/sdp"
        assert peer.only.headers["Authorization"] == f"Bearer {TEST_TOKEN}"

    def test_a_secret_for_a_translation_calls_one(self):
        secret = ClientSecret(value=TEST_TOKEN, session=TranslationSession())
        with http_peer(BEGUN) as peer:
            calls.create(OFFER, client_secret=secret, url=peer.url)
        assert peer.only.path == "/v1/realtime/translations/calls"

    @pytest.mark.parametrize(
        ("location", "call_id"),
        [
            ("https://api.openai.com/v1/realtime/calls/rtc_u0_abc", "rtc_u0_abc"),
            ("/v1/realtime/calls/rtc_1/?x=/y#z", "rtc_1"),
            ("rtc_1", "rtc_1"),
            ("", None),
            ("/v1/realtime/calls/..", None),
            ("/v1/realtime/calls/a%2Fb", None),
            ("http://[::1", None),
        ],
    )
    def test_the_id_is_the_last_segment_of_the_location(self, location, call_id):
        with http_peer((201, {"Location": location}, ANSWER.encode())) as peer:
            assert calls.create(OFFER, endpoint=at(peer)).call_id == call_id

    @pytest.mark.parametrize(
        ("arguments", "why"),
        [
            ({"sdp": ""}, "begins with v=0"),
            ({"sdp": json.dumps({"type": "offer", "sdp": OFFER})}, "not the JSON"),
            ({"sdp": OFFER + "a" * 10_000_000}, r"sdp has 10000\d+ bytes, more than any offer \(1048576\)"),
            ({"client_secret": "ek_1", "session": RealtimeSession()}, "without the others"),
            ({"client_secret": "ek_1", "api_key": TEST_KEY}, "without the others"),
            ({"client_secret": ""}, "pass one"),
            ({"endpoint": Endpoint("ws://a.test/realtime/translations")}, "with a client secret"),
        ],
    )
    def test_what_is_refused_before_anything_is_sent(self, arguments, why, monkeypatch):
        monkeypatch.setenv("OPENAI_API_KEY", TEST_KEY)
        with pytest.raises(ValueError, match=why):
            calls.create(**{"sdp": OFFER, **arguments})

    def test_an_answer_that_is_no_sdp(self):
        with http_peer((201, {}, b"<html>")) as peer, pytest.raises(RequestFailed, match="no SDP") as caught:
            calls.create(OFFER, endpoint=at(peer))
        assert caught.value.status == 201

    def test_a_call_does_not_show_the_password_of_its_connection(self):
        assert "ice-pwd" not in repr(calls.Call("rtc_1", OFFER))

    @pytest.mark.parametrize(
        ("tell", "path", "body"),
        [
            (calls.accept, "accept", {"type": "realtime", "model": "gpt-realtime-2.1"}),
            (
                functools.partial(calls.accept, session=RealtimeSession(instructions="x")),
                "accept",
                {"type": "realtime", "instructions": "x"},
            ),
            (
                functools.partial(calls.accept, session={"type": "realtime", "new": 1}),
                "accept",
                {"type": "realtime", "new": 1},
            ),
            (calls.reject, "reject", {"status_code": 603}),
            (functools.partial(calls.reject, status_code=486), "reject", {"status_code": 486}),
            (
                functools.partial(calls.refer, target_uri="tel:+14155550123"),
                "refer",
                {"target_uri": "tel:+14155550123"},
            ),
            (functools.partial(calls.refer, target_uri="sip:a@b.test"), "refer", {"target_uri": "sip:a@b.test"}),
            (calls.hangup, "hangup", None),
        ],
    )
    def test_what_a_telephone_call_is_told(self, tell, path, body):
        with http_peer(DONE) as peer:
            assert tell("rtc_1", endpoint=at(peer)) is None
        assert peer.only.path == f"/v1/realtime/calls/rtc_1/{path}"
        assert peer.only.headers["Authorization"] == f"Bearer {TEST_KEY}"
        if body is None:
            assert (peer.only.body, peer.only.headers["Content-Length"]) == (b"", "0")
        else:
            assert json.loads(peer.only.body) == body

    @pytest.mark.parametrize(
        "call_id", ["", ".", "..", "a/b", "a%2Fb", "a?b", "a#b", "a b", "a\n", "é", "../client_secrets"]
    )
    @pytest.mark.parametrize(
        "tell", [calls.accept, calls.reject, calls.hangup, lambda i, **k: calls.refer(i, "tel:+1", **k)]
    )
    def test_an_id_that_leads_elsewhere_is_refused(self, tell, call_id):
        with pytest.raises(ValueError, match="no id of a call"):
            tell(call_id, api_key=TEST_KEY)

    @pytest.mark.parametrize("target", ["", "14155550123", "tel:", "https://a.test/", "sip:a b"])
    def test_a_target_that_is_none_is_refused(self, target):
        with pytest.raises(ValueError, match="target_uri"):
            calls.refer("rtc_1", target, api_key=TEST_KEY)

    @pytest.mark.parametrize("status_code", [0, 200, 302, 700])
    def test_a_status_that_declines_nothing_is_refused(self, status_code):
        with pytest.raises(ValueError, match="status_code"):
            calls.reject("rtc_1", status_code=status_code, api_key=TEST_KEY)

    def test_a_caller_who_has_hung_up(self):
        with http_peer(refusal(404, {"message": "No session found", "code": "call_id_not_found"})) as peer:
            failure = caught_from(lambda: calls.accept("rtc_1", endpoint=at(peer)))
        assert (failure.status, failure.code) == (404, "call_id_not_found")
        assert str(failure).startswith("Could not accept the call at http://127.0.0.1:")


def test_any_thread_may_ask():
    secrets = []
    with http_peer(WITH_SECRET) as peer:
        ask = functools.partial(create_client_secret, endpoint=at(peer), timeout=20)
        threads = [threading.Thread(target=lambda: secrets.append(ask())) for _ in range(10)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join(20)
    assert [secret.value for secret in secrets] == [VALUE] * 10


ASKING = {
    "secret": create_client_secret,
    "call": functools.partial(calls.create, OFFER),
    "accept": functools.partial(calls.accept, "rtc_1"),
    "reject": functools.partial(calls.reject, "rtc_1"),
    "refer": functools.partial(calls.refer, "rtc_1", "tel:+1"),
    "hangup": functools.partial(calls.hangup, "rtc_1"),
}


@pytest.mark.parametrize("ask", ASKING.values(), ids=ASKING)
@pytest.mark.parametrize("answer", [refusal(500), raw(b"HTTP/1.1 what\r\n\r\n")])
def test_no_failure_shows_a_key(ask, answer):
    with http_peer(answer) as peer:
        failures = [
            caught_from(lambda: ask(url=peer.url, api_key=TEST_KEY)),
            caught_from(lambda: ask(url=peer.url, api_key=lambda: TEST_KEY)),
            caught_from(lambda: ask(url="ftp://a.test", api_key=TEST_KEY)),
            caught_from(lambda: ask(url=peer.url, api_key=f"{TEST_KEY}\r\nX: y")),
        ]
        if ask is ASKING["call"]:
            failures.append(caught_from(lambda: ask(url=peer.url, client_secret=TEST_TOKEN)))
            failures.append(caught_from(lambda: ask(url=peer.url, client_secret=TEST_TOKEN, api_key=TEST_KEY)))
    assert [line for failure in failures for line in shown(failure)] == []
    assert all("rest" in variables(failure) for failure in failures)
    assert len(ALL) > 3


class TestAsOpenAIsOwnClient:
    """What we send is what the official package sends for the same wish."""

    SESSION = {"type": "realtime", "model": "m", "audio": {"output": {"voice": "marin"}}}  # noqa: RUF012

    @pytest.mark.parametrize(
        ("answer", "theirs", "ours"),
        [
            (
                WITH_SECRET,
                lambda realtime: realtime.client_secrets.create(
                    expires_after={"anchor": "created_at", "seconds": 60}, session=TestAsOpenAIsOwnClient.SESSION
                ),
                lambda where: create_client_secret(
                    expires_after=60,
                    session=codec.structure(TestAsOpenAIsOwnClient.SESSION, RealtimeSession),
                    endpoint=where,
                ),
            ),
            (
                WITH_SECRET,
                lambda realtime: realtime.translations.client_secrets.create(session={"model": "m"}),
                lambda where: create_client_secret(session=TranslationSessionRequest(model="m"), endpoint=where),
            ),
            (
                BEGUN,
                lambda realtime: realtime.calls.create(sdp=OFFER, session=TestAsOpenAIsOwnClient.SESSION),
                lambda where: calls.create(OFFER, session=TestAsOpenAIsOwnClient.SESSION, endpoint=where),
            ),
            (
                DONE,
                lambda realtime: realtime.calls.accept("rtc_1", type="realtime", instructions="x"),
                lambda where: calls.accept("rtc_1", session=RealtimeSession(instructions="x"), endpoint=where),
            ),
            (
                DONE,
                lambda realtime: realtime.calls.reject("rtc_1", status_code=486),
                lambda where: calls.reject("rtc_1", status_code=486, endpoint=where),
            ),
            (
                DONE,
                lambda realtime: realtime.calls.refer("rtc_1", target_uri="tel:+1"),
                lambda where: calls.refer("rtc_1", "tel:+1", endpoint=where),
            ),
            (
                DONE,
                lambda realtime: realtime.calls.hangup("rtc_1"),
                lambda where: calls.hangup("rtc_1", endpoint=where),
            ),
        ],
        ids=["secret", "translation's secret", "call", "accept", "reject", "refer", "hangup"],
    )
    def test_the_requests_are_the_same(self, answer, theirs, ours):
        with http_peer(answer) as peer:
            base_url = peer.url.replace("ws://", "http://").removesuffix("/realtime")
            with openai.OpenAI(api_key=TEST_KEY, base_url=base_url, max_retries=0) as client:
                theirs(client.realtime)
            ours(at(peer))
        first, second = (meaning(asked) for asked in peer.asked)
        assert second == first


def meaning(asked):
    """What a request says, however it is written."""
    headers = [asked.headers[name] for name in ("Authorization", "Accept")]
    media = (asked.headers["Content-Type"] or "").partition(";")[0]
    if media == "multipart/form-data":
        body = {
            name: (kind, json.loads(content) if kind == "application/json" else content)
            for name, (kind, _, content) in parts(asked).items()
        }
    else:
        body = json.loads(asked.body) if asked.body else None
    accepted = headers[1] if headers[1] == "application/sdp" else "anything"
    return asked.path, headers[0], accepted, media if asked.body else "", body


def test_requests_is_imported_by_the_first_call():
    code = "import sys, reelthyme_sync.rest, reelthyme_sync.webhooks; sys.exit('requests' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False, timeout=60).returncode == 0


JSON_VALUES = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(2**63), 2**63)
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(
            st.sampled_from(
                ["value", "expires_at", "session", "type", "model", "audio", "tools", "error", "code", "message"]
            )
            | st.text(max_size=3),
            inner,
            max_size=5,
        )
    ),
    max_leaves=15,
)


@given(JSON_VALUES.map(lambda value: json.dumps(value).encode()) | st.binary(max_size=50))
def test_whatever_a_server_answers_is_a_secret_or_none(body):
    secret = client_secrets._read(Answer(200, {}, body))
    assert secret is None or (isinstance(secret, ClientSecret) and secret.value)


@given(
    st.integers(300, 599), JSON_VALUES.map(lambda value: json.dumps(value).encode()) | st.binary(max_size=50), st.text()
)
def test_whatever_a_server_refuses_with_is_one_exception(status, body, retry_after):
    failure = refused("where", status, {"Retry-After": retry_after}, body)
    assert failure.status == status
    assert str(failure).startswith(f"where: HTTP {status}: ")
    assert failure.retry_after is None or failure.retry_after >= 0
