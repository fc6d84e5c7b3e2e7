import pytest

from reelthyme_sync import MissingApiKey, connect, fallback
from reelthyme_sync.fallback import openai_or_local
from reelthyme_sync.local_server import LocalServerUnavailable


def test_with_a_key_it_is_openai(monkeypatch):
    monkeypatch.setenv("OPENAI_API_KEY", "sk-test-0123456789")
    with openai_or_local(model="m") as endpoint:
        assert endpoint.url == "wss://api.openai.com/v1/realtime?model=m"


def test_without_a_key_it_is_a_local_server(monkeypatch):
    monkeypatch.delenv("OPENAI_API_KEY", raising=False)
    with openai_or_local() as endpoint, connect(endpoint=endpoint) as session:
        assert session.receive(timeout=10).type == "session.created"


def test_without_either_one_line_says_both_ways_out(monkeypatch):
    def missing():
        raise LocalServerUnavailable("no aiohttp")

    monkeypatch.delenv("OPENAI_API_KEY", raising=False)
    monkeypatch.setattr(fallback, "serve", missing)
    with pytest.raises(MissingApiKey) as caught, openai_or_local():
        pytest.fail("there is nobody to talk with")
    assert "OPENAI_API_KEY" in str(caught.value)
    assert "reelthyme_sync[local]" in str(caught.value)
    assert "\n" not in str(caught.value)
