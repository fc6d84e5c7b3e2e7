"""A typed function becomes a tool: declared to the model by a JSON schema, called with arguments that were checked.

It knows no session. What is to be answered, and when the model goes on, ``calls`` tells; to run, and to send, is its
user's. Pure, except that it runs the function.
"""

from ..errors import BadArguments
from .call import ToolCall
from .output import error_output
from .tool import Tool

__all__ = ["BadArguments", "Tool", "ToolCall", "error_output"]
