"""What the model may call: functions of yours, servers of the Model Context Protocol, and which of them it must."""

from typing import Any, Literal

import attrs

from .base import UNSET, Part, TaggedPart, UnknownPart, Unset, part


@part("function")
class FunctionTool(TaggedPart):
    """A function that the model may ask you to call; you answer with a ``FunctionCallOutput``."""

    name: str | Unset = UNSET
    description: str | Unset = UNSET
    parameters: dict[str, Any] | Unset = UNSET  # a JSON schema


@part()
class McpToolFilter(Part):
    """Some tools of a server: by name, or those that only read, or both."""

    tool_names: list[str] | Unset = UNSET
    read_only: bool | Unset = UNSET


@part()
class McpApprovalFilter(Part):
    """Which tools ask before they run."""

    always: McpToolFilter | Unset = UNSET
    never: McpToolFilter | Unset = UNSET


McpConnector = Literal[
    "connector_dropbox",
    "connector_gmail",
    "connector_googlecalendar",
    "connector_googledrive",
    "connector_microsoftteams",
    "connector_outlookcalendar",
    "connector_outlookemail",
    "connector_sharepoint",
]


@part("mcp")
class McpTool(TaggedPart):
    """A server whose tools the service calls itself. Give one of ``server_url``, ``connector_id``, ``tunnel_id``.

    Later events of the same session may name it by ``server_label`` alone.
    """

    server_label: str
    server_url: str | Unset = UNSET
    connector_id: McpConnector | Unset = UNSET
    tunnel_id: str | Unset = UNSET
    server_description: str | Unset = UNSET
    authorization: str | Unset = attrs.field(default=UNSET, repr=False)  # an OAuth token
    headers: dict[str, str] | Unset | None = attrs.field(default=UNSET, repr=False)
    allowed_tools: list[str] | McpToolFilter | Unset | None = UNSET
    allowed_callers: list[Literal["direct", "programmatic"]] | Unset | None = UNSET
    require_approval: Literal["always", "never"] | McpApprovalFilter | Unset | None = UNSET  # absent: always
    defer_loading: bool | Unset = UNSET


Tool = FunctionTool | McpTool | UnknownPart


@part("function")
class ToolChoiceFunction(TaggedPart):
    """The model must call this function."""

    name: str


@part("mcp")
class ToolChoiceMcp(TaggedPart):
    """The model must call this server, or this tool of it."""

    server_label: str
    name: str | Unset | None = UNSET


ToolChoice = Literal["auto", "none", "required"] | ToolChoiceFunction | ToolChoiceMcp | UnknownPart
