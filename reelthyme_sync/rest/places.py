"""Where the REST calls of an endpoint are: below the address of its sessions. Pure."""

from __future__ import annotations

from typing import Final
from urllib.parse import unquote, urlsplit

from .. import endpoints
from .._credentials import Credential, hidden
from ..endpoints import Endpoint

_SCHEMES: Final = {"ws": "http", "wss": "https"}
_TRANSLATIONS: Final = "/translations"
_OF_SESSIONS: Final = {"model", "call_id", "intent", "deployment", "agent_id"}
"""What in a query says which session is meant; all else may be a gateway's own."""


def endpoint_of(
    *, endpoint: Endpoint | None, url: str | None, api_key: Credential | None, safety_identifier: str | None = None
) -> Endpoint:
    """The endpoint that is meant, as ``connect`` understands the same arguments.

    Raises:
        MissingApiKey: OpenAI is meant, no key given, and none in the environment.
        ValueError: arguments that contradict each other, or no address.
    """
    api_key = hidden(api_key)
    if endpoint is not None:
        if url is not None or api_key is not None:
            raise ValueError("endpoint= says where to ask and with what key: put url= and api_key= into it")
    elif url is not None:
        endpoint = endpoints.relay(url, api_key=api_key)
    else:
        endpoint = endpoints.openai(api_key=api_key)
    if endpoint.shape == "beta":
        raise ValueError("The protocol's beta has other REST calls, which are gone: for Azure, leave api_version out")
    return endpoint.with_headers({"OpenAI-Safety-Identifier": safety_identifier}) if safety_identifier else endpoint


def address(endpoint: Endpoint, path: str, *, translations: bool = False) -> str:
    """The address of a REST call: ``path`` is what comes after ``…/realtime``, or ``…/realtime/translations``."""
    parts = urlsplit(endpoint.url)
    base = parts.path.rstrip("/").removesuffix(_TRANSLATIONS) + (_TRANSLATIONS if translations else "")
    pairs = [pair for pair in parts.query.split("&") if pair and unquote(pair.partition("=")[0]) not in _OF_SESSIONS]
    query = f"?{'&'.join(pairs)}" if pairs else ""
    return f"{_SCHEMES[parts.scheme]}://{parts.netloc}{base}/{path}{query}"
