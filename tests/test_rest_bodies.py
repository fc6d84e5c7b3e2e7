import json
from typing import Any

import pytest

from reelthyme_sync import codec
from reelthyme_sync.events import (
    UNSET,
    AudioConfig,
    AudioOutput,
    CallCreate,
    CallRefer,
    CallReject,
    ClientSecret,
    ClientSecretRequest,
    ExpiresAfter,
    IncomingCall,
    RealtimeCallIncoming,
    RealtimeSession,
    SipHeader,
    TranscriptionSession,
    TranslationAudio,
    TranslationAudioOutput,
    TranslationClientSecretRequest,
    TranslationSession,
    TranslationSessionRequest,
    UnknownPart,
)

SENT = [
    (ClientSecretRequest(), {}),
    (
        ClientSecretRequest(
            expires_after=ExpiresAfter(anchor="created_at", seconds=60),
            session=RealtimeSession(model="m", audio=AudioConfig(output=AudioOutput(voice="marin"))),
        ),
        {
            "expires_after": {"anchor": "created_at", "seconds": 60},
            "session": {"type": "realtime", "model": "m", "audio": {"output": {"voice": "marin"}}},
        },
    ),
    (ClientSecretRequest(session=TranscriptionSession()), {"session": {"type": "transcription"}}),
    (
        TranslationClientSecretRequest(
            session=TranslationSessionRequest(
                model="m", audio=TranslationAudio(output=TranslationAudioOutput(language="es"))
            )
        ),
        {"session": {"model": "m", "audio": {"output": {"language": "es"}}}},
    ),
    (CallCreate(sdp="v=0", session=RealtimeSession()), {"sdp": "v=0", "session": {"type": "realtime"}}),
    (RealtimeSession(instructions="Be brief."), {"type": "realtime", "instructions": "Be brief."}),
    (CallRefer(target_uri="tel:+14155550123"), {"target_uri": "tel:+14155550123"}),
    (CallReject(), {}),
    (CallReject(status_code=486), {"status_code": 486}),
]


@pytest.mark.parametrize(("body", "wire"), SENT)
def test_a_body_both_ways(body: Any, wire: dict[str, Any]) -> None:
    assert codec.unstructure(body) == wire
    assert codec.structure(wire, type(body)) == body


@pytest.mark.parametrize(
    ("raw", "session"),
    [
        ({"type": "realtime", "model": "m", "prompt": None}, RealtimeSession(model="m", prompt=None)),
        ({"type": "transcription", "id": "sess_1"}, TranscriptionSession(id="sess_1")),
        ({"type": "translation", "id": "sess_1", "audio": {}}, TranslationSession(id="sess_1")),
        ({"type": "dance"}, UnknownPart(type="dance", raw={"type": "dance"})),
    ],
)
def test_a_client_secret(raw: dict[str, Any], session: Any) -> None:
    wire = {"value": "ek_123", "expires_at": 1763605109, "session": raw}
    secret = codec.structure(wire, ClientSecret)
    assert secret == ClientSecret(value="ek_123", expires_at=1763605109, session=session)


def test_a_client_secret_does_not_show() -> None:
    secret = ClientSecret(value="ek_123", expires_at=5)
    assert "ek_123" not in repr(secret) + str(secret) + f"{[secret]}"
    assert "expires_at=5" in repr(secret)


def test_what_a_server_leaves_out_is_neutral() -> None:
    assert codec.structure({}, ClientSecret) == ClientSecret(value="", expires_at=0, session=RealtimeSession())
    assert codec.structure({"data": {}}, RealtimeCallIncoming) == RealtimeCallIncoming()
    assert codec.structure({"data": None}, RealtimeCallIncoming) == RealtimeCallIncoming()


def test_what_has_another_type_is_refused() -> None:
    with pytest.raises(TypeError, match="int where str"):
        codec.structure({"value": 5}, ClientSecret)


class TestWebhook:
    WIRE = json.dumps(
        {
            "id": "evt_1",
            "object": "event",
            "created_at": 1750287018,
            "type": "realtime.call.incoming",
            "data": {
                "call_id": "rtc_1",
                "sip_headers": [
                    {"name": "From", "value": "sip:+142555512112@sip.example.com"},
                    {"name": "Via", "value": "one"},
                    {"name": "Via", "value": "two"},
                ],
                "sip_media_security": "srtp",
            },
        }
    )

    def test_all_that_it_says(self) -> None:
        assert codec.structure(json.loads(self.WIRE), RealtimeCallIncoming) == RealtimeCallIncoming(
            id="evt_1",
            object="event",
            created_at=1750287018,
            data=IncomingCall(
                call_id="rtc_1",
                sip_headers=[
                    SipHeader(name="From", value="sip:+142555512112@sip.example.com"),
                    SipHeader(name="Via", value="one"),
                    SipHeader(name="Via", value="two"),
                ],
                sip_media_security="srtp",
            ),
        )

    def test_both_ways(self) -> None:
        event = codec.structure(json.loads(self.WIRE), RealtimeCallIncoming)
        assert codec.unstructure(event) == json.loads(self.WIRE)

    def test_security_may_be_unknown(self) -> None:
        wire = {"data": {"call_id": "rtc_1", "sip_media_security": "zrtp"}}
        assert codec.structure(wire, RealtimeCallIncoming).data.sip_media_security == "zrtp"
        assert RealtimeCallIncoming().data.sip_media_security is None

    def test_two_calls_share_nothing_that_can_change(self) -> None:
        assert RealtimeCallIncoming().data.sip_headers is not RealtimeCallIncoming().data.sip_headers


def test_absent_means_that_the_service_chooses() -> None:
    assert CallReject().status_code is UNSET
    assert ExpiresAfter().seconds is UNSET
