import logging

import attrs
import pytest
from keys import TEST_AZURE_KEY, TEST_KEY, TEST_TOKEN, TEST_XAI_KEY

from reelthyme_sync import MissingApiKey, connect, endpoints
from reelthyme_sync.endpoints import Endpoint

OPENAI = "wss://api.openai.com/v1/realtime"
AZURE = "wss://mine.openai.azure.com/openai"
ODD = "a b/c&d=e#f?g+é%"
ODD_ESCAPED = "a%20b%2Fc%26d%3De%23f%3Fg%2B%C3%A9%25"


@pytest.fixture(autouse=True)
def _empty_environment(monkeypatch):
    for name in ["OPENAI_API_KEY", "OPENAI_BASE_URL", "AZURE_OPENAI_API_KEY", "XAI_API_KEY"]:
        monkeypatch.delenv(name, raising=False)


class TestOpenAI:
    def test_a_key_from_the_environment(self, monkeypatch):
        monkeypatch.setenv("OPENAI_API_KEY", f"{TEST_KEY}\n")
        assert endpoints.has_api_key()
        assert endpoints.openai().upgrade_headers() == {"Authorization": f"Bearer {TEST_KEY}"}

    def test_a_key_that_is_given_wins(self, monkeypatch):
        monkeypatch.setenv("OPENAI_API_KEY", "sk-other")
        assert endpoints.openai(api_key=TEST_KEY).upgrade_headers() == {"Authorization": f"Bearer {TEST_KEY}"}

    @pytest.mark.parametrize("key", [None, "", " \n"])
    def test_no_key_says_both_ways_out_in_one_line(self, key):
        assert not endpoints.has_api_key()
        with pytest.raises(MissingApiKey) as caught:
            connect(api_key=key)
        message = str(caught.value)
        assert "OPENAI_API_KEY" in message
        assert "python -m reelthyme_sync serve" in message
        assert "\n" not in message

    @pytest.mark.parametrize(
        ("arguments", "url"),
        [
            ({}, f"{OPENAI}?model=gpt-realtime-2.1"),
            ({"model": "m"}, f"{OPENAI}?model=m"),
            ({"model": ODD}, f"{OPENAI}?model={ODD_ESCAPED}"),
            ({"call_id": "rtc_1"}, f"{OPENAI}?call_id=rtc_1"),
            ({"call_id": ODD}, f"{OPENAI}?call_id={ODD_ESCAPED}"),
            ({"call_id": "rtc_1", "model": "m"}, f"{OPENAI}?call_id=rtc_1"),
            ({"intent": "transcription"}, f"{OPENAI}?intent=transcription"),
            ({"intent": "translation"}, f"{OPENAI}/translations?model=gpt-realtime-translate"),
            ({"intent": "translation", "model": "m"}, f"{OPENAI}/translations?model=m"),
        ],
    )
    def test_the_address(self, arguments, url):
        assert endpoints.openai(api_key=TEST_KEY, **arguments).url == url

    @pytest.mark.parametrize(
        ("arguments", "advice"),
        [
            ({"call_id": "rtc_1", "intent": "transcription"}, "one of them"),
            ({"call_id": "rtc_1", "intent": "translation"}, "one of them"),
            ({"model": "m", "intent": "transcription"}, "session.update"),
        ],
    )
    def test_arguments_that_contradict_each_other_are_refused(self, arguments, advice):
        with pytest.raises(ValueError, match=advice):
            endpoints.openai(api_key=TEST_KEY, **arguments)

    def test_the_safety_identifier_goes_into_its_header(self):
        headers = endpoints.openai(api_key=TEST_KEY, safety_identifier="user-7").upgrade_headers()
        assert headers == {"OpenAI-Safety-Identifier": "user-7", "Authorization": f"Bearer {TEST_KEY}"}

    def test_the_base_url_of_other_programs_is_not_followed_and_a_log_line_says_so(self, monkeypatch, caplog):
        monkeypatch.setenv("OPENAI_BASE_URL", f"https://elsewhere.test/v1?key={TEST_KEY}")
        assert endpoints.openai(api_key=TEST_KEY).url.startswith(OPENAI)
        assert [record.levelno for record in caplog.records] == [logging.WARNING]
        assert "OPENAI_BASE_URL" in caplog.text
        assert "url=" in caplog.text

    @pytest.mark.parametrize("base", ["", "https://api.openai.com/v1", "https://api.openai.com/v1/"])
    def test_openais_own_base_url_is_nothing_to_tell_of(self, base, monkeypatch, caplog):
        monkeypatch.setenv("OPENAI_BASE_URL", base)
        endpoints.openai(api_key=TEST_KEY)
        assert caplog.records == []


class TestAzure:
    @pytest.mark.parametrize(
        ("arguments", "url"),
        [
            ({"deployment": "d"}, f"{AZURE}/v1/realtime?model=d"),
            ({"deployment": ODD}, f"{AZURE}/v1/realtime?model={ODD_ESCAPED}"),
            ({"call_id": "rtc_1"}, f"{AZURE}/v1/realtime?call_id=rtc_1"),
            ({"intent": "transcription"}, f"{AZURE}/v1/realtime?intent=transcription"),
            ({"deployment": "d", "intent": "translation"}, f"{AZURE}/v1/realtime/translations?model=d"),
        ],
    )
    def test_what_is_generally_available(self, arguments, url):
        endpoint = endpoints.azure("mine", api_key=TEST_AZURE_KEY, **arguments)
        assert (endpoint.url, endpoint.shape) == (url, "ga")

    def test_a_preview_speaks_the_words_of_the_beta(self):
        endpoint = endpoints.azure("mine", deployment=ODD, api_version="2025-04-01-preview", api_key=TEST_AZURE_KEY)
        assert endpoint.url == f"{AZURE}/realtime?api-version=2025-04-01-preview&deployment={ODD_ESCAPED}"
        assert endpoint.shape == "beta"

    def test_a_previews_transcription_names_its_deployment(self):
        endpoint = endpoints.azure(
            "mine", deployment="d", api_version="v", intent="transcription", api_key=TEST_AZURE_KEY
        )
        assert endpoint.url == f"{AZURE}/realtime?api-version=v&deployment=d&intent=transcription"

    @pytest.mark.parametrize(
        ("resource", "base"),
        [
            ("my-resource", "wss://my-resource.openai.azure.com"),
            ("https://mine.openai.azure.com/", "wss://mine.openai.azure.com"),
            ("https://mine.openai.azure.com/openai/v1/", "wss://mine.openai.azure.com"),
            ("wss://mine.openai.azure.com/openai/v1/realtime", "wss://mine.openai.azure.com"),
            ("mine.openai.azure.us", "wss://mine.openai.azure.us"),
            ("https://mine.services.ai.azure.com/api/projects/p", "wss://mine.services.ai.azure.com"),
            ("mine.cognitiveservices.azure.com", "wss://mine.cognitiveservices.azure.com"),
            ("https://gateway.test:8443/voice/openai", "wss://gateway.test:8443/voice"),
            ("https://gateway.test/openai-voice", "wss://gateway.test/openai-voice"),
            ("http://127.0.0.1:8765", "ws://127.0.0.1:8765"),
        ],
    )
    def test_a_resource_is_a_name_a_host_or_an_address(self, resource, base):
        endpoint = endpoints.azure(resource, deployment="d", api_key=TEST_AZURE_KEY)
        assert endpoint.url == f"{base}/openai/v1/realtime?model=d"

    @pytest.mark.parametrize(
        ("arguments", "advice"),
        [
            ({"resource": "mine"}, "deployment="),
            ({"resource": "mine", "intent": "translation"}, "deployment="),
            ({"resource": "mine", "intent": "transcription", "api_version": "v"}, "deployment="),
            ({"resource": "mine", "deployment": "d", "intent": "transcription"}, "session.update"),
            ({"resource": "mine", "call_id": "c", "api_version": "v"}, "leave api_version out"),
            ({"resource": "mine", "deployment": "d", "intent": "translation", "api_version": "v"}, "leave api_version"),
            ({"resource": "mine", "deployment": "d", "token": TEST_TOKEN}, "api_key=… and token=…"),
            ({"resource": "", "deployment": "d"}, "pass its name"),
            ({"resource": "evil/mine", "deployment": "d"}, "pass its name"),
            ({"resource": "evil@mine", "deployment": "d"}, "pass its name"),
            ({"resource": "ftp://mine.test", "deployment": "d"}, "wss://"),
            ({"resource": "https://mine.openai.azure.com/?deployment=d", "deployment": "d"}, "without its query"),
        ],
    )
    def test_what_cannot_be_meant_is_refused_with_advice(self, arguments, advice):
        with pytest.raises(ValueError, match=advice):
            endpoints.azure(api_key=TEST_AZURE_KEY, **arguments)

    def test_a_key_has_a_header_of_its_own(self):
        endpoint = endpoints.azure("mine", deployment="d", api_key=TEST_AZURE_KEY)
        assert endpoint.upgrade_headers() == {"api-key": TEST_AZURE_KEY}

    @pytest.mark.parametrize("token", [TEST_TOKEN, lambda: TEST_TOKEN])
    def test_a_token_of_entra_is_a_bearer_and_wins_over_the_environments_key(self, token, monkeypatch):
        monkeypatch.setenv("AZURE_OPENAI_API_KEY", TEST_AZURE_KEY)
        endpoint = endpoints.azure("mine", deployment="d", token=token)
        assert endpoint.upgrade_headers() == {"Authorization": f"Bearer {TEST_TOKEN}"}

    def test_the_key_of_the_environment_is_azures_own(self, monkeypatch):
        monkeypatch.setenv("OPENAI_API_KEY", TEST_KEY)
        with pytest.raises(MissingApiKey, match="AZURE_OPENAI_API_KEY.*token="):
            endpoints.azure("mine", deployment="d")
        monkeypatch.setenv("AZURE_OPENAI_API_KEY", TEST_AZURE_KEY)
        assert endpoints.azure("mine", deployment="d").upgrade_headers() == {"api-key": TEST_AZURE_KEY}


class TestXai:
    def test_the_address_and_the_key(self, monkeypatch):
        monkeypatch.setenv("XAI_API_KEY", TEST_XAI_KEY)
        endpoint = endpoints.xai()
        assert endpoint.url == "wss://api.x.ai/v1/realtime?model=grok-voice-latest"
        assert endpoint.upgrade_headers() == {"Authorization": f"Bearer {TEST_XAI_KEY}"}
        assert endpoint.shape == "ga"

    def test_a_model_is_escaped(self):
        assert endpoints.xai(model=ODD, api_key=TEST_XAI_KEY).url.endswith(f"?model={ODD_ESCAPED}")

    def test_no_key(self, monkeypatch):
        monkeypatch.setenv("OPENAI_API_KEY", TEST_KEY)
        with pytest.raises(MissingApiKey, match="XAI_API_KEY"):
            endpoints.xai()


class TestRelay:
    def test_it_gets_the_model_but_not_the_key_of_the_environment(self, monkeypatch):
        monkeypatch.setenv("OPENAI_API_KEY", TEST_KEY)
        endpoint = endpoints.relay("ws://127.0.0.1:8765/v1/realtime", model="m")
        assert endpoint.url == "ws://127.0.0.1:8765/v1/realtime?model=m"
        assert endpoint.upgrade_headers() == {}

    def test_a_key_given_by_hand_is_a_bearer(self):
        endpoint = endpoints.relay("ws://a.test/", api_key=f"{TEST_KEY}\n")
        assert endpoint.upgrade_headers() == {"Authorization": f"Bearer {TEST_KEY}"}

    @pytest.mark.parametrize(
        ("given", "url"),
        [
            ("wss://a.test", "wss://a.test?model=m"),
            ("wss://a.test/rt?", "wss://a.test/rt?model=m"),
            ("wss://a.test/rt?tag=&flag", "wss://a.test/rt?tag=&flag&model=m"),
            ("wss://a.test/rt?model=mine&tag=a+b%2Fc", "wss://a.test/rt?model=mine&tag=a+b%2Fc"),
            ("wss://a.test/rt?intent=transcription", "wss://a.test/rt?intent=transcription"),
            ("wss://a.test/rt?deployment=d", "wss://a.test/rt?deployment=d"),
            ("https://a.test/rt", "wss://a.test/rt?model=m"),
            ("HTTP://A.test:80/rt", "ws://a.test:80/rt?model=m"),
            ("wss://bücher.test/straße 1", "wss://xn--bcher-kva.test/stra%C3%9Fe%201?model=m"),
            ("wss://[::1]:9/rt", "wss://[::1]:9/rt?model=m"),
        ],
    )
    def test_the_address(self, given, url):
        assert endpoints.relay(given, model="m").url == url

    @pytest.mark.parametrize(
        ("given", "intent", "url"),
        [
            ("wss://a.test/rt", "transcription", "wss://a.test/rt?intent=transcription"),
            ("wss://a.test/rt?model=m&x=1", "transcription", "wss://a.test/rt?x=1&intent=transcription"),
            ("wss://a.test/rt", "translation", "wss://a.test/rt/translations?model=gpt-realtime-translate"),
            ("wss://a.test/rt/translations?model=m", "translation", "wss://a.test/rt/translations?model=m"),
        ],
    )
    def test_what_a_session_is_for_goes_into_the_address(self, given, intent, url):
        endpoint = endpoints.relay(given, intent=intent)
        assert endpoint.url == url
        assert endpoint.intent == intent

    @pytest.mark.parametrize("url", ["wss://a.test/rt", "wss://a.test/rt?intent=other&model=transcription"])
    def test_an_address_without_an_intent_is_a_conversation(self, url):
        assert endpoints.relay(url).intent is None

    @pytest.mark.parametrize("choice", [{"call_id": "rtc_1"}, {"model": "m"}])
    def test_a_transcription_is_no_call_and_has_no_model_in_its_address(self, choice):
        with pytest.raises(ValueError, match="pass one of them|session.update"):
            endpoints.relay("wss://a.test/", intent="transcription", **choice)

    def test_a_call_is_followed_whatever_the_url_says(self):
        endpoint = endpoints.relay("wss://a.test/?model=m&x=1&intent=transcription", call_id=ODD)
        assert endpoint.url == f"wss://a.test/?x=1&call_id={ODD_ESCAPED}"

    @pytest.mark.parametrize(
        "url",
        ["ftp://a.test/", "a.test/v1", "wss://", "", "ws://a.test:99999/", "ws://a.test:b/", "ws://[::1", "ws://a..b/"],
    )
    def test_an_address_that_is_none_is_refused(self, url):
        with pytest.raises(ValueError, match="no WebSocket address"):
            endpoints.relay(url)

    def test_a_number_sign_must_be_escaped(self):
        with pytest.raises(ValueError, match="%23"):
            endpoints.relay("wss://a.test/?model=a#b")

    @pytest.mark.parametrize(
        "url",
        [
            f"wss://user:{TEST_KEY}@a.test/",
            f"wss://{TEST_KEY}@a.test/",
            f"wss://a.test:{TEST_KEY}/",
            f"wss://a.test/?api_key={TEST_KEY}",
            f"wss://a.test/?api-key={TEST_AZURE_KEY}&x=1",
            f"wss://a.test/?x=1&Ocp-Apim-Subscription-Key={TEST_AZURE_KEY}",
            f"wss://a.test/?key={TEST_XAI_KEY}",
            f"wss://a.test/?anything={TEST_KEY}",
            f"wss://a.test/?anything=Bearer%20{TEST_TOKEN}",
            f"wss://a.test/{TEST_KEY}/rt",
        ],
    )
    def test_an_address_with_a_key_in_it_is_refused_and_not_repeated(self, url):
        with pytest.raises(ValueError, match="address") as caught:
            endpoints.relay(url)
        assert "test-0123456789" not in f"{caught.value!r}"

    def test_a_ticket_in_the_query_is_sent_but_not_shown(self):
        endpoint = endpoints.relay(f"wss://a.test/?ticket={TEST_TOKEN}&model=m")
        assert endpoint.url == f"wss://a.test/?ticket={TEST_TOKEN}&model=m"
        assert str(endpoint) == "wss://a.test/?ticket=***&model=m"
        assert repr(endpoint) == "<Endpoint wss://a.test/?ticket=***&model=m>"


class TestUpgradeHeaders:
    def test_a_callable_is_asked_by_every_upgrade_and_not_before(self):
        tokens = iter(["first", "second\n"])
        endpoint = endpoints.relay("wss://a.test/", api_key=lambda: next(tokens))
        assert [endpoint.upgrade_headers()["Authorization"] for _ in range(2)] == ["Bearer first", "Bearer second"]

    def test_what_a_callable_raises_comes_out_as_it_is(self):
        refusal = PermissionError("no token for you")

        def ask():
            raise refusal

        endpoint = endpoints.relay("wss://a.test/", api_key=ask)
        with pytest.raises(PermissionError) as caught:
            endpoint.upgrade_headers()
        assert caught.value is refusal

    @pytest.mark.parametrize(("given", "told"), [(None, "NoneType"), ("", "empty"), (" \n", "empty"), (b"k", "bytes")])
    def test_a_callable_that_gives_nothing_of_use_is_told_so(self, given, told):
        endpoint = endpoints.relay("wss://a.test/", api_key=lambda: given)
        with pytest.raises(MissingApiKey, match=told):
            endpoint.upgrade_headers()

    @pytest.mark.parametrize("end", ["\r\nX: y", "\n\n\0", "…", "é", "\t\x7f"])
    def test_a_key_that_no_header_may_hold_is_refused(self, end):
        for key in [f"{TEST_KEY}{end}.", lambda: f"{TEST_KEY}{end}."]:
            with pytest.raises(ValueError, match="line break"):
                endpoints.relay("wss://a.test/", api_key=key).upgrade_headers()

    def test_a_header_with_a_line_break_is_refused_when_it_is_given(self):
        with pytest.raises(ValueError, match="'Authorization' holds a line break"):
            Endpoint("ws://a.test/", {"Authorization": f"Bearer {TEST_KEY}\r\nX: y"})

    def test_more_headers(self):
        endpoint = Endpoint("ws://a.test/", {"A": "1", "B": "2"}).with_headers({"B": "3"})
        assert endpoint.upgrade_headers() == {"A": "1", "B": "3"}

    @pytest.mark.parametrize("name", ["Authorization", "authorization"])
    def test_a_header_that_is_given_wins_however_it_is_written(self, name):
        assert Endpoint("ws://a.test/", {"Authorization": "a"}).with_headers({name: "b"}).headers == {name: "b"}
        assert endpoints.relay("ws://a.test/", api_key=TEST_KEY).with_headers({name: "b"}).upgrade_headers() == {
            name: "b"
        }

    def test_other_headers_leave_the_key_where_it_is(self):
        endpoint = endpoints.azure("mine", deployment="d", api_key=TEST_AZURE_KEY).with_headers({"Authorization": "b"})
        assert endpoint.upgrade_headers() == {"Authorization": "b", "api-key": TEST_AZURE_KEY}

    def test_an_endpoint_can_be_changed_like_every_attrs_class(self):
        endpoint = attrs.evolve(endpoints.xai(api_key=TEST_XAI_KEY), url="ws://127.0.0.1:9/")
        assert endpoint.url == "ws://127.0.0.1:9/"
        assert endpoint.upgrade_headers() == {"Authorization": f"Bearer {TEST_XAI_KEY}"}


class TestConnect:
    @pytest.mark.parametrize("name", ["open_timeout", "ping_interval", "idle_timeout", "close_timeout"])
    def test_a_time_that_cannot_be_meant_is_refused_before_anything_connects(self, name):
        with pytest.raises(ValueError, match=f"{name} must be above zero"):
            connect(url="ws://127.0.0.1:9/", **{name: 0})

    def test_a_queue_below_nothing_is_refused_before_anything_connects(self):
        with pytest.raises(ValueError, match="max_queue"):
            connect(url="ws://127.0.0.1:9/", max_queue=-1)
