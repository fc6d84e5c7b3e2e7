"""What every event, and every value inside one, is made of.

An event class stands for one ``type`` on the wire; a part is a value inside an event. Both are frozen attrs
classes without behaviour (only a delta of sound can give its samples), made by the decorators below, which also enter
events into the registries that the codec reads. Nothing here knows JSON.

Three states of a field are told apart, because the service tells them apart: absent (``UNSET``), null (``None``)
and a value. ``instructions=UNSET`` leaves the session's instructions alone, ``turn_detection=None`` turns it off.
"""

import enum
from collections.abc import Callable
from typing import Any, ClassVar, Final, Literal, TypeVar, cast

import attrs
from typing_extensions import dataclass_transform

T = TypeVar("T")

_SHOWN: Final = 60


class Unset(enum.Enum):
    """The type of ``UNSET``: an enum member pickles and copies as itself, and type checkers narrow it."""

    UNSET = "UNSET"

    def __bool__(self) -> Literal[False]:
        return False

    def __repr__(self) -> str:
        return self.value


UNSET: Final = Unset.UNSET
"""A field that is not on the wire at all: false in a condition, and never equal to None."""


class Value:
    """What events and parts have in common: how they print, which is short enough to print every one."""

    __slots__ = ()

    def __repr__(self) -> str:
        """The class and the fields that are set; audio and other long text by its beginning and length."""
        fields = attrs.fields(cast("type[attrs.AttrsInstance]", type(self)))
        values = ((field, getattr(self, field.name)) for field in fields if field.repr)
        shown = ", ".join(
            f"{field.name}={field.repr(value) if callable(field.repr) else _brief(value)}"
            for field, value in values
            if value is not UNSET
        )
        return f"{type(self).__name__}({shown})"


V = TypeVar("V", bound=Value)


def evolve(value: V, /, **changes: Any) -> V:
    """A copy of an event or part in which some fields differ: ``evolve(event, event_id="e1")``.

    Raises:
        TypeError: it has no such field.
    """
    # attrs.evolve itself is no answer: mypy knows attrs classes by attrs' own decorators only.
    return cast("V", attrs.evolve(cast("Any", value), **changes))


def _brief(value: object) -> str:
    if isinstance(value, str) and len(value) > _SHOWN:
        return f"<{len(value)} characters: {value[:20]!r}...>"
    return repr(value)


@dataclass_transform(kw_only_default=True, frozen_default=True, field_specifiers=(attrs.field,))
def part(tag: str | None = None) -> Callable[[type[T]], type[T]]:
    """Make a value inside an event; ``tag`` is its ``type`` where that tells it from its siblings."""

    def decorate(cls: type[T]) -> type[T]:
        # The inherited repr also halves the time of this call, and there is one for each of 130 classes.
        made = attrs.frozen(kw_only=True, repr=False)(cls)
        if tag is not None:
            cast("type[Event]", made).type = tag
        return made

    return decorate


@part()
class Event(Value):
    """One message of the protocol, in either direction."""

    type: ClassVar[str]
    """The wire name, such as ``response.done``."""


@part()
class ClientEvent(Event):
    """An event that we send. Give an ``event_id`` to find it again in an ``error`` event that it causes."""

    event_id: str | Unset = UNSET


@part()
class ServerEvent(Event):
    """An event that the server sends."""

    event_id: str = ""


@part()
class UnknownEvent(ServerEvent):
    """An event of a type or a shape that this version does not know. Nothing is lost: it is all in ``raw``."""

    type: str  # type: ignore[misc]  # here it is data, elsewhere it is the class
    raw: dict[str, Any] = attrs.field(factory=dict, repr=False)


@part()
class Part(Value):
    """A value inside an event."""


@part()
class TaggedPart(Part):
    """A part that its ``type`` tells from its siblings."""

    type: ClassVar[str]
    """The value of ``type`` on the wire, such as ``function_call``."""


@part()
class UnknownPart(TaggedPart):
    """A tagged value (an item, a content part, a tool) of a type that this version does not know.

    It is sent as ``raw``, unchanged: with it you can also send what this version cannot say yet.
    """

    type: str = ""  # type: ignore[misc]  # here it is data, elsewhere it is the class
    raw: dict[str, Any] = attrs.field(factory=dict, repr=False)


SERVER_EVENTS: dict[str, type[ServerEvent]] = {}
"""Every event that a server sends: wire name -> class."""

CLIENT_EVENTS: dict[str, type[ClientEvent]] = {}
"""Every event that a client sends: wire name -> class."""


@dataclass_transform(kw_only_default=True, frozen_default=True, field_specifiers=(attrs.field,))
def server_event(wire_name: str) -> Callable[[type[T]], type[T]]:
    """Make an event class that the server sends as ``wire_name``."""
    return _registering(wire_name, SERVER_EVENTS)


@dataclass_transform(kw_only_default=True, frozen_default=True, field_specifiers=(attrs.field,))
def client_event(wire_name: str) -> Callable[[type[T]], type[T]]:
    """Make an event class that we send as ``wire_name``."""
    return _registering(wire_name, CLIENT_EVENTS)


def _registering(wire_name: str, registry: dict[str, Any]) -> Callable[[type[T]], type[T]]:
    def decorate(cls: type[T]) -> type[T]:
        made = part(wire_name)(cls)
        assert wire_name not in registry, f"two classes for {wire_name}"
        registry[wire_name] = made
        return made

    return decorate
