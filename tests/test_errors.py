import pickle

import pytest

from reelthyme_sync import errors
from reelthyme_sync.errors import ConnectFailed, ConnectionClosed, ConnectionLost, InvalidEvent, RealtimeError


def test_everything_we_raise_has_one_root():
    raised = [value for value in vars(errors).values() if isinstance(value, type) and issubclass(value, Exception)]
    assert len(raised) == 21
    assert all(issubclass(kind, RealtimeError) for kind in raised)


def test_an_invalid_event_lists_its_problems():
    error = InvalidEvent("cannot send response.create", ["response.modalities: unknown", "metadata: too long"])
    assert error.problems == ("response.modalities: unknown", "metadata: too long")
    assert str(error) == "cannot send response.create\n  response.modalities: unknown\n  metadata: too long"


def test_a_refused_connection_keeps_status_and_body():
    error = ConnectFailed("refused", status=401, body="no such key")
    assert (str(error), error.status, error.body) == ("refused", 401, "no such key")
    assert isinstance(error, ConnectionError)
    assert (error.retry_after, error.recoverable) == (None, False)


def test_a_refusal_keeps_all_it_says_when_it_is_pickled():
    error = pickle.loads(pickle.dumps(ConnectFailed("busy", status=503, body="b", retry_after=2.5, recoverable=True)))
    assert vars(error) == {"status": 503, "body": "b", "retry_after": 2.5, "recoverable": True}


@pytest.mark.parametrize("kind", [ConnectionClosed, ConnectionLost])
def test_an_end_keeps_code_and_reason(kind):
    error = kind("gone", code=1011, reason="keepalive")
    assert (str(error), error.code, error.reason) == ("gone", 1011, "keepalive")
    assert isinstance(error, ConnectionClosed)
