"""The sample applications under real servers: a call is followed, its tools are answered, and all ends with SIGTERM."""

from __future__ import annotations

import signal
import socket

import pytest
import requests
from keys import TEST_KEY
from sidebands import Service, service
from web_servers import GUNICORN, PATIENCE, ROOT, SERVERS, Page, Transcript, web_server

__all__ = ["service"]  # a fixture

ENDS_WITHIN = 15.0  # a second or two; gunicorn waits 30 for streams that stay
AS_WITH_FLASK = {"django, gunicorn sync", "django, waitress"}


@pytest.mark.parametrize(
    "name", [pytest.param(name, marks=pytest.mark.slow) if name in AS_WITH_FLASK else name for name in SERVERS]
)
def test_a_call_under(name):
    with web_server(SERVERS[name]) as server:
        with Page(server.url) as page, requests.Session() as http:
            page.call()
            followed = page.follow()
            assert followed.status_code == 200, server.printed
            url = server.url + followed.json()["transcript"].lstrip("/")
            page.write("What is the weather in Paris?")
            transcript = Transcript(http, url)
            transcript.read(lambda seen: bool(seen.texts("assistant")))
            assert "sunny" in transcript.texts("assistant")[0], server.printed
            assert transcript.texts("user") == ["What is the weather in Paris?"]
            assert transcript.texts("tool")[0] == 'get_weather({"city":"Paris"})'
            assert "sunny" in transcript.texts("tool")[1]

            page.write("Please hang up the phone.")
            transcript.read(lambda seen: False)
            assert transcript.ended == "finished"
            page.wait_until_hung_up()

        with Page(server.url) as page, requests.Session() as http:  # one that is under way when the end comes
            page.call()
            url = server.url + page.follow().json()["transcript"].lstrip("/")
            page.write("What is two plus two?")
            transcript = Transcript(http, url)
            transcript.read(lambda seen: bool(seen.texts("assistant")))
            if "sync" in name:  # a stream that stayed would occupy the worker
                assert '"ended"' not in http.get(url, timeout=PATIENCE).text
            with http.get(url, stream=True, timeout=PATIENCE):
                assert server.terminate() < ENDS_WITHIN, server.printed
        assert server.process.returncode in (0, -signal.SIGTERM)
        assert "Traceback" not in server.printed
        assert page.secret["value"] not in server.printed


@pytest.mark.parametrize(
    "arguments",
    [
        [*GUNICORN, "load_app:app"],
        [*GUNICORN, "-k", "sync", "--threads", "1", "load_app:app"],
        ["-m", "waitress", "--listen", "127.0.0.1:{port}", "load_app:app"],
        ["-m", "flask", "--app", "load_app", "run", "--port", "{port}"],
    ],
    ids=["gthread", "sync", "waitress", "werkzeug"],
)
def test_the_service_is_told_goodbye(arguments):
    service = Service()
    environment = {"LOAD_SERVICE": service.url, "PYTHONPATH": "tests/e2e"}
    with web_server(arguments, environment) as server, Page(server.url) as page:
        claims = [{"call_id": f"rtc_{number}", "client_secret": "ek_1"} for number in range(3)]
        assert [page.post("sideband", claim).status_code for claim in claims] == [200] * 3, server.printed
        assert server.terminate() < ENDS_WITHIN, server.printed
        assert service.wait_for_goodbyes(3) == ["rtc_0", "rtc_1", "rtc_2"]
    service.close()


@pytest.fixture(scope="module", params=["flask, gunicorn sync", "django, gunicorn gthread"])
def served(request):
    with web_server(SERVERS[request.param]) as server, Page(server.url) as page:
        page.call()
        yield server, page


class TestBadInput:
    @pytest.mark.parametrize("path", ["client-secret", "sideband"])
    @pytest.mark.parametrize(
        "body", [b"", b"{", b"[]", b"null", b'"x"', b"\xff\xfe", b"[" * 8000, b'{"a": NaN}', b"{}", b'{"call_id": []}']
    )
    def test_what_is_no_request_is_400(self, served, path, body):
        _server, page = served
        assert page.post(path, body).status_code == 400

    @pytest.mark.parametrize("modalities", [None, "audio", [], ["audio", "text"], ["video"], {"audio": 1}])
    def test_modalities_that_there_are_not_are_400(self, served, modalities):
        _server, page = served
        assert page.post("client-secret", {"output_modalities": modalities}).status_code == 400

    @pytest.mark.parametrize("path", ["client-secret", "sideband"])
    def test_a_huge_body_is_413(self, served, path):
        server, page = served
        assert page.post(path, b'"' + b"x" * 10_000_000 + b'"').status_code == 413, server.printed

    @pytest.mark.parametrize("path", ["client-secret", "sideband"])
    def test_a_form_of_another_site_is_refused(self, served, path):
        _server, page = served
        for media_type in ("text/plain", "application/x-www-form-urlencoded", "multipart/form-data; boundary=x"):
            answer = page.post(path, {"output_modalities": ["text"]}, **{"Content-Type": media_type})
            assert answer.status_code == 415
        assert page.post(path, {"output_modalities": ["text"]}, **{"X-CSRFToken": ""}).status_code == 403
        assert page.post(path, {"output_modalities": ["text"]}, **{"X-CSRFToken": "é" * 32}).status_code == 403

    def test_a_call_is_followed_for_whoever_made_it_and_no_other(self, served):
        server, page = served
        another = page.post("client-secret", {"output_modalities": ["text"]}).json()["value"]
        own = page.secret["value"]
        for call_id, secret, status in (
            (page.call_id, another, 404),
            (page.call_id, "ek_local_expired", 404),
            (page.call_id, TEST_KEY, 400),
            (page.call_id, f"{own}\r\nX: y", 400),
            ("rtc_unknown", own, 404),
            ("../secrets", own, 400),
            ("rtc_1&model=x", own, 400),
            ("", own, 400),
            (page.call_id, own, 200),
            (page.call_id, own, 409),
        ):
            answer = page.post("sideband", {"call_id": call_id, "client_secret": secret})
            assert answer.status_code == status, (call_id, answer.text)
            assert secret not in answer.text
        assert own not in server.printed
        assert another not in server.printed
        assert "Traceback" not in server.printed

    def test_a_transcript_is_for_whoever_knows_its_token(self, served):
        server, _page = served
        for token in ("x", "..%2f", "%00", "A" * 2000):
            assert requests.get(f"{server.url}transcript/{token}", timeout=PATIENCE).status_code == 404

    def test_there_is_no_other_file_and_no_other_way(self, served):
        server, page = served
        for path in ("page/../app.py", "page/%2e%2e/app.py", "static/x", "client-secret/", "nowhere"):
            assert page.http.get(server.url + path, timeout=PATIENCE).status_code == 404
        assert page.http.get(f"{server.url}client-secret", timeout=PATIENCE).status_code == 405

    def test_a_name_of_another_site_that_leads_here_is_refused(self, served):
        server, page = served
        for path in ("", "client-secret"):
            answer = page.http.get(server.url + path, headers={"Host": "evil.example"}, timeout=PATIENCE)
            assert answer.status_code == 400

    def test_whether_the_page_is_there_can_be_asked_without_getting_it(self, served):
        server, page = served
        answer = page.http.head(server.url, timeout=PATIENCE)
        assert (answer.status_code, answer.content) == (200, b"")

    def test_every_answer_keeps_the_page_to_itself(self, served):
        server, page = served
        for path in ("", "nowhere", "static/reelthyme.js"):
            policy = page.http.get(server.url + path, timeout=PATIENCE).headers["Content-Security-Policy"]
            assert "default-src 'none'" in policy
            assert page.secret["url"].partition("/v1/")[0] in policy
        for path in ("client-secret", "sideband"):
            assert page.post(path, {"output_modalities": ["text"]}).headers["Cache-Control"] == "no-store"


def test_a_length_that_is_none_is_400():
    with web_server(SERVERS["django runserver"]) as server:
        host, port = server.url.removeprefix("http://").rstrip("/").split(":")
        for length in ("abc", "1e3", "9" * 5000):
            with socket.create_connection((host, int(port)), PATIENCE) as sock:
                head = f"Host: {host}\r\nContent-Type: application/json\r\nContent-Length: {length}"
                sock.sendall(f"POST /client-secret HTTP/1.1\r\n{head}\r\n\r\n".encode())
                assert sock.recv(100).split()[1] == b"400", server.printed


def follow(desk, call_id):
    return desk.follow(b'{"call_id": "%b", "client_secret": "ek_1"}' % call_id)


def wait_until_left(desk):
    """The feed of a call ends a moment before its place is free."""
    for call in desk.supervisor.calls:
        assert call.wait(PATIENCE)


class Elsewhere:
    """What a desk asks for the service, when that is one of ours."""

    def __init__(self, service: Service) -> None:
        self.url = service.url

    def place(self) -> dict[str, str]:
        return {"url": self.url}


def test_the_transcript_of_a_call_is_kept_as_long_as_that_goes_on(monkeypatch, service):
    monkeypatch.syspath_prepend(str(ROOT))
    from samples.call_desk import front_desk
    from samples.call_desk.front_desk import Desk, Refused

    monkeypatch.setattr(front_desk, "TRANSCRIPTS_KEPT", 2)
    desk = Desk(Elsewhere(service), limit=2)

    long = follow(desk, b"rtc_1")
    brief = []
    for number in range(3):
        brief.append(follow(desk, b"brief_%d" % number))
        assert b'"ended"' in b"".join(desk.transcript(brief[-1], None, threads=True))
        for call in desk.supervisor.calls:
            assert call.call_id == "rtc_1" or call.wait(PATIENCE)  # a feed ends a moment before the place is free
    desk.transcript(long, None, threads=True)
    desk.supervisor.close()
    with pytest.raises(Refused):
        desk.transcript(brief[0], None, threads=True)
    desk.transcript(brief[2], None, threads=True)


def test_refusals_leave_no_thread_and_no_place_behind(monkeypatch, service):
    monkeypatch.syspath_prepend(str(ROOT))
    from samples.call_desk.front_desk import Desk, Refused

    def refused(desk, call_id):
        with pytest.raises(Refused) as caught:
            follow(desk, call_id)
        return caught.value.status

    desk = Desk(Elsewhere(service), limit=1)
    assert [refused(desk, call_id) for call_id in (b"unknown", b"expired")] == [404, 404]
    brief = desk.transcript(follow(desk, b"brief"), None, threads=True)
    assert b'"ended","why":"finished"' in b"".join(brief)
    wait_until_left(desk)
    token = follow(desk, b"rtc_1")
    assert [refused(desk, b"rtc_1"), refused(desk, b"rtc_2")] == [409, 503]

    first, second = (desk.transcript(token, None, threads=True) for _ in range(2))
    assert next(first) == b"retry: 1000\n\n"
    assert b"".join(second) == b"retry: 1000\n\n:\n\n"  # there is room for one stream, so this one does not stay
    first.close()
    desk.supervisor.close()
    assert b'"ended","why":"closed"' in b"".join(desk.transcript(token, None, threads=True))
    with pytest.raises(Refused):
        desk.transcript("another", None, threads=True)
    service.close()
    desk = Desk(Elsewhere(service))
    assert refused(desk, b"rtc_1") == 502
    assert desk.supervisor.calls == []
