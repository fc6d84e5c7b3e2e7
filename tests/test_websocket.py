"""The WebSocket transport and the session over it, against a peer that misbehaves on purpose."""

import contextlib
import json
import selectors
import socket
import ssl
import threading
from time import monotonic

import pytest
import trustme
from peers import PATIENCE, close_frame, frame, peer

from reelthyme_sync import ConnectFailed, ConnectionClosed, ConnectionLost, codec, connect, endpoints
from reelthyme_sync.events import InputAudioBufferAppend, ResponseOutputTextDelta
from reelthyme_sync.transport.duplex import DuplexSocket
from reelthyme_sync.transport.opening import Opening
from reelthyme_sync.transport.websocket import WebSocketTransport

KEY = "sk-test-0123456789"


def hello(text: str = "hello") -> bytes:
    return json.dumps({"type": "response.output_text.delta", "delta": text}).encode()


def texts(session) -> list[str]:
    return [event.delta for event in session.events()]


def talkative(*sent: bytes):
    """A peer that accepts, sends, and reads until the client is gone."""

    def behave(far):
        far.handshake()
        for data in sent:
            far.send(data)
        far.read_until_gone()

    return behave


class TestOpening:
    def test_the_key_goes_into_a_header_and_no_origin_does(self):
        requests = []

        def behave(far):
            far.handshake()
            requests.append(far.request.decode())
            far.send(close_frame(1000))
            far.read_until_gone()

        with peer(behave) as url, connect(url=url, api_key=KEY, headers={"X-Tag": "1"}, model="m") as session:
            assert texts(session) == []
        (request,) = requests
        assert request.startswith("GET /v1/realtime?model=m HTTP/1.1")
        assert f"Authorization: Bearer {KEY}\r\n" in request
        assert "X-Tag: 1\r\n" in request
        assert "origin" not in request.lower()

    def test_nobody_listens(self):
        with socket.create_server(("127.0.0.1", 0)) as listener:
            port = listener.getsockname()[1]
        with pytest.raises(ConnectFailed, match="nobody listens") as caught:
            connect(url=f"ws://127.0.0.1:{port}/", api_key=KEY)
        assert KEY not in str(caught.value)

    @pytest.mark.parametrize(("status", "advice"), [(401, "API key"), (404, "no realtime endpoint"), (503, "refused")])
    def test_a_refusal_keeps_status_and_body(self, status, advice):
        def behave(far):
            while far._file.readline() not in (b"\r\n", b""):
                pass
            body = b'{"error": "said so"}'
            far.send(b"HTTP/1.1 %d No\r\nContent-Length: %d\r\n\r\n%s" % (status, len(body), body))

        with peer(behave) as url, pytest.raises(ConnectFailed, match=advice) as caught:
            connect(url=url, api_key=KEY)
        assert (caught.value.status, caught.value.body) == (status, '{"error": "said so"}')

    def test_a_redirect_is_not_followed_with_the_key(self):
        with socket.create_server(("127.0.0.1", 0)) as elsewhere:
            elsewhere.settimeout(0)
            location = f"ws://127.0.0.1:{elsewhere.getsockname()[1]}/"

            def behave(far):
                while far._file.readline() not in (b"\r\n", b""):
                    pass
                far.send(b"HTTP/1.1 307 There\r\nLocation: %s\r\nContent-Length: 0\r\n\r\n" % location.encode())

            with peer(behave) as url, pytest.raises(ConnectFailed):
                connect(url=url, api_key=KEY)
            with pytest.raises(BlockingIOError):
                elsewhere.accept()

    def test_a_peer_that_never_answers_the_upgrade(self):
        began = monotonic()
        with peer(lambda far: far._file.read()) as url, pytest.raises(ConnectFailed, match="timed out after 0.2 s"):
            connect(url=url, open_timeout=0.2)
        assert monotonic() - began < PATIENCE


class TestTalking:
    def test_frames_of_any_make_up(self):
        whole = [frame(hello("a")), frame(hello("b"), opcode=2), frame(hello("x" * 70_000))]
        pieces = [frame(hello("c")[:10], fin=False), frame(b"ping", 9), frame(hello("c")[10:], opcode=0)]
        with peer(talkative(*whole, *pieces, close_frame(1000))) as url, connect(url=url) as session:
            assert texts(session) == ["a", "b", "x" * 70_000, "c"]

    def test_bytes_that_dribble_in(self):
        data = frame(hello()) + close_frame(1000)
        with peer(talkative(*[data[i : i + 1] for i in range(len(data))])) as url, connect(url=url) as session:
            assert texts(session) == ["hello"]

    @pytest.mark.parametrize("size", [0, 1, 125, 126, 1023, 1024, 1027, 65535, 65536, 200_001])
    def test_every_length_arrives_unharmed(self, size):
        received, data = [], bytes(range(256)) * (size // 256) + bytes(range(size % 256))

        def behave(far):
            far.handshake()
            received.append(far.read())
            far.send(close_frame(1000))
            far.read_until_gone()

        with peer(behave) as url:
            transport = WebSocketTransport(endpoints.relay(url), opening=Opening(PATIENCE), idle_timeout=PATIENCE)
            transport.send(data)
            with pytest.raises(ConnectionClosed):
                transport.recv()
            transport.close()
        assert received == [(1, data)]

    def test_a_ping_is_answered(self):
        answers = []

        def behave(far):
            far.handshake()
            far.send(frame(b"are you there", 9))
            answers.append(far.read())
            far.send(close_frame(1000))
            far.read_until_gone()

        with peer(behave) as url, connect(url=url) as session:
            assert texts(session) == []
        assert answers == [(10, b"are you there")]

    def test_what_is_sent_arrives_before_the_goodbye(self):
        received = []

        def behave(far):
            far.handshake()
            for message in iter(far.read, (-1, b"")):
                received.append(message)
                if message[0] == 8:
                    far.send(close_frame(1000))

        with peer(behave) as url:
            session = connect(url=url, close_timeout=PATIENCE)
            for number in range(50):
                session.send({"type": "response.create", "event_id": str(number)})
            session.close()
        assert [json.loads(data)["event_id"] for opcode, data in received if opcode == 1] == [str(n) for n in range(50)]
        assert received[-1] == (8, b"\x03\xe8")


class TestEnding:
    def test_1000_is_a_clean_end(self):
        with peer(talkative(frame(hello()), close_frame(1000, "bye"))) as url, connect(url=url) as session:
            assert texts(session) == ["hello"]
            with pytest.raises(ConnectionClosed) as caught:
                session.receive()
        assert type(caught.value) is ConnectionClosed
        assert (caught.value.code, caught.value.reason) == (1000, "bye")
        assert not caught.value.recoverable

    @pytest.mark.parametrize(
        ("code", "words", "recoverable"),
        [
            (1001, "longest age", True),
            (1002, "protocol error", False),
            (1003, "does not take this kind", False),
            (1007, "could not read", False),
            (1008, "check the API key", False),
            (1009, "too big", False),
            (1011, "the server failed", True),
            (1012, "the server restarts", True),
            (1013, "try again a little later", True),
            (3000, "the API key was refused", False),
            (3999, "", True),
            (4000, "beta shape", False),
            (4999, "", False),
        ],
    )
    def test_another_code_is_a_loss_that_is_explained(self, code, words, recoverable):
        with peer(talkative(frame(hello()), close_frame(code, "why"))) as url, connect(url=url) as session:
            events = session.events()
            assert next(events) == ResponseOutputTextDelta(delta="hello")
            with pytest.raises(ConnectionLost) as caught:
                next(events)
        assert (caught.value.code, caught.value.reason) == (code, "why")
        assert f"code {code}: why" in str(caught.value)
        assert words in str(caught.value)
        assert caught.value.recoverable is recoverable

    def test_a_key_that_is_refused_after_the_upgrade(self):
        """Some services open the socket first, and then say what a plain 401 would have said."""
        said = {"type": "error", "error": {"type": "invalid_request_error", "code": "invalid_api_key", "message": "no"}}
        told = [frame(json.dumps(said).encode()), close_frame(3000, "invalid_request_error.invalid_api_key")]
        with peer(talkative(*told)) as url, connect(url=url, api_key=KEY) as session:
            events = session.events()
            assert next(events).error.code == "invalid_api_key"
            with pytest.raises(ConnectionLost, match="invalid_api_key.*: the API key was refused") as caught:
                next(events)
        assert not caught.value.recoverable

    @pytest.mark.parametrize("last", [b"", frame(hello())[:9]])
    def test_an_end_without_goodbye_is_a_loss(self, last):
        def behave(far):
            far.handshake()
            far.send(frame(hello()) + last)

        with peer(behave) as url, connect(url=url) as session:
            seen = []
            with pytest.raises(ConnectionLost) as caught:
                seen.extend(session.events())
        assert caught.value.code is None
        assert caught.value.recoverable
        assert caught.value.__cause__ is not None

    def test_a_peer_that_has_gone_silent_is_a_loss(self):
        def behave(far):
            far.handshake()
            far.read_until_gone()

        with peer(behave) as url, connect(url=url, ping_interval=None, idle_timeout=0.2) as session:
            with pytest.raises(ConnectionLost, match="no sign of life for 0.2 s"):
                session.receive(timeout=PATIENCE)

    def test_the_reason_of_a_close_survives_an_answer_that_fails(self, monkeypatch):
        """A server that closes with our sound unread resets the connection, and our answer to its close fails."""
        may_close = threading.Event()

        def behave(far):
            far.handshake()
            assert may_close.wait(PATIENCE)
            far.send(close_frame(1008, "no"))
            far.read_until_gone()

        def reset(sock, data, **_):
            raise ConnectionResetError("reset by peer")

        with peer(behave) as url, connect(url=url) as session:
            monkeypatch.setattr(DuplexSocket, "sendall", reset)
            may_close.set()
            with pytest.raises(ConnectionLost) as caught:
                session.receive(timeout=PATIENCE)
        assert (caught.value.code, caught.value.reason) == (1008, "no")

    def test_a_reader_does_not_wait_for_a_writer_that_is_stuck(self):
        received = threading.Event()

        def behave(far):
            far.handshake()
            for _ in range(3):
                far.send(frame(b"are you there", 9) + frame(hello()))
            received.wait(PATIENCE)

        with peer(behave) as url, connect(url=url, close_timeout=0.3) as session:
            for _ in range(40):
                session.send({"type": "input_audio_buffer.append", "audio": "A" * 1_000_000})
            assert [session.receive(timeout=PATIENCE).delta for _ in range(3)] == ["hello"] * 3
            received.set()

    def test_close_with_a_mute_peer(self):
        def behave(far):
            far.handshake()
            far.read_until_gone()

        with peer(behave) as url:
            session = connect(url=url, close_timeout=0.3)
            began = monotonic()
            session.close()
            assert monotonic() - began < 5
            assert texts(session) == []

    def test_close_with_a_writer_that_is_stuck(self):
        may_read = threading.Event()

        def behave(far):
            far.handshake()
            may_read.wait(PATIENCE)

        with peer(behave) as url:
            session = connect(url=url, close_timeout=0.3)
            for _ in range(40):
                session.send({"type": "input_audio_buffer.append", "audio": "A" * 1_000_000})
            began = monotonic()
            session.close()
            assert monotonic() - began < 5
            may_read.set()

    def test_garbage_instead_of_frames(self):
        with peer(talkative(b"<html>" * 100)) as url, connect(url=url) as session:
            with pytest.raises(ConnectionLost):
                session.receive(timeout=PATIENCE)


def exchange(sock: ssl.SSLSocket, outgoing: bytes, incoming: int) -> None:
    """Send and receive that many bytes at the same time, on one thread: two would break this end."""
    sock.setblocking(False)
    while outgoing or incoming > 0:
        wants = selectors.EVENT_READ | (selectors.EVENT_WRITE if outgoing else 0)
        if not sock.pending():
            with selectors.DefaultSelector() as selector:
                selector.register(sock, wants)
                assert selector.select(PATIENCE), "the client has stopped"
        with contextlib.suppress(ssl.SSLWantWriteError, ssl.SSLWantReadError):
            outgoing = outgoing[sock.send(outgoing[:65536]) :] if outgoing else outgoing
        with contextlib.suppress(ssl.SSLWantWriteError, ssl.SSLWantReadError):
            incoming -= len(sock.recv(65536))
    sock.settimeout(PATIENCE)


class Turns:
    """A socket that notices whether somebody sends while somebody receives."""

    def __init__(self):
        self.receiving, self.sending, self.overlapped = threading.Event(), threading.Event(), None

    def setblocking(self, _):
        pass

    def recv(self, _):
        self.receiving.set()
        self.overlapped = self.sending.wait(0.1)  # time enough for a send that does not wait for its turn
        return b"x"

    def send(self, data):
        self.sending.set()
        return len(data)


def test_nobody_is_in_tls_while_another_is():
    """Saturated sessions break of it only now and then; see the soaks."""
    turns = Turns()
    duplex = DuplexSocket(turns, idle_timeout=None)
    reader = threading.Thread(target=duplex.recv)
    reader.start()
    assert turns.receiving.wait(PATIENCE)
    duplex.sendall(b"y")
    reader.join()
    assert turns.sending.is_set()
    assert turns.overlapped is False


@pytest.fixture(scope="module")
def authority():
    return trustme.CA()


@pytest.fixture
def tls(authority, tmp_path, monkeypatch):
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    authority.issue_cert("127.0.0.1").configure_cert(context)
    authority.cert_pem.write_to_path(tmp_path / "ca.pem")
    monkeypatch.setenv("SSL_CERT_FILE", str(tmp_path / "ca.pem"))
    return context


class TestTls:
    def test_both_directions_at_once_and_nothing_breaks(self, tls):
        """Two threads on one TLS socket: what breaks one session in four without the duplex socket."""
        count, down = 300, frame(hello("x" * 6000))
        event = InputAudioBufferAppend(audio="y" * 9000)
        frame_up = 8 + len(codec.encode(event))  # two bytes of header, two of length, four of mask

        def behave(far):
            far.handshake()
            exchange(far.sock, down * count, incoming=count * frame_up)
            far.send(close_frame(1000))
            far.read_until_gone()

        for _ in range(3):
            with peer(behave, tls=tls) as url, connect(url=url) as session:
                for _ in range(count):
                    session.send(event)
                assert texts(session) == ["x" * 6000] * count

    def test_a_certificate_that_nobody_vouches_for(self, tls, monkeypatch):
        monkeypatch.delenv("SSL_CERT_FILE")

        def behave(far):
            pytest.fail("the handshake must not succeed")

        with pytest.raises(ConnectFailed, match="certificate"), peer(behave, tls=tls) as url:
            connect(url=url, api_key=KEY)
