"""Client secrets of the local server: made by its key, good for its sessions, and only for a while."""

import json
import logging
import time

import openai
import pytest
import requests
import websocket
from hypothesis import given
from hypothesis import strategies as st

from reelthyme_sync import connect
from reelthyme_sync.errors import RequestFailed
from reelthyme_sync.events import (
    AudioConfig,
    AudioInput,
    AudioOutput,
    ExpiresAfter,
    RealtimeSession,
    SessionUpdate,
    TranscriptionSession,
)
from reelthyme_sync.local_server import app, serve
from reelthyme_sync.local_server.client_secrets import ClientSecrets
from reelthyme_sync.local_server.refusal import Refusal
from reelthyme_sync.rest import create_client_secret

KEY = "sk-right-0123456789"
NOW = 1_750_287_018.9
PATIENCE = 20
SET_UP = RealtimeSession(
    model="gpt-realtime-mini",
    instructions="Be brief.",
    audio=AudioConfig(input=AudioInput(turn_detection=None), output=AudioOutput(voice="cedar")),
)


@pytest.fixture(scope="module")
def server():
    with serve(api_key=KEY) as server:
        yield server


def http(server):
    return server.url.replace("ws://", "http://")


def first_event(server, key, **options):
    with connect(url=server.url, api_key=key, **options) as session:
        return session.receive(timeout=PATIENCE)


class TestGivingOut:
    """Without a server and a clock."""

    def test_what_is_not_said_has_the_usual_value(self):
        secret = ClientSecrets().create(b"{}", NOW)
        assert secret.expires_at == int(NOW) + 600
        assert (secret.session.type, secret.session.model) == ("realtime", "gpt-realtime-2.1")
        assert secret.session.audio.output.voice == "marin"

    def test_no_two_are_the_same(self):
        secrets = ClientSecrets()
        assert len({secrets.create(b"", NOW).value for _ in range(100)}) == 100

    @pytest.mark.parametrize("seconds", [10, 7200])
    def test_it_is_known_until_it_expires(self, seconds):
        secrets = ClientSecrets()
        secret = secrets.create(json.dumps({"expires_after": {"seconds": seconds}}).encode(), NOW)
        assert secret.expires_at == int(NOW) + seconds
        assert secrets.session_of(secret.value, secret.expires_at - 0.1) == secret.session
        assert secrets.session_of(secret.value, secret.expires_at) is None

    def test_what_has_expired_is_forgotten(self):
        secrets = ClientSecrets()
        for hour in range(50):
            secrets.create(b"{}", NOW + 3600 * hour)
        assert len(secrets._given) == 1

    def test_another_is_not_known(self):
        secrets = ClientSecrets()
        secrets.create(b"{}", NOW)
        assert [secrets.session_of(value, NOW) for value in (None, "", "ek_local_1", KEY)] == [None] * 4

    @pytest.mark.parametrize(
        ("body", "code", "param"),
        [
            (b"{", None, None),
            (b"[]", "invalid_type", "the body"),
            (b'{"expires_after": 60}', "invalid_type", "expires_after"),
            (b'{"expires_after": {"seconds": 9}}', "integer_below_min_value", "expires_after.seconds"),
            (b'{"expires_after": {"seconds": 7201}}', "integer_above_max_value", "expires_after.seconds"),
            (b'{"expires_after": {"seconds": 60.5}}', "invalid_type", "expires_after.seconds"),
            (b'{"expires_after": {"seconds": true}}', "invalid_type", "expires_after.seconds"),
            (b'{"expires_after": {"anchor": "now"}}', "invalid_value", "expires_after.anchor"),
            (b'{"session": []}', "invalid_type", "session"),
            (b'{"session": {"model": "m"}}', "missing_required_parameter", "session.type"),
            (b'{"session": {"type": "dance"}}', "invalid_value", "session.type"),
            (b'{"session": {"type": ["realtime"]}}', "invalid_value", "session.type"),
            (b'{"session": {"type": "realtime", "model": 5}}', "invalid_type", "session"),
            (
                b'{"session": {"type": "realtime", "output_modalities": ["smell"]}}',
                "invalid_value",
                "session.output_modalities",
            ),
        ],
    )
    def test_what_is_refused(self, body, code, param):
        with pytest.raises(Refusal) as caught:
            ClientSecrets().create(body, NOW)
        assert (caught.value.code, caught.value.param) == (code, param)

    @given(
        st.recursive(
            st.none()
            | st.booleans()
            | st.integers(0, 9000)
            | st.floats(allow_nan=False, allow_infinity=False)
            | st.text(),
            lambda inner: (
                st.lists(inner, max_size=3)
                | st.dictionaries(
                    st.sampled_from(
                        ["expires_after", "seconds", "anchor", "session", "type", "model", "audio", "input"]
                    )
                    | st.sampled_from(["output", "format", "turn_detection", "tools", "voice"]),
                    inner | st.sampled_from(["realtime", "transcription", "created_at", "server_vad", "audio/pcm"]),
                    max_size=5,
                )
            ),
            max_leaves=15,
        ).map(lambda value: json.dumps(value).encode())
        | st.binary(max_size=30)
    )
    def test_whatever_is_asked_is_given_or_refused(self, body):
        given_out = ClientSecrets()
        try:
            secret = given_out.create(body, NOW)
        except Refusal:
            return
        assert given_out.session_of(secret.value, NOW) == secret.session


class TestOverTheWire:
    def test_a_secret_brings_its_session(self, server):
        secret = create_client_secret(session=SET_UP, expires_after=60, url=server.url, api_key=KEY)
        assert secret.value.startswith("ek_local_")
        assert 50 < secret.expires_at - time.time() <= 60
        assert secret.session.instructions == "Be brief."
        created = first_event(server, secret.value, model="another")
        assert created.type == "session.created"
        told = created.session
        assert (told.model, told.instructions) == ("gpt-realtime-mini", "Be brief.")
        assert (told.audio.input.turn_detection, told.audio.output.voice) == (None, "cedar")
        assert told.id != secret.session.id
        assert told.expires_at > time.time()

    def test_it_opens_many_sessions_which_do_not_share_their_settings(self, server):
        secret = create_client_secret(session=SET_UP, url=server.url, api_key=KEY)
        with connect(url=server.url, api_key=secret.value) as session:
            session.receive(timeout=PATIENCE)
            session.send(SessionUpdate(session=RealtimeSession(instructions="Be long.")))
            assert session.receive(timeout=PATIENCE).session.instructions == "Be long."
        assert first_event(server, secret.value).session.instructions == "Be brief."

    def test_a_transcription_session(self, server):
        secret = create_client_secret(session=TranscriptionSession(), url=server.url, api_key=KEY)
        assert secret.session.type == "transcription"
        assert first_event(server, secret.value).session.type == "transcription"

    def test_a_browser_presents_it_as_a_subprotocol(self, server):
        secret = create_client_secret(url=server.url, api_key=KEY)
        offered = ["realtime", f"openai-insecure-api-key.{secret.value}"]
        socket = websocket.create_connection(server.url, timeout=PATIENCE, subprotocols=offered)
        assert json.loads(socket.recv())["type"] == "session.created"
        socket.close()

    def test_an_expired_one_is_refused_and_the_session_it_began_goes_on(self, server, monkeypatch):
        secret = create_client_secret(expires_after=10, url=server.url, api_key=KEY)
        with connect(url=server.url, api_key=secret.value) as session:
            session.receive(timeout=PATIENCE)
            now = time.time()
            monkeypatch.setattr(app.time, "time", lambda: now + 11)
            refusal = first_event(server, secret.value)
            assert (refusal.type, refusal.error.code) == ("error", "invalid_api_key")
            session.send(SessionUpdate(session=RealtimeSession(instructions="Still here.")))
            assert session.receive(timeout=PATIENCE).session.instructions == "Still here."

    def test_an_unknown_one_is_refused_even_where_any_key_is_taken(self):
        with serve() as server:
            assert first_event(server, "sk-any").type == "session.created"
            assert first_event(server, "ek_local_unknown0123456789").error.code == "invalid_api_key"
            assert first_event(server, create_client_secret(url=server.url).value).type == "session.created"

    @pytest.mark.parametrize("key", [None, "sk-wrong-0123456789"])
    def test_a_secret_is_not_made_without_the_key(self, server, key):
        with pytest.raises(RequestFailed, match="Incorrect API key") as caught:
            create_client_secret(url=server.url, api_key=key)
        assert (caught.value.status, caught.value.code) == (401, "invalid_api_key")

    def test_a_secret_does_not_make_another(self, server):
        """Who holds it could go on for ever."""
        secret = create_client_secret(url=server.url, api_key=KEY)
        with pytest.raises(RequestFailed) as caught:
            create_client_secret(url=server.url, api_key=secret.value)
        assert caught.value.status == 401

    def test_a_refusal_says_what_the_service_says(self, server):
        with pytest.raises(RequestFailed, match=r"Missing required parameter: 'session\.type'") as caught:
            create_client_secret(session={"model": "m"}, url=server.url, api_key=KEY)
        failure = caught.value
        assert (failure.status, failure.code, failure.param) == (400, "missing_required_parameter", "session.type")
        assert json.loads(failure.body)["error"]["type"] == "invalid_request_error"

    def test_the_page_of_another_server_may_ask(self, server):
        place = f"{http(server)}/client_secrets"
        allowed = requests.options(place, headers={"Origin": "https://a.test"}, timeout=PATIENCE)
        assert (allowed.status_code, allowed.headers["Access-Control-Allow-Origin"]) == (204, "*")
        assert "Authorization" in allowed.headers["Access-Control-Allow-Headers"]
        for key, status in [(KEY, 200), ("sk-wrong-0123456789", 401)]:
            answer = requests.post(place, headers={"Authorization": f"Bearer {key}"}, timeout=PATIENCE)
            assert (answer.status_code, answer.headers["Access-Control-Allow-Origin"]) == (status, "*")

    def test_no_secret_is_logged(self, server, caplog):
        with caplog.at_level(logging.DEBUG):
            secret = create_client_secret(url=server.url, api_key=KEY)
            first_event(server, secret.value)
        assert secret.value not in caplog.text
        assert KEY not in caplog.text


class TestOpenAIsOwnClient:
    """The official package as the peer of the server, and its secrets for ours."""

    @pytest.fixture
    def client(self, server):
        with openai.OpenAI(api_key=KEY, base_url=http(server).removesuffix("/realtime"), max_retries=0) as client:
            yield client

    def test_it_makes_a_secret_and_connects_with_it(self, server, client):
        secret = client.realtime.client_secrets.create(
            expires_after={"anchor": "created_at", "seconds": 60},
            session={"type": "realtime", "model": "gpt-realtime-mini", "instructions": "Be brief."},
        )
        assert secret.value.startswith("ek_local_")
        assert (secret.session.type, secret.session.instructions) == ("realtime", "Be brief.")
        browser = openai.OpenAI(api_key=secret.value, base_url=client.base_url)
        with browser, browser.realtime.connect(model="gpt-realtime-mini") as connection:
            created = connection.recv()
        assert (created.type, created.session.instructions) == ("session.created", "Be brief.")

    def test_its_secret_is_good_for_our_session_and_ours_for_its(self, server, client):
        theirs = client.realtime.client_secrets.create()
        assert first_event(server, theirs.value).type == "session.created"
        ours = create_client_secret(url=server.url, api_key=KEY, expires_after=ExpiresAfter(seconds=60))
        browser = openai.OpenAI(api_key=ours.value, base_url=client.base_url)
        with browser, browser.realtime.connect(model="m") as connection:
            assert connection.recv().type == "session.created"

    def test_it_understands_the_refusals(self, client):
        with pytest.raises(openai.BadRequestError) as caught:
            client.realtime.client_secrets.create(expires_after={"seconds": 9})
        assert (caught.value.code, caught.value.param) == ("integer_below_min_value", "expires_after.seconds")
        with pytest.raises(openai.AuthenticationError):
            client.with_options(api_key="sk-wrong-0123456789").realtime.client_secrets.create()
