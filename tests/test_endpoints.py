import pytest

from reelthyme_sync import MissingApiKey, connect, endpoints
from reelthyme_sync.endpoints import Endpoint

KEY = "sk-test-0123456789"


@pytest.fixture(autouse=True)
def _no_key(monkeypatch):
    monkeypatch.delenv("OPENAI_API_KEY", raising=False)


def test_openai_with_a_key_from_the_environment(monkeypatch):
    monkeypatch.setenv("OPENAI_API_KEY", KEY)
    endpoint = endpoints.openai(model="gpt-realtime-2.1")
    assert endpoint.url == "wss://api.openai.com/v1/realtime?model=gpt-realtime-2.1"
    assert endpoint.headers == {"Authorization": f"Bearer {KEY}"}


def test_a_key_that_is_given_wins(monkeypatch):
    monkeypatch.setenv("OPENAI_API_KEY", "sk-other")
    assert endpoints.openai(api_key=KEY).headers["Authorization"] == f"Bearer {KEY}"


def test_the_sideband_of_a_call_names_no_model():
    assert endpoints.openai(call_id="rtc_1", api_key=KEY).url == "wss://api.openai.com/v1/realtime?call_id=rtc_1"


@pytest.mark.parametrize("key", [None, ""])
def test_no_key_says_both_ways_out_in_one_line(key):
    with pytest.raises(MissingApiKey) as caught:
        connect(api_key=key)
    message = str(caught.value)
    assert "OPENAI_API_KEY" in message
    assert "python -m reelthyme_sync serve" in message
    assert "\n" not in message


def test_url_parts_are_escaped():
    url = endpoints.openai(model="a b&c=d", api_key=KEY).url
    assert url == "wss://api.openai.com/v1/realtime?model=a+b%26c%3Dd"


def test_a_relay_gets_the_model_but_not_the_key_of_the_environment(monkeypatch):
    monkeypatch.setenv("OPENAI_API_KEY", KEY)
    endpoint = endpoints.relay("ws://127.0.0.1:8765/v1/realtime", model="gpt-realtime-2.1")
    assert endpoint.url == "ws://127.0.0.1:8765/v1/realtime?model=gpt-realtime-2.1"
    assert endpoint.headers == {}


def test_a_relay_keeps_the_query_it_has():
    assert endpoints.relay("wss://relay.test/rt?model=mine&tag=", model="other").url == (
        "wss://relay.test/rt?model=mine&tag="
    )


@pytest.mark.parametrize(
    "url", ["http://relay.test/", "relay.test/v1", "wss://", "", "ws://a.test:99999/", "ws://a.test:b/"]
)
def test_an_address_that_is_none_is_refused(url):
    with pytest.raises(ValueError, match="ws://"):
        endpoints.relay(url)


def test_the_key_is_never_shown():
    endpoint = endpoints.openai(api_key=KEY)
    assert KEY not in repr(endpoint)
    assert KEY not in endpoint.url


def test_a_key_from_a_file_may_end_with_its_line(monkeypatch):
    assert endpoints.openai(api_key=f"{KEY}\n").headers == {"Authorization": f"Bearer {KEY}"}
    with pytest.raises(ValueError, match="line break") as caught:
        Endpoint("ws://a.test/", {"Authorization": f"Bearer {KEY}\r\nX: y"})
    assert KEY not in str(caught.value)


def test_a_call_is_followed_whatever_the_url_says():
    assert endpoints.relay("wss://a.test/?model=m&x=1", call_id="rtc_1").url == "wss://a.test/?x=1&call_id=rtc_1"


def test_a_header_that_is_given_wins_however_it_is_written():
    assert Endpoint("ws://a.test/", {"Authorization": "a"}).with_headers({"authorization": "b"}).headers == {
        "authorization": "b"
    }


@pytest.mark.parametrize("name", ["open_timeout", "ping_interval", "idle_timeout", "close_timeout"])
def test_a_time_that_cannot_be_meant_is_refused_before_anything_connects(name):
    with pytest.raises(ValueError, match=f"{name} must be above zero"):
        connect(url="ws://127.0.0.1:9/", **{name: 0})


def test_a_queue_below_nothing_is_refused_before_anything_connects():
    with pytest.raises(ValueError, match="max_queue"):
        connect(url="ws://127.0.0.1:9/", max_queue=-1)


def test_more_headers():
    endpoint = Endpoint("ws://a.test/", {"A": "1", "B": "2"}).with_headers({"B": "3"})
    assert endpoint.headers == {"A": "1", "B": "3"}
