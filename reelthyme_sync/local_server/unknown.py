"""What a client said that no event has: the codec drops it, the service refuses it. Pure."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import orjson

from .. import codec
from ..events import ClientEvent, SessionUpdate, UnknownEvent
from .refusal import Refusal


def check_known(event: ClientEvent | UnknownEvent, data: str | bytes | None) -> None:
    """Nothing, unless the event changes the session and says more than was understood.

    Args:
        event: as it was understood.
        data: as it came; None does not say.

    Raises:
        Refusal: ``unknown_parameter``, for the first thing that has no meaning.
    """
    if data is None or not isinstance(event, SessionUpdate):
        return
    if (path := next(_unknown(orjson.loads(data), codec.unstructure(event)), None)) is not None:
        raise Refusal(f"Unknown parameter: '{path}'.", code="unknown_parameter", param=path)


def _unknown(said: Any, understood: Any) -> Iterator[str]:
    """The paths to what was said and not understood."""
    if isinstance(said, dict) and isinstance(understood, dict):
        for name, value in said.items():
            if name not in understood:
                yield name
            else:
                yield from (_joined(name, path) for path in _unknown(value, understood[name]))
    elif isinstance(said, list) and isinstance(understood, list):
        for index, (one, other) in enumerate(zip(said, understood, strict=False)):
            yield from (_joined(f"[{index}]", path) for path in _unknown(one, other))


def _joined(step: str, path: str) -> str:
    return f"{step}{path}" if path.startswith("[") else f"{step}.{path}"
