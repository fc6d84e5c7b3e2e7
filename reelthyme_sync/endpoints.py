"""Where a session connects to: the address, the headers, and the words spoken there. One function per vendor.

The only place that names the environment's keys. A key goes into a header, never into an address, and the
environment's key goes to its own vendor alone: a relay or a local server gets one only when it is given by hand.
For that reason ``OPENAI_BASE_URL`` is not followed, and a log line says so: it would send OpenAI's key wherever a
variable points, which was often set for another program and a server without a realtime endpoint. ``url=…`` goes there.

Pure but for the environment. Called on the thread that connects, ``Endpoint.upgrade_headers`` on every reconnect again.
"""

from __future__ import annotations

import logging
import os
import re
from collections.abc import Mapping
from typing import Final, Literal, TypeAlias

import attrs

from ._addresses import (
    names_call,
    names_transcription,
    names_translation,
    shown,
    websocket_address,
    with_choice,
    with_query,
)
from ._credentials import Authorization, Credential, hidden, hidden_values
from .beta import Shape
from .errors import MissingApiKey

log = logging.getLogger("reelthyme_sync")

DEFAULT_MODEL: Final = "gpt-realtime-2.1"
DEFAULT_TRANSLATION_MODEL: Final = "gpt-realtime-translate"
DEFAULT_XAI_MODEL: Final = "grok-voice-latest"
OPENAI_URL: Final = "wss://api.openai.com/v1/realtime"
XAI_URL: Final = "wss://api.x.ai/v1/realtime"
API_KEY_VARIABLE: Final = "OPENAI_API_KEY"
AZURE_KEY_VARIABLE: Final = "AZURE_OPENAI_API_KEY"
XAI_KEY_VARIABLE: Final = "XAI_API_KEY"
BASE_URL_VARIABLE: Final = "OPENAI_BASE_URL"

Intent: TypeAlias = Literal["transcription", "translation"]
"""What a session is for, when it is no conversation."""

_AZURE_PATH = re.compile(r"/(openai|api/projects)(/.*)?$")
"""The end of the addresses that Azure's portal shows: what we put in its place is our own."""


@attrs.frozen(init=False)
class Endpoint:
    """One place that a session can connect to. The functions of this module make one; so can you.

    ``str`` gives the address for messages and logs: of its query only what can be no secret. ``repr`` shows no more.

    Attributes:
        url: ``wss://…`` or ``ws://…``, with its query; ``https`` and ``http`` are understood to mean these.
        headers: sent with every upgrade request, as they are.
        shape: ``"beta"`` for a server that has stayed with the words of the protocol's beta.
        authorization: the key or token that the functions of this module were given, and the header that carries it.

    Raises:
        ValueError: ``url`` is no WebSocket address, or holds a key; or a header holds a line break.
    """

    url: str = attrs.field(converter=websocket_address)
    headers: Mapping[str, str] = attrs.field()
    shape: Shape
    authorization: Authorization | None

    def __init__(
        self,
        url: str,
        headers: Mapping[str, str] | None = None,
        shape: Shape = "ga",
        authorization: Authorization | None = None,
    ) -> None:
        headers = hidden_values(headers or {})  # before anything fails: a traceback may show the variables
        self.__attrs_init__(url, headers, shape, authorization)

    @headers.validator
    def _check_headers(self, _: object, headers: Mapping[str, str]) -> None:
        for name, value in headers.items():
            if any(character in f"{name}{value}" for character in "\r\n\0"):
                raise ValueError(f"The header {name!r} holds a line break: is there one at the end of the key?")

    def __str__(self) -> str:
        return shown(getattr(self, "url", ""))  # a traceback asks for an endpoint that was refused while being made

    def __repr__(self) -> str:
        return f"<Endpoint {self}>"

    @property
    def follows_call(self) -> bool:
        """Whether a session here follows a call that others hold: it goes on when the session does not."""
        return names_call(self.url)

    @property
    def intent(self) -> Intent | None:
        """What a session here is for, when it is no conversation."""
        return intent_of(self.url)

    @property
    def translates(self) -> bool:
        """Whether a session here translates: it takes its sound by an event of its own."""
        return names_translation(self.url)

    def upgrade_headers(self) -> dict[str, str]:
        """The headers for one upgrade request; each call asks a callable credential again.

        What the callable raises comes out as it is.

        Raises:
            MissingApiKey: the callable gave no key and no token.
            ValueError: the key or token holds characters that no header may hold.
        """
        return {**self.headers, **(self.authorization.header() if self.authorization else {})}

    def with_headers(self, headers: Mapping[str, str]) -> Endpoint:
        """The same place, with more headers; a header given here wins, however it is capitalised."""
        headers = hidden_values(headers)
        given = {name.lower() for name in headers}
        kept = {name: value for name, value in self.headers.items() if name.lower() not in given}
        replaced = self.authorization is not None and self.authorization.name.lower() in given
        return attrs.evolve(self, headers={**kept, **headers}, authorization=None if replaced else self.authorization)


def intent_of(url: str) -> Intent | None:
    """What a session at this address is for, when it is no conversation."""
    return "translation" if names_translation(url) else "transcription" if names_transcription(url) else None


def has_api_key() -> bool:
    """Whether the environment holds a key for OpenAI."""
    return bool(_environment(API_KEY_VARIABLE))


def openai(
    *,
    model: str | None = None,
    call_id: str | None = None,
    api_key: Credential | None = None,
    intent: Intent | None = None,
    safety_identifier: str | None = None,
) -> Endpoint:
    """OpenAI itself: a conversation with ``model``, the sideband of a call, a transcription, or a translation.

    Args:
        model: ``gpt-realtime-2.1`` unless given, for a translation ``gpt-realtime-translate``. A transcription takes
            none here: its model belongs into ``session.update``.
        call_id: follow this call of a browser or a telephone; the model is then the call's.
        api_key: a string, or a callable that is asked for one whenever a connection is made; by default the
            environment's ``OPENAI_API_KEY``.
        intent: ``"transcription"`` or ``"translation"``.
        safety_identifier: a stable, hashed name of your user, by which OpenAI can act against one and not all of them.

    Raises:
        MissingApiKey: no key given, and none in the environment.
        ValueError: ``call_id``, ``intent`` and ``model`` contradict each other.
    """
    api_key = hidden(api_key) or _environment(API_KEY_VARIABLE)
    if not api_key:
        raise MissingApiKey(
            f"No API key: set {API_KEY_VARIABLE} or pass api_key=…; or, with no key at all, start a local server with "
            "`python -m reelthyme_sync serve` and pass its url=…"
        )
    _tell_if_redirected()
    return Endpoint(
        _session_url(OPENAI_URL, model=model, call_id=call_id, intent=intent),
        {"OpenAI-Safety-Identifier": safety_identifier} if safety_identifier else None,
        authorization=Authorization(api_key),
    )


def azure(
    resource: str,
    *,
    deployment: str | None = None,
    call_id: str | None = None,
    api_key: Credential | None = None,
    token: Credential | None = None,
    api_version: str | None = None,
    intent: Intent | None = None,
) -> Endpoint:
    """OpenAI's models in Azure, as they are generally available, or with ``api_version`` as a preview of 2024 and 2025.

        credential = DefaultAzureCredential()  # of azure-identity
        token = get_bearer_token_provider(credential, "https://cognitiveservices.azure.com/.default")
        endpoints.azure("my-resource", deployment="my-gpt-realtime", token=token)

    Args:
        resource: the resource's name; or its host or whole address, for another cloud, a private endpoint or a gateway.
        deployment: which of your deployments to talk to; for a call or a transcription there is none to name.
        call_id: follow this call of a browser or a telephone.
        api_key: a key of the resource, or a callable that gives one; by default the environment's
            ``AZURE_OPENAI_API_KEY``, unless there is a ``token``.
        token: a token of Entra, or a callable that gives one. Tokens end after an hour or so, and the callable is
            asked whenever a connection is made.
        api_version: such as ``2025-04-01-preview``. The session then speaks the words of the beta.
        intent: ``"transcription"`` or ``"translation"``.

    Raises:
        MissingApiKey: neither key nor token, and none in the environment.
        ValueError: both of them; or no resource of Azure can have this name; or the arguments contradict each other.
    """
    api_key, token = hidden(api_key), hidden(token)
    authorization = _azure_authorization(api_key, token)
    base = _azure_base(resource)
    if not deployment and not call_id and (api_version or intent != "transcription"):
        raise ValueError("Which of the resource's deployments? Pass deployment=…, the name that you gave it in Azure")
    if api_version is None:
        url = _session_url(f"{base}/openai/v1/realtime", model=deployment, call_id=call_id, intent=intent)
        return Endpoint(url, authorization=authorization)
    if call_id or intent == "translation":
        raise ValueError("Azure's previews know neither calls to follow nor translations: leave api_version out")
    query = {"api-version": api_version, "deployment": deployment, "intent": intent}
    return Endpoint(with_query(f"{base}/openai/realtime", query), shape="beta", authorization=authorization)


def xai(*, model: str = DEFAULT_XAI_MODEL, api_key: Credential | None = None) -> Endpoint:
    """The voices of xAI's Grok.

    It speaks today's words, with two settings in the places of the beta: give ``voice`` and ``turn_detection`` at the
    top of ``session``, as a dictionary. A model that it does not know it replaces by another one, and says so only in
    ``session.created``.

    Args:
        model: which one.
        api_key: a string, or a callable that is asked whenever a connection is made; by default the environment's
            ``XAI_API_KEY``.

    Raises:
        MissingApiKey: no key given, and none in the environment.
    """
    api_key = hidden(api_key) or _environment(XAI_KEY_VARIABLE)
    if not api_key:
        raise MissingApiKey(f"No API key for xAI: set {XAI_KEY_VARIABLE} or pass api_key=…")
    return Endpoint(with_query(XAI_URL, {"model": model}), authorization=Authorization(api_key))


def relay(
    url: str,
    *,
    model: str | None = None,
    call_id: str | None = None,
    api_key: Credential | None = None,
    intent: Intent | None = None,
    shape: Shape = "ga",
) -> Endpoint:
    """Any server that speaks the protocol: a relay, a local server, another vendor.

    Args:
        url: its address. Where the query names no model, deployment, call or intent, ``model`` is put into it.
        model: which model to talk to; by default as of ``openai``.
        call_id: follow this call; goes into the query in place of a model.
        api_key: a string, or a callable that is asked whenever a connection is made; sent as a bearer token. The
            environment's key is for OpenAI and stays at home.
        intent: ``"transcription"``, which goes into the query in place of a model; or ``"translation"``, which goes to
            ``/translations`` below the address, unless that is where it ends.
        shape: ``"beta"`` for a server that has stayed with the words of the protocol's beta.

    Raises:
        ValueError: ``url`` is no WebSocket address, or holds a key, which would end up in logs; or ``call_id``,
            ``intent`` and ``model`` contradict each other.
    """
    api_key = hidden(api_key)
    authorization = Authorization(api_key) if api_key else None
    _check_choice(model, call_id, intent)
    named = model or (DEFAULT_TRANSLATION_MODEL if intent == "translation" else DEFAULT_MODEL)
    return Endpoint(
        with_choice(url, model=named, call_id=call_id, intent=intent), shape=shape, authorization=authorization
    )


def _check_choice(model: str | None, call_id: str | None, intent: Intent | None) -> None:
    if call_id and intent:
        raise ValueError("call_id follows a session that is there, and intent asks for a new one: pass one of them")
    if model and intent == "transcription":
        raise ValueError("A transcription's model is no part of the address: name it in session.update")


def _session_url(base: str, *, model: str | None, call_id: str | None, intent: Intent | None) -> str:
    """The address of a session, as OpenAI and Azure agree on it."""
    _check_choice(model, call_id, intent)
    if call_id:
        return with_query(base, {"call_id": call_id})
    if intent == "translation":
        return with_query(f"{base}/translations", {"model": model or DEFAULT_TRANSLATION_MODEL})
    if intent == "transcription":
        return with_query(base, {"intent": intent})
    return with_query(base, {"model": model or DEFAULT_MODEL})


def _azure_base(resource: str) -> str:
    """Where a resource lives, without the paths that are the same for all."""
    if re.fullmatch(r"[A-Za-z0-9][A-Za-z0-9-]*", resource):
        return f"wss://{resource}.openai.azure.com"
    if "." not in resource and "://" not in resource:
        raise ValueError(
            "This is no resource of Azure: pass its name, or an address such as https://NAME.openai.azure.com"
        )
    address = websocket_address(resource if "://" in resource else f"wss://{resource}")
    if "?" in address:
        raise ValueError("Pass the address without its query, and deployment=… and api_version=… beside it")
    return _AZURE_PATH.sub("", address).rstrip("/")


def _azure_authorization(api_key: Credential | None, token: Credential | None) -> Authorization:
    if api_key and token:
        raise ValueError("Azure takes one of api_key=… and token=…: which of them is meant?")
    if token:
        return Authorization(token)
    api_key = api_key or _environment(AZURE_KEY_VARIABLE)
    if not api_key:
        raise MissingApiKey(
            f"No key for Azure: set {AZURE_KEY_VARIABLE} or pass api_key=…; or pass token=…, with azure-identity "
            "get_bearer_token_provider(DefaultAzureCredential(), 'https://cognitiveservices.azure.com/.default')"
        )
    return Authorization(api_key, name="api-key", prefix="")


def _environment(variable: str) -> Credential | None:
    return hidden(os.environ.get(variable))


def _tell_if_redirected() -> None:
    elsewhere = os.environ.get(BASE_URL_VARIABLE, "")
    if elsewhere and not elsewhere.startswith("https://api.openai.com/"):
        log.warning("%s is set and not followed: to go there, pass url=… (and api_key=…)", BASE_URL_VARIABLE)
