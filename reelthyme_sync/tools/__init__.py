"""A typed function becomes a tool: declared to the model by a JSON schema, called with arguments that were checked.

It knows no session: what to send, and when, is its user's. Pure, except that it runs the function.
"""

from ..errors import BadArguments
from .output import error_output
from .tool import Tool

__all__ = ["BadArguments", "Tool", "error_output"]
