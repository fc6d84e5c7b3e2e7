"""One call of a tool, as its function may ask for it."""

from __future__ import annotations

from collections.abc import Callable

import attrs


def _never() -> bool:
    return False


@attrs.frozen
class ToolCall:
    """The model's call of a function. A function that has a parameter of this type is given it; the model is not told.

        def search(query: str, call: ToolCall) -> list[str]:
            while not call.cancelled: ...

    Attributes:
        call_id: by which the call is answered.
        item_id: of the item in the conversation that it is.
        response_id: of the response that it is part of.
        name: of the tool.
        arguments: as the model wrote them: JSON.
    """

    call_id: str
    item_id: str
    response_id: str
    name: str
    arguments: str
    _is_cancelled: Callable[[], bool] = attrs.field(default=_never, repr=False, eq=False, alias="is_cancelled")

    @property
    def cancelled(self) -> bool:
        """Whether nobody waits for the result any more: it was cancelled, or took too long. Any thread."""
        return self._is_cancelled()
