"""The tools of a client: they stay, whoever runs them comes and goes with the connection."""

from __future__ import annotations

import threading
from collections.abc import Callable, Sequence

import attrs

from ..events import FunctionTool
from ..events.base import Unset
from ..session import Session
from ..tool_runner import Approver, ToolRunner
from ..tools import Tool


@attrs.frozen
class _Kept:
    tool: Tool
    timeout: float | None


class Toolbox:
    """Tools by name.

    Args:
        timeout: seconds that a call may take, if its tool does not say otherwise.
        failed: is told what a tool raised.
    """

    def __init__(self, timeout: float | None, failed: Callable[[Exception], None]) -> None:
        self._timeout = _above_zero(timeout)
        self._failed = failed
        self._changing = threading.Lock()
        self._tools: dict[str, _Kept] = {}
        self._runner: ToolRunner | None = None
        self._approver: Approver | None = None

    @property
    def declarations(self) -> list[FunctionTool]:
        """What the session is told of them."""
        with self._changing:
            return [kept.tool.declaration for kept in self._tools.values()]

    def add(self, tool: Tool, timeout: float | Unset | None) -> None:
        """Have it run when it is called.

        Raises:
            ValueError: there is one of this name; or the timeout is not above zero.
        """
        name = tool.declaration.name
        assert name
        timeout = self._timeout if isinstance(timeout, Unset) else _above_zero(timeout)
        with self._changing:
            if name in self._tools:
                raise ValueError(
                    f'Tool "{name}" already added. Please use .remove_tool("{name}") before trying to add again.'
                )
            self._tools[name] = _Kept(tool, timeout)
            if self._runner is not None:
                self._runner.add(tool, timeout=self._tools[name].timeout)

    def remove(self, name: str) -> None:
        """Forget it.

        Raises:
            ValueError: there is none of this name.
        """
        with self._changing:
            if self._tools.pop(name, None) is None:
                raise ValueError(f'Tool "{name}" does not exist, can not be removed.')
            if self._runner is not None:
                self._runner.remove(name)

    def clear(self) -> None:
        """Forget all of them, and who approves."""
        self.approve(None)
        with self._changing:
            names = list(self._tools)
        for name in names:
            self.remove(name)

    def approve(self, approver: Approver | None) -> None:
        """Have it asked for every call of an MCP server's tool that needs a yes; None: the application answers."""
        with self._changing:
            self._approver = approver
            if self._runner is not None:
                self._runner.approver = approver

    def cancel(self, call_id: str | None) -> None:
        """Tell the model that a call, or every one that runs, was cancelled."""
        if (runner := self._runner) is not None:
            runner.cancel(call_id)

    def open(self, session: Session, respond: Callable[[Sequence[str]], object]) -> ToolRunner:
        """Run what this session calls, until ``close``. The runner is to be given what passes there."""
        runner = ToolRunner(
            ordinal=session.ordinal, send=session.send, respond=respond, failed=self._failed, timeout=self._timeout
        )
        if session.configuration is not None:
            runner.take_over(session.configuration)
        with self._changing:
            for kept in self._tools.values():
                runner.add(kept.tool, timeout=kept.timeout)
            runner.approver = self._approver
            self._runner = runner
        return runner

    def close(self, runner: ToolRunner) -> None:
        """Run nothing more for its session. Does not wait for what runs."""
        with self._changing:
            if self._runner is runner:
                self._runner = None
        runner.close()


def _above_zero(timeout: float | None) -> float | None:
    if timeout is not None and not timeout > 0:
        raise ValueError(f"the timeout of a tool must be above zero, or None, not {timeout}")
    return timeout
