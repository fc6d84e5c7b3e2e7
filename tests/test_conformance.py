"""Our events and REST bodies against the types of the ``openai`` package: both ways, to the last literal and null.

What a server sends is compared with its pydantic models, what a client sends with its typed dictionaries, since only
these say where null may be sent. Every difference is either a fault or stands, with its reason, in ``INTENDED``; and
what stands there and is no difference any more is a fault too.
"""

import types
from collections.abc import Iterator
from typing import Annotated, Any, Literal, Union, get_args, get_origin, get_type_hints

import attrs
from openai.types.realtime import (
    RealtimeServerEvent,
    call_accept_params,
    call_create_params,
    call_refer_params,
    call_reject_params,
    client_secret_create_params,
    client_secret_create_response,
    realtime_client_event_param,
    realtime_translation_client_event_param,
    realtime_translation_client_secret_create_response,
    realtime_translation_server_event,
    response_create_event_with_references_param,
)
from openai.types.realtime.translations import client_secret_create_params as translation_client_secret_create_params
from openai.types.webhooks.realtime_call_incoming_webhook_event import RealtimeCallIncomingWebhookEvent
from pydantic import BaseModel
from typing_extensions import Required

from reelthyme_sync.events import (
    CLIENT_EVENTS,
    SERVER_EVENTS,
    CallCreate,
    CallRefer,
    CallReject,
    ClientSecret,
    ClientSecretRequest,
    RealtimeCallIncoming,
    RealtimeSession,
    TaggedPart,
    TranslationClientSecretRequest,
    UnknownPart,
    Unset,
)
from reelthyme_sync.events.base import Event

SAID = "said by the service on the wire; the SDK types what a session is by what it may be told"
RETRIEVED = "so an item is retrieved, and so older servers name the content of any item"
ALWAYS_THERE = "the service always sends it, and nobody should have to ask for None"
ONE_SESSION = "the SDK has a poorer type for the session of a client secret; here it is the one of the events"
DOCUMENTED = "the SDK's own text says that null turns it off"

INTENDED = {
    "RealtimeSession.id: of our own": SAID,
    "RealtimeSession.object: of our own": SAID,
    "RealtimeSession.expires_at: of our own": SAID,
    "TranscriptionSession.id: of our own": SAID,
    "TranscriptionSession.object: of our own": SAID,
    "TranscriptionSession.expires_at: of our own": SAID,
    "AssistantMessage.content: Text of our own": RETRIEVED,
    "AssistantMessage.content: Audio of our own": RETRIEVED,
    "ConversationItemInputAudioTranscriptionDelta.delta: None there only": ALWAYS_THERE,
    "Response.id: None there only": ALWAYS_THERE,
    "Response.output: None there only": ALWAYS_THERE,
    "ConversationItemInputAudioTranscriptionCompleted.usage: None here only": "older servers leave it out",
    "InputAudioBufferDtmfEventReceived.event_id: of our own": "inherited; it reads as empty, since none is sent",
    "ResponseAudioOutput.voice: CustomVoice of our own": "one class for what is asked for and what comes back",
    "AudioInput.noise_reduction: None here only": DOCUMENTED,
    "AudioInput.transcription: None here only": DOCUMENTED,
    "InputAudio.transcript: None here only": "null on the wire until it has been written down",
    "OutputAudio.transcript: None here only": "as InputAudio.transcript",
    "CacheBreakpoint.mode: required there only": "there is only one mode",
    "AudioInput.turn_detection: no RealtimeTranscriptionSessionTurnDetection": ONE_SESSION,
    "AudioInput.turn_detection: ServerVad of our own": ONE_SESSION,
    "AudioInput.turn_detection: SemanticVad of our own": ONE_SESSION,
    "AudioOutput.voice: CustomVoice of our own": ONE_SESSION,
    "RealtimeSession.parallel_tool_calls: of our own": ONE_SESSION,
    "NoiseReduction.type: required there only": "one class for all sessions; only translation requires it",
}


class Shape:
    """What an annotation allows, in either dialect."""

    def __init__(self, *annotations: Any) -> None:
        self.scalars: set[str] = set()
        self.literals: set[object] = set()
        self.members: list[Any] = []
        self.values: list[Any] = []
        self.records: list[type] = []
        for annotation in annotations:
            self._add(annotation)

    def _add(self, annotation: Any) -> None:
        origin, args = get_origin(annotation), get_args(annotation)
        if origin in (Annotated, Required):
            self._add(args[0])
        elif origin in (Union, types.UnionType):
            for each in args:
                self._add(each)
        elif origin is Literal:
            self.literals |= set(args)
        elif origin is dict:
            self.values.append(args[1])
        elif origin is not None:  # list, Iterable, SequenceNotStr
            self.members.append(args[0])
        elif annotation in (object, Any):
            self.scalars.add("any")
        elif annotation in (str, int, float, bool, types.NoneType):
            self.scalars.add(annotation.__name__)
        elif annotation is not Unset and annotation is not UnknownPart:
            self.records.append(annotation)

    @property
    def plain(self) -> set[str]:
        return {*self.scalars, *(repr(each) for each in self.literals)} - {"NoneType"}

    @property
    def nullable(self) -> bool:
        return "NoneType" in self.scalars


@attrs.frozen
class Field:
    annotation: Any
    required: bool


def sdk_fields(record: Any) -> dict[str, Field]:
    if issubclass(record, BaseModel):
        return {name: Field(info.annotation, info.is_required()) for name, info in record.model_fields.items()}
    hints = get_type_hints(record, include_extras=True)
    return {name: Field(hint, get_origin(hint) is Required) for name, hint in hints.items()}


def our_fields(record: Any) -> dict[str, Field]:
    return {field.name: Field(field.type, field.default is attrs.NOTHING) for field in attrs.fields(record)}


def sdk_tags(record: Any, field: str) -> set[object]:
    fields = sdk_fields(record)
    return Shape(fields[field].annotation).literals if field in fields else set()


def same_thing(ours: Any, sdk: Any) -> bool:
    """Whether both stand for the same value: by type and role, or because neither has a tag."""
    if not issubclass(ours, TaggedPart | Event):
        return not (sdk_tags(sdk, "type") and "type" not in our_fields(ours))
    role = getattr(ours, "role", None)
    return ours.type in sdk_tags(sdk, "type") and (role is None or role in sdk_tags(sdk, "role"))


class Comparison:
    """Walks both sides from the events down, and collects every difference with one path to it."""

    def __init__(self, *, sending: bool) -> None:
        self.sending = sending
        self.differences: dict[str, str] = {}
        self._seen: set[object] = set()

    def of_shapes(self, path: str, name: str, sdk: Shape, ours: Shape) -> None:
        if "any" in sdk.scalars:  # a JSON schema, annotations, metadata: the text says that these are objects
            return
        self._of_plain(path, name, sdk, ours)
        for theirs, mine in ((sdk.members, ours.members), (sdk.values, ours.values)):
            if theirs or mine:
                self.of_shapes(f"{path}[]", name, Shape(*theirs), Shape(*mine))
        self.of_records(path, name, sdk.records, ours.records)

    def _of_plain(self, path: str, name: str, sdk: Shape, ours: Shape) -> None:
        self._note(path, (f"{name}: no {each}" for each in sdk.plain - ours.plain))
        self._note(path, (f"{name}: {each} of our own" for each in ours.plain - sdk.plain))

    def of_records(self, path: str, name: str, sdk: list[type], ours: list[type]) -> None:
        for theirs in sdk:
            if not any(same_thing(mine, theirs) for mine in ours):
                self._note(path, [f"{name}: no {theirs.__name__}"])
        for mine in ours:
            matches = [theirs for theirs in sdk if same_thing(mine, theirs)]
            if not matches:
                self._note(path, [f"{name}: {mine.__name__} of our own"])
            elif (key := (mine, *matches)) not in self._seen:
                self._seen.add(key)
                self._of_fields(path, mine, matches)
        self._of_merged(path, sdk, ours)

    def _of_merged(self, path: str, sdk: list[type], ours: list[type]) -> None:
        """One model of the SDK may be several classes here, such as the content of a message."""
        for theirs in sdk:
            mine = [each for each in ours if same_thing(each, theirs)]
            names = "/".join(each.__name__ for each in mine)
            known = {"type", "role"}.union(*(our_fields(each) for each in mine))
            self._note(path, (f"{names}.{each}: missing" for each in sdk_fields(theirs).keys() - known if mine))

    def _of_fields(self, path: str, mine: type, matches: list[type]) -> None:
        for name, field in our_fields(mine).items():
            theirs = [fields[name] for fields in map(sdk_fields, matches) if name in fields]
            if theirs:
                self._of_field(f"{path}.{name}", f"{mine.__name__}.{name}", theirs, field)
            else:
                self._note(path, [f"{mine.__name__}.{name}: of our own"])

    def _of_field(self, path: str, name: str, theirs: list[Field], ours: Field) -> None:
        sdk, own = Shape(*(each.annotation for each in theirs)), Shape(ours.annotation)
        required = all(each.required for each in theirs)
        if self.sending:
            self._of_presence(path, name, sdk.nullable, own.nullable)
            if required != ours.required:
                self._note(path, [f"{name}: required {'there' if required else 'here'} only"])
        elif Unset not in get_args(ours.annotation) and not ours.required:
            self._of_presence(path, name, not required or sdk.nullable, own.nullable)
        self.of_shapes(path, name, sdk, own)

    def _of_presence(self, path: str, name: str, sdk: bool, ours: bool) -> None:
        if sdk != ours:
            self._note(path, [f"{name}: None {'there' if sdk else 'here'} only"])

    def _note(self, path: str, differences: Iterator[str] | list[str]) -> None:
        for each in differences:
            self.differences.setdefault(each, path)


SDK_SERVER = Shape(RealtimeServerEvent, realtime_translation_server_event.RealtimeTranslationServerEvent)
SDK_CLIENT = Shape(
    realtime_client_event_param.RealtimeClientEventParam,
    realtime_translation_client_event_param.RealtimeTranslationClientEventParam,
    response_create_event_with_references_param.ResponseCreateEventWithReferencesParam,
)


def sdk_names(events: Shape) -> set[object]:
    return set().union(*(sdk_tags(event, "type") for event in events.records))


SENT_BODIES: dict[Any, type] = {
    ClientSecretRequest: client_secret_create_params.ClientSecretCreateParams,
    TranslationClientSecretRequest: translation_client_secret_create_params.ClientSecretCreateParams,
    CallCreate: call_create_params.CallCreateParams,
    RealtimeSession: call_accept_params.CallAcceptParams,
    CallRefer: call_refer_params.CallReferParams,
    CallReject: call_reject_params.CallRejectParams,
}
SECRETS = [
    client_secret_create_response.ClientSecretCreateResponse,
    realtime_translation_client_secret_create_response.RealtimeTranslationClientSecretCreateResponse,
]


def differences() -> dict[str, str]:
    sending, receiving = Comparison(sending=True), Comparison(sending=False)
    for comparison, sdk, registry in ((receiving, SDK_SERVER, SERVER_EVENTS), (sending, SDK_CLIENT, CLIENT_EVENTS)):
        for name, cls in registry.items():
            models = [each for each in sdk.records if name in sdk_tags(each, "type")]
            if models:
                comparison.of_records(name, name, models, [cls])
    for body, params in SENT_BODIES.items():
        sending.of_records(body.__name__, body.__name__, [params], [body])
    receiving.of_records("ClientSecret", "ClientSecret", SECRETS, [ClientSecret])
    receiving.of_records("webhook", "webhook", [RealtimeCallIncomingWebhookEvent], [RealtimeCallIncoming])
    return {**receiving.differences, **sending.differences}


def test_every_server_event_is_here_and_no_other() -> None:
    assert set(SERVER_EVENTS) == sdk_names(SDK_SERVER)


def test_every_client_event_is_here_and_no_other() -> None:
    assert set(CLIENT_EVENTS) == sdk_names(SDK_CLIENT)


def test_every_difference_is_intended() -> None:
    unintended = {each: path for each, path in differences().items() if each not in INTENDED}
    assert not unintended


def test_what_is_intended_is_still_a_difference() -> None:
    assert not INTENDED.keys() - differences().keys()
