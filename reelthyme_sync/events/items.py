"""What a conversation consists of: messages, function calls and their outputs, MCP calls and approvals."""

from typing import Any, ClassVar, Literal

from .base import UNSET, Part, TaggedPart, UnknownPart, Unset, part
from .content import AssistantContent, SystemContent, UserContent

ItemStatus = Literal["in_progress", "completed", "incomplete"]
ItemObject = Literal["realtime.item"]


@part("message")
class SystemMessage(TaggedPart):
    """Instructions in the middle of a conversation."""

    role: ClassVar[Literal["system"]] = "system"
    content: list[SystemContent]
    id: str | Unset = UNSET
    object: ItemObject | Unset = UNSET
    status: ItemStatus | Unset = UNSET  # no effect when sent


@part("message")
class UserMessage(TaggedPart):
    """What the user said, wrote or showed."""

    role: ClassVar[Literal["user"]] = "user"
    content: list[UserContent]
    id: str | Unset = UNSET
    object: ItemObject | Unset = UNSET
    status: ItemStatus | Unset = UNSET  # no effect when sent


@part("message")
class AssistantMessage(TaggedPart):
    """What the model said."""

    role: ClassVar[Literal["assistant"]] = "assistant"
    content: list[AssistantContent]
    id: str | Unset = UNSET
    object: ItemObject | Unset = UNSET
    status: ItemStatus | Unset = UNSET  # no effect when sent


@part("function_call")
class FunctionCall(TaggedPart):
    """The model wants a function called. Told three times: act on one of them, known by its ``call_id``."""

    name: str
    arguments: str  # JSON
    call_id: str | Unset = UNSET
    id: str | Unset = UNSET
    object: ItemObject | Unset = UNSET
    status: ItemStatus | Unset = UNSET  # no effect when sent


@part("function_call_output")
class FunctionCallOutput(TaggedPart):
    """What the function gave. The model reads it at the next ``response.create``, which is never automatic."""

    call_id: str
    output: str  # free text; JSON by custom
    id: str | Unset = UNSET
    object: ItemObject | Unset = UNSET
    status: ItemStatus | Unset = UNSET  # no effect when sent


@part()
class McpListedTool(Part):
    """One tool that an MCP server offers."""

    name: str
    input_schema: dict[str, Any]  # a JSON schema
    description: str | Unset | None = UNSET
    annotations: dict[str, Any] | Unset | None = UNSET


@part("mcp_list_tools")
class McpListTools(TaggedPart):
    """What an MCP server offers. A tool that is not listed yet cannot be called."""

    server_label: str
    tools: list[McpListedTool]
    id: str | Unset = UNSET


@part("protocol_error")
class McpProtocolError(TaggedPart):
    """The MCP server answered with an error of the protocol."""

    code: int
    message: str


@part("tool_execution_error")
class McpToolExecutionError(TaggedPart):
    """The tool ran and failed."""

    message: str


@part("http_error")
class McpHttpError(TaggedPart):
    """The MCP server could not be reached, or refused."""

    code: int  # the HTTP status
    message: str


McpError = McpProtocolError | McpToolExecutionError | McpHttpError | UnknownPart


@part("mcp_call")
class McpCall(TaggedPart):
    """The service calls, or has called, a tool of an MCP server: nothing for you to do."""

    id: str
    server_label: str
    name: str
    arguments: str  # JSON
    approval_request_id: str | Unset | None = UNSET
    output: str | Unset | None = UNSET
    error: McpError | Unset | None = UNSET


@part("mcp_approval_request")
class McpApprovalRequest(TaggedPart):
    """The service asks whether it may call a tool. Answer with an ``McpApprovalResponse``."""

    id: str
    server_label: str
    name: str
    arguments: str  # JSON


@part("mcp_approval_response")
class McpApprovalResponse(TaggedPart):
    """Yes or no to an ``McpApprovalRequest``."""

    id: str  # yours to choose
    approval_request_id: str
    approve: bool
    reason: str | Unset | None = UNSET


@part("item_reference")
class ItemReference(TaggedPart):
    """Stands for an item of the conversation in the ``input`` of one response."""

    id: str


Item = (
    SystemMessage
    | UserMessage
    | AssistantMessage
    | FunctionCall
    | FunctionCallOutput
    | McpListTools
    | McpCall
    | McpApprovalRequest
    | McpApprovalResponse
    | UnknownPart
)
